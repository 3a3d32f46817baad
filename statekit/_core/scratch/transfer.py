"""Files between a workspace's directory and an object store: streamed, verified, and visible when they are complete."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from google_crc32c import extend

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

Verify = Callable[[Path], bool]
"""Whether a file that has arrived is what was asked for."""


def by_digest(digest: str) -> Verify:
    """Verify a blob, whose name says what it contains."""

    def verify(path: Path) -> bool:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == digest

    return verify


def by_checksum(checksum: int | None) -> Verify:
    """Verify an object by its CRC32C, where it is known."""

    def verify(path: Path) -> bool:
        found = 0
        with path.open("rb", buffering=0) as file:
            while block := file.read(_BLOCK):
                found = extend(found, block)
        return checksum is None or found == checksum

    return verify


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where a download goes.

    Attributes:
        part: Where it is written.
        target: Where it is moved when it is complete and verified.
    """

    part: Path
    target: Path

    def begin(self, size: int, first: bytes) -> None:
        """Write the first bytes of so many."""
        with minding_the_disk(), self.part.open("xb", buffering=0) as file:
            file.truncate(size)
            file.write(first)

    def write(self, at: int, data: bytes) -> None:
        """Write bytes at their place."""
        with minding_the_disk(), self.part.open("r+b", buffering=0) as file:
            file.seek(at)
            file.write(data)

    def finish(self, verify: Verify) -> None:
        """Show the file, if it is right.

        Raises:
            CorruptDataError: It is not. Nothing is shown.
        """
        if not verify(self.part):
            raise CorruptDataError("what arrived does not match its checksum", clause="X-15")
        self.target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.part.replace(self.target)

    def give_up(self) -> None:
        """Forget what has arrived so far."""
        self.part.unlink(missing_ok=True)


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
    source = _Watched(source_of(file.path), file, progress)
    return (yield from objects.store(op, key, place, put, source))


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
            raise InvalidInputError("a file was changed while it was being sent", clause="X-08")
        if len(data) < size and self._taken < self._file.size:
            raise InvalidInputError("a file was cut short while it was being sent", clause="X-08")
        self._progress.add(self._taken - before)
        return data

    def rewind(self) -> Plan[bool]:
        again = yield from self._source.rewind()
        self._begin()
        return again

    def close(self) -> Plan[None]:
        yield from self._source.close()
