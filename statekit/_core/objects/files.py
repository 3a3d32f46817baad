"""Objects as files: readers that keep to one version, and writers that publish when they are closed and not before."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Self

from google_crc32c import extend

from statekit._core.arun import AsyncRunner
from statekit._core.plan import Plan, clean_up
from statekit._core.run import Runner
from statekit.driver import Committed, Expect, Meta
from statekit.errors import ConflictError, CorruptDataError, InvalidInputError, StateError
from statekit.types import ObjectInfo

from .ahead import PIECE, ReadAhead
from .describe import Put, info_of
from .plans import ObjectPlans
from .writing import PART, Multipart, StartOverError

__all__ = ["AsyncObjectReader", "AsyncObjectWriter", "ObjectReader", "ObjectWriter"]


class Reading:
    """A pinned version of an object, read piece by piece: the plans under both readers.

    Reading it from the beginning to the end verifies its checksum.

    Args:
        plans: The object store's.
        key: The object's key.
        timeout: Seconds, for each request.
    """

    def __init__(self, plans: ObjectPlans, key: str, timeout: float | None) -> None:
        self._plans = plans
        self._op = plans.wire.begin("read", timeout)
        self._place = ""
        self._key = key
        self.info: ObjectInfo | None = None
        self._held = b""
        self._held_at = 0
        self._ahead: ReadAhead | None = None
        self._checked = 0
        self._checksum = 0

    def begin(self) -> Plan[ObjectInfo]:
        """Pin the version that is stored now, and fetch its first bytes with the same request."""
        self._place = self._plans.place(self._op, self._key)
        chunk = yield from self._plans.read(self._op, self._place, 0, PIECE, None)
        self.info = info_of(self._key, chunk.stat)
        self._held = chunk.data
        self._ahead = ReadAhead(self._read, self.info.size)
        self._ahead.note(0, chunk.data)
        return self.info

    def pin(self) -> Plan[ObjectInfo]:
        """Pin the version that is stored now, without fetching any of it, now or ahead."""
        self._place = self._plans.place(self._op, self._key)
        self.info = info_of(self._key, (yield from self._plans.look(self._op, self._place)))
        return self.info

    def fetch(self, start: int, length: int) -> Plan[bytes]:
        """Return bytes of the pinned version; none at its end."""
        info = self.info or (yield from self.begin())
        length = min(length, info.size - start)
        if length <= 0:
            return b""
        if not self._held_at <= start < self._held_at + len(self._held):
            self._held = b""
            self._held_at, self._held = start, (yield from self._piece(start, min(length, PART)))
        at = start - self._held_at
        data = self._held[at : at + length]
        if not data:
            raise CorruptDataError("the engine returned fewer bytes than it has", clause="O-08")
        self._op.size += len(data)
        self._check(start, data, info)
        return data

    def _piece(self, start: int, length: int) -> Plan[bytes]:
        self._plans.wire.check_open()
        return (self._ahead.piece if self._ahead else self._read)(start, length)

    def _read(self, start: int, length: int) -> Plan[bytes]:
        version = self.info.version if self.info else None
        return (yield from self._plans.read(self._op, self._place, start, length, version)).data

    def _check(self, start: int, data: bytes, info: ObjectInfo) -> None:
        if start != self._checked or info.crc32c is None:
            return
        self._checksum = extend(self._checksum, data)
        self._checked += len(data)
        if self._checked == info.size and self._checksum != info.crc32c:
            raise CorruptDataError("the object does not match its checksum", clause="O-21")

    def close(self, error: BaseException | None) -> Plan[None]:
        """Wait for what is being read ahead, and emit the one event."""
        try:
            if self._ahead is not None:
                yield from clean_up(None, self._ahead.drop)
        finally:
            self.end(error)

    def end(self, error: BaseException | None) -> None:
        """Emit the one event of a reading that read nothing ahead."""
        self._op.end(error)


def _position(offset: int, whence: int, now: int, size: int) -> int:
    """Return where a seek leads to.

    Raises:
        InvalidInputError: Before the beginning.
    """
    start = {io.SEEK_SET: 0, io.SEEK_CUR: now, io.SEEK_END: size}.get(whence)
    if start is None or start + offset < 0:
        raise InvalidInputError("a position is not negative, and whence is 0, 1 or 2", clause="O-25")
    return start + offset


class _Raw(io.RawIOBase):
    """What BufferedReader reads from."""

    def __init__(self, reading: Reading, runner: Runner) -> None:
        self._reading = reading
        self._run = runner.run
        self._at = 0
        self._error: BaseException | None = None
        self.info = self._do(reading.begin())

    def _do(self, plan: Plan[Any]) -> Any:
        try:
            return self._run(plan)
        except BaseException as error:
            self._error = error
            self.close()
            raise

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        data = self._do(self._reading.fetch(self._at, len(view)))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def readall(self) -> bytes:
        """Return the rest in parts; the inherited one asks for 8 KiB at a time, and each is a request."""
        pieces = []
        while data := self._do(self._reading.fetch(self._at, PART)):
            pieces.append(data)
            self._at += len(data)
        return b"".join(pieces)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = _position(offset, whence, self._at, self.info.size)
        return self._at

    def tell(self) -> int:
        return self._at

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._run(self._reading.close(self._error))


class ObjectReader(io.BufferedReader):
    """An object as a binary file. It reads one version: an overwrite meanwhile is a ConflictError.

    Attributes:
        info: What is known about the version.
    """

    def __init__(self, reading: Reading, runner: Runner) -> None:
        raw = _Raw(reading, runner)
        super().__init__(raw, max(1, min(PIECE, raw.info.size)))
        self.info: ObjectInfo = raw.info


class AsyncObjectReader:
    """The same for asyncio: ``await read(n)``, or iterate over the pieces.

    Attributes:
        info: What is known about the version.
    """

    def __init__(self, reading: Reading, runner: AsyncRunner, info: ObjectInfo) -> None:
        self._reading = reading
        self._run = runner.run
        self._at = 0
        self._closed = False
        self.info = info

    async def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes, fewer at the end; all that are left if it is negative."""
        pieces = []
        left = self.info.size - self._at if size < 0 else size
        while left > 0 and (piece := await self._run(self._reading.fetch(self._at, left))):
            self._at += len(piece)
            left -= len(piece)
            pieces.append(piece)
        return b"".join(pieces)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position, as in a file, and return it in bytes from the beginning."""
        self._at = _position(offset, whence, self._at, self.info.size)
        return self._at

    def tell(self) -> int:
        """Return the position, in bytes from the beginning."""
        return self._at

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self.read(PIECE):
            yield piece

    async def close(self) -> None:
        """End reading."""
        await self._close(None)

    async def _close(self, error: BaseException | None) -> None:
        if not self._closed:
            self._closed = True
            await self._run(self._reading.close(error))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close(error if isinstance(error, StateError) else None)


class Writing:
    """An object that is written piece by piece: the plans under both writers."""

    def __init__(self, plans: ObjectPlans, key: str, put: Put, timeout: float | None, *, signed: bool = False) -> None:
        self._plans = plans
        self._op = plans.wire.begin("write", timeout)
        self._key = key
        try:
            plans.wire.check_open()
            self._place = plans.place(self._op, key, signed=signed)
            self._meta: Meta = put.meta()
            self._expect: Expect = put.expect()
        except BaseException as error:
            self._op.end(error)
            raise
        self._buffer = bytearray()
        self._upload: Multipart | None = None
        self.state = "open"

    def write(self, data: bytes | bytearray | memoryview) -> Plan[int]:
        """Take bytes; send a part whenever there are enough for one."""
        self._check_open()
        self._buffer += data
        while len(self._buffer) > PART:
            yield from self._send(PART)
        return memoryview(data).nbytes

    def _send(self, size: int) -> Plan[None]:
        if self._upload is None:
            upload = self._plans.multipart(self._op, self._place, self._meta, self._expect)
            yield from upload.begin()
            self._upload = upload
        piece = bytes(memoryview(self._buffer)[:size])
        del self._buffer[:size]
        yield from self._upload.next_part(piece)

    def finish(self) -> Plan[ObjectInfo]:
        """Publish."""
        self._check_open()
        if self._upload is None:
            data = bytes(self._buffer)
            info = yield from self._plans.put_small(self._op, self._key, self._place, self._meta, self._expect, data)
        else:
            if self._buffer:
                yield from self._send(len(self._buffer))
            info = yield from self._publish(self._upload)
        self.state = "closed"
        self._op.end(None)
        return info

    def _publish(self, upload: Multipart) -> Plan[ObjectInfo]:
        try:
            done: Committed = yield from upload.finish()
        except StartOverError as error:
            raise ConflictError("another upload finished first; write the object again") from error
        return self._plans.described(self._op, self._key, self._meta, done, upload.size, upload.checksum())

    def abort(self, error: BaseException | None) -> Plan[None]:
        """Publish nothing, and leave nothing behind."""
        if self.state != "open":
            return
        self.state = "aborted"
        self._buffer.clear()
        try:
            if self._upload is not None:
                yield from clean_up(None, self._upload.abort)
        finally:
            self._op.end(error or ConflictError("the writer was left early"))

    def _check_open(self) -> None:
        if self.state != "open":
            error = InvalidInputError(f"this writer is {self.state}", clause="O-24")
            self._op.sign(error)
            raise error


class ObjectWriter:
    """An object being written like a binary file. ``close`` publishes it; leaving its block by an exception does not.

    It is not published when it is merely forgotten, either: a file that garbage collection closes would publish half.

    Attributes:
        info: What was published; None until then.
    """

    def __init__(self, writing: Writing, run: Callable[[Plan[Any]], Any]) -> None:
        self._writing = writing
        self._run = run
        self.info: ObjectInfo | None = None

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Take bytes; return how many.

        Raises:
            BackendError: A part could not be sent. The writer is aborted.
        """
        return int(self._guarded(self._writing.write(data)))

    def close(self) -> None:
        """Publish the object; a second time does nothing.

        Raises:
            ConflictError: The condition did not hold; nothing was published.
        """
        if self._writing.state == "open":
            self.info = self._guarded(self._writing.finish())

    def abort(self) -> None:
        """Publish nothing."""
        self._run(self._writing.abort(None))

    def _guarded(self, plan: Plan[Any]) -> Any:
        try:
            return self._run(plan)
        except BaseException as error:
            self._run(self._writing.abort(error))
            raise

    @property
    def closed(self) -> bool:
        """Whether it was closed or aborted."""
        return self._writing.state != "open"

    def flush(self) -> None:
        """Do nothing: what is not published is nobody's to see."""

    def readable(self) -> bool:
        """Say no."""
        return False

    def writable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say no."""
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self._run(self._writing.abort(error))


class AsyncObjectWriter:
    """The same for asyncio.

    Attributes:
        info: What was published; None until then.
    """

    def __init__(self, writing: Writing, runner: AsyncRunner) -> None:
        self._writing = writing
        self._run = runner.run
        self.info: ObjectInfo | None = None

    async def write(self, data: bytes | bytearray | memoryview) -> int:
        """Take bytes; return how many. See ObjectWriter.write."""
        return int(await self._guarded(self._writing.write(data)))

    async def close(self) -> None:
        """Publish the object. See ObjectWriter.close."""
        if self._writing.state == "open":
            self.info = await self._guarded(self._writing.finish())

    async def abort(self) -> None:
        """Publish nothing."""
        await self._run(self._writing.abort(None))

    async def _guarded(self, plan: Plan[Any]) -> Any:
        try:
            return await self._run(plan)
        except BaseException as error:
            await self._run(self._writing.abort(error))
            raise

    @property
    def closed(self) -> bool:
        """Whether it was closed or aborted."""
        return self._writing.state != "open"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self.close()
        else:
            await self._run(self._writing.abort(error))
