"""Requests as the server reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias, cast

from hiredis import pack_command

from statekit.driver import Buffer

__all__ = ["Packed", "Word", "packed"]

Word: TypeAlias = bytes | str | int | memoryview
Packed: TypeAlias = list[Buffer]

_pack: Final = cast("Callable[[tuple[Word, ...]], bytes]", pack_command)
LARGE: Final = 64 * 1024
"""Bytes. A value of this size is sent from where it lies; a smaller one is copied into the request."""


def packed(words: tuple[Word, ...]) -> Packed:
    """Pack one command, as pieces to be sent one after the other. Only its last word may be large."""
    last = words[-1]
    if isinstance(last, int) or len(last) < LARGE:
        return [_pack(words)]
    value = last.encode() if isinstance(last, str) else last
    count, front = b"*%d\r\n" % len(words), _pack(words[:-1])
    return [b"%b%b$%d\r\n" % (count, front[front.index(b"\n") + 1 :], len(value)), value, b"\r\n"]
