"""The views of a Django site for the tests."""

from __future__ import annotations

from typing import Any

from django.contrib import auth
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path

from statekit.integrations.django import devices, logout_everywhere

meanwhile: list[Any] = []
"""What happens while a slow view runs."""


def still(_: HttpRequest) -> HttpResponse:
    return HttpResponse("nothing")


def read(request: HttpRequest) -> HttpResponse:
    return JsonResponse(dict(request.session.items()))


def write(request: HttpRequest, key: str, value: str) -> HttpResponse:
    request.session[key] = value
    return HttpResponse("written")


def slow(request: HttpRequest) -> HttpResponse:
    request.session["slow"] = "written late"
    meanwhile.pop()()
    return HttpResponse("done")


def fail(request: HttpRequest) -> HttpResponse:
    request.session["a"] = "of a failed request"
    return HttpResponse("failed", status=500)


def for_a_while(request: HttpRequest) -> HttpResponse:
    request.session.set_expiry(3600)
    return HttpResponse("for an hour")


def until_closed(request: HttpRequest) -> HttpResponse:
    request.session.set_expiry(0)
    return HttpResponse("until the browser is closed")


def log_in(request: HttpRequest, name: str) -> HttpResponse:
    auth.login(request, auth.get_user_model().objects.get(username=name))
    return HttpResponse("in")


def log_out(request: HttpRequest) -> HttpResponse:
    auth.logout(request)
    return HttpResponse("out")


def everywhere(request: HttpRequest) -> HttpResponse:
    return HttpResponse(logout_everywhere(request.session, keep="keep" in request.GET))


def who(request: HttpRequest) -> HttpResponse:
    found = {one.label: one.handle == request.session.handle for one in devices(request.session)}
    return JsonResponse({"user": request.user.username, "devices": found})


def stream(request: HttpRequest) -> HttpResponse:
    request.session["a"] = "streamed"
    return StreamingHttpResponse(iter([request.session["a"], "!"]))


async def count(request: HttpRequest) -> HttpResponse:
    number = await request.session.aget("count", 0) + 1
    await request.session.aset("count", number)
    return HttpResponse(number)


async def acycle(request: HttpRequest) -> HttpResponse:
    await request.session.acycle_key()
    return HttpResponse("cycled")


urlpatterns = [
    path("still", still),
    path("read", read),
    path("write/<key>/<value>", write),
    path("slow", slow),
    path("fail", fail),
    path("while", for_a_while),
    path("closed", until_closed),
    path("login/<name>", log_in),
    path("logout", log_out),
    path("everywhere", everywhere),
    path("who", who),
    path("stream", stream),
    path("count", count),
    path("acycle", acycle),
]
