"""Each call of the driver contract as requests and what their answers mean: pure, without a connection.

Almost every flow has one request; the others say why.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Literal, TypeAlias, TypeVar
from urllib.parse import quote, unquote

from google_crc32c import value as crc32c_of

from statekit.driver import (
    Buffer,
    Chunk,
    Committed,
    Continue,
    Entry,
    Expect,
    Gone,
    Match,
    Meta,
    Millis,
    Page,
    Record,
    Refused,
    Sight,
    Stat,
    Token,
)

from . import answers, meta, moments, sights
from .answers import Answer
from .faults import ChangedError, error_of
from .place import Place
from .requests import LISTED_NAMES, LISTED_OBJECTS, LISTED_RECORDS, Bucket, Request, generation

__all__ = ["Flow", "ObjectFlows", "RecordFlows", "expected", "missing"]

T = TypeVar("T")
Flow: TypeAlias = Generator[Request, Answer, T]
"""Yields a request and is sent its answer."""

OK, PARTIAL, MISSING, REFUSED, UNSATISFIABLE = 200, 206, 404, 412, 416
_SMALLEST = " "
"""The smallest character of a key: what follows a key in a listing comes after the key and this, or is it."""


def expected(answer: Answer, *statuses: int) -> Answer:
    """Return an answer of one of these statuses.

    Raises:
        GoogleAPICallError: It has another one.
    """
    if answer.status not in statuses:
        raise error_of(answer)
    return answer


def missing(bucket: Bucket, name: str, answer: Answer) -> Flow[None]:
    """Make sure that a 404 means a missing object; a store that is not there is no absence (E-04).

    Google says which it is. Where a server does not say, a listing does, at the price of a second request.

    Raises:
        NotFound: It is the bucket.
    """
    if not answers.is_missing(answer):
        expected((yield bucket.list(name, fields=LISTED_NAMES, limit=1)), OK)


class RecordFlows:
    """The record driver's calls.

    Args:
        place: Where the records are.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._bucket = Bucket(place.bucket)

    def read(self, key: str) -> Flow[Record | None]:
        """Read body and metadata in one request."""
        name = self._place.record(key)
        answer = yield self._bucket.get(name)
        if answer.status == MISSING:
            yield from missing(self._bucket, name, answer)
            return None
        return answers.record(expected(answer, OK))

    def write(
        self, key: str, value: bytes, expires_at: Millis | None, expect: Expect
    ) -> Flow[Committed | Refused[Record]]:
        """Insert an object. Its generation is the version: it never recurs (R-04)."""
        resource = {"contentType": meta.UNTYPED, "cacheControl": "no-store", **_expiring(expires_at, meta.WRITTEN)}
        name, (match, _) = self._place.record(key), sights.conditions(expect)
        answer = yield self._bucket.insert(name, value, resource, crc32c=crc32c_of(value), match=match)
        if answer.status == REFUSED:
            return Refused()
        return Committed(sights.version_of(answers.generation(expected(answer, OK)), expires_at))

    def touch(self, key: str, seen: Record, expires_at: Millis) -> Flow[Committed | Refused[Record]]:
        """Patch the custom time, which only ever moves forward, and the exact expiry beside it."""
        name, (match, metamatch) = self._place.record(key), sights.conditions(seen)
        resource = _expiring(expires_at)
        answer = yield self._bucket.patch(name, resource, match=match, metamatch=metamatch)
        if answer.status == MISSING:
            yield from missing(self._bucket, name, answer)
            return Refused(None)
        if answer.status == REFUSED:
            return Refused()
        stamp = sights.stamp_of(answers.metageneration(expected(answer, OK)), expires_at)
        return Committed(seen.version, stamp)

    def delete(self, key: str, expect: Sight) -> Flow[Gone | Refused[Record]]:
        """Delete an object under its generation, and under its metageneration if a listing saw it (R-14)."""
        name, (match, metamatch) = self._place.record(key), sights.conditions(expect)
        answer = yield self._bucket.delete(name, match=match, metamatch=metamatch)
        return (yield from _deleted(self._bucket, name, answer))

    def page(self, prefix: str, cursor: str | None, limit: int) -> Flow[Page[Entry]]:
        """List objects with their metadata."""
        name = self._place.record(prefix)
        answer = yield self._bucket.list(name, fields=LISTED_RECORDS, limit=limit, token=cursor)
        return answers.entries(self._place, expected(answer, OK))


def _expiring(expires_at: Millis | None, *also: str) -> dict[str, object]:
    """Say when a record expires: exactly, and for the bucket's lifecycle rule (R-15, R-16).

    https://cloud.google.com/storage/docs/metadata#custom-time
    """
    if expires_at is None:
        return {}
    return {
        "metadata": dict.fromkeys((meta.EXPIRES, *also), str(expires_at)),
        "customTime": moments.to_rfc3339(expires_at),
    }


def _deleted(bucket: Bucket, name: str, answer: Answer) -> Flow[Gone | Refused[T]]:
    if answer.status == REFUSED:
        return Refused()
    if answer.status == MISSING:
        yield from missing(bucket, name, answer)
        return Gone.ABSENT
    expected(answer, OK, 204)
    return Gone.DELETED


class ObjectFlows:
    """The object driver's calls, without uploads in parts.

    Args:
        place: Where the objects are.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._bucket = Bucket(place.bucket)

    def stat(self, key: str) -> Flow[Stat | None]:
        """Read one byte: unlike the answer to HEAD, a refusal then says whether object or bucket is missing."""
        found = yield from self.read(key, 0, 1, Token.ANY)
        return found.stat if isinstance(found, Chunk) else None

    def read(
        self, key: str, start: int, length: int, expect: Match | Literal[Token.ANY]
    ) -> Flow[Chunk | None | Refused[Stat]]:
        """Read a range with everything about the object, and HEAD if it begins behind the end."""
        name, match = self._place.object(key), generation(expect)
        answer = yield self._bucket.get(name, span=(start, length), match=match)
        behind = answer.status == UNSATISFIABLE
        if behind:
            answer = yield self._bucket.get(name, match=match, head=True)
        if answer.status == REFUSED:
            return Refused()
        if answer.status == MISSING:
            yield from missing(self._bucket, name, answer)
            return None
        found = answers.chunk(key, expected(answer, OK, PARTIAL), start, 0 if behind else length)
        if behind and found.stat.size > start:
            raise ChangedError
        return found

    def write(
        self, key: str, data: Buffer, described: Meta, crc32c: int, expect: Expect
    ) -> Flow[Committed | Refused[Stat]]:
        """Insert an object. The service compares the checksum first (O-57)."""
        name, match = self._place.object(key), generation(expect)
        answer = yield self._bucket.insert(name, data, meta.to_resource(described), crc32c=crc32c, match=match)
        if answer.status == REFUSED:
            return Refused()
        return Committed(answers.generation(expected(answer, OK)))

    def copy(
        self, source: str, target: str, pinned: Match, described: Meta, expect: Expect, resume: str | None
    ) -> Flow[Committed | Refused[Stat] | Continue | None]:
        """Rewrite a step. A refusal does not say which condition failed, so then the source is read as well."""
        names = self._place.object(source), self._place.object(target)
        answer = yield self._bucket.rewrite(
            *names, meta.to_resource(described), pinned=generation(pinned), match=generation(expect), token=resume
        )
        if answer.status in (MISSING, REFUSED):
            held = yield from self.read(source, 0, 1, pinned)
            if not isinstance(held, Chunk):
                return None
            expected(answer, REFUSED)
            return Refused()
        done = expected(answer, OK).json()
        if not done.get("done"):
            return Continue(str(done["rewriteToken"]))
        return Committed(str(done["resource"]["generation"]))

    def delete(self, key: str, expect: Match | Literal[Token.ANY]) -> Flow[Gone | Refused[Stat]]:
        """Delete an object under its generation."""
        name = self._place.object(key)
        answer = yield self._bucket.delete(name, match=generation(expect))
        return (yield from _deleted(self._bucket, name, answer))

    def page(
        self, prefix: str, delimiter: str | None, start_after: str | None, cursor: str | None, limit: int
    ) -> Flow[Page[Stat]]:
        """List objects. Google's offset is included; no key is between one and the same with a space behind it.

        The service's token belongs to the offset that it was given for, so the cursor holds both.
        """
        start = None if start_after is None else self._place.object(start_after) + _SMALLEST
        token = None
        if cursor is not None:
            token, _, offset = cursor.partition(" ")
            start = unquote(offset) or None
        name = self._place.object(prefix)
        listing = self._bucket.list(
            name, fields=LISTED_OBJECTS, limit=limit, delimiter=delimiter, start=start, token=token
        )
        page, token = answers.listed(self._place, expected((yield listing), OK))
        return Page(page.items, token and f"{token} {quote(start or '', safe='')}", page.prefixes)
