"""Time zones in a few bytes: a fixed offset, or a ZoneInfo by its key.

The codec's table says what each kind's bytes are; they are for ever.
"""

from __future__ import annotations

import re
import struct
from datetime import datetime, time, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Final

from statekit.errors import CorruptDataError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = ["UnfitZoneError", "describe", "restore"]

_NAIVE, _FIXED, _ZONE = range(3)
_OFFSET_FORM: Final = struct.Struct(">q")
_ZONE_KEY: Final = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*")


class UnfitZoneError(Exception):
    """A time zone that would not come back equal."""


def describe(value: datetime | time) -> tuple[int, bytes]:
    """Return the kind and the bytes of a value's time zone.

    Raises:
        UnfitZoneError: A value restored with it would not compare equal.
    """
    zone = value.tzinfo
    if zone is None:
        return _NAIVE, b""
    if type(zone) is timezone:
        return _FIXED, _fixed_content(zone.utcoffset(None), zone.tzname(None))
    key = _zone_key(zone)
    if key is not None and _restores(value, _known_zone(key)):
        return _ZONE, key.encode("ascii")
    try:
        offset = value.utcoffset()
        if offset is not None and _restores(value, timezone(offset)):
            return _FIXED, _fixed_content(offset, None)
    except Exception as error:
        # The application's own tzinfo may raise anything.
        raise UnfitZoneError("its time zone does not say its offset") from error
    raise UnfitZoneError("its time zone is not one that can be restored; convert it with astimezone(UTC)")


def _restores(value: datetime | time, zone: tzinfo | None) -> bool:
    # Two zones are never equal at a time that occurs twice or not at all: PEP 495, "inter-zone comparison".
    return zone is not None and value.replace(tzinfo=zone) == value


def _zone_key(zone: tzinfo) -> str | None:
    from zoneinfo import ZoneInfo  # 2 ms that most processes never need

    return zone.key if type(zone) is ZoneInfo else None


def _known_zone(key: str) -> ZoneInfo | None:
    """Find a zone by its key, as the reader of the stored value will."""
    from zoneinfo import ZoneInfo

    if not _ZONE_KEY.fullmatch(key):
        return None
    try:
        return ZoneInfo(key)
    except (LookupError, ValueError, OSError):  # not found, not a zone's file, a directory
        return None


def _fixed_content(offset: timedelta, name: str | None) -> bytes:
    own = "" if name == timezone(offset).tzname(None) else name or ""
    try:
        return _OFFSET_FORM.pack(offset // timedelta(microseconds=1)) + own.encode()
    except UnicodeEncodeError:
        raise UnfitZoneError("its time zone's name holds a lone surrogate, which has no UTF-8 form") from None


def restore(kind: int, content: bytes) -> tzinfo | None:
    """Return the time zone.

    Raises:
        CorruptDataError: This machine does not know it.
        ValueError: These are not a zone's bytes; struct.error likewise.
    """
    if kind == _FIXED:
        offset = timedelta(microseconds=_OFFSET_FORM.unpack_from(content)[0])
        name = content[_OFFSET_FORM.size :].decode()
        return timezone(offset, name) if name else timezone(offset)
    if kind == _ZONE:
        zone = _known_zone(content.decode("ascii"))
        if zone is None:
            raise CorruptDataError("a stored time zone is unknown here; is the package tzdata missing or old?")
        return zone
    if kind != _NAIVE or content:
        raise ValueError("not a time zone")
    return None
