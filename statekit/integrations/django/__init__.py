"""Django: a session engine that keeps sessions in a state.

    STATEKIT = statekit.open()
    SESSION_ENGINE = "statekit.integrations.django"
    SESSION_COOKIE_NAME = "__Host-sessionid"
    MIDDLEWARE = ["statekit.integrations.django.SessionMiddleware", ...]  # in place of Django's

The engine keeps Django's contract, its serializer's rules about types included, and works with Django's own middleware.
Ours adds what that one cannot do: a session that another request ended is no error of this one and causes no cookie, an
outage is a 503, and the cookie is secure unless ``SESSION_COOKIE_SECURE`` says otherwise.

A login by ``django.contrib.auth`` binds the session to the user. Asynchronous methods ask the synchronous state in a
thread, since Django's event loops come and go.
"""

from __future__ import annotations

from .engine import SessionStore
from .middleware import SessionMiddleware
from .users import devices, logout_everywhere, owner_of

__all__ = ["SessionMiddleware", "SessionStore", "devices", "logout_everywhere", "owner_of"]
