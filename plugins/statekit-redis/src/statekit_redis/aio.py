"""The asynchronous drivers: one line for each call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from statekit.driver import (
    Buffer,
    Chunk,
    Committed,
    Continue,
    Entry,
    Expect,
    Failure,
    Gone,
    Match,
    Meta,
    Millis,
    Page,
    Part,
    Record,
    Refused,
    Sight,
    Stat,
    Token,
    Upload,
)

from . import faults
from .asending import AsyncSender
from .flows import PARTS, ObjectFlows, RecordFlows

__all__ = ["AsyncObjects", "AsyncRecords"]


class AsyncRecords:
    """The native asynchronous RecordDriver.

    Args:
        sender: Sends requests.
        flows: What the calls send.
    """

    def __init__(self, sender: AsyncSender, flows: RecordFlows) -> None:
        self._run = sender.run
        self._flows = flows

    async def read(self, key: str, /, *, timeout: float) -> Record | None:
        """Read one record."""
        return await self._run(self._flows.read(key), timeout)

    async def write(
        self,
        key: str,
        value: bytes,
        /,
        *,
        expires_at: Millis | None,
        write_id: str,
        expect: Expect,
        timeout: float,
    ) -> Committed | Refused[Record]:
        """Store a record if ``expect`` holds."""
        return await self._run(self._flows.write(key, value, expires_at, write_id, expect), timeout)

    async def touch(
        self,
        key: str,
        /,
        *,
        seen: Record,
        expires_at: Millis,
        timeout: float,
    ) -> Committed | Refused[Record]:
        """Move a record's expiry if version and expiry are as seen."""
        return await self._run(self._flows.touch(key, seen, expires_at), timeout)

    async def delete(self, key: str, /, *, expect: Sight, timeout: float) -> Gone | Refused[Record]:
        """Delete a record if ``expect`` holds."""
        return await self._run(self._flows.delete(key, expect), timeout)

    async def page(self, prefix: str, /, *, cursor: str | None, limit: int, timeout: float) -> Page[Entry]:
        """List a part of the records."""
        return await self._run(self._flows.page(prefix, cursor, limit), timeout)

    def fault(self, exc: BaseException, /) -> Failure:
        """Explain an exception."""
        return faults.fault(exc)


class AsyncObjects:
    """The native asynchronous ObjectDriver and MultipartDriver.

    Args:
        sender: Sends requests.
        flows: What the calls send.
    """

    parts = PARTS

    def __init__(self, sender: AsyncSender, flows: ObjectFlows) -> None:
        self._run = sender.run
        self._flows = flows

    async def stat(self, key: str, /, *, timeout: float) -> Stat | None:
        """Describe an object."""
        return await self._run(self._flows.stat(key), timeout)

    async def read(
        self,
        key: str,
        /,
        *,
        start: int,
        length: int,
        expect: Match | Literal[Token.ANY],
        timeout: float,
    ) -> Chunk | None | Refused[Stat]:
        """Read a part of an object."""
        return await self._run(self._flows.read(key, start, length, expect), timeout)

    async def write(
        self,
        key: str,
        data: Buffer,
        /,
        *,
        meta: Meta,
        crc32c: int,
        expect: Expect,
        timeout: float,
    ) -> Committed | Refused[Stat]:
        """Store an object if ``expect`` holds."""
        return await self._run(self._flows.write(key, data, meta, crc32c, expect), timeout)

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
        """Copy a step of one version of an object if ``expect`` holds for the target."""
        return await self._run(self._flows.copy(source, target, pinned, meta, expect, resume), timeout)

    async def delete(
        self,
        key: str,
        /,
        *,
        expect: Match | Literal[Token.ANY],
        timeout: float,
    ) -> Gone | Refused[Stat]:
        """Delete an object if ``expect`` holds."""
        return await self._run(self._flows.delete(key, expect), timeout)

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
        """List a part of the objects."""
        return await self._run(self._flows.page(prefix, delimiter, start_after, cursor, limit), timeout)

    async def begin(self, key: str, /, *, meta: Meta, timeout: float) -> Upload:
        """Begin an upload."""
        return await self._run(self._flows.begin(key, meta), timeout)

    async def part(
        self,
        upload: Upload,
        number: int,
        data: Buffer,
        /,
        *,
        crc32c: int,
        timeout: float,
    ) -> Part:
        """Send one part."""
        return await self._run(self._flows.part(upload, number, data, crc32c), timeout)

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
        """Make the parts one object if ``expect`` holds."""
        return await self._run(self._flows.finish(upload, parts, size, crc32c, expect), timeout)

    async def abort(self, upload: Upload, /, *, timeout: float) -> None:
        """Forget an upload."""
        await self._run(self._flows.abort(upload), timeout)

    async def uploads(
        self,
        prefix: str,
        /,
        *,
        cursor: str | None,  # noqa: ARG002 - one page holds them all
        limit: int,  # noqa: ARG002
        timeout: float,
    ) -> Page[Upload]:
        """List unfinished uploads."""
        return await self._run(self._flows.uploads(prefix), timeout)

    def fault(self, exc: BaseException, /) -> Failure:
        """Explain an exception."""
        return faults.fault(exc)
