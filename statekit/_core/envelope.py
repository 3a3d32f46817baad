"""What core stores around a record's value: format, checksum, write id and lineage.

    byte   0       format, 1
           1       flags: 1 = the body is sealed
           2-5     CRC32C of everything after it, big-endian
           6-17    write id
           18      n, the number of write ids in the lineage, at most 16
           19-     n * 12 bytes of lineage, the latest first; then the body

The lineage names the writes before this one, so that a writer whose reply was lost finds out that it had won and was
then legitimately overwritten.
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec
from google_crc32c import value as crc32c

from statekit.driver import Record
from statekit.errors import CorruptDataError

__all__ = ["FORMAT", "LINEAGE", "Stored", "decode", "encode"]

FORMAT: Final = 1
LINEAGE: Final = 16
"""Write ids that are kept: an unknown write is settled as long as fewer writes came after it."""

_ID: Final = 12
_HEAD: Final = struct.Struct(">HI12sB")
_FRONT: Final = struct.Struct(">HI")
_PLAIN: Final = FORMAT << 8
"""The first two bytes of a record that is not sealed."""
_CHECKED: Final = _FRONT.size
"""Where begins what the checksum is of."""
_LINE: Final = _HEAD.size
"""Where the lineage begins."""
_head_of: Final = _HEAD.unpack_from


class Stored(msgspec.Struct, frozen=True, gc=False):
    """A record that was opened.

    Attributes:
        record: As the driver gave it.
        write_id: Of the write that stored it.
        lineage: The write ids before it, the latest first, 12 bytes each.
        body: The value.
        sealed: Whether the body is still sealed.
    """

    record: Record
    write_id: bytes
    lineage: bytes
    body: bytes
    sealed: bool = False

    def descends_from(self, write_id: bytes) -> bool:
        """Whether this write id was stored before this one, as far as the lineage reaches."""
        line = self.lineage
        return any(line[at : at + _ID] == write_id for at in range(0, len(line), _ID))

    @property
    def whole(self) -> bool:
        """Whether the lineage reaches back to the record's creation."""
        return len(self.lineage) < LINEAGE * _ID

    @property
    def next_lineage(self) -> bytes:
        """The lineage of a write that replaces this one."""
        return (self.write_id + self.lineage)[: LINEAGE * _ID]


def encode(body: bytes, *, write_id: bytes, lineage: bytes, sealed: bool) -> bytes:
    """Return the bytes to store."""
    rest = write_id + bytes((len(lineage) // _ID,)) + lineage + body
    return _FRONT.pack(_PLAIN + sealed, crc32c(rest)) + rest


def decode(record: Record) -> Stored:
    """Open a record.

    Raises:
        CorruptDataError: The bytes are damaged, or of a format that this release does not know.
    """
    value = record.value
    try:
        form, checksum, write_id, count = _head_of(value)
    except struct.error:
        raise CorruptDataError("a stored record is too short to be one", clause="S-30") from None
    sealed = form - _PLAIN
    if sealed not in (0, 1):
        raise CorruptDataError(
            f"a stored record has format {form >> 8}, which this release does not know", clause="S-30"
        )
    start = _LINE + count * _ID
    if crc32c(value[_CHECKED:]) != checksum or count > LINEAGE or len(value) < start:
        raise CorruptDataError("a stored record does not match its checksum", clause="S-30")
    return Stored(record, write_id, value[_LINE:start], value[start:], sealed == 1)
