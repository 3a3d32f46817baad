"""Where a person is logged in, and how that ends."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from statekit.integrations.starlette import devices, logout_everywhere

from .booth import TheBooth, ThePerson, TheSession
from .pages import page

router = APIRouter()


@router.get("/devices")
async def show(request: Request, person: ThePerson) -> Response:
    """List them, this one first."""
    found = await devices(person.session)
    here = person.session.handle
    found.sort(key=lambda device: (device.handle == here, device.last_seen), reverse=True)
    return page(request, "devices", person=person, devices=found, here=here)


@router.post("/devices/{handle}")
async def end(handle: str, booth: TheBooth, person: ThePerson) -> Response:
    """End one of them: one's own, not anybody's."""
    if handle in {device.handle for device in await devices(person.session)}:
        await booth.state.sessions.revoke(handle)
    return RedirectResponse("/devices", 303)


@router.post("/logout/others")
async def log_out_others(person: ThePerson) -> Response:
    """End all but this one."""
    await logout_everywhere(person.session, keep=True)
    return RedirectResponse("/devices", 303)


@router.post("/logout/everywhere")
async def log_out_everywhere(session: TheSession) -> Response:
    """End all of them: when this is answered, none can be used any more."""
    await logout_everywhere(session)
    return RedirectResponse("/login", 303)
