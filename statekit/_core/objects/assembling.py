"""Making one object of parts that arrive in any order: each goes straight to its place, and is kept only there."""

from __future__ import annotations

from io import BytesIO

from google_crc32c import value as crc32c

from statekit.driver import combined_crc32c

__all__ = ["Assembly"]


class Assembly:
    """Bytes of a known number that are put in place part by part, from any thread.

    A BytesIO lends its bytes for writing and hands the same ones out at the end. That neither copies them, and that
    zeros cost no memory before they are written over, is how CPython does it; nothing but speed depends on it.

    Args:
        size: How many bytes.
    """

    def __init__(self, size: int) -> None:
        self._whole = BytesIO(bytes(size))
        self._room = self._whole.getbuffer()
        self._checksums: dict[int, tuple[int, int]] = {}

    def place(self, at: int, data: bytes) -> None:
        """Put a part in its place, and compute its checksum while its bytes are at hand."""
        self._room[at : at + len(data)] = data
        self._checksums[at] = crc32c(data), len(data)

    def checksum(self) -> int:
        """Return the CRC32C of all parts."""
        return combined_crc32c(self._checksums[at] for at in sorted(self._checksums))

    def take(self) -> bytes:
        """Return the whole; nothing can be put in place any more."""
        self._room.release()
        return self._whole.getvalue()
