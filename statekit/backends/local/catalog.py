"""What the rows of objects say: rows to values, and back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final, NamedTuple

from statekit.driver import ABSENT, Expect, Match, Meta, Refused, Stat

from .database import Row

__all__ = ["FIND", "LIST", "Object", "Piece", "found", "listed", "pack", "refusal", "unpack"]

FIND: Final = "SELECT version, size, modified_at, crc32c, body, meta FROM objects WHERE key = ?"
LIST: Final = (
    "SELECT key, version, size, modified_at, crc32c FROM objects WHERE key >= ? AND key < ? ORDER BY key LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Object:
    """What is told about an object, and which body it has."""

    stat: Stat
    body: str


class Piece(NamedTuple):
    """A part of a body: a file, or the bytes themselves."""

    start: int
    size: int
    file: str | None
    data: bytes | None


def found(key: str, row: Row | None) -> Object | None:
    """Return what ``FIND`` found under ``key``."""
    if row is None:
        return None
    version, size, modified_at, crc32c, body, meta = row
    return Object(Stat(key, version, size, modified_at, unpack(meta), crc32c), body)


def listed(row: Row) -> Stat:
    """Return what ``LIST`` found: without metadata, which no listing carries."""
    key, version, size, modified_at, crc32c = row
    return Stat(key.decode(), version, size, modified_at, None, crc32c)


def refusal(current: Object | None, expect: Expect) -> Refused[Stat] | None:
    """Return the refusal that shows what is there instead, or None if ``expect`` holds."""
    if isinstance(expect, Match):
        holds = current is not None and current.stat.version == expect.version
    else:
        holds = current is None or expect is not ABSENT
    return None if holds else Refused(current.stat if current else None)


def pack(meta: Meta) -> str:
    """Encode metadata for its column."""
    user = None if meta.user is None else dict(meta.user)
    members = (
        meta.content_type,
        meta.cache_control,
        meta.content_disposition,
        user,
        meta.write_id,
        meta.replaces,
    )
    return json.dumps(members, separators=(",", ":"))


def unpack(text: str) -> Meta:
    """Decode metadata from its column."""
    return Meta(*json.loads(text))
