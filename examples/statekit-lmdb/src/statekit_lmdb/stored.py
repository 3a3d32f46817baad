"""A record as LMDB stores it: a head of fixed length, the version, the value."""

from __future__ import annotations

import struct
from typing import Final

from statekit.driver import Millis, Record

__all__ = ["packed", "unpacked"]

_HEAD: Final = struct.Struct(">?qH")
"""Whether it ever expires, when, and the length of its version."""


def packed(value: bytes, version: str, expires_at: Millis | None) -> bytes:
    """Return a record as bytes."""
    name = version.encode()
    return _HEAD.pack(expires_at is not None, expires_at or 0, len(name)) + name + value


def unpacked(stored: bytes) -> Record:
    """Return a record from its bytes.

    Raises:
        ValueError: They are none.
    """
    try:
        expires, expires_at, length = _HEAD.unpack_from(stored)
    except struct.error as error:
        raise ValueError("a stored record is too short to be one") from error
    start = _HEAD.size + length
    return Record(stored[start:], stored[_HEAD.size : start].decode(), expires_at if expires else None)
