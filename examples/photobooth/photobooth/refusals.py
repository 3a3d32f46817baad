"""What cannot be done, in plain words: as a page for people, as JSON for the page's scripts."""

from __future__ import annotations

import logging
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.types import Receive, Scope, Send

from statekit import BackendError, SessionGoneError

from .booth import NobodyError
from .pages import page

STORE_IS_OUT: Final = "The store does not answer at the moment. You are still logged in, and what was kept is kept."
_RETRY_AFTER: Final = 2
"""Seconds, where the store does not say."""
_log: Final = logging.getLogger(__name__)


def add_to(app: FastAPI) -> None:
    """Handle what routes raise."""
    app.add_exception_handler(NobodyError, _log_in_first)
    app.add_exception_handler(SessionGoneError, _log_in_first)
    app.add_exception_handler(BackendError, _store_is_out)


def refused(status: int, words: str) -> Response:
    """Refuse what a script asked for."""
    return JSONResponse({"words": words}, status)


async def _log_in_first(request: Request, _: Exception) -> Response:
    if _for_people(request):
        return RedirectResponse("/login", 303)
    return refused(401, "You were logged out. Log in, and send it again.")


async def _store_is_out(request: Request, error: Exception) -> Response:
    """Say that the store is out; nobody is logged out by that."""
    _log.warning("the store does not answer", exc_info=error)
    asked = error.retry_after if isinstance(error, BackendError) else None
    return _outage(request, max(1, round(asked or _RETRY_AFTER)))


def _outage(request: Request, seconds: int) -> Response:
    if _for_people(request):
        answer = page(request, "outage", status=503, words=STORE_IS_OUT, again=request.method == "GET" and seconds)
    else:
        answer = refused(503, STORE_IS_OUT)
    answer.headers["Retry-After"] = str(seconds)
    return answer


async def unavailable(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer in place of the application where its session could not be stored: the session middleware asks for it."""
    await _outage(Request(scope), _RETRY_AFTER)(scope, receive, send)


def _for_people(request: Request) -> bool:
    return "application/json" not in request.headers.get("accept", "")
