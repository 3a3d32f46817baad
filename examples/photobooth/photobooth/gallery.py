"""The gallery: signed here, fetched by the browser from the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request, Response

from statekit import AsyncState

from .booth import TheBooth, ThePerson
from .pages import page
from .photos import Photo, developed, find, newest

router = APIRouter()

_PAGE: Final = 48
"""Photographs on a page."""


@dataclass(frozen=True)
class Print:
    """What the gallery shows of a photograph.

    Attributes:
        photo: Which one.
        url: Where the browser finds its thumbnail; None while it is being made.
    """

    photo: Photo
    url: str | None


@router.get("/")
async def gallery(request: Request, booth: TheBooth, person: ThePerson, after: str = "") -> Response:
    """Show a page of a person's photographs; whoever looks at one without thumbnail asks the darkroom for it."""
    last = await find(booth.state, person.name, after) if after else None
    photos = await newest(booth.state, person.name, _PAGE + 1, after=last)
    prints = await _prints(booth.state, photos[:_PAGE])
    for shown in prints:
        if shown.url is None:
            booth.darkroom.ask(shown.photo)
    older = prints[-1].photo.number if len(photos) > _PAGE else None
    return page(request, "gallery", person=person, prints=prints, older=older, uploads=person.session.get("uploads", 0))


async def _prints(state: AsyncState, photos: list[Photo]) -> list[Print]:
    done = await developed(state, photos)
    return [Print(photo, await _signed(state, photo.thumbnail) if photo in done else None) for photo in photos]


async def _signed(state: AsyncState, key: str) -> str:
    return (await state.objects.presign_get(key)).url


@router.get("/photos/{number}")
async def photograph(request: Request, booth: TheBooth, person: ThePerson, number: str) -> Response:
    """Show one photograph."""
    photo = await find(booth.state, person.name, number)
    if photo is None:
        return page(request, "missing", status=404, person=person)
    objects, name = booth.state.objects, f"{photo.title}.{photo.suffix}"
    shown = await objects.presign_get(photo.key, inline=True, content_type=photo.content_type)
    saved = await objects.presign_get(photo.key, filename=name)
    return page(request, "photograph", person=person, photo=photo, shown=shown.url, saved=saved.url)
