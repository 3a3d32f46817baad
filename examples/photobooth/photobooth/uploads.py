"""Uploads: a ticket, the browser's way to the store, and a confirmation. The photograph never comes through here.

Both routes may be asked twice, for the page asks again when a process dies: a ticket that nobody uses is swept, and a
second confirmation publishes nothing and counts nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from statekit import ConflictError, InvalidInputError, NotFoundError, Session

from .booth import Booth, Person, TheBooth, ThePerson
from .photos import LARGEST, TYPES, Photo
from .refusals import refused

router = APIRouter()

_VALID_FOR: Final = timedelta(minutes=15)
_REMEMBERED: Final = 100
"""Photographs whose confirmation may arrive twice."""


class Wanted(BaseModel):
    """What somebody wants to upload.

    Attributes:
        title: What it shows.
        type: Its content type.
        size: Bytes.
    """

    title: Annotated[str, Field(max_length=1000)]
    type: str
    size: int


class Sent(BaseModel):
    """What was uploaded.

    Attributes:
        ticket: What it was uploaded for.
    """

    ticket: str


@router.post("/uploads", response_model=None)
async def reserve(wanted: Wanted, booth: TheBooth, person: ThePerson) -> dict[str, Any] | Response:
    """Hand out a ticket, and what the browser sends with the photograph."""
    if wanted.type not in TYPES:
        return refused(415, "This is no JPEG, PNG or WebP picture.")
    if wanted.size > LARGEST:
        return refused(413, f"This is too large: {LARGEST // 1_000_000} MB is the most.")
    photo = Photo.new(person.name, wanted.title, wanted.type)
    ticket = await booth.state.tickets.reserve(
        photo.key,
        min_size=1,
        max_size=LARGEST,
        content_type=wanted.type,
        cache_control="private, max-age=3600",
        owner=person.name,
        if_absent=True,
        expires_in=_VALID_FOR,
    )
    return {"ticket": ticket.id, "url": ticket.upload.url, "fields": dict(ticket.upload.fields)}


@router.post("/uploads/confirm", response_model=None)
async def confirm(sent: Sent, booth: TheBooth, person: ThePerson) -> dict[str, Any] | Response:
    """Publish what was uploaded, if it is what it said it would be, and count it."""
    try:
        info = await booth.state.tickets.confirm(sent.ticket, owner=person.name)
    except NotFoundError:
        return refused(404, "It did not arrive. Send it again.")
    except InvalidInputError:
        return refused(422, "This is not the kind of picture that its name says.")
    except ConflictError:
        return refused(409, "It arrived twice at once. Send it again.")
    photo = Photo.at(info.key)
    uploads = await _count(booth, person, photo)
    booth.darkroom.ask(photo)
    return {"key": photo.key, "number": photo.number, "title": photo.title, "uploads": uploads}


async def _count(booth: Booth, person: Person, photo: Photo) -> int:
    """Count a photograph in the session, once however often this is done, and whatever else is saved meanwhile."""

    def counted(session: Session) -> None:
        recent = session.get("counted", [])
        if photo.number not in recent:
            session["counted"] = [*recent, photo.number][-_REMEMBERED:]
            session["uploads"] = session.get("uploads", 0) + 1

    stored = person.session.stored
    assert stored is not None, "somebody is logged in"
    uploads: int = (await booth.state.sessions.update(stored.id, counted))["uploads"]
    return uploads
