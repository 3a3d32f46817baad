"""The session middleware: when the session is stored, and what the browser is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.middleware import SessionMiddleware as DjangoSessionMiddleware
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from statekit.errors import BackendError
from statekit.integrations.visit import device_name, report, retry_after

from .engine import EXPIRY, SessionStore, sessions

__all__ = ["SessionMiddleware"]


class SessionMiddleware(DjangoSessionMiddleware):  # type: ignore[misc]  # Django has no types
    """Django's session middleware, for this engine."""

    def __init__(self, get_response: Callable[..., Any]) -> None:
        super().__init__(get_response)
        if not issubclass(self.SessionStore, SessionStore):
            raise ImproperlyConfigured(
                "statekit's SessionMiddleware needs SESSION_ENGINE = 'statekit.integrations.django'"
            )

    def process_request(self, request: HttpRequest) -> None:
        """Give the request its session; nothing is loaded."""
        super().process_request(request)
        request.session.label = device_name(request.META.get("HTTP_USER_AGENT"))

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:  # noqa: ARG002
        """Make a 503 of an outage that a view met."""
        if isinstance(exception, BackendError) and exception.store == "sessions":
            return _unavailable(exception)
        return None

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Store what changed, and set the cookie if the key is another one."""
        session: SessionStore = request.session
        failed = response.status_code >= 500
        if failed and session.outage is not None:
            return response if response.status_code == 503 else _unavailable(session.outage)
        looked = session.accessed or bool(settings.SESSION_SAVE_EVERY_REQUEST and session.session_key)
        again = looked and session.expiry_changed
        if looked and not failed:
            try:
                _store(session)
            except UpdateError:
                # Another request ended the session. Its cookie may be newer than this one's: nothing is sent (P2).
                patch_vary_headers(response, ("Cookie",))
                return response
            except BackendError as error:
                return _unavailable(error)
        sent = _set_cookie(request.COOKIES.get(settings.SESSION_COOKIE_NAME), response, session, again=again)
        if looked or sent:
            patch_vary_headers(response, ("Cookie",))
        return response


def _store(session: SessionStore) -> None:
    if session.is_empty():
        return
    if session.modified or settings.SESSION_SAVE_EVERY_REQUEST:
        session.save()
    else:
        session.touch()


def _set_cookie(presented: str | None, response: HttpResponse, session: SessionStore, *, again: bool) -> bool:
    """Send the cookie where the browser does not know the key, or its new expiry; return whether one was sent."""
    where: dict[str, Any] = {"path": settings.SESSION_COOKIE_PATH, "domain": settings.SESSION_COOKIE_DOMAIN}
    samesite = settings.SESSION_COOKIE_SAMESITE
    if session.stored is not None and (again or session.session_key != presented):
        response.set_cookie(
            settings.SESSION_COOKIE_NAME,
            session.session_key,
            max_age=_max_age(session),
            secure=_secure(),
            httponly=settings.SESSION_COOKIE_HTTPONLY,
            samesite=samesite,
            **where,
        )
        return True
    if session.session_key is None and session.destroyed and presented:
        response.delete_cookie(settings.SESSION_COOKIE_NAME, samesite=samesite, **where)
        if _secure():
            response.cookies[settings.SESSION_COOKIE_NAME]["secure"] = True
        return True
    return False


def _secure() -> bool:
    return bool(settings.SESSION_COOKIE_SECURE) or not settings.is_overridden("SESSION_COOKIE_SECURE")


def _max_age(session: SessionStore) -> int | None:
    if session.get_expire_at_browser_close():
        return None
    if session.get(EXPIRY):
        return int(session.get_expiry_age())
    return int(sessions().policy.lifetime.total_seconds())


def _unavailable(error: BackendError) -> HttpResponse:
    report(error)
    headers = {"Retry-After": str(retry_after(error))}
    return HttpResponse("Service unavailable: try again soon.", "text/plain; charset=utf-8", 503, headers=headers)
