"""Photographs: what they are called in the store, and how a person's are listed."""

from __future__ import annotations

import re
import secrets
import time
import unicodedata
from dataclasses import dataclass
from typing import Final, Self

from statekit import AsyncState

TYPES: Final = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
"""What is taken, and how its name ends."""
LARGEST: Final = 12_000_000
"""Bytes of one photograph, at most."""
_SUFFIXES: Final = {suffix: content_type for content_type, suffix in TYPES.items()}
_END_OF_TIME: Final = 10**13
"""Milliseconds since the epoch. Listings go upwards only, so the number of a newer photograph is a smaller one."""
_NUMBER: Final = re.compile(r"[0-9]{13}-[0-9a-f]{6}")
_TITLE: Final = 60
"""Characters: a segment of a key holds 255 bytes."""


@dataclass(frozen=True)
class Photo:
    """One photograph. All that is known of it is in its key, so that a listing tells everything.

    Attributes:
        owner: Whose it is.
        number: Which one; newer ones come first.
        title: What it shows, in the person's words or the file's.
        suffix: How its name ends.
    """

    owner: str
    number: str
    title: str
    suffix: str

    @classmethod
    def new(cls, owner: str, title: str, content_type: str) -> Self:
        """Return one that is to be uploaded."""
        number = f"{_END_OF_TIME - time.time_ns() // 1_000_000:013d}-{secrets.token_hex(3)}"
        return cls(owner, number, title_of(title), TYPES[content_type])

    @classmethod
    def at(cls, key: str) -> Self:
        """Return the one that is stored under a key."""
        _, owner, number, name = key.split("/")
        title, _, suffix = name.rpartition(".")
        return cls(owner, number, title, suffix)

    @property
    def key(self) -> str:
        """Where it is stored."""
        return f"photos/{self.owner}/{self.number}/{self.title}.{self.suffix}"

    @property
    def thumbnail(self) -> str:
        """Where its thumbnail is stored, once there is one."""
        return f"thumbnails/{self.owner}/{self.number}.jpg"

    @property
    def content_type(self) -> str:
        """What it is."""
        return _SUFFIXES[self.suffix]


def title_of(text: str) -> str:
    """Return a title that a key can hold: no slashes, nothing invisible, not too long."""
    kept = (" " if letter in "/\\" or unicodedata.category(letter)[0] in "CZ" else letter for letter in text)
    return " ".join("".join(kept).split())[:_TITLE].strip() or "Photograph"


async def find(state: AsyncState, owner: str, number: str) -> Photo | None:
    """Return one of a person's photographs, by what somebody says that its number is."""
    if not _NUMBER.fullmatch(number):
        return None
    async for info in state.objects.list(f"photos/{owner}/{number}/"):
        return Photo.at(info.key)
    return None


async def newest(state: AsyncState, owner: str, count: int, *, after: Photo | None = None) -> list[Photo]:
    """List a person's photographs, newest first.

    Args:
        state: Where they are.
        owner: Whose.
        count: How many, at most.
        after: The last one of the page before.
    """
    found: list[Photo] = []
    async for info in state.objects.list(f"photos/{owner}/", start_after=after.key if after else None):
        found.append(Photo.at(info.key))
        if len(found) == count:
            break
    return found


async def developed(state: AsyncState, photos: list[Photo]) -> set[Photo]:
    """Return those of one person's photographs that have a thumbnail."""
    if not photos:
        return set()
    wanted = {photo.thumbnail: photo for photo in photos}
    last, found = max(wanted), set()
    async for info in state.objects.list(f"thumbnails/{photos[0].owner}/"):
        if info.key in wanted:
            found.add(wanted[info.key])
        if info.key >= last:
            break
    return found
