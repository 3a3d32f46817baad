"""What one workspace does, as plans: opened, worked in, checkpointed and closed."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from msgspec import Struct

from statekit._core.keys import redact
from statekit._core.objects.describe import Put
from statekit._core.objects.plans import ObjectPlans
from statekit._core.objects.source import AsyncData, Source, source_of
from statekit._core.pipeline import Operation, Wire
from statekit._core.plan import Job, Plan, Sleep, Spawn, Stop, Work, clean_up
from statekit.errors import InvalidInputError, NotFoundError, StateError
from statekit.types import Checkpoint, ObjectInfo, ScratchPolicy

from .checkpoint import Checkpoints, Elsewhere
from .crew import Progress, Tell
from .forms import Entry
from .lease import Holding, Leases, Terms, lost
from .local import Directory, Root
from .places import workspace_id
from .transfer import PART, Arrival, Download, by_checksum, upload
from .tree import Quota, Usage, check_room, check_shape, locate, look, names, prepare, scan, weigh

__all__ = ["Options", "Parts", "WorkspacePlans"]

_LOGGER: Final = logging.getLogger("statekit")
RENEWALS: Final = 3
"""How often a lease is renewed within its length, so that one lost request does not cost it."""


class Parts(Struct, frozen=True):
    """What all workspaces of a scratch space are made of."""

    wire: Wire
    policy: ScratchPolicy
    root: Root
    leases: Leases
    checkpoints: Checkpoints


class Options(Struct, frozen=True, kw_only=True):
    """How a workspace is opened.

    Attributes:
        ttl: Milliseconds that it lives without being renewed.
        wait: Seconds to wait for whoever holds it.
        lazy: Whether files are fetched when they are asked for.
        background: Whether the lease is renewed in the background.
        timeout: Seconds that opening and closing may take; None: the state's.
        tell: Is told how far restoring has come.
    """

    ttl: int
    wait: float = 0.0
    lazy: bool = False
    background: bool = True
    timeout: float | None = None
    tell: Tell | None = None


class WorkspacePlans:
    """One workspace's operations.

    Args:
        parts: What it is made of.
        name: Under which others find it later; None: nobody does.
        options: How it is opened.

    Attributes:
        holding: What its lease is; None without a name, and while it is not open.
        directory: Where it is; None while it is not open.
    """

    def __init__(self, parts: Parts, name: str | None, options: Options) -> None:
        self.wire = parts.wire
        self.name, self._options, self._parts = name, options, parts
        self._quota = Quota(parts.policy.quota, parts.policy.files)
        self.holding: Holding | None = None
        self.directory: Directory | None = None
        self._state = "new"
        self._kept: dict[str, Entry] = {}  # files of the last checkpoint that nobody has fetched
        self._job: Job | None = None

    # Its life

    def begin(self) -> Plan[None]:
        """Open it."""
        yield from self.open(self._options.timeout)

    def open(self, timeout: float | None) -> Plan[None]:
        """Take the lease, make the directory, and bring back the last checkpoint."""
        with self.wire.begin("open", timeout) as op:
            if self._state != "new":
                raise InvalidInputError("a workspace is entered once: ask for it again")
            self._state = "opening"
            try:
                if self.name is not None:
                    yield from self._acquire(op, self.name)
                self.directory = yield Work(self._parts.root.create)
                if self.holding is not None:
                    yield from self._recall(op, self.holding)
            except BaseException as error:
                yield from clean_up(error, self._leave)
                raise
            self._state = "open"

    def _acquire(self, op: Operation, name: str) -> Plan[None]:
        workspace = workspace_id(name)
        op.key = redact(name)
        terms = Terms(int(self._parts.policy.lease.total_seconds() * 1000), self._options.ttl)
        if terms.ttl <= terms.length:
            raise InvalidInputError("ttl is longer than the lease: a workspace in use would expire")
        self.holding = yield from self._parts.leases.acquire(op, workspace, terms, wait=self._options.wait)
        if self._options.background:
            self._job = yield Spawn(self._keep(self.holding))

    def _recall(self, op: Operation, holding: Holding) -> Plan[None]:
        """Bring back the last checkpoint's files, or remember what they are."""
        op.extend()
        manifest = yield from self._parts.checkpoints.manifest(op, holding)
        self._kept = {entry.name: entry for entry in manifest.entries}
        self._quota.check(Usage(holding.lease.files, holding.lease.size))
        if not self._options.lazy:
            yield from self._restore(op, list(self._kept), self._options.tell)

    def close(self) -> Plan[None]:
        """Release the lease and remove the directory, whatever has happened; a second time does nothing."""
        if self._state == "open" and self._directory.is_ours:  # a forked child leaves its parent's alone
            yield from self._leave()

    def _leave(self) -> Plan[None]:
        self._state = "closed"
        try:
            yield from self.halt()
            if self.holding is not None:
                with suppress(StateError):  # its event tells of it, and the lease lapses by itself
                    yield from self.release(self._options.timeout)
        except BaseException as error:
            yield from clean_up(error, self._remove)
            raise
        yield from self._remove()

    def release(self, timeout: float | None) -> Plan[None]:
        """Give the lease back, if there is one and it is still this one's."""
        with self.wire.begin("release", timeout) as op:
            op.key = redact(self.name) if self.name else None
            if self.holding is not None and not self.holding.lost:
                yield from self._parts.leases.release(op, self.holding)
                self.holding.lost = True

    def _remove(self) -> Plan[None]:
        if self.directory is not None:
            yield Work(self.directory.remove)

    # The lease

    def halt(self) -> Plan[None]:
        """Renew no more in the background."""
        job, self._job = self._job, None
        if job is not None:
            yield Stop(job)

    def _keep(self, holding: Holding) -> Plan[None]:
        """Renew, until the lease is lost or the state is closed."""
        while not holding.lost and not self.wire.closed:
            yield Sleep(holding.terms.length / 1000 / RENEWALS)
            with suppress(StateError):  # its event tells of it, and the next one may succeed
                yield from self.renew(None)
            if holding.is_late(self.wire.clock.monotonic()) and not holding.lost:
                _LOGGER.warning("the lease on the workspace %s could not be renewed in time", redact(self.name or ""))

    def renew(self, timeout: float | None) -> Plan[None]:
        """Renew the lease now."""
        with self.wire.begin("renew", timeout) as op:
            yield from self._parts.leases.renew(op, self._held(op))

    def _held(self, op: Operation) -> Holding:
        """Return the lease.

        Raises:
            LeaseLostError: It is known to be lost.
            InvalidInputError: There is none.
        """
        self._check_use(op)
        if self.holding is None:
            raise InvalidInputError("a workspace without a name ends with its block: give it one, to come back to it")
        if self.holding.lost:
            raise lost()
        return self.holding

    def _check_use(self, op: Operation) -> None:
        """Refuse what is not open, or is another process's.

        Raises:
            InvalidInputError: It is that.
        """
        op.key = redact(self.name) if self.name else None
        if self._state not in ("opening", "open"):
            raise _not_open()
        if self.directory is not None and not self.directory.is_ours:
            raise InvalidInputError("a workspace belongs to the process that opened it, and not to its forked children")

    def _use(self, op: Operation) -> Path:
        """Return the directory. Raises what ``_check_use`` does."""
        self._check_use(op)
        return self.path

    @property
    def _directory(self) -> Directory:
        if self.directory is None or self._state == "closed":
            raise _not_open()
        return self.directory

    @property
    def path(self) -> Path:
        """The directory that the application works in."""
        return self._directory.files

    def locate(self, name: str) -> Path:
        """Return where a file is or would be, in a directory that exists."""
        return prepare(self.path, name)

    # Files

    def files(self, timeout: float | None) -> Plan[dict[str, int]]:
        """Return the bytes of each file by name, also of those that were not fetched yet."""
        with self.wire.begin("files", timeout) as op:
            found = yield Work(partial(scan, self._use(op), digests=False))
            sizes = {entry.name: entry.size for entry in self._kept.values()}
            sizes |= {file.name: file.size for file in found}
            return dict(sorted(sizes.items(), key=lambda item: item[0].encode()))

    def write(self, timeout: float | None, name: str, data: AsyncData) -> Plan[Path]:
        """Write a file, within the quota, whole or not at all."""
        with self.wire.begin("write", timeout) as op:
            self._use(op)
            arrival: Arrival = yield Work(partial(self._arrival, name))
            others = yield Work(partial(self._usage, name))
            source = source_of(data)
            try:
                yield from self._take(op, source, arrival, others)
                yield Work(arrival.finish)
            except BaseException as error:
                yield from clean_up(error, partial(_given_up, source, arrival))
                raise
            yield from source.close()
            self._kept.pop(name, None)
            return arrival.target

    def _take(self, op: Operation, source: Source, arrival: Arrival, others: Usage) -> Plan[None]:
        self._quota.check(others.plus(source.size or 0))
        yield Work(partial(check_room, self.path, source.size or 0))
        yield Work(partial(arrival.begin, 0, b""))
        while piece := (yield from source.take(PART)):
            self._quota.check(others.plus(op.size + len(piece)))
            yield Work(partial(arrival.write, op.size, piece))
            op.size += len(piece)

    def remove(self, timeout: float | None, name: str) -> Plan[bool]:
        """Remove a file, also one that was not fetched yet; return whether there was one."""
        with self.wire.begin("remove", timeout) as op:
            path = locate(self._use(op), name)
            kept = self._kept.pop(name, None)
            return bool((yield Work(partial(_unlink, path)))) or kept is not None

    def restore(self, timeout: float | None, names: Iterable[str], tell: Tell | None) -> Plan[None]:
        """Fetch files of the last checkpoint; all that were not fetched yet, if none is named."""
        with self.wire.begin("restore", timeout) as op:
            directory = self._use(op)
            wanted = list(names)
            for name in wanted:
                if name not in self._kept and not locate(directory, name).exists():
                    raise NotFoundError("the last checkpoint has no such file", clause="X-15")
            yield from self._restore(op, wanted or list(self._kept), tell)

    def _restore(self, op: Operation, names: list[str], tell: Tell | None) -> Plan[None]:
        entries: list[Entry] = yield Work(partial(self._absent, names))
        if self.holding is None or not entries:
            return
        places = yield Work(partial(self._make_room, entries))
        wanted = dict(zip(places, entries, strict=True))
        yield from self._parts.checkpoints.restore(op, self.holding, wanted, self._arrived, tell)

    def _absent(self, wanted: list[str]) -> list[Entry]:
        """Return what was not fetched yet. A file that is here under such a name is the application's own."""
        here = names(self.path)
        return [self._kept[name] for name in wanted if name in self._kept and name not in here]

    def _arrived(self, entry: Entry) -> None:
        self._kept.pop(entry.name, None)

    def _make_room(self, entries: list[Entry]) -> list[Arrival]:
        """Return where files go, if the disk has room for them all."""
        check_room(self.path, sum(entry.size for entry in entries))
        return [self._arrival(entry.name) for entry in entries]

    def _arrival(self, name: str) -> Arrival:
        return Arrival(self._directory.part(), prepare(self.path, name))

    def _usage(self, but: str) -> Usage:
        """Count everything but one file."""
        here = weigh(self.path, without=(but, *self._kept))
        others = [entry.size for entry in self._kept.values() if entry.name != but]
        return Usage(here.files + len(others), here.size + sum(others))

    def fetch(
        self,
        timeout: float | None,
        objects: ObjectPlans,
        there: Elsewhere,
        key: str,
        name: str | None,
        tell: Tell | None,
    ) -> Plan[Path]:
        """Bring an object in, verified."""
        with self.wire.begin("fetch", timeout) as op:
            self._use(op)
            name = key if name is None else name
            download = Download(objects, op, objects.place(op, key))
            arrival: Arrival = yield Work(partial(self._arrival, name))
            stat = (yield from there(download.begin())).stat
            yield Work(partial(self._admit, name, stat.size))
            yield from there(download.run(arrival, by_checksum(stat.crc32c), Progress(tell, stat.size)))
            self._kept.pop(name, None)
            return arrival.target

    def _admit(self, name: str, size: int) -> None:
        """See that one more file has room in the quota and on the disk."""
        self._quota.check(self._usage(name).plus(size))
        check_room(self.path, size)

    def publish(
        self,
        timeout: float | None,
        objects: ObjectPlans,
        there: Elsewhere,
        name: str,
        key: str,
        put: Put,
        tell: Tell | None,
    ) -> Plan[ObjectInfo]:
        """Store a file as an object, if the lease still holds."""
        with self.wire.begin("publish", timeout) as op:
            directory = self._use(op)
            if name in self._kept:
                yield from self._restore(op, [name], None)
            file = yield Work(partial(look, directory, name))
            if file is None:
                raise NotFoundError("the workspace has no such file")
            if self.holding is not None:
                yield from self._parts.leases.confirm(op, self._held(op))
            place = objects.place(op, key)
            progress = Progress(tell, file.size)
            return (yield from there(upload(objects, op, key, place, put, file, progress)))  # type: ignore[no-any-return]

    def checkpoint(self, timeout: float | None, tell: Tell | None) -> Plan[Checkpoint]:
        """Make what is here what the next holder gets."""
        with self.wire.begin("checkpoint", timeout) as op:
            holding = self._held(op)
            files = yield Work(partial(scan, self.path))
            here = {file.name for file in files}
            kept = {name: entry for name, entry in self._kept.items() if name not in here}
            check_shape((*here, *kept))
            size = sum(file.size for file in files) + sum(entry.size for entry in kept.values())
            self._quota.check(Usage(len(files) + len(kept), size))
            done = yield from self._parts.checkpoints.save(op, holding, files, kept, tell)
            self._kept = kept
            op.size = done.sent
            return done


def _not_open() -> InvalidInputError:
    return InvalidInputError("the workspace is not open: use it in its block")


def _given_up(source: Source, arrival: Arrival) -> Plan[None]:
    yield Work(arrival.give_up)
    yield from source.close()


def _unlink(path: Path) -> bool:
    there = path.exists()
    path.unlink(missing_ok=True)
    return there
