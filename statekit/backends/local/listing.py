"""Listing objects: in the order of their keys' bytes, skipping what is folded.

A position is the bytes of the first key that may still come. UTF-8 has no byte 0xFF, so appending one gives a
position behind all that begins the same; appending a zero byte gives the position right behind a key.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from statekit.driver import Page, Stat

from . import catalog
from .database import Connection

__all__ = ["page"]

_KEY: Final = "k"
_FOLD: Final = "f"


def page(
    connection: Connection,
    prefix: str,
    *,
    delimiter: str | None,
    start_after: str | None,
    cursor: str | None,
    limit: int,
) -> Page[Stat]:
    """List a part of the objects (O-62 to O-64). Folded prefixes count towards the limit.

    The cursor is the last key, or the last folded prefix, so that the next page begins with one seek.
    """
    items: list[Stat] = []
    prefixes: list[str] = []
    last = ""
    position = _position(prefix, start_after, cursor)
    for entry in _entries(connection, prefix.encode(), delimiter, position, limit + 1):
        if len(items) + len(prefixes) == limit:
            return Page(tuple(items), last, tuple(prefixes))
        if isinstance(entry, Stat):
            items.append(entry)
            last = _KEY + entry.key
        else:
            prefixes.append(entry)
            last = _FOLD + entry
    return Page(tuple(items), None, tuple(prefixes))


def _position(prefix: str, start_after: str | None, cursor: str | None) -> bytes:
    if cursor is not None:
        return cursor[1:].encode() + (b"\xff" if cursor.startswith(_FOLD) else b"\0")
    after = b"" if start_after is None else start_after.encode() + b"\0"
    return max(prefix.encode(), after)


def _entries(
    connection: Connection, prefix: bytes, delimiter: str | None, position: bytes, most: int
) -> Iterator[Stat | str]:
    """Yield objects and folded prefixes in order. A fold ends the query; the next seeks behind it (O-63)."""
    mark = delimiter.encode() if delimiter else None
    folded: bytes | None = prefix
    while folded is not None:
        folded = None
        for row in connection.execute(catalog.LIST, (position, prefix + b"\xff", most)):
            cut = row[0].find(mark, len(prefix)) if mark else -1
            if cut >= 0:
                folded = row[0][: cut + 1]
                position = folded + b"\xff"
                yield folded.decode()
                break
            yield catalog.listed(row)
