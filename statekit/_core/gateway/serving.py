"""Downloads: one version of an object, whole or a range of it, and only if the client does not have it already."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import partial
from hashlib import sha256
from typing import Final

from statekit._core.objects.files import Reading
from statekit._core.objects.plans import ObjectPlans
from statekit._core.permits import Permit
from statekit._core.plan import Plan
from statekit.errors import ConflictError
from statekit.types import ObjectInfo

from .exchange import Answer, Headers, Refusal, Request

__all__ = ["etag_of", "serve"]

_PIECE: Final = 1024 * 1024
_TRIES: Final = 3
_RANGE: Final = re.compile(r"bytes=\s*([0-9]{0,18})-([0-9]{0,18})\s*")
_HEADER: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_UNTYPED: Final = "application/octet-stream"


def serve(plans: ObjectPlans, permit: Permit, request: Request) -> Plan[Answer]:
    """Answer to GET or HEAD.

    Raises:
        NotFoundError: There is no object.
    """
    for left in reversed(range(_TRIES)):
        reading = Reading(plans, permit.key, None)
        try:
            return (yield from _served(reading, permit, request))
        except BaseException as error:
            reading.end(error)
            if not isinstance(error, ConflictError) or not left:
                raise
    raise AssertionError  # pragma: no cover - the last try returns or raises


def _served(reading: Reading, permit: Permit, request: Request) -> Plan[Answer]:
    info = yield from reading.pin()
    headers = _headers(info, permit)
    _check_conditions(info, request.headers)
    if _has_it(info, request.headers):
        reading.end(None)
        return Answer(304, headers)
    start, end = _range(info, request.headers)
    status = 200 if (start, end) == (0, info.size) else 206
    part: Headers = (("Content-Range", f"bytes {start}-{end - 1}/{info.size}"),) if status == 206 else ()
    typed = (*headers, ("Content-Type", _type(info, permit)), ("Content-Length", str(end - start)), *part)
    if request.method == "HEAD":
        reading.end(None)
        return Answer(status, typed)
    pieces = _Pieces(reading, start, end)
    yield from pieces.prepare()
    return Answer(status, typed, b"", pieces.next, partial(_end, reading))


def _end(reading: Reading, error: BaseException | None) -> None:
    reading.end(error)


class _Pieces:
    """A range of a pinned version, piece by piece; the first is fetched before anything is answered."""

    def __init__(self, reading: Reading, start: int, end: int) -> None:
        self._reading = reading
        self._at, self._to = start, end
        self._first: bytes | None = None

    def prepare(self) -> Plan[None]:
        self._first = yield from self._fetched()

    def next(self) -> Plan[bytes]:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return (yield from self._fetched())

    def _fetched(self) -> Plan[bytes]:
        if self._at >= self._to:
            return b""
        data = yield from self._reading.fetch(self._at, min(_PIECE, self._to - self._at))
        self._at += len(data)
        return data


def etag_of(info: ObjectInfo) -> str:
    """Return a strong ETag for a version, which may be any text."""
    plain = re.fullmatch(r"[!#-~]{1,200}", info.version)
    return f'"{info.version if plain else sha256(info.version.encode()).hexdigest()}"'


def _headers(info: ObjectInfo, permit: Permit) -> Headers:
    return (
        ("ETag", etag_of(info)),
        ("Last-Modified", format_datetime(info.modified_at, usegmt=True)),
        ("Accept-Ranges", "bytes"),
        ("Cache-Control", _plain(info.cache_control) or "private, no-cache"),
        ("Content-Disposition", permit.overrides.get("response-content-disposition", "attachment")),
    )


def _type(info: ObjectInfo, permit: Permit) -> str:
    return permit.overrides.get("response-content-type") or _plain(info.content_type) or _UNTYPED


def _plain(value: str | None) -> str | None:
    """Return a header's value, if it can be one: another program may have stored anything."""
    return value if value is not None and _HEADER.fullmatch(value) else None


def _check_conditions(info: ObjectInfo, headers: Mapping[str, str]) -> None:
    """Refuse what is about another version (RFC 9110 section 13.2.2, steps 1 and 2)."""
    match, since = headers.get("if-match"), _moment(headers.get("if-unmodified-since"))
    changed = since is not None and _second(info) > since
    if changed if match is None else not _names(match, info):
        raise Refusal(412, "PreconditionFailed", "another version is stored")


def _has_it(info: ObjectInfo, headers: Mapping[str, str]) -> bool:
    """Whether the client has this version (steps 3 and 4)."""
    match, since = headers.get("if-none-match"), _moment(headers.get("if-modified-since"))
    if match is not None:
        return _names(match, info)
    return since is not None and _second(info) <= since


def _names(value: str, info: ObjectInfo) -> bool:
    tags = [tag.strip().removeprefix("W/") for tag in value.split(",")]
    return "*" in tags or etag_of(info) in tags


def _range(info: ObjectInfo, headers: Mapping[str, str]) -> tuple[int, int]:
    """Return the bytes that are asked for, from and up to; all of them if the range is none, or several.

    Raises:
        Refusal: 416, if there are none of them.
    """
    found = _RANGE.fullmatch(headers.get("range", ""))
    whole = 0, info.size
    if found is None or found[0].strip() == "bytes=-" or not _still(info, headers.get("if-range")):
        return whole
    first, last = found.groups()
    if first and last and int(last) < int(first):
        return whole
    start = int(first) if first else max(0, info.size - int(last))
    end = min(int(last) + 1, info.size) if first and last else info.size
    if start >= end:
        size = (("Content-Range", f"bytes */{info.size}"),)
        raise Refusal(416, "InvalidRange", "there is nothing in this range", size)
    return start, end


def _still(info: ObjectInfo, value: str | None) -> bool:
    """Whether a range is of the version that the client has a part of."""
    return value is None or value.strip() == etag_of(info) or _moment(value) == _second(info)


def _second(info: ObjectInfo) -> datetime:
    return info.modified_at.replace(microsecond=0)


def _moment(value: str | None) -> datetime | None:
    """Read an HTTP date; one that is none is as if it were not there."""
    try:
        moment = parsedate_to_datetime(value or "")
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
