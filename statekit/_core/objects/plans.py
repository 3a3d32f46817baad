"""What the object stores do, as plans: the synchronous and the asynchronous store run the same ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from google_crc32c import value as crc32c
from msgspec import Struct
from msgspec.structs import replace

from statekit._core.faults import indeterminate
from statekit._core.ids import text_of, write_id
from statekit._core.keys import check_key, check_prefix, hidden, redact
from statekit._core.permits import Signer
from statekit._core.pipeline import Doubt, Operation, Wire, attempt, fetch
from statekit._core.plan import Join, Plan, Start, clean_up, gather
from statekit._core.retry import Backoff
from statekit.driver import (
    ANY,
    UNSEEN,
    Chunk,
    Committed,
    Continue,
    Expect,
    Gone,
    Match,
    Meta,
    MultipartDriver,
    ObjectDriver,
    Refused,
    Stat,
    Upload,
)
from statekit.errors import (
    BackendError,
    ConflictError,
    CorruptDataError,
    InvalidInputError,
    NotFoundError,
    StateError,
    UnsupportedError,
)
from statekit.types import ObjectInfo, Prefix, StoredObject, Swept

from .assembling import Assembly
from .describe import Put, expectation, info_of, replaced, replaced_by
from .source import AsyncData, Source, source_of
from .writing import PART, SIDE_BY_SIDE, Multipart, StartOverError, write_once

__all__ = ["Listing", "ObjectPlans"]

UPLOAD_LIFE: Final = 24 * 3_600_000
"""Milliseconds after which a sweep takes an unfinished upload for abandoned."""
PAGE: Final = 1000
FETCHED: Final = 8
"""Parts that a get fetches at once, beside the object itself."""
STARTS: Final = 4
"""How often an upload in parts that lost a race at its end is sent anew, the first time included."""


class Listing(Struct, frozen=True):
    """One page of a listing, in order; the last has no cursor."""

    items: tuple[ObjectInfo | Prefix, ...]
    cursor: str | None


class ObjectPlans:
    """The object store's operations.

    Args:
        wire: What they share.
        driver: Returns the object driver; raises UnsupportedError where there is none.
        prefix: What every key begins with.
        signer: Signs for the gateway, where one is configured.
    """

    def __init__(
        self, wire: Wire, driver: Callable[[], ObjectDriver], prefix: str, signer: Signer | None = None
    ) -> None:
        self.wire = wire
        self.driver = self._driver = driver
        self.prefix = self._prefix = prefix
        self.signer = signer

    def place(self, op: Operation, key: str, *, signed: bool = False) -> str:
        """Return the driver's key. One that was signed was judged then, and may be statekit's own.

        Raises:
            InvalidKeyError: The key is outside the grammar.
        """
        op.key = None
        if not signed:
            check_key(key)
        op.key = redact(key)
        return self._prefix + key

    def described(
        self, op: Operation, key: str, meta: Meta, done: Committed, size: int, checksum: int | None
    ) -> ObjectInfo:
        """Return what is known of an object that was just written; its time is this host's."""
        stat = Stat(key, done.version, size, op.now, meta, checksum)
        return info_of(key, stat)

    def put(self, timeout: float | None, key: str, data: AsyncData, put: Put) -> Plan[ObjectInfo]:
        """Store an object: in one request if it is small, in parts beside each other if it is not."""
        with self.wire.begin("put", timeout) as op:
            return (yield from self.store(op, key, self.place(op, key), put, source_of(data)))

    def store(self, op: Operation, key: str, place: str, put: Put, source: Source) -> Plan[ObjectInfo]:
        """Store what a source gives, and close it."""
        meta, expect = put.meta(), put.expect()
        try:
            first = yield from source.take(PART)
            second = (yield from source.take(PART)) if len(first) == PART else b""
            if second:
                info = yield from self._put_parts(op, key, place, meta, expect, source, [first, second])
            else:
                info = yield from self.put_small(op, key, place, meta, expect, first)
        except BaseException as error:
            yield from clean_up(error, source.close)
            raise
        yield from source.close()
        return info

    def put_small(
        self, op: Operation, key: str, place: str, meta: Meta, expect: Expect, data: bytes
    ) -> Plan[ObjectInfo]:
        """Store an object in one request."""
        driver, checksum = self._driver(), crc32c(data)
        op.size = len(data)
        op.extend()

        def send(_doubtful: bool) -> Plan[Committed | Refused[Stat]]:  # noqa: FBT001
            return attempt(op, driver, driver.write, place, data, meta=meta, crc32c=checksum, expect=expect)

        done = yield from write_once(op, driver, place, meta, expect, send)
        return self.described(op, key, meta, done, len(data), checksum)

    def _put_parts(
        self,
        op: Operation,
        key: str,
        place: str,
        meta: Meta,
        expect: Expect,
        source: Source,
        pieces: list[bytes],
    ) -> Plan[ObjectInfo]:
        backoff = Backoff()
        for left in reversed(range(STARTS)):
            upload = self.multipart(op, place, meta, expect)
            try:
                yield from self._send_parts(upload, source, pieces)
                done = yield from upload.finish()
                return self.described(op, key, meta, done, upload.size, upload.checksum())
            except BaseException as error:
                yield from clean_up(error, upload.give_up)
                if not isinstance(error, StartOverError):
                    raise
                if not left:
                    raise error.cause from error
                yield from op.pause(backoff, error.cause)
            pieces = []
            if not (yield from source.rewind()):
                raise ConflictError("another upload finished first, and the data cannot be read a second time")
        raise AssertionError  # pragma: no cover - the last round returns or raises

    def multipart(self, op: Operation, place: str, meta: Meta, expect: Expect) -> Multipart:
        """Return an upload that has not begun.

        Raises:
            UnsupportedError: The backend takes no objects larger than one request.
        """
        driver = self._driver()
        if not isinstance(driver, MultipartDriver):
            raise UnsupportedError(f"this backend takes objects of at most {PART} bytes", clause="O-01")
        return Multipart(op, driver, driver, place, meta, expect)

    def _send_parts(self, upload: Multipart, source: Source, pieces: list[bytes]) -> Plan[None]:
        """Send what was already taken, and the rest while it is being read."""
        yield from upload.begin()
        while pieces:
            yield Start(upload.next_part(pieces.pop(0)), SIDE_BY_SIDE)
        size = upload.part_size(source.size)
        while piece := (yield from source.take(size)):
            yield Start(upload.next_part(piece), SIDE_BY_SIDE)
        yield Join()

    def get(self, timeout: float | None, key: str, *, start: int = 0, length: int | None = None) -> Plan[StoredObject]:
        """Read an object, or a range of it, of one version."""
        with self.wire.begin("get", timeout) as op:
            place = self.place(op, key)
            _check_range(start, length)
            chunk = yield from self.whole(op, place, start, length)
            return StoredObject(chunk.data, info_of(key, chunk.stat))

    def whole(self, op: Operation, place: str, start: int = 0, length: int | None = None) -> Plan[Chunk]:
        """Read all bytes of a range of one version, in parts beside each other if there are many."""
        first = yield from self.read(op, place, start, PART if length is None else min(length, PART), None)
        stat, data = first.stat, first.data
        end = stat.size if length is None else min(start + length, stat.size)
        checksum: int | None = None
        if start + len(data) < end:
            data, checksum = yield from self._assembled(op, place, start, end, first)
        elif len(data) == stat.size and stat.crc32c is not None:
            checksum = crc32c(data)
        if len(data) != max(0, end - start):
            raise _incomplete()
        if len(data) == stat.size and stat.crc32c not in (None, checksum):
            raise CorruptDataError("the object does not match its checksum", clause="O-21")
        op.size = len(data)
        return Chunk(stat, data)

    def _assembled(self, op: Operation, place: str, start: int, end: int, first: Chunk) -> Plan[tuple[bytes, int]]:
        """Read what follows the first part; return all of it with its checksum."""
        whole = Assembly(end - start)
        whole.place(0, first.data)

        def placed(at: int) -> Plan[None]:
            length = min(PART, end - at)
            chunk = yield from self.read(op, place, at, length, first.stat.version)
            if len(chunk.data) != length:
                raise _incomplete()
            whole.place(at - start, chunk.data)

        yield from gather((placed(at) for at in range(start + len(first.data), end, PART)), FETCHED)
        return whole.take(), whole.checksum()

    def read(self, op: Operation, place: str, start: int, length: int, version: str | None) -> Plan[Chunk]:
        """Read a part of one version of an object.

        Raises:
            NotFoundError: There is no object, and no version was expected.
            ConflictError: The object was overwritten or deleted since.
        """
        op.extend()
        driver = self._driver()
        expect = ANY if version is None else Match(version)
        chunk = yield from fetch(op, driver, driver.read, place, start=start, length=max(1, length), expect=expect)
        if isinstance(chunk, Chunk):
            return Chunk(chunk.stat, chunk.data[:length]) if length == 0 else chunk
        if version is None:
            raise _absent()
        raise ConflictError("the object was overwritten or deleted while it was being read", clause="O-09")

    def stat(self, timeout: float | None, key: str) -> Plan[ObjectInfo]:
        """Describe an object."""
        with self.wire.begin("stat", timeout) as op:
            return info_of(key, (yield from self.look(op, self.place(op, key))))

    def look(self, op: Operation, place: str) -> Plan[Stat]:
        """Return what the engine knows about an object.

        Raises:
            NotFoundError: There is none.
        """
        stat = yield from self._stat(op, place)
        if stat is None:
            raise _absent()
        return stat

    def exists(self, timeout: float | None, key: str) -> Plan[bool]:
        """Say whether there is an object."""
        with self.wire.begin("exists", timeout) as op:
            return (yield from self._stat(op, self.place(op, key))) is not None

    def _stat(self, op: Operation, place: str) -> Plan[Stat | None]:
        driver = self._driver()
        return (yield from fetch(op, driver, driver.stat, place))

    def delete(self, timeout: float | None, key: str, *, if_match: str | ObjectInfo | None = None) -> Plan[bool]:
        """Delete an object; return whether this call is known to have done it."""
        with self.wire.begin("delete", timeout) as op:
            return (yield from self._delete(op, self.place(op, key), if_match))

    def _delete(self, op: Operation, place: str, if_match: str | ObjectInfo | None) -> Plan[bool]:
        driver, doubt = self._driver(), Doubt()
        expect = expectation(if_absent=False, if_match=if_match)
        answer = yield from doubt.repeat(op, driver, driver.delete, place, expect=expect)
        if isinstance(answer, Gone):
            return answer is Gone.DELETED
        current = answer.current
        if current is UNSEEN or (current is not None and current.meta is None and doubt.unknown):
            current = yield from self._stat(op, place)
        if current is None:
            return False
        if doubt.unknown and not replaced(current, expect, if_match):
            # The attempt without an answer may have deleted it, before somebody stored another one.
            raise indeterminate(doubt.unknown)
        raise ConflictError("another version of the object is stored", current=current.version, clause="O-13")

    def delete_many(self, timeout: float | None, keys: Iterable[str]) -> Plan[dict[str, bool | StateError]]:
        """Delete objects side by side; return for each key what ``delete`` returns or raises."""
        with self.wire.begin("delete_many", timeout) as op:
            places = {key: self.place(op, key) for key in keys}
            op.key = None
            outcomes = yield from gather((self._delete_reported(op, place) for place in places.values()), SIDE_BY_SIDE)
            return dict(zip(places, outcomes, strict=True))

    def _delete_reported(self, op: Operation, place: str) -> Plan[bool | StateError]:
        op.extend()
        try:
            return (yield from self._delete(op, place, None))
        except BackendError as error:
            op.sign(error)
            return error

    def copy(
        self,
        timeout: float | None,
        source: str,
        target: str,
        *,
        if_absent: bool = False,
        if_match: str | ObjectInfo | None = None,
    ) -> Plan[ObjectInfo]:
        """Copy an object within the engine, metadata included."""
        with self.wire.begin("copy", timeout) as op:
            check_key(source)
            place = self.place(op, target)
            expect = expectation(if_absent=if_absent, if_match=if_match)
            replaces = replaced_by(expect, if_match)
            backoff = Backoff()
            while True:
                stat = yield from self._stat(op, self._prefix + source)
                if stat is None:
                    raise _absent()
                meta = replace(stat.meta or Meta(), write_id=text_of(write_id()), replaces=replaces)
                done = yield from self._copy(op, stat, place, meta, expect)
                if done is not None:
                    return self.described(op, target, meta, done, stat.size, stat.crc32c)
                yield from op.pause(backoff, ConflictError("the source kept changing until the time was over"))

    def _copy(self, op: Operation, source: Stat, place: str, meta: Meta, expect: Expect) -> Plan[Committed | None]:
        """Copy one version of the source; None if it is gone or another one by now."""
        driver = self._driver()

        def send(_doubtful: bool) -> Plan[Committed | Refused[Stat]]:  # noqa: FBT001
            resume = None
            while True:
                op.extend()
                answer = yield from attempt(
                    op,
                    driver,
                    driver.copy,
                    source.key,
                    place,
                    pinned=Match(source.version),
                    meta=meta,
                    expect=expect,
                    resume=resume,
                )
                if answer is None:
                    # An earlier attempt whose reply was lost may have copied it.
                    there = yield from self._stat(op, place)
                    if there is not None and there.meta is not None and there.meta.write_id == meta.write_id:
                        return Committed(there.version)
                    raise _SourceMovedError
                if not isinstance(answer, Continue):
                    return answer
                resume = answer.token

        try:
            return (yield from write_once(op, driver, place, meta, expect, send))
        except _SourceMovedError:
            return None

    def list(
        self, timeout: float | None, prefix: str, delimiter: str | None, start_after: str | None, cursor: str | None
    ) -> Plan[Listing]:
        """Read one page of a listing."""
        with self.wire.begin("list", timeout) as op:
            driver = self._driver()
            after = self._prefix + start_after if start_after is not None and cursor is None else None
            page = yield from fetch(
                op, driver, driver.page, self._prefix + prefix,
                delimiter=delimiter, start_after=after, cursor=cursor, limit=PAGE,
            )  # fmt: skip
            cut = len(self._prefix)
            found: list[ObjectInfo | Prefix] = [
                info_of(stat.key[cut:], replace(stat, meta=None, crc32c=None)) for stat in page.items
            ]
            found += [Prefix(folded[cut:]) for folded in page.prefixes]
            shown = (item for item in found if not hidden(item.key))
            return Listing(tuple(sorted(shown, key=lambda item: item.key.encode())), page.cursor)

    def check_listing(self, prefix: str, delimiter: str | None, start_after: str | None) -> None:
        """Refuse a listing that no engine can answer.

        Raises:
            InvalidKeyError: No key can begin with the prefix.
            InvalidInputError: Another delimiter than a slash.
        """
        op = self.wire.begin("list", None)
        try:
            self.wire.check_open()
            check_prefix(prefix)
            _check_delimiter(delimiter)
            if start_after is not None:
                check_prefix(start_after)
        except BaseException as error:
            op.end(error)
            raise

    def sweep(self, timeout: float | None, older_than: int = UPLOAD_LIFE) -> Plan[Swept]:
        """Abort uploads that were begun long ago and never finished."""
        with self.wire.begin("sweep", timeout) as op:
            return (yield from self.reclaim(op, older_than))

    def reclaim(self, op: Operation, older_than: int = UPLOAD_LIFE) -> Plan[Swept]:
        """Abort uploads, as a part of a sweep."""
        driver = self._driver()
        if not isinstance(driver, MultipartDriver):
            return Swept()
        uploads, cursor = 0, None
        while True:
            op.extend()
            page = yield from fetch(op, driver, driver.uploads, self._prefix, cursor=cursor, limit=PAGE)
            for upload in page.items:
                uploads += yield from self._abandoned(op, driver, upload, op.now - older_than)
            cursor = page.cursor
            if cursor is None:
                return Swept(uploads=uploads)

    def _abandoned(self, op: Operation, driver: MultipartDriver, upload: Upload, before: int) -> Plan[bool]:
        if upload.started_at is None or upload.started_at > before:
            return False
        op.extend()
        yield from fetch(op, self._driver(), driver.abort, upload)
        return True


class _SourceMovedError(Exception):
    """A copy's source is gone, or another version by now."""


def _absent() -> NotFoundError:
    return NotFoundError("nothing is stored under this key", clause="O-07")


def _incomplete() -> CorruptDataError:
    return CorruptDataError("the engine returned fewer bytes than it has", clause="O-08")


def _check_delimiter(delimiter: str | None) -> None:
    if delimiter not in (None, "/"):
        raise InvalidInputError("the delimiter is a slash, or None", clause="O-18")


def _check_range(start: int, length: int | None) -> None:
    if start < 0 or (length is not None and length < 0):
        raise InvalidInputError("start and length are not negative", clause="O-08")
