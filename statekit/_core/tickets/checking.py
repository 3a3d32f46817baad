"""Whether what was uploaded is what was reserved: its size, its checksum, and what its first bytes say that it is."""

from __future__ import annotations

from typing import Final

from google_crc32c import extend

from statekit._core.objects.plans import ObjectPlans
from statekit._core.pipeline import Operation
from statekit._core.plan import Plan
from statekit.driver import Stat
from statekit.errors import InvalidInputError

from .forms import Slip

__all__ = ["check_upload"]

_PIECE: Final = 4 * 1024 * 1024
_HEAD: Final = 64
_BEGINNINGS: Final[dict[str, tuple[bytes, ...]]] = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "application/pdf": (b"%PDF-",),
    "application/zip": (b"PK\x03\x04", b"PK\x05\x06"),
    "application/gzip": (b"\x1f\x8b",),
}
"""How files of a type begin: https://mimesniff.spec.whatwg.org/#matching-an-image-type-pattern and its neighbours."""
_WITHIN: Final[dict[str, bytes]] = {"image/webp": b"WEBP", "image/avif": b"ftypavif", "video/mp4": b"ftyp"}


def check_upload(
    plans: ObjectPlans, op: Operation, place: str, stat: Stat, slip: Slip, crc32c: int | None
) -> Plan[None]:
    """Check one version of an upload; every byte that is read is of that version.

    Raises:
        InvalidInputError: It is not what was reserved.
        ConflictError: It was uploaded again meanwhile.
    """
    smallest, largest = slip.sizes
    if not smallest <= stat.size <= largest:
        raise InvalidInputError("the upload has another size than was reserved", clause="O-39")
    if stat.size:
        head = yield from plans.read(op, place, 0, _HEAD, stat.version)
        _check_type(slip.headers[0] or "", head.data)
    if crc32c is not None and (yield from _checksum(plans, op, place, stat)) != crc32c:
        raise InvalidInputError("the upload has another checksum", clause="O-39")


def _check_type(content_type: str, head: bytes) -> None:
    kind = content_type.partition(";")[0].strip().lower()
    beginnings, within = _BEGINNINGS.get(kind), _WITHIN.get(kind)
    if (beginnings and not head.startswith(beginnings)) or (within and within not in head[4:16]):
        raise InvalidInputError("the upload does not begin as a file of its type does", clause="O-39")


def _checksum(plans: ObjectPlans, op: Operation, place: str, stat: Stat) -> Plan[int]:
    if stat.crc32c is not None:
        return stat.crc32c
    found, at = 0, 0
    while at < stat.size:
        chunk = yield from plans.read(op, place, at, min(_PIECE, stat.size - at), stat.version)
        found, at = extend(found, chunk.data), at + len(chunk.data)
    return found
