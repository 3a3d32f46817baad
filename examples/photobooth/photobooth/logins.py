"""The way in, and the way out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from statekit import ConflictError
from statekit.integrations.starlette import login, logout

from .booth import TheBooth, TheSession
from .browsers import browser_name
from .pages import page
from .people import admit, name_of

router = APIRouter()


@router.get("/login")
async def ask(request: Request, session: TheSession) -> Response:
    """Ask who it is, unless that is known."""
    return page(request, "login") if session.owner is None else RedirectResponse("/", 303)


@router.post("/login")
async def log_in(
    request: Request,
    booth: TheBooth,
    session: TheSession,
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
) -> Response:
    """Let somebody in. The session gets another id, so that one which was planted before is worth nothing."""
    owner = name_of(name)
    if owner is None or not password:
        return page(request, "login", status=422, words="A name of letters and a password, please.", name=name)
    mark = await booth.state.sessions.owner_mark(owner)  # before the password is checked
    if not await admit(booth.state, owner, password):
        return page(request, "login", status=403, words="This name has another password.", name=name)
    try:
        await login(session, owner, label=browser_name(request.headers.get("user-agent", "")), since=mark)
    except ConflictError:
        return page(request, "login", status=409, words="Everything was logged out just now. Try again.", name=name)
    return RedirectResponse("/", 303)


@router.post("/logout")
async def log_out(session: TheSession) -> Response:
    """End this session."""
    await logout(session)
    return RedirectResponse("/login", 303)
