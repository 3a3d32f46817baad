"""What the answers mean: pure, without a connection."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from statekit.driver import Chunk, Entry, Meta, Millis, Page, Record, Stat, Upload

from . import meta, moments, sights
from .place import Place

__all__ = [
    "Answer",
    "UnreadableError",
    "begun",
    "chunk",
    "crc32c_of",
    "entries",
    "generation",
    "is_missing",
    "listed",
    "metageneration",
    "record",
    "stat",
    "statuses",
    "uploads",
]

_MISSING_XML: Final = re.compile(rb"<Code>\s*NoSuchKey\s*</Code>")
_MISSING_JSON: Final = re.compile(rb'"message":\s*"No such object', re.IGNORECASE)
_STATUS: Final = re.compile(rb"^HTTP/1\.[01] (\d{3})", re.MULTILINE)
_TOTAL: Final = re.compile(r"bytes [\d*-]+/(\d+)")
_CRC32C: Final = re.compile(r"crc32c=([A-Za-z0-9+/=]+)")


class UnreadableError(Exception):
    """An answer, or what it brought, is not what this driver or Google wrote."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Attributes:
        status: The HTTP status.
        headers: Their names are in lower case.
        body: All of it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    def json(self) -> Any:
        """Return the body.

        Raises:
            UnreadableError: It is no JSON.
        """
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise UnreadableError from error

    def header(self, name: str) -> str:
        """Return a header that has to be there.

        Raises:
            UnreadableError: It is not.
        """
        try:
            return self.headers[name]
        except KeyError:
            raise UnreadableError from None


def is_missing(answer: Answer) -> bool:
    """Whether a 404 says that the object is missing, and not the bucket, or the whole service.

    The XML API has a code for it, the JSON API only words.
    https://cloud.google.com/storage/docs/xml-api/reference-status
    """
    return bool(_MISSING_XML.search(answer.body) or _MISSING_JSON.search(answer.body))


def generation(answer: Answer) -> str:
    """Return the generation of the object that a request of the JSON API made."""
    return _said(answer.json(), "generation")


def metageneration(answer: Answer) -> str:
    """Return the metageneration after a patch."""
    return _said(answer.json(), "metageneration")


def _said(resource: Mapping[str, Any], name: str) -> str:
    try:
        return str(resource[name])
    except KeyError:
        raise UnreadableError from None


def record(answer: Answer) -> Record:
    """Read a record: everything is in one answer (R-07)."""
    custom = {name: answer.headers.get(meta.META + name) for name in (meta.EXPIRES, meta.WRITTEN)}
    seen = _sight(custom, answer.header("x-goog-generation"), answer.headers.get("x-goog-metageneration", "1"))
    return Record(answer.body, *seen)


def _sight(custom: Mapping[str, str | None], generation: str, metageneration: str) -> tuple[str, Millis | None, str]:
    """Return version, expiry, to the millisecond as it was written (R-15), and stamp."""
    expires_at = _expiry(custom.get(meta.EXPIRES))
    version = sights.version_of(generation, _expiry(custom.get(meta.WRITTEN)))
    return version, expires_at, sights.stamp_of(metageneration, expires_at)


def _expiry(text: str | None) -> Millis | None:
    try:
        return None if text is None else int(text)
    except ValueError:
        raise UnreadableError from None


def entries(place: Place, answer: Answer) -> Page[Entry]:
    """Read a part of a listing of records."""
    page = answer.json()
    items = tuple(_entry(place, item) for item in page.get("items", ()))
    return Page(items, page.get("nextPageToken"))


def _entry(place: Place, item: Mapping[str, Any]) -> Entry:
    seen = _sight(item.get("metadata", {}), _said(item, "generation"), str(item.get("metageneration", "1")))
    return Entry(place.record_key(item["name"]), *seen)


def stat(key: str, answer: Answer) -> Stat:
    """Describe an object by the headers of a read."""
    headers = answer.headers
    return Stat(
        key,
        answer.header("x-goog-generation"),
        _size(answer),
        moments.of_http_date(answer.header("last-modified")),
        meta.of_headers(headers),
        _crc32c_in(headers.get("x-goog-hash", "")),
    )


def _size(answer: Answer) -> int:
    """Return the stored size of the whole object."""
    stored = answer.headers.get("x-goog-stored-content-length")
    if stored is not None:
        return int(stored)
    total = _TOTAL.match(answer.headers.get("content-range", ""))
    return int(total[1] if total else answer.header("content-length"))


def _crc32c_in(hashes: str) -> int | None:
    """Read ``crc32c=…,md5=…``, of which an object that was composed has only the first."""
    found = _CRC32C.search(hashes)
    return crc32c_of(found[1]) if found else None


def crc32c_of(text: str) -> int:
    """Read a checksum.

    Raises:
        UnreadableError: It is none.
    """
    try:
        return int.from_bytes(base64.b64decode(text, validate=True), "big")
    except binascii.Error:
        raise UnreadableError from None


def chunk(key: str, answer: Answer, start: int, length: int) -> Chunk:
    """Read a part of an object (O-52); a service that ignored the range sent everything.

    Raises:
        UnreadableError: It is not as long as it should be.
    """
    described = stat(key, answer)
    data = answer.body if answer.status == 206 else answer.body[start : start + length]
    if len(data) != max(0, min(length, described.size - start)):
        raise UnreadableError
    return Chunk(described, data)


def listed(place: Place, answer: Answer) -> tuple[Page[Stat], str | None]:
    """Read a part of a listing of objects; the second value is the service's token for the next part."""
    page = answer.json()
    items = (item for item in page.get("items", ()) if not place.is_reserved(item["name"]))
    prefixes = (name for name in page.get("prefixes", ()) if not place.is_reserved(name))
    stats = tuple(_listed(place, item) for item in items)
    return Page(stats, None, tuple(place.object_key(name) for name in prefixes)), page.get("nextPageToken")


def _listed(place: Place, item: Mapping[str, Any]) -> Stat:
    checksum = item.get("crc32c")
    return Stat(
        place.object_key(item["name"]),
        _said(item, "generation"),
        int(item.get("size", 0)),
        moments.of_rfc3339(item["updated"]),
        None,
        None if checksum is None else crc32c_of(checksum),
    )


def begun(key: str, name: str, described: Meta, answer: Answer) -> Upload:
    """Return the upload whose mark was stored."""
    created = answer.json().get("timeCreated")
    return Upload(key, name, described, None if created is None else moments.of_rfc3339(created))


def uploads(place: Place, prefix: str, answer: Answer) -> Page[Upload]:
    """Read a part of the marks of unfinished uploads, and keep those of keys under a prefix."""
    page = answer.json()
    found = (_upload(place, item) for item in page.get("items", ()))
    return Page(tuple(upload for upload in found if upload.key.startswith(prefix)), page.get("nextPageToken"))


def _upload(place: Place, item: Mapping[str, Any]) -> Upload:
    key = unquote(item.get("metadata", {}).get(meta.KEY, ""))
    started_at = moments.of_rfc3339(item["timeCreated"])
    return Upload(key, item["name"].removeprefix(place.uploads), None, started_at)


def statuses(answer: Answer) -> tuple[int, ...]:
    """Return the statuses of the calls in a batch."""
    return tuple(int(status) for status in _STATUS.findall(answer.body))
