"""Files between a workspace's directory and an object store: streamed, verified, and visible when they are complete."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Final

from google_crc32c import extend
from msgspec import Struct

from statekit._core.objects.describe import Put
from statekit._core.objects.plans import ObjectPlans
from statekit._core.objects.source import Source, source_of
from statekit._core.objects.writing import PART
from statekit._core.pipeline import Operation
from statekit._core.plan import Plan, Work, clean_up
from statekit.driver import Chunk
from statekit.errors import CorruptDataError, InvalidInputError
from statekit.types import ObjectInfo

from .crew import Progress, each
from .tree import LocalFile, minding_the_disk

__all__ = ["PART", "Arrival", "Download", "Verify", "by_checksum", "by_digest", "upload"]

PARTS_AT_ONCE: Final = 4
_BLOCK: Final = 1024 * 1024

Verify = Callable[[Iterable[bytes]], bool]
"""Whether bytes that have arrived are what was asked for."""


def by_digest(digest: str) -> Verify:
    """Verify a blob, whose name says what it contains."""

    def verify(blocks: Iterable[bytes]) -> bool:
        found = hashlib.sha256()
        for block in blocks:
            found.update(block)
        return found.hexdigest() == digest

    return verify


def by_checksum(checksum: int | None) -> Verify:
    """Verify an object by its CRC32C, where it is known."""

    def verify(blocks: Iterable[bytes]) -> bool:
        found = 0
        for block in blocks:
            found = extend(found, block)
        return checksum is None or found == checksum

    return verify


class Arrival(Struct, frozen=True):
    """Where a download goes.

    Attributes:
        part: Where it is written.
        target: Where it is moved when it is complete and verified.
    """

    part: Path
    target: Path

    def take(self, data: bytes, verify: Verify) -> None:
        """Show a file that has arrived as a whole.

        Raises:
            CorruptDataError: It is not right. Nothing is shown.
        """
        _check(verify((data,)))
        self.begin(0, data)
        self.part.replace(self.target)

    def begin(self, size: int, first: bytes) -> None:
        """Write the first bytes of so many."""
        with minding_the_disk(), self.part.open("xb", buffering=0) as file:
            if size:
                file.truncate(size)
            file.write(first)

    def write(self, at: int, data: bytes) -> None:
        """Write bytes at their place."""
        with minding_the_disk(), self.part.open("r+b", buffering=0) as file:
            file.seek(at)
            file.write(data)

    def finish(self, verify: Verify | None = None) -> None:
        """Show the file, if it is right.

        Raises:
            CorruptDataError: It is not. Nothing is shown.
        """
        if verify is not None:
            with self.part.open("rb", buffering=0) as file:
                _check(verify(iter(partial(file.read, _BLOCK), b"")))
        self.part.replace(self.target)

    def give_up(self) -> None:
        """Forget what has arrived so far."""
        self.part.unlink(missing_ok=True)


def _check(right: bool) -> None:  # noqa: FBT001
    if not right:
        raise CorruptDataError("what arrived does not match its checksum", clause="X-15")


class Download:
    """One object on its way to a file.

    Args:
        objects: The store's plans.
        op: The operation.
        place: The object's key, as the driver has it.
    """

    def __init__(self, objects: ObjectPlans, op: Operation, place: str) -> None:
        self._objects, self._op, self._place = objects, op, place
        self._first: Chunk | None = None

    def begin(self) -> Plan[Chunk]:
        """Read the first part, which pins the version.

        Raises:
            NotFoundError: There is no object.
        """
        self._first = yield from self._objects.read(self._op, self._place, 0, PART, None)
        return self._first

    def run(self, arrival: Arrival, verify: Verify, progress: Progress) -> Plan[None]:
        """Fetch the rest, and show the file once it is complete.

        Raises:
            ConflictError: The object was overwritten meanwhile.
            CorruptDataError: It is not what it should be.
        """
        first = self._first or (yield from self.begin())
        try:
            if len(first.data) == first.stat.size:
                yield Work(partial(arrival.take, first.data, verify))
                self._count(first.data, progress)
                return
            yield Work(partial(arrival.begin, first.stat.size, first.data))
            self._count(first.data, progress)
            rest = range(len(first.data), first.stat.size, PART)
            yield from each(rest, lambda at: self._part(first, at, arrival, progress), PARTS_AT_ONCE)
            yield Work(partial(arrival.finish, verify))
        except BaseException as error:
            yield from clean_up(error, lambda: _working(arrival.give_up))
            raise

    def _part(self, first: Chunk, at: int, arrival: Arrival, progress: Progress) -> Plan[None]:
        wanted = min(PART, first.stat.size - at)
        chunk = yield from self._objects.read(self._op, self._place, at, wanted, first.stat.version)
        if len(chunk.data) != wanted:
            raise CorruptDataError("the engine returned fewer bytes than it has", clause="X-15")
        yield Work(partial(arrival.write, at, chunk.data))
        self._count(chunk.data, progress)

    def _count(self, data: bytes, progress: Progress) -> None:
        self._op.size += len(data)
        progress.add(len(data))


def _working(function: Callable[[], None]) -> Plan[None]:
    yield Work(function)


def upload(
    objects: ObjectPlans, op: Operation, key: str, place: str, put: Put, file: LocalFile, progress: Progress
) -> Plan[ObjectInfo]:
    """Store a file; what is stored has its digest, or nothing is stored.

    Raises:
        InvalidInputError: The file was changed meanwhile.
        ConflictError: The condition did not hold.
    """
    if file.size > PART:
        return (yield from objects.store(op, key, place, put, _Watched(source_of(file.path), file, progress)))
    data = yield Work(partial(_whole, file))
    info = yield from objects.store(op, key, place, put, source_of(data))
    progress.add(len(data))
    return info


def _whole(file: LocalFile) -> bytes:
    data = file.path.read_bytes()
    if hashlib.sha256(data).hexdigest() != file.digest:
        raise _changed()
    return data


def _changed() -> InvalidInputError:
    return InvalidInputError("a file was changed while it was being sent", clause="X-08")


class _Watched:
    """A file that is being sent: refuses its last bytes if it is not what was looked at before."""

    def __init__(self, source: Source, file: LocalFile, progress: Progress) -> None:
        self._source, self._file, self._progress = source, file, progress
        self.size = source.size
        self._begin()

    def _begin(self) -> None:
        self._digest = hashlib.sha256()
        self._taken = 0

    def take(self, size: int) -> Plan[bytes]:
        data = yield from self._source.take(size)
        before = self._taken
        self._digest.update(data)
        self._taken += len(data)
        if self._taken >= self._file.size and self._digest.hexdigest() != self._file.digest:
            raise _changed()
        if len(data) < size and self._taken < self._file.size:
            raise _changed()
        self._progress.add(self._taken - before)
        return data

    def rewind(self) -> Plan[bool]:
        again = yield from self._source.rewind()
        self._begin()
        return again

    def close(self) -> Plan[None]:
        yield from self._source.close()
