"""The object driver: bytes of any size under a key, with conditional writes.

The same rules as for records: every method is unary, bounded and one attempt, and safe to call from several threads.
Data goes in as ``bytes | memoryview`` and comes out as ``bytes``; core computes every CRC32C.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

from .faults import Failure
from .types import (
    Buffer,
    Chunk,
    Committed,
    Continue,
    Expect,
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

__all__ = ["AsyncMultipartDriver", "AsyncObjectDriver", "MultipartDriver", "ObjectDriver"]


@runtime_checkable
class ObjectDriver(Protocol):
    """What a backend implements to hold objects."""

    def stat(self, key: str, /, *, timeout: float) -> Stat | None:
        """Describe an object, with its metadata.

        Guarantees: ``key`` follows the key grammar (K-01), at most 1,000 bytes with namespace (K-11).
        Owes: sees every acknowledged write (O-51).
        """
        ...

    def read(
        self, key: str, /, *, start: int, length: int, expect: Match | Literal[Token.ANY], timeout: float
    ) -> Chunk | None | Refused[Stat]:
        """Read ``length`` bytes from ``start``, or what there is of them.

        Guarantees: ``start >= 0``, ``1 <= length <= 8 MiB``.
        Owes: bytes and Stat are of one version (O-52), with its metadata; another version than ``expect`` is refused
        (O-53); a start at or beyond the end gives no bytes, with the Stat (O-54).

        Returns:
            The bytes, or None if nothing is stored.
        """
        ...

    def write(
        self, key: str, data: Buffer, /, *, meta: Meta, crc32c: int, expect: Expect, timeout: float
    ) -> Committed | Refused[Stat]:
        """Store an object in one request if ``expect`` holds, atomically.

        Guarantees: at most 8 MiB; ``meta`` is ASCII within the limits (K-05); ``meta.write_id`` is set.
        Owes: one winner (O-55); nothing is visible before it is complete (O-56); data that do not match ``crc32c`` are
        a fault and not stored, where the engine checks (O-57); all of ``meta`` comes back as it went in (O-58).
        """
        ...

    def copy(
        self,
        source: str,
        target: str,
        /,
        *,
        pinned: Match,
        meta: Meta,
        expect: Expect,
        resume: str | None,
        timeout: float,
    ) -> Committed | Refused[Stat] | Continue | None:
        """Copy one version of ``source`` to ``target`` if ``expect`` holds for the target, atomically.

        Guarantees: ``resume`` is None, or the token of the Continue before.
        Owes: the source's bytes with ``meta``, replaced and not copied (O-59); Refused speaks of the target (O-60).

        Returns:
            None if the source is gone or is another version.
        """
        ...

    def delete(self, key: str, /, *, expect: Match | Literal[Token.ANY], timeout: float) -> Gone | Refused[Stat]:
        """Delete an object if ``expect`` holds, atomically.

        Owes: with Match, another version is refused (O-61). An absent object is ``Gone.ABSENT``, or ``Refused(None)``
        where the engine says no more.
        """
        ...

    def page(
        self,
        prefix: str,
        /,
        *,
        delimiter: str | None,
        start_after: str | None,
        cursor: str | None,
        limit: int,
        timeout: float,
    ) -> Page[Stat]:
        """List a part of the objects whose keys begin with ``prefix``, sorted by UTF-8 bytes.

        Guarantees: ``delimiter`` is None or ``/``; ``start_after`` on the first page only, then ``cursor``;
        1 <= ``limit`` <= 1000.
        Owes: all pages together hold each key present throughout exactly once, in order (O-62); keys with the delimiter
        after the prefix are folded into ``prefixes``, each once (O-63); only keys after ``start_after`` (O-64).
        """
        ...

    def fault(self, exc: BaseException, /) -> Failure:
        """Explain an exception that one of the methods raised. Pure and total (E-01)."""
        ...


@runtime_checkable
class MultipartDriver(Protocol):
    """What an object driver also implements when it takes objects larger than one request."""

    @property
    def parts(self) -> Parts:
        """The engine's bounds. ``smallest`` is at most 8 MiB, so that one part size fits every engine."""
        ...

    def begin(self, key: str, /, *, meta: Meta, timeout: float) -> Upload:
        """Begin an upload. Owes: nothing is visible under ``key`` (O-65)."""
        ...

    def part(self, upload: Upload, number: int, data: Buffer, /, *, crc32c: int, timeout: float) -> Part:
        """Upload one part.

        Guarantees: numbers from 1; parts may arrive at once and in any order; the same one may be sent again.
        Owes: data that do not match ``crc32c`` are a fault, where the engine checks (O-57).
        """
        ...

    def finish(
        self,
        upload: Upload,
        parts: Sequence[Part],
        /,
        *,
        size: int,
        crc32c: int,
        expect: Expect,
        timeout: float,
    ) -> Committed | Refused[Stat]:
        """Make the upload the object if ``expect`` holds, atomically.

        It alone may send several requests; the last carries the condition and makes the object visible.
        Owes: the same as ``write`` (O-55 to O-58, O-66). An upload that is not there any more is a fault that core
        settles by write id: ``Fault.LOST``.
        """
        ...

    def abort(self, upload: Upload, /, *, timeout: float) -> None:
        """Forget an upload and its parts. One that is not there is success (O-67)."""
        ...

    def uploads(self, prefix: str, /, *, cursor: str | None, limit: int, timeout: float) -> Page[Upload]:
        """List uploads that were begun and neither finished nor aborted, in any order (O-68)."""
        ...


@runtime_checkable
class AsyncObjectDriver(Protocol):
    """The same, natively asynchronous. See ObjectDriver for what each method owes."""

    async def stat(self, key: str, /, *, timeout: float) -> Stat | None:
        """See ObjectDriver."""
        ...

    async def read(
        self, key: str, /, *, start: int, length: int, expect: Match | Literal[Token.ANY], timeout: float
    ) -> Chunk | None | Refused[Stat]:
        """See ObjectDriver."""
        ...

    async def write(
        self, key: str, data: Buffer, /, *, meta: Meta, crc32c: int, expect: Expect, timeout: float
    ) -> Committed | Refused[Stat]:
        """See ObjectDriver."""
        ...

    async def copy(
        self,
        source: str,
        target: str,
        /,
        *,
        pinned: Match,
        meta: Meta,
        expect: Expect,
        resume: str | None,
        timeout: float,
    ) -> Committed | Refused[Stat] | Continue | None:
        """See ObjectDriver."""
        ...

    async def delete(self, key: str, /, *, expect: Match | Literal[Token.ANY], timeout: float) -> Gone | Refused[Stat]:
        """See ObjectDriver."""
        ...

    async def page(
        self,
        prefix: str,
        /,
        *,
        delimiter: str | None,
        start_after: str | None,
        cursor: str | None,
        limit: int,
        timeout: float,
    ) -> Page[Stat]:
        """See ObjectDriver."""
        ...

    def fault(self, exc: BaseException, /) -> Failure:
        """See ObjectDriver."""
        ...


@runtime_checkable
class AsyncMultipartDriver(Protocol):
    """The same, natively asynchronous. See MultipartDriver for what each method owes."""

    @property
    def parts(self) -> Parts:
        """See MultipartDriver."""
        ...

    async def begin(self, key: str, /, *, meta: Meta, timeout: float) -> Upload:
        """See MultipartDriver."""
        ...

    async def part(self, upload: Upload, number: int, data: Buffer, /, *, crc32c: int, timeout: float) -> Part:
        """See MultipartDriver."""
        ...

    async def finish(
        self,
        upload: Upload,
        parts: Sequence[Part],
        /,
        *,
        size: int,
        crc32c: int,
        expect: Expect,
        timeout: float,
    ) -> Committed | Refused[Stat]:
        """See MultipartDriver."""
        ...

    async def abort(self, upload: Upload, /, *, timeout: float) -> None:
        """See MultipartDriver."""
        ...

    async def uploads(self, prefix: str, /, *, cursor: str | None, limit: int, timeout: float) -> Page[Upload]:
        """See MultipartDriver."""
        ...
