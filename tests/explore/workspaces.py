"""P3: workspaces that are acquired, renewed, checkpointed, released and swept, over one engine of records and blobs."""

from __future__ import annotations

import hashlib
from copy import copy
from dataclasses import dataclass
from typing import Any

from google_crc32c import value as crc32c

from statekit._core.envelope import decode
from statekit._core.objects.plans import ObjectPlans
from statekit._core.scratch.checkpoint import Blobs, Checkpoints
from statekit._core.scratch.forms import Lease, decode_lease, decode_manifest
from statekit._core.scratch.lease import SKEW, Holding, Leases, Terms
from statekit._core.scratch.places import blob_place, workspace_id
from statekit._core.scratch.sweep import Sweep
from statekit._core.scratch.tree import LocalFile
from statekit.driver import Chunk, Committed, Gone, Page, Record, Stat
from statekit.errors import IndeterminateError, LeaseLostError, WorkspaceBusyError

from .model import Applied, Engine, Methods, Request
from .process import DRIVER, NOW, Body, Env
from .search import BrokenPromise, Case, View

LENGTH = 30_000
TTL = 3_600_000
HOUR = 3_600_000
LATER = NOW + LENGTH + SKEW + 1
"""When a lease that was taken at NOW may be taken over."""
EXPIRED = NOW + TTL + HOUR + 1
"""When a workspace that was renewed at NOW may be swept."""
TERMS = Terms(LENGTH, TTL)
ID = workspace_id("job")
RECORD = f"w/{ID}"


class BlobMethods(Methods):
    """The object driver that explored plans see."""

    def get_blob(self): ...
    def put_blob(self): ...
    def stat_blob(self): ...
    def drop_blob(self): ...
    def list_blobs(self): ...

    read, write, stat, delete, page = get_blob, put_blob, stat_blob, drop_blob, list_blobs


BLOBS = BlobMethods()


@dataclass(frozen=True)
class Both(Engine):
    """An engine of records that also holds blobs."""

    def apply(self, store, request: Request):
        key, current = request.key, store.get(request.key)
        match request.method:
            case "get_blob":
                return store, None if current is None else Chunk(_stat(key, current), current.value), None
            case "stat_blob":
                return store, None if current is None else _stat(key, current), None
            case "list_blobs":
                found = [_stat(other, record) for other, record in sorted(store.items()) if other.startswith(key)]
                return store, Page(tuple(found)), None
            case "put_blob":
                version = request.kwargs["meta"].write_id
                after = Record(bytes(request.args[1]), version, None)
                return {**store, key: after}, Committed(version), Applied("put", current, after)
            case "drop_blob":
                left = {other: record for other, record in store.items() if other != key}
                done = Gone.ABSENT if current is None else Gone.DELETED
                return left, done, Applied("drop", current, None) if current else None
        return super().apply(store, request)


def _stat(key: str, record: Record) -> Stat:
    from statekit.driver import Meta

    return Stat(key, record.version, len(record.value), 0, Meta(write_id=record.version), crc32c(record.value))


class WorkspaceCase(Case):
    """A case whose every write must be one that the holder may make."""

    def __init__(self, processes: dict[str, Any], **options: Any) -> None:
        options.setdefault("engine", Both())
        options["invariants"] = [whatever_is_named_is_there, *options.get("invariants", ())]
        super().__init__(processes, **options)

    def _check_applied(self, world, request: Request, applied: Applied) -> None:
        super()._check_applied(world, request, applied)
        wrong = _wrong_succession(applied)
        if wrong:
            told = self._told(world)
            raise BrokenPromise(f"{wrong}\n\n{told}\n   {self.names[request.process]}: {self._named(request)}")


def _wrong_succession(applied: Applied) -> str | None:
    """Say what is wrong with a record's successor."""
    if applied.before is None or applied.after is None:
        return None
    before, after = _lease(applied.before), _lease(applied.after)
    if after.fence < before.fence:
        return "a fencing token is smaller than one before"
    if after.holder not in ("", before.holder):
        if after.fence == before.fence:
            return "two holders have one fencing token"
        taken_at = after.lease_until - LENGTH
        if before.holder and taken_at <= before.lease_until + SKEW:
            return "a lease was taken while it was held"
    elif after.manifest != before.manifest and after.holder != before.holder:
        return "a checkpoint was published by who was not the holder"
    return None


def _lease(record: Record) -> Lease:
    return decode_lease(decode(record).body)


class Parts:
    """What a process works with."""

    def __init__(self, env: Env) -> None:
        self.op = env.wire.begin("work", None)
        self.leases = Leases(lambda: DRIVER, "")  # type: ignore[arg-type]
        self.blobs = Blobs(ObjectPlans(env.wire, lambda: BLOBS, ""), lambda: BLOBS, "")  # type: ignore[arg-type]
        self.checkpoints = Checkpoints(self.leases, self.blobs, lambda plan: plan)

    def acquire(self):
        return self.leases.acquire(self.op, ID, TERMS, wait=0.0)

    def save(self, holding: Holding, *contents: str):
        return self.checkpoints.save(self.op, holding, [_file(content) for content in contents], {}, None)

    def contents(self, holding: Holding):
        manifest = yield from self.checkpoints.manifest(self.op, holding)
        found = []
        for entry in manifest.entries:
            reading = self.blobs.read(self.op, ID, entry.blob)
            found.append((yield from self.checkpoints._present(self.op, holding, reading)).decode())
        return tuple(found)


class Content:
    """A file's path, as far as sending it needs one."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read_bytes(self) -> bytes:
        return self._data


def _file(content: str) -> LocalFile:
    data = content.encode()
    return LocalFile(content, Content(data), len(data), hashlib.sha256(data).hexdigest())  # type: ignore[arg-type]


def copied(holding: Holding) -> Holding:
    """What another process, or another task of the same one, knows of a workspace."""
    return copy(holding)


# Setups


def held(*contents: str, orphan: str | None = None, inherited: bool = False) -> Body:
    """A workspace that is held, with a checkpoint; maybe by the holder after the one who made it."""

    def body(env: Env) -> Any:
        parts = Parts(env)
        holding = yield from parts.acquire()
        if contents:
            yield from parts.save(holding, *contents)
        if orphan:
            blob = holding.next_blob(_file(orphan).digest)
            yield from parts.blobs.write(parts.op, ID, blob, orphan.encode())
        if inherited:
            yield from parts.leases.release(parts.op, holding)
            holding = yield from parts.acquire()
            yield from parts.checkpoints.manifest(parts.op, holding)
        return holding

    return body


def released(*contents: str) -> Body:
    """A workspace that nobody holds."""

    def body(env: Env) -> Any:
        parts = Parts(env)
        holding = yield from held(*contents)(env)
        yield from parts.leases.release(parts.op, holding)
        return holding

    return body


# Processes


def checkpoints(*rounds: tuple[str, ...]):
    """Take checkpoints, whatever becomes of the ones before."""

    def given(holding: Holding) -> Body:
        def body(env: Env) -> Any:
            parts, mine = Parts(env), copied(holding)
            fates = []
            for contents in rounds:
                try:
                    yield from parts.save(mine, *contents)
                    fates.append("saved")
                except IndeterminateError:
                    fates.append("unknown")
            return tuple(fates)

        return body

    return given


def renews(holding: Holding) -> Body:
    def body(env: Env) -> Any:
        parts = Parts(env)
        yield from parts.leases.renew(parts.op, copied(holding))
        return "renewed"

    return body


def releases(holding: Holding) -> Body:
    def body(env: Env) -> Any:
        parts = Parts(env)
        yield from parts.leases.release(parts.op, copied(holding))
        return "released"

    return body


def takes_over(*contents: str):
    """Acquire, read what is there, publish something else, and give it back."""

    def given(_: Any) -> Body:
        def body(env: Env) -> Any:
            parts = Parts(env)
            try:
                holding = yield from parts.acquire()
            except WorkspaceBusyError:
                return "busy"
            found = yield from parts.contents(holding)
            if contents:
                yield from parts.save(holding, *contents)
            return found

        return body

    return given


def reads(_: Any) -> Body:
    """Acquire and read."""
    return takes_over()(_)


def sweeps(_: Any) -> Body:
    def body(env: Env) -> Any:
        parts = Parts(env)
        sweep = Sweep(parts.op, parts.leases, parts.blobs, lambda plan: plan)
        yield from sweep.run()
        return len(sweep.workspaces)

    return body


# Promises


def whatever_is_named_is_there(view: View) -> str | None:
    """All blobs that the current checkpoint names are stored."""
    record = view.store.get(RECORD)
    name = _lease(record).manifest if record else ""
    if not name:
        return None
    manifest = view.store.get(blob_place("", ID, name))
    if manifest is None:
        return "the current checkpoint's manifest is not there"
    for entry in decode_manifest(name, manifest.value).entries:
        if blob_place("", ID, entry.blob) not in view.store:
            return "the current checkpoint names a file that is not there"
    return None


def stored(view: View) -> tuple[str, ...]:
    """The names of the current checkpoint's files."""
    record = view.store.get(RECORD)
    name = _lease(record).manifest if record else ""
    if not name:
        return ()
    return tuple(entry.name for entry in decode_manifest(name, view.store[blob_place("", ID, name)].value).entries)


def nobody_loses_an_undisputed_lease(view: View) -> str | None:
    """Where nobody takes over, nobody is told that somebody did."""
    for name in view.names:
        if view.failed(name, LeaseLostError):
            return f"{name} was told that its lease was lost, and nobody took it"
    return None


def the_last_checkpoint_is_there(*contents: str):
    """Once a checkpoint was acknowledged, it is what is stored, where nobody else publishes one."""

    def check(view: View) -> str | None:
        fates = view.result("checkpoints")
        if fates and fates[-1] == "saved" and stored(view) != contents:
            return f"an acknowledged checkpoint of {contents} is lost: {stored(view)} is stored"
        return None

    return check


def the_successor_has_it(*contents: str):
    """Whoever takes over after a checkpoint was acknowledged gets it."""

    def check(view: View) -> str | None:
        found = view.result("takes over")
        if not isinstance(found, tuple) or not view.ended_before("checkpoints", "takes over"):
            return None
        if view.result("checkpoints")[-1] == "saved" and found != contents:
            return f"a checkpoint of {contents} was acknowledged, and its successor got {found}"
        return None

    return check


def the_successors_is_there(*contents: str):
    """What the successor published stays, whatever the old holder still does."""

    def check(view: View) -> str | None:
        if isinstance(view.result("takes over"), tuple) and stored(view) != contents:
            return f"the successor's checkpoint of {contents} is lost: {stored(view)} is stored"
        return None

    return check


def a_taken_workspace_is_there(view: View) -> str | None:
    """A sweep never deletes what somebody has just taken."""
    for name in ("takes over", "reads"):
        if name in view.names and isinstance(view.result(name), tuple) and RECORD not in view.store:
            return "a workspace that was just taken is gone"
    return None


def tokens_grow(view: View) -> str | None:
    """A workspace that was swept comes back with a larger token."""
    record = view.store.get(RECORD)
    if record is None or _lease(record).holder in ("", view.given.holder):
        return None
    grown = _lease(record).fence > view.given.lease.fence
    return None if grown else "a fencing token is no larger than one before the sweep"


def swept_leaves_nothing(view: View) -> str | None:
    """A sweep that ends well, of a workspace that had expired and nobody touched, leaves nothing."""
    if view.succeeded("sweeps") and view.store:
        return "something is left of an expired workspace after a sweep"
    return None
