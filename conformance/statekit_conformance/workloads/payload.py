"""Values that say who wrote them, in every part of themselves."""

from __future__ import annotations

from typing import Final

__all__ = ["name_of", "payload"]

_END: Final = b";"


def payload(name: str, size: int) -> bytes:
    """Return about so many bytes that repeat a name, so that no mixture of two values goes unseen."""
    piece = name.encode() + _END
    return piece * max(1, size // len(piece))


def name_of(data: bytes) -> str:
    """Return the name that bytes repeat, or what is wrong with them."""
    piece, end, _ = data.partition(_END)
    whole = (piece + end) * (len(data) // max(1, len(piece + end)))
    return piece.decode() if end and data == whole else f"{len(data)} bytes that nobody wrote"
