"""Raw drivers as cases see them: ordinary calls with defaults. ``raw`` is the driver."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google_crc32c import value as crc32c_of

from statekit.driver import (
    ABSENT,
    ANY,
    Chunk,
    Committed,
    Entry,
    Expect,
    Gone,
    Match,
    Meta,
    Page,
    Part,
    Record,
    Refused,
    Sight,
    Stat,
    Upload,
)

from . import calls
from .calls import Calls, all_of, write_id

__all__ = ["MultipartCalls", "ObjectCalls", "RecordCalls", "write_id"]


class RecordCalls(Calls):
    """A record driver."""

    def read(self, key: str, *, timeout: float | None = None) -> Record | None:
        """Read one record."""
        found: Record | None = self._call("read", key, timeout=timeout)
        return found

    def write(
        self,
        key: str,
        value: bytes,
        *,
        expect: Expect = ABSENT,
        expires_at: int | None = None,
        write_id: str | None = None,
        timeout: float | None = None,
    ) -> Committed | Refused[Record]:
        """Store a record; by default where there is none, for ever, under a fresh write id."""
        fixed: dict[str, Any] = {
            "expires_at": expires_at,
            "write_id": write_id or calls.write_id(),
            "expect": expect,
        }
        answer: Committed | Refused[Record] = self._call("write", key, value, timeout=timeout, **fixed)
        return answer

    def create(self, key: str, value: bytes, *, expires_at: int | None = None) -> Record:
        """Store a record where there is none, and return it as it must now be read."""
        answer = self.write(key, value, expires_at=expires_at)
        assert isinstance(answer, Committed), answer
        return Record(value, answer.version, expires_at, answer.stamp)

    def touch(
        self, key: str, *, seen: Record, expires_at: int, timeout: float | None = None
    ) -> Committed | Refused[Record]:
        """Move a record's expiry."""
        answer: Committed | Refused[Record] = self._call(
            "touch", key, seen=seen, expires_at=expires_at, timeout=timeout
        )
        return answer

    def delete(self, key: str, *, expect: Sight = ANY, timeout: float | None = None) -> Gone | Refused[Record]:
        """Delete a record; by default whatever is there."""
        answer: Gone | Refused[Record] = self._call("delete", key, expect=expect, timeout=timeout)
        return answer

    def page(
        self, prefix: str, *, cursor: str | None = None, limit: int = 1000, timeout: float | None = None
    ) -> Page[Entry]:
        """List a part of the records."""
        page: Page[Entry] = self._call("page", prefix, cursor=cursor, limit=limit, timeout=timeout)
        return page

    def entries(self, prefix: str | None = None, *, limit: int = 1000) -> list[Entry]:
        """Return all entries under a prefix, by default this test's own, with duplicates if there are any."""
        return all_of(lambda cursor: self.page(self.key("") if prefix is None else prefix, cursor=cursor, limit=limit))


class MultipartCalls(Calls):
    """The part of an object driver that takes uploads in parts."""

    @property
    def parts(self) -> Any:
        """The engine's bounds."""
        return self.raw.parts

    def begin(self, key: str, *, meta: Meta | None = None) -> Upload:
        """Begin an upload."""
        upload: Upload = self._call("begin", key, meta=meta or Meta(write_id=write_id()))
        return upload

    def part(self, upload: Upload, number: int, data: bytes, *, crc32c: int | None = None) -> Part:
        """Upload one part."""
        checksum = crc32c_of(data) if crc32c is None else crc32c
        part: Part = self._call("part", upload, number, data, crc32c=checksum)
        return part

    def finish(
        self,
        upload: Upload,
        parts: Sequence[Part],
        whole: bytes,
        *,
        expect: Expect = ANY,
        crc32c: int | None = None,
    ) -> Committed | Refused[Stat]:
        """Make the upload the object; ``whole`` is what it then holds."""
        checksum = crc32c_of(whole) if crc32c is None else crc32c
        answer: Committed | Refused[Stat] = self._call(
            "finish", upload, parts, size=len(whole), crc32c=checksum, expect=expect
        )
        return answer

    def abort(self, upload: Upload) -> None:
        """Forget an upload."""
        self._call("abort", upload)

    def uploads(self, prefix: str | None = None, *, limit: int = 1000) -> list[Upload]:
        """Return all unfinished uploads under a prefix, by default this test's own."""
        start = self.key("") if prefix is None else prefix
        return all_of(lambda cursor: self._call("uploads", start, cursor=cursor, limit=limit))


class ObjectCalls(Calls):
    """An object driver."""

    @property
    def multipart(self) -> MultipartCalls:
        """Its uploads in parts, for cases whose clause needs them."""
        return MultipartCalls(self.raw, self.loop, self.prefix, self.timeout, self._again)

    def stat(self, key: str, *, timeout: float | None = None) -> Stat | None:
        """Describe an object."""
        found: Stat | None = self._call("stat", key, timeout=timeout)
        return found

    def read(
        self,
        key: str,
        *,
        start: int = 0,
        length: int = 8 * 1024 * 1024,
        expect: Any = ANY,
        timeout: float | None = None,
    ) -> Chunk | None | Refused[Stat]:
        """Read a range; by default from the beginning, as much as one read may ask for."""
        answer: Chunk | None | Refused[Stat] = self._call(
            "read", key, start=start, length=length, expect=expect, timeout=timeout
        )
        return answer

    def bytes_of(self, key: str) -> bytes | None:
        """Return an object's bytes, up to 8 MiB; None if there is no object."""
        chunk = self.read(key)
        assert not isinstance(chunk, Refused), "a read that expects nothing was refused"
        return None if chunk is None else chunk.data

    def write(
        self,
        key: str,
        data: bytes | memoryview,
        *,
        expect: Expect = ANY,
        meta: Meta | None = None,
        crc32c: int | None = None,
        timeout: float | None = None,
    ) -> Committed | Refused[Stat]:
        """Store an object; by default over whatever is there, under a fresh write id, with its right checksum."""
        checksum = crc32c_of(bytes(data)) if crc32c is None else crc32c
        answer: Committed | Refused[Stat] = self._call(
            "write", key, data, meta=meta or Meta(write_id=write_id()), crc32c=checksum, expect=expect, timeout=timeout
        )
        return answer

    def put(self, key: str, data: bytes, **options: Any) -> str:
        """Store an object, and return its version."""
        answer = self.write(key, data, **options)
        assert isinstance(answer, Committed), answer
        return answer.version

    def copy(
        self, source: str, target: str, *, pinned: str, meta: Meta | None = None, expect: Expect = ANY
    ) -> Committed | Refused[Stat] | None:
        """Copy one version of an object, in as many steps as it takes."""
        token = None
        fixed: dict[str, Any] = {"pinned": Match(pinned), "meta": meta or Meta(write_id=write_id()), "expect": expect}
        while True:
            answer = self._call("copy", source, target, resume=token, **fixed)
            if answer is None or isinstance(answer, Committed | Refused):
                return answer
            token = answer.token

    def delete(self, key: str, *, expect: Any = ANY, timeout: float | None = None) -> Gone | Refused[Stat]:
        """Delete an object; by default whatever is there."""
        answer: Gone | Refused[Stat] = self._call("delete", key, expect=expect, timeout=timeout)
        return answer

    def page(
        self,
        prefix: str,
        *,
        delimiter: str | None = None,
        start_after: str | None = None,
        cursor: str | None = None,
        limit: int = 1000,
    ) -> Page[Stat]:
        """List a part of the objects."""
        page: Page[Stat] = self._call(
            "page", prefix, delimiter=delimiter, start_after=start_after, cursor=cursor, limit=limit
        )
        return page

    def pages(
        self,
        prefix: str | None = None,
        *,
        delimiter: str | None = None,
        start_after: str | None = None,
        limit: int = 1000,
    ) -> list[Page[Stat]]:
        """Return all pages under a prefix, by default this test's own."""
        start = self.key("") if prefix is None else prefix
        pages = [self.page(start, delimiter=delimiter, start_after=start_after, limit=limit)]
        while pages[-1].cursor is not None:
            pages.append(self.page(start, delimiter=delimiter, cursor=pages[-1].cursor, limit=limit))
        return pages

    def keys(self, prefix: str | None = None, *, start_after: str | None = None, limit: int = 1000) -> list[str]:
        """Return the keys under a prefix, by default this test's own, in the listing's order."""
        return [stat.key for page in self.pages(prefix, start_after=start_after, limit=limit) for stat in page.items]
