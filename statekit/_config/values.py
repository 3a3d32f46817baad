"""Values: from the text of URLs and environment, and from TOML, to the types of Python.

Conversion is strict: a value that could be meant in two ways is refused, and a message names what is taken, never
what was given.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

__all__ = ["WrongValueError", "convert", "duration", "expected", "seconds", "size"]

_DURATION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h|d|w)")
_UNITS: Final = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_SIZE: Final = re.compile(r"([0-9]{1,15})(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)?")
_POWERS: Final = {"B": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4}
_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?(?:e-?[0-9]{1,3})?")


class WrongValueError(ValueError):
    """A value is not of the kind that is expected. It holds no message: ``expected`` has the words."""


def duration(value: object) -> timedelta:
    """Read a duration such as ``90s``, ``15m`` or ``14d``. A bare number is refused: its unit is anybody's guess."""
    if isinstance(value, timedelta):
        return value
    matched = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if matched is None:
        raise WrongValueError
    return _UNITS[matched[2]] * float(matched[1])


def seconds(value: object) -> float:
    """Read a positive number of seconds, given as a number or as a duration."""
    number = _float(value) if isinstance(value, int | float) else duration(value).total_seconds()
    if number <= 0:
        raise WrongValueError
    return number


def size(value: object) -> int:
    """Read a number of bytes such as ``512MiB`` (powers of 1,024), ``1GB`` (powers of 1,000) or ``4096``."""
    if not isinstance(value, str):
        return _int(value)
    matched = _SIZE.fullmatch(value)
    if matched is None:
        raise WrongValueError
    unit = matched[2] or "B"
    return int(matched[1]) * int((1024 if "i" in unit else 1000) ** _POWERS[unit[0]])


def _text(value: object) -> str:
    if type(value) is not str:
        raise WrongValueError
    return value


def _bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if value not in ("true", "false"):
        raise WrongValueError
    return value == "true"


def _int(value: object) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    if type(value) is not int:
        raise WrongValueError
    return value


def _float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise WrongValueError
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise WrongValueError
    try:
        number = float(value)
    except OverflowError:  # an int of TOML has any length
        raise WrongValueError from None
    if not math.isfinite(number):
        raise WrongValueError
    return number


_KINDS: Final[dict[Any, tuple[str, Callable[[object], Any]]]] = {
    str: ("text", _text),
    bool: ("true or false", _bool),
    int: ("a whole number", _int),
    float: ("a number", _float),
    timedelta: ("a duration such as 90s, 15m, 12h or 14d", duration),
}
_BYTES: Final = "a size such as 4096, 64KiB or 512MiB"
_PATH: Final = "a path"


def expected(annotation: Any) -> str:
    """Say what values an annotation takes."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(expected(member) for member in arguments if member is not NoneType))
    if origin is Literal:
        return f"one of {', '.join(str(member) for member in arguments)}"
    if origin is Annotated:
        return _BYTES if "bytes" in arguments[1:] else expected(arguments[0])
    if origin is tuple:
        return f"a list, each of it {expected(arguments[0])}"
    if annotation is Path:
        return _PATH
    return _KINDS[annotation][0] if annotation in _KINDS else "nothing that a configuration can hold"


def convert(annotation: Any, value: object, directory: Path | None) -> Any:
    """Convert a value to what an option's annotation says.

    Args:
        annotation: ``str``, ``bool``, ``int``, ``float``, ``timedelta``, ``Path``, a ``Literal``, a ``tuple[X, ...]``
            (in a URL with commas between), a union of such, or ``Annotated[int, "bytes"]`` for a size.
        value: Text, or what TOML or Python has for it.
        directory: Where relative paths start; None if there is no such place.

    Raises:
        WrongValueError: It is not of that kind.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return _first(arguments, value, directory)
    if origin is Literal:
        return _member(arguments, value)
    if origin is Annotated:
        return size(value) if "bytes" in arguments[1:] else convert(arguments[0], value, directory)
    if origin is tuple:
        items = value.split(",") if isinstance(value, str) else value
        if not isinstance(items, list | tuple):
            raise WrongValueError
        return tuple(convert(arguments[0], item, directory) for item in items)
    if annotation is Path:
        return _path(value, directory)
    if annotation not in _KINDS:
        raise WrongValueError
    return _KINDS[annotation][1](value)


def _first(members: tuple[Any, ...], value: object, directory: Path | None) -> Any:
    """Return the value as the first member of a union that takes it."""
    if value is None and NoneType in members:
        return None
    for member in members:
        try:
            return convert(member, value, directory)
        except WrongValueError:
            continue
    raise WrongValueError


def _member(members: tuple[Any, ...], value: object) -> Any:
    """Return the literal that is meant; text may stand for one that is no text."""
    for member in members:
        if (type(value) is type(member) and value == member) or value == str(member):
            return member
    raise WrongValueError


def _path(value: object, directory: Path | None) -> Path:
    if not isinstance(value, str | Path) or not str(value):
        raise WrongValueError
    path = Path(value)
    if directory is None and not path.is_absolute():
        raise WrongValueError
    return path if directory is None else directory / path
