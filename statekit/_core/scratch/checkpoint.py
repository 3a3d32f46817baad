"""Checkpoints: all files of a workspace, published by one conditional write. Step 3 of P3, and reading one back.

A manifest names only blobs of its own holder's, and blobs that the manifest before it named. So whatever is unnamed
when the record is read, and was stored by anybody but the holder, stays unnamed for ever, and may be deleted however
late.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from statekit._core.objects.describe import Put
from statekit._core.objects.plans import ObjectPlans
from statekit._core.objects.source import source_of
from statekit._core.objects.writing import PART
from statekit._core.pipeline import Operation, repeat
from statekit._core.plan import Plan
from statekit.driver import ANY, ObjectDriver
from statekit.errors import CorruptDataError, NotFoundError, StateError
from statekit.types import Checkpoint

from .crew import Progress, Tell, each
from .forms import Entry, Lease, Manifest, decode_manifest, encode_form
from .lease import Holding, Leases, renewed
from .places import blob_place
from .transfer import Arrival, Download, by_digest, upload
from .tree import LocalFile

__all__ = ["Blobs", "Checkpoints", "Elsewhere"]

T = TypeVar("T")

Elsewhere = Callable[[Plan[Any]], Plan[Any]]
"""Runs a plan where the object driver's colour is right; nothing, where there is only one colour."""


class Blobs:
    """The blobs of one namespace.

    Args:
        objects: The plans of an object store of their own.
        driver: Returns the object driver.
        prefix: What every key of the namespace begins with.
    """

    def __init__(self, objects: ObjectPlans, driver: Callable[[], ObjectDriver], prefix: str) -> None:
        self.objects, self.driver, self.prefix = objects, driver, prefix

    def send(self, op: Operation, workspace: str, blob: str, file: LocalFile, progress: Progress) -> Plan[None]:
        """Store a file."""
        yield from upload(self.objects, op, blob, blob_place(self.prefix, workspace, blob), Put(), file, progress)

    def write(self, op: Operation, workspace: str, blob: str, data: bytes) -> Plan[None]:
        """Store bytes."""
        yield from self.objects.store(op, blob, blob_place(self.prefix, workspace, blob), Put(), source_of(data))

    def read(self, op: Operation, workspace: str, blob: str) -> Plan[bytes]:
        """Read one as a whole.

        Raises:
            NotFoundError: It is not there.
        """
        return (yield from self.objects.whole(op, blob_place(self.prefix, workspace, blob))).data

    def receive(self, op: Operation, workspace: str, entry: Entry, arrival: Arrival, progress: Progress) -> Plan[None]:
        """Fetch a file, verified.

        Raises:
            NotFoundError: The blob is not there.
        """
        download = Download(self.objects, op, blob_place(self.prefix, workspace, entry.blob))
        yield from download.run(arrival, by_digest(entry.digest), progress)

    def delete(self, op: Operation, workspace: str, blob: str) -> Plan[bool]:
        """Delete one, whatever its state: no blob's name is ever used again."""
        op.extend()
        driver, place = self.driver(), blob_place(self.prefix, workspace, blob)
        answer = yield from repeat(op, driver, driver.delete, place, expect=ANY)
        return answer is not None


class Checkpoints:
    """Writing and reading checkpoints.

    Args:
        leases: The workspaces' records.
        blobs: Their files.
        elsewhere: Runs what talks to the object driver.
    """

    def __init__(self, leases: Leases, blobs: Blobs, elsewhere: Elsewhere) -> None:
        self._leases, self._blobs, self._elsewhere = leases, blobs, elsewhere

    def manifest(self, op: Operation, holding: Holding) -> Plan[Manifest]:
        """Return the last checkpoint's files.

        Raises:
            LeaseLostError: They are gone because somebody else has taken over.
            CorruptDataError: They are gone, or cannot be read.
        """
        while (name := holding.lease.manifest) != holding.manifest[0]:
            reading = self._elsewhere(self._blobs.read(op, holding.workspace, name))
            try:
                holding.manifest = (name, decode_manifest(name, (yield from reading)))
            except NotFoundError as error:
                lease = yield from self._leases.confirm(op, holding)
                if lease.manifest == name:
                    raise _missing() from error
                # It was dropped by a checkpoint of our own: a renewal beside it remembered what it had seen before.
        return holding.manifest[1]

    def _present(self, op: Operation, holding: Holding, plan: Plan[T]) -> Plan[T]:
        """Read what a manifest of ours names: only a successor's sweep may have deleted it."""
        try:
            return (yield from self._elsewhere(plan))  # type: ignore[no-any-return]
        except NotFoundError as error:
            yield from self._leases.confirm(op, holding)
            raise _missing() from error

    def restore(
        self,
        op: Operation,
        holding: Holding,
        wanted: Mapping[Arrival, Entry],
        arrived: Callable[[Entry], None],
        tell: Tell | None,
    ) -> Plan[None]:
        """Fetch files of the last checkpoint, and say of each when it has arrived.

        Raises:
            LeaseLostError: They are gone because somebody else has taken over.
            CorruptDataError: One is missing or damaged.
        """
        progress = Progress(tell, sum(entry.size for entry in wanted.values()))

        def receive(item: tuple[Arrival, Entry]) -> Plan[None]:
            arrival, entry = item
            yield from self._blobs.receive(op, holding.workspace, entry, arrival, progress)
            arrived(entry)

        yield from self._present(op, holding, _in_order(wanted.items(), receive, lambda item: item[1].size))

    def save(
        self,
        op: Operation,
        holding: Holding,
        files: Sequence[LocalFile],
        kept: Mapping[str, Entry],
        tell: Tell | None,
    ) -> Plan[Checkpoint]:
        """Publish these files, and entries of the last checkpoint that were never fetched, as the next checkpoint.

        Raises:
            LeaseLostError: Somebody else has taken over. Nothing was changed in the workspace.
            IndeterminateError: It may or may not have been published.
        """
        sent: dict[str, str] = {}
        sizes: dict[str, int] = {}
        while True:
            before = yield from self.manifest(op, holding)
            named = sent | {entry.digest: entry.blob for entry in before.entries}
            missing = {file.digest: file for file in files if file.digest not in named}
            yield from self._send(op, holding, missing, sent, tell)
            sizes |= {digest: file.size for digest, file in missing.items()}
            entries = [Entry(file.name, file.size, (sent | named)[file.digest]) for file in files]
            after = Manifest(tuple(sorted((*entries, *kept.values()), key=lambda entry: entry.name.encode())))
            if (yield from self._publish(op, holding, before, after)):
                size = sum(entry.size for entry in after.entries)
                return Checkpoint(holding.lease.fence, len(after.entries), size, len(sizes), sum(sizes.values()))

    def _send(
        self, op: Operation, holding: Holding, missing: Mapping[str, LocalFile], sent: dict[str, str], tell: Tell | None
    ) -> Plan[None]:
        """Store what no manifest names yet, whatever else is stored already."""
        progress = Progress(tell, sum(file.size for file in missing.values()))

        def send(item: tuple[str, LocalFile]) -> Plan[None]:
            digest, file = item
            blob = holding.next_blob(digest)
            yield from self._blobs.send(op, holding.workspace, blob, file, progress)
            sent[digest] = blob

        if missing:
            yield from self._elsewhere(_in_order(missing.items(), send, lambda item: item[1].size))

    def _publish(self, op: Operation, holding: Holding, before: Manifest, after: Manifest) -> Plan[bool]:
        """Commit a manifest; False if the one before it is not the current one: an earlier attempt was applied."""
        base = holding.manifest[0]
        data = encode_form(after)
        name = base
        if not base or after != before:
            name = holding.next_blob(hashlib.sha256(data).hexdigest())
            yield from self._elsewhere(self._blobs.write(op, holding.workspace, name, data))
        size = sum(entry.size for entry in after.entries)

        def changed(lease: Lease) -> Lease | None:
            if lease.manifest != base:
                return None
            lease = renewed(op, holding, lease)
            return msgspec.structs.replace(lease, manifest=name, files=len(after.entries), size=size)

        op.extend()
        op.now = op.wire.clock.now()
        if not (yield from self._leases.change(op, holding, changed)):
            return False
        holding.manifest = (name, after)
        yield from self._drop(op, holding, base, before)
        return True

    def _drop(self, op: Operation, holding: Holding, base: str, before: Manifest) -> Plan[None]:
        """Delete what the committed manifest does not name any more. What that misses is the sweep's."""
        name, after = holding.manifest
        dropped = {base, *(entry.blob for entry in before.entries)} - {"", name}
        dropped -= {entry.blob for entry in after.entries}
        if dropped:
            yield from self._elsewhere(each(sorted(dropped), lambda blob: self._forget(op, holding, blob)))

    def _forget(self, op: Operation, holding: Holding, blob: str) -> Plan[None]:
        with suppress(StateError):  # the sweep does it
            yield from self._blobs.delete(op, holding.workspace, blob)


def _missing() -> CorruptDataError:
    return CorruptDataError("a file of the last checkpoint is missing", clause="X-20")


def _in_order(items: Iterable[T], work: Callable[[T], Plan[None]], size: Callable[[T], int]) -> Plan[None]:
    """Move small files side by side, and large ones one after the other, each in parts side by side."""
    several = list(items)
    yield from each([item for item in several if size(item) <= PART], work)
    for item in several:
        if size(item) > PART:
            yield from work(item)
