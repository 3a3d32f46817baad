"""The encoding of session values: msgpack, with extensions for what msgpack lacks.

A value comes back equal and of the same type, or is refused before anything is stored. Left to itself msgspec
writes tuples and sets as arrays, dates, Decimals and UUIDs as strings, Enums as their values and dataclasses
as maps, and asks no hook. So nothing reaches it whose exact type has not been looked at.

None, bool, float, str, bytes, list, dict and 64-bit int are msgpack's own, as is an aware datetime in UTC
(its timestamp, extension -1). The other types are extensions. Stored bytes are read by every later release,
so a code is never changed and never used again. Numbers are big-endian:

    code  type       content
    1     tuple      a msgpack array
    2     set        a msgpack array, ordered by the elements' encodings, so that a set's bytes do not vary
    3     frozenset  as set
    4     int        beyond -2^63 … 2^64-1: two's complement, (bit_length + 8) // 8 bytes
    5     Decimal    its str() in ASCII, which is exact
    6     UUID       16 bytes
    7     date       year u16, month u8, day u8
    8     time       hour u8, minute u8, second u8, microsecond u32, fold u8, zone
    9     datetime   as date, then as time
    10    timedelta  days i32, seconds u32, microseconds u32, as timedelta normalises them

    zone  00         naive
          01         fixed offset: microseconds i64, then the zone's name in UTF-8 if it was given one
          02         ZoneInfo: its key in ASCII

The keys of a dict may be of any of these types that hashes. Nothing is ever unpickled.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from msgspec.msgpack import Decoder, Encoder, Ext

from statekit.errors import CorruptDataError, UnserialisableError

from . import zones

__all__ = ["DAMAGED", "DEPTH", "decode", "encode"]

DEPTH: Final = 64
"""Containers within containers, at most. Nothing is nested so deep on purpose, and a cycle is endless."""

_TUPLE, _SET, _FROZENSET, _INT, _DECIMAL, _UUID, _DATE, _TIME, _DATETIME, _TIMEDELTA = range(1, 11)

_DATE_FORM: Final = struct.Struct(">HBB")
_TIME_FORM: Final = struct.Struct(">BBBIBB")
_TIMEDELTA_FORM: Final = struct.Struct(">iII")

_SCALARS: Final = frozenset({str, int, float, bool, bytes, type(None)})
_CONTAINERS: Final = frozenset({list, dict, tuple, set, frozenset})
_STR: Final = frozenset({str})
_OPENING: Final = bytes((*range(0x80, 0xA0), *range(0xDC, 0xE0)))
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")
_STEPS: Final = 8

DAMAGED: Final = (
    msgspec.MsgspecError,
    struct.error,
    ValueError,
    TypeError,
    ArithmeticError,
    RecursionError,
)
"""What damaged bytes make msgspec, struct, int, str, Decimal, datetime, hash and set raise."""

_encode: Final = Encoder().encode


class _UnfitError(Exception):
    """A value that would not come back, and the steps that lead to it, innermost first."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.steps: list[str] = []


def encode(value: object, *, at: str = "") -> bytes:
    """Encode one session value.

    Args:
        value: Anything made of the supported types. A dict's order shows in its bytes, a set's does not.
        at: The key that the value is stored under, for the message.

    Raises:
        UnserialisableError: If anything in it would not come back equal and of the same type. Names the path.
    """
    try:
        if type(value) in _SCALARS or _plain(value, 0):
            return _encode(value)
    except (OverflowError, UnicodeEncodeError):
        # An int beyond 64 bits, which is an extension, or a lone surrogate, whose path is wanted.
        pass
    try:
        return _pack(value, 0)
    except _UnfitError as unfit:
        raise UnserialisableError(f"{_path(at, unfit.steps)}: {unfit}") from unfit.__cause__


def decode(data: bytes | memoryview | msgspec.Raw) -> object:
    """Decode one session value.

    Raises:
        CorruptDataError: If these bytes are not a value's. Nothing else is raised, whatever the bytes are.
    """
    try:
        value = _DECODER.decode(data)
    except DAMAGED as error:
        raise CorruptDataError("a stored value cannot be decoded: it is damaged, or foreign") from error
    if type(value) in _CONTAINERS and _may_be_deep(bytes(data)) and _too_deep(value):
        raise CorruptDataError(f"a stored value has more than {DEPTH} containers within each other")
    return value


# From values to bytes


def _plain(value: object, depth: int) -> bool:
    """Say whether msgspec may have this as it is. Flat containers are decided at C speed, without a copy."""
    children: Collection[object]
    if type(value) is dict and _STR.issuperset(map(type, value)):
        children = value.values()
    elif type(value) is list:
        children = value
    else:
        return False
    if depth >= DEPTH:
        return False
    if _SCALARS.issuperset(map(type, children)):
        return True
    for child in children:  # noqa: SIM110  all() takes half as long again
        if type(child) not in _SCALARS and not _plain(child, depth + 1):
            return False
    return True


def _pack(value: object, depth: int) -> bytes:
    if type(value) in _SCALARS:
        return _pack_scalar(value)
    pack = _PACKERS.get(type(value))
    if pack is None:
        raise _UnfitError(
            f"a {type(value).__qualname__} would not come back equal and of the same type; "
            "convert it to a plain value first, and back after loading"
        )
    return pack(value, depth)


def _pack_scalar(value: object) -> bytes:
    try:
        return _encode(value)
    except OverflowError:
        return _extension(_INT, _int_content(cast("int", value)))
    except UnicodeEncodeError:
        raise _UnfitError("the text holds a lone surrogate, which has no UTF-8 form") from None


def _pack_list(values: Collection[object], depth: int) -> bytes:
    _check_depth(depth)
    packed: list[bytes] = []
    try:
        for value in values:
            packed.append(_pack(value, depth + 1))  # noqa: PERF401  its length is the index that failed
    except _UnfitError as unfit:
        unfit.steps.append(f"[{len(packed)}]")
        raise
    return _array(packed)


def _pack_set(values: Collection[object], depth: int) -> bytes:
    _check_depth(depth)
    return _array(sorted(_pack_hashed(value, depth, "{…}") for value in values))


def _pack_dict(value: dict[object, object], depth: int) -> bytes:
    _check_depth(depth)
    packed = [_header(len(value), 0x80, 0xDE)]
    for key, child in value.items():
        packed.append(_pack_hashed(key, depth, "(key)"))
        try:
            packed.append(_pack(child, depth + 1))
        except _UnfitError as unfit:
            unfit.steps.append(_step(key))
            raise
    return b"".join(packed)


def _pack_hashed(value: object, depth: int, step: str) -> bytes:
    """Encode a dict's key or a set's element."""
    try:
        if type(value) is str:
            return _pack_scalar(value)
        packed = _pack(value, depth + 1)
        _refuse_nan(value)
    except _UnfitError as unfit:
        unfit.steps.append(step)
        raise
    return packed


def _pack_datetime(value: datetime, _depth: int) -> bytes:
    if value.tzinfo is UTC and not value.fold:
        return _encode(value)
    return _extension(_DATETIME, _date_content(value) + _time_content(value))


_PACKERS: Final[Mapping[type, Callable[[Any, int], bytes]]] = {
    list: _pack_list,
    dict: _pack_dict,
    tuple: lambda value, depth: _extension(_TUPLE, _pack_list(value, depth)),
    set: lambda value, depth: _extension(_SET, _pack_set(value, depth)),
    frozenset: lambda value, depth: _extension(_FROZENSET, _pack_set(value, depth)),
    Decimal: lambda value, _: _extension(_DECIMAL, str(value).encode("ascii")),
    UUID: lambda value, _: _extension(_UUID, value.bytes),
    date: lambda value, _: _extension(_DATE, _date_content(value)),
    time: lambda value, _: _extension(_TIME, _time_content(value)),
    datetime: _pack_datetime,
    timedelta: lambda value, _: _extension(_TIMEDELTA, _timedelta_content(value)),
}


def _extension(code: int, content: bytes) -> bytes:
    return _encode(Ext(code, content))


def _array(packed: list[bytes]) -> bytes:
    return _header(len(packed), 0x90, 0xDC) + b"".join(packed)


def _header(size: int, short: int, long: int) -> bytes:
    """Begin a msgpack array or map: the size in 4 bits, 16 or 32."""
    if size < 1 << 4:
        return bytes((short | size,))
    if size < 1 << 16:
        return struct.pack(">BH", long, size)
    return struct.pack(">BI", long + 1, size)


def _int_content(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 8) // 8, "big", signed=True)


def _date_content(value: date) -> bytes:
    return _DATE_FORM.pack(value.year, value.month, value.day)


def _time_content(value: datetime | time) -> bytes:
    try:
        kind, zone = zones.describe(value)
    except zones.UnfitZoneError as error:
        raise _UnfitError(str(error)) from error.__cause__
    return _TIME_FORM.pack(value.hour, value.minute, value.second, value.microsecond, value.fold, kind) + zone


def _timedelta_content(value: timedelta) -> bytes:
    return _TIMEDELTA_FORM.pack(value.days, value.seconds, value.microseconds)


def _check_depth(depth: int) -> None:
    if depth >= DEPTH:
        raise _UnfitError(f"it contains itself, or more than {DEPTH} containers within each other")


def _refuse_nan(value: object) -> None:
    if isinstance(value, tuple | frozenset):
        for element in value:
            _refuse_nan(element)
    elif isinstance(value, float | Decimal) and value != value:  # noqa: PLR0124
        raise _UnfitError("a NaN that was loaded is found neither as a key nor as an element of a set")


# From bytes to values


def _may_be_deep(data: bytes) -> bool:
    # Every container costs a byte of these. How deep msgspec itself goes depends on Python's release.
    return len(data) > DEPTH and len(data) - len(data.translate(None, _OPENING)) > DEPTH


def _too_deep(value: Any) -> bool:
    level: list[Any] = [value]
    for _ in range(DEPTH):
        containers = [item for item in level if type(item) in _CONTAINERS]
        level = [child for item in containers for child in item]
        level += [child for item in containers if type(item) is dict for child in item.values()]
        if not level:
            return False
    return any(type(item) in _CONTAINERS for item in level)


def _restore(code: int, data: memoryview) -> object:
    restore = _RESTORERS.get(code)
    if restore is None:
        raise CorruptDataError(f"a stored value is of unknown type {code}: damaged, or from a later release")
    return restore(data)


def _restore_set(data: memoryview) -> set[object]:
    elements = _LIST_DECODER.decode(data)
    restored = set(elements)
    if len(restored) != len(elements):
        raise ValueError("an element twice")
    return restored


def _restore_int(data: memoryview) -> int:
    value = int.from_bytes(data, "big", signed=True)
    if -(1 << 63) <= value < 1 << 64 or _int_content(value) != data:
        raise ValueError("not an int beyond 64 bits")
    return value


def _restore_decimal(data: memoryview) -> Decimal:
    text = str(data, "ascii")
    value = Decimal(text)
    if str(value) != text:
        raise ValueError("not a Decimal's own notation")
    return value


def _restore_date(data: memoryview) -> date:
    return date(*_DATE_FORM.unpack(data))


def _restore_time(data: memoryview) -> time:
    hour, minute, second, microsecond, fold, kind = _TIME_FORM.unpack_from(data)
    zone = zones.restore(kind, bytes(data[_TIME_FORM.size :]))
    return time(hour, minute, second, microsecond, zone, fold=fold)


def _restore_datetime(data: memoryview) -> datetime:
    split = _DATE_FORM.size
    return datetime.combine(_restore_date(data[:split]), _restore_time(data[split:]))


def _restore_timedelta(data: memoryview) -> timedelta:
    fields = _TIMEDELTA_FORM.unpack(data)
    value = timedelta(*fields)
    if (value.days, value.seconds, value.microseconds) != fields:
        raise ValueError("not normalised")
    return value


_DECODER: Final = Decoder(Any, ext_hook=_restore)
_LIST_DECODER: Final = Decoder(list[Any], ext_hook=_restore)
_TUPLE_DECODER: Final = Decoder(tuple[Any, ...], ext_hook=_restore)

_RESTORERS: Final[Mapping[int, Callable[[memoryview], object]]] = {
    _TUPLE: _TUPLE_DECODER.decode,
    _SET: _restore_set,
    _FROZENSET: lambda data: frozenset(_restore_set(data)),
    _INT: _restore_int,
    _DECIMAL: _restore_decimal,
    _UUID: lambda data: UUID(bytes=bytes(data)),
    _DATE: _restore_date,
    _TIME: _restore_time,
    _DATETIME: _restore_datetime,
    _TIMEDELTA: _restore_timedelta,
}


# Paths in messages


def _path(at: str, steps: list[str]) -> str:
    """Write down where a value is, outermost first. A cycle's endless path is cut off."""
    outer = [_step(at)] if at else []
    inner = steps[::-1]
    cut = ["…"] if len(inner) > _STEPS else []
    return "".join(outer + inner[:_STEPS] + cut).removeprefix(".") or "the value"


def _step(key: object) -> str:
    """Name a dict's key where it reads like a name. Any other may be data: an address, a token, a number."""
    if type(key) is str and _PLAIN_NAME.fullmatch(key):
        return f".{key}"
    return f"[{type(key).__qualname__}]"
