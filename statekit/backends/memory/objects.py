"""Objects and uploads in dicts."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from google_crc32c import value as crc32c_of

from statekit.driver import (
    ABSENT,
    ANY,
    Buffer,
    Chunk,
    Clock,
    Committed,
    Expect,
    Failure,
    Fault,
    Gone,
    Match,
    Meta,
    Page,
    Part,
    Parts,
    Refused,
    Stat,
    Token,
    Upload,
)

__all__ = ["MemoryObjects"]


class _DamagedError(Exception):
    """The bytes do not match the checksum that came with them."""


class _NoUploadError(Exception):
    """There is no such upload (any more)."""


@dataclass(slots=True)
class _Object:
    stat: Stat
    data: bytes


@dataclass(slots=True)
class _Pending:
    upload: Upload
    parts: dict[int, bytes] = field(default_factory=dict)


class MemoryObjects:
    """An ObjectDriver and MultipartDriver that keeps everything in this process."""

    parts: Final = Parts(smallest=1, largest=1 << 30, most=10_000)
    clock: Clock

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._objects: dict[str, _Object] = {}
        self._uploads: dict[str, _Pending] = {}

    def stat(self, key: str, /, *, timeout: float) -> Stat | None:  # noqa: ARG002 - nothing here waits
        """Describe an object."""
        found = self._objects.get(key)
        return found.stat if found else None

    def read(
        self,
        key: str,
        /,
        *,
        start: int,
        length: int,
        expect: Match | Literal[Token.ANY],
        timeout: float,  # noqa: ARG002
    ) -> Chunk | None | Refused[Stat]:
        """Read a part of an object."""
        found = self._objects.get(key)
        if found is None:
            return None
        if not _holds(expect, found):
            return Refused(found.stat)
        return Chunk(found.stat, found.data[start : start + length])

    def write(
        self,
        key: str,
        data: Buffer,
        /,
        *,
        meta: Meta,
        crc32c: int,
        expect: Expect,
        timeout: float,  # noqa: ARG002
    ) -> Committed | Refused[Stat]:
        """Store an object if ``expect`` holds."""
        whole = bytes(data)
        if crc32c_of(whole) != crc32c:
            raise _DamagedError
        with self._lock:
            return self._store(key, whole, meta, crc32c, expect)

    def _store(self, key: str, data: bytes, meta: Meta, crc32c: int, expect: Expect) -> Committed | Refused[Stat]:
        current = self._objects.get(key)
        if not _holds(expect, current):
            return Refused(current.stat if current else None)
        version = secrets.token_hex(8)
        stat = Stat(key, version, len(data), self.clock.now(), meta, crc32c)
        self._objects[key] = _Object(stat, data)
        return Committed(version)

    def copy(
        self,
        source: str,
        target: str,
        /,
        *,
        pinned: Match,
        meta: Meta,
        expect: Expect,
        resume: str | None,  # noqa: ARG002 - a copy here has one step
        timeout: float,  # noqa: ARG002
    ) -> Committed | Refused[Stat] | None:
        """Copy one version of an object if ``expect`` holds for the target."""
        with self._lock:
            found = self._objects.get(source)
            if found is None or not _holds(pinned, found):
                return None
            return self._store(target, found.data, meta, crc32c_of(found.data), expect)

    def delete(
        self,
        key: str,
        /,
        *,
        expect: Match | Literal[Token.ANY],
        timeout: float,  # noqa: ARG002
    ) -> Gone | Refused[Stat]:
        """Delete an object if ``expect`` holds."""
        with self._lock:
            current = self._objects.get(key)
            if current is None:
                return Gone.ABSENT
            if not _holds(expect, current):
                return Refused(current.stat)
            del self._objects[key]
            return Gone.DELETED

    def page(
        self,
        prefix: str,
        /,
        *,
        delimiter: str | None,
        start_after: str | None,
        cursor: str | None,
        limit: int,
        timeout: float,  # noqa: ARG002
    ) -> Page[Stat]:
        """List a part of the objects."""
        first, after = (start_after or "").encode(), (cursor or "").encode()
        with self._lock:
            stats = [
                found.stat for key, found in self._objects.items() if key.startswith(prefix) and key.encode() > first
            ]
        lines = _folded(sorted(stats, key=lambda stat: stat.key.encode()), prefix, delimiter)
        later = [line for line in lines if _end(line) > after]
        shown = later[:limit]
        items = tuple(line for line in shown if isinstance(line, Stat))
        prefixes = tuple(line for line in shown if isinstance(line, str))
        return Page(items, _end(shown[-1]).decode() if len(later) > limit else None, prefixes)

    def begin(self, key: str, /, *, meta: Meta, timeout: float) -> Upload:  # noqa: ARG002
        """Begin an upload."""
        upload = Upload(key, secrets.token_hex(8), meta, self.clock.now())
        with self._lock:
            self._uploads[upload.id] = _Pending(upload)
        return upload

    def part(
        self,
        upload: Upload,
        number: int,
        data: Buffer,
        /,
        *,
        crc32c: int,
        timeout: float,  # noqa: ARG002
    ) -> Part:
        """Take one part."""
        whole = bytes(data)
        if crc32c_of(whole) != crc32c:
            raise _DamagedError
        with self._lock:
            self._pending(upload).parts[number] = whole
        return Part(number, f"{crc32c:08x}", len(whole))

    def finish(
        self,
        upload: Upload,
        parts: Sequence[Part],
        /,
        *,
        size: int,
        crc32c: int,
        expect: Expect,
        timeout: float,  # noqa: ARG002
    ) -> Committed | Refused[Stat]:
        """Make the parts one object if ``expect`` holds."""
        with self._lock:
            pending = self._pending(upload)
            whole = b"".join(pending.parts[part.number] for part in parts)
            if len(whole) != size or crc32c_of(whole) != crc32c:
                raise _DamagedError
            answer = self._store(upload.key, whole, upload.meta or Meta(), crc32c, expect)
            if isinstance(answer, Committed):
                del self._uploads[upload.id]
            return answer

    def abort(self, upload: Upload, /, *, timeout: float) -> None:  # noqa: ARG002
        """Forget an upload."""
        with self._lock:
            self._uploads.pop(upload.id, None)

    def uploads(self, prefix: str, /, *, cursor: str | None, limit: int, timeout: float) -> Page[Upload]:  # noqa: ARG002
        """List unfinished uploads."""
        with self._lock:
            pending = sorted(
                (p.upload for p in self._uploads.values() if p.upload.key.startswith(prefix)),
                key=lambda u: u.id,
            )
        later = [upload for upload in pending if upload.id > (cursor or "")]
        return Page(tuple(later[:limit]), later[limit - 1].id if len(later) > limit else None)

    def _pending(self, upload: Upload) -> _Pending:
        pending = self._uploads.get(upload.id)
        if pending is None:
            raise _NoUploadError
        return pending

    def fault(self, exc: BaseException, /) -> Failure:
        """Explain an exception."""
        if isinstance(exc, _DamagedError):
            return Failure(Fault.REJECTED)
        return Failure(Fault.LOST if isinstance(exc, _NoUploadError) else Fault.UNKNOWN)


def _holds(expect: Expect, current: _Object | None) -> bool:
    """Whether an expectation holds for what is stored."""
    if expect is ANY:
        return True
    if expect is ABSENT:
        return current is None
    return current is not None and current.stat.version == expect.version


def _folded(stats: list[Stat], prefix: str, delimiter: str | None) -> Iterator[Stat | str]:
    """Replace what the delimiter folds by its prefix, once."""
    last = None
    for stat in stats:
        rest = stat.key[len(prefix) :]
        if delimiter is None or delimiter not in rest:
            yield stat
            continue
        folded = prefix + rest[: rest.index(delimiter) + len(delimiter)]
        if folded != last:
            last = folded
            yield folded


def _end(line: Stat | str) -> bytes:
    """Return what sorts a line, and what continues behind it: a folded prefix stands for all keys under it."""
    return line.encode() if isinstance(line, str) else line.key.encode()
