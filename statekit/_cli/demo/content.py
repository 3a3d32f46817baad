"""Contents of any size that everybody can make again from a number, and so compare without having stored them."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Final, Protocol

__all__ = ["BLOCK", "blocks", "matches"]

BLOCK: Final = 256 * 1024


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def blocks(seed: int, count: int) -> Iterator[bytes]:
    """Yield blocks that differ from one another and from those of any other seed."""
    for number in range(count):
        yield sha256(f"{seed}/{number}".encode()).digest() * (BLOCK // 32)


def matches(file: _Readable, seed: int, count: int) -> bool:
    """Whether a file holds exactly these blocks."""
    return all(file.read(BLOCK) == block for block in blocks(seed, count)) and not file.read(1)
