"""The pages of the shop."""

from __future__ import annotations

from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_POST

from statekit.integrations.django import devices, logout_everywhere


def shop(request: HttpRequest) -> HttpResponse:
    """Show the basket and the devices."""
    basket = request.session.get("basket", [])
    return render(request, "shop.html", {"basket": basket, "devices": devices(request.session)})


@require_POST
def put(request: HttpRequest) -> HttpResponse:
    """Put a tea into the basket."""
    request.session["basket"] = [*request.session.get("basket", []), request.POST["tea"]]
    return redirect("/")


@require_POST
def everywhere(request: HttpRequest) -> HttpResponse:
    """Log the user out everywhere."""
    logout_everywhere(request.session)
    return redirect("/")


urlpatterns = [
    path("", shop),
    path("basket", put),
    path("login", LoginView.as_view(template_name="login.html")),
    path("logout", LogoutView.as_view()),
    path("everywhere", everywhere),
]
