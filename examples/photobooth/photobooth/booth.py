"""What every route may ask for: the state, and who is logged in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from statekit import AsyncState
from statekit.integrations.starlette import StarletteSession, load

from .darkroom import Darkroom


@dataclass(frozen=True)
class Booth:
    """What one process of the photo booth works with; nothing in it has to be remembered.

    Attributes:
        state: Where everything is kept.
        darkroom: Makes the thumbnails.
    """

    state: AsyncState
    darkroom: Darkroom


class NobodyError(Exception):
    """Nobody is logged in, and somebody has to be."""


@dataclass(frozen=True)
class Person:
    """Who is logged in.

    Attributes:
        name: As it was given at the login.
        session: The request's session.
    """

    name: str
    session: StarletteSession


def the_booth(request: Request) -> Booth:
    """Return this process's booth."""
    booth: Booth = request.app.state.booth
    return booth


async def the_person(session: Annotated[StarletteSession, Depends(load)]) -> Person:
    """Return who is logged in.

    Raises:
        NobodyError: Nobody is.
    """
    if session.owner is None:
        raise NobodyError
    return Person(session.owner, session)


TheBooth = Annotated[Booth, Depends(the_booth)]
ThePerson = Annotated[Person, Depends(the_person)]
TheSession = Annotated[StarletteSession, Depends(load)]
