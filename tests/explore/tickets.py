"""P4: a ticket that is confirmed, abandoned and swept, while a browser uploads and others write under its key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from statekit._core.envelope import decode
from statekit._core.ids import sid_of
from statekit._core.objects.plans import ObjectPlans
from statekit._core.pipeline import Operation, repeat
from statekit._core.tickets.forms import Slip, decode_slip
from statekit._core.tickets.plans import TicketPlans
from statekit.driver import ANY, Committed, Meta, Refused
from statekit.errors import ConflictError, NotFoundError

from .model import Applied, Request, _holds
from .process import DRIVER, NOW, Body, Env
from .search import Case, View
from .workspaces import BlobMethods, Both, _stat

HOUR = 3_600_000
ENDED = NOW + 2 * HOUR
"""When nobody may upload for the ticket any more."""
ID = "A" * 43
NAME = sid_of(ID).hex()
RECORD = f"t/{NAME}"
STAGED = f".statekit/tickets/{NAME}"
TARGET = "photo"
OURS = "the ticket's write"
UPLOADS = {"first upload": b"first", "second upload": b"second"}
"""What the browser sends, by the versions that it gets."""


class Blobs(BlobMethods):
    """The object driver that explored plans see."""

    def copy_blob(self): ...

    copy = copy_blob


BLOBS = Blobs()


@dataclass(frozen=True)
class Copying(Both):
    """An engine that copies, too, and whose reads can be pinned."""

    def apply(self, store, request: Request):
        current = store.get(request.key)
        if request.method == "get_blob":
            expect = request.kwargs["expect"]
            if current is not None and not _holds(expect, current):
                return store, Refused(_stat(request.key, current)), None
        if request.method == "copy_blob":
            return self._copied(store, request, current)
        return super().apply(store, request)

    def _copied(self, store, request: Request, source):
        target, options = request.args[1], request.kwargs
        if source is None or not _holds(options["pinned"], source):
            return store, None, None
        there = store.get(target)
        if not _holds(options["expect"], there):
            return store, Refused(_stat(target, there) if there else None), None
        after = type(source)(source.value, options["meta"].write_id, None)
        return {**store, target: after}, Committed(after.version), Applied("put", there, after)


def _plans(env: Env) -> TicketPlans:
    return TicketPlans(env.wire, lambda: DRIVER, ObjectPlans(env.wire, lambda: BLOBS, ""), "")  # type: ignore[arg-type]


class TicketCase(Case):
    """A case in which what is published is always what was checked."""

    def __init__(self, processes: dict[str, Any], **options: Any) -> None:
        options.setdefault("engine", Copying())
        options["invariants"] = [what_was_checked_is_published, *options.get("invariants", ())]
        super().__init__(processes, **options)

    def _is_record(self, key: str) -> bool:
        return super()._is_record(key) and key != TARGET


# Setups


def reserved(*, there: bool = False, if_absent: bool = False, uploaded: bool = True) -> Body:
    """A ticket, what was uploaded for it, and maybe something under its key."""

    def body(env: Env) -> Any:
        op, plans = env.wire.begin("set up", None), _plans(env)
        nothing = (None, None, None)
        slip = Slip("reserved", TARGET, None, (1, 9), if_absent, nothing, {}, NOW + HOUR, OURS)
        yield from plans._commit(op, NAME, None, slip)
        if uploaded:
            yield from _put(op, STAGED, "first upload", UPLOADS["first upload"])
        if there:
            yield from _put(op, TARGET, "what was there", b"old")

    return body


def being_published() -> Body:
    """A ticket whose confirmer died after it had fixed what it publishes."""

    def body(env: Env) -> Any:
        yield from reserved()(env)
        op, plans = env.wire.begin("set up", None), _plans(env)
        stored, slip = yield from plans._held(op, NAME, None)
        yield from plans._enter(op, NAME, stored, slip, None)

    return body


def _put(op: Operation, key: str, version: str, data: bytes):
    return repeat(op, BLOBS, BLOBS.write, key, data, meta=Meta(write_id=version), crc32c=0, expect=ANY)


# Processes


def _process(does: Callable[[Env, Operation, TicketPlans], Any]) -> Callable[[Any], Body]:
    def body(env: Env) -> Any:
        return (yield from does(env, env.wire.begin("work", None), _plans(env)))

    return lambda _: body


@_process
def confirms(env: Env, op: Operation, plans: TicketPlans) -> Any:
    return (yield from plans.confirm(None, ID, None, None)).version


@_process
def confirms_and_deletes(env: Env, op: Operation, plans: TicketPlans) -> Any:
    yield from plans.confirm(None, ID, None, None)
    yield from repeat(op, BLOBS, BLOBS.delete, TARGET, expect=ANY)
    return "deleted"


@_process
def confirms_and_replaces(env: Env, op: Operation, plans: TicketPlans) -> Any:
    yield from plans.confirm(None, ID, None, None)
    yield from _put(op, TARGET, "another write", b"other")
    return "replaced"


@_process
def writes(env: Env, op: Operation, plans: TicketPlans) -> Any:
    yield from _put(op, TARGET, "another write", b"other")
    return "written"


@_process
def uploads_again(env: Env, op: Operation, plans: TicketPlans) -> Any:
    yield from _put(op, STAGED, "second upload", UPLOADS["second upload"])
    return "uploaded"


@_process
def abandons(env: Env, op: Operation, plans: TicketPlans) -> Any:
    return (yield from plans.abandon(None, ID, None))


@_process
def sweeps(env: Env, op: Operation, plans: TicketPlans) -> Any:
    yield from plans.sweep(None)
    return "swept"


# Promises


def _slip(view: View) -> Slip | None:
    record = view.store.get(RECORD)
    return decode_slip(decode(record).body) if record else None


def _published(view: View) -> bool:
    record = view.store.get(TARGET)
    return record is not None and record.version == OURS


def what_was_checked_is_published(view: View) -> str | None:
    slip = _slip(view)
    if not _published(view) or slip is None:
        return None
    if slip.phase not in ("publishing", "done"):
        return f"something is published by a ticket that is {slip.phase}"
    if UPLOADS[slip.source] != view.store[TARGET].value:
        return "what is published is not what was checked"
    return None


def nobody_is_refused(view: View) -> str | None:
    """Where nobody else writes, every confirmer is told the same."""
    for name in view.names:
        if view.failed(name, ConflictError) or view.failed(name, NotFoundError):
            return f"{name} was refused, and nobody was in the way"
        if view.result(name) not in (None, OURS, "swept", "uploaded"):
            return f"{name} was told of another version"
    return None


def it_is_there(view: View) -> str | None:
    """What somebody was told is published is there, where nobody else writes."""
    told = [name for name in view.names if view.result(name) == OURS]
    return f"{told[0]} was told that it is published, and it is not there" if told and not _published(view) else None


def what_was_deleted_stays_away(view: View) -> str | None:
    if view.result("confirms and deletes") and TARGET in view.store:
        return "what was published and deleted came back"
    return None


def what_replaced_it_stays(view: View) -> str | None:
    if view.result("confirms and replaces") and view.store[TARGET].version != "another write":
        return "what replaced a published upload is lost"
    return None


def what_another_wrote_stays(view: View) -> str | None:
    """Where nothing may be replaced, whoever writes last is not the ticket."""
    if view.result("writes") and view.store[TARGET].version != "another write":
        return "a ticket that may replace nothing replaces what another one wrote"
    return None


def nothing_of_an_abandoned_one(view: View) -> str | None:
    if view.result("abandons") and _published(view):
        return "a ticket that was given up publishes"
    return None


def a_sweep_finishes(view: View) -> str | None:
    """What was begun is finished, and no upload is left."""
    if not view.succeeded("sweeps"):
        return None
    slip = _slip(view)
    if STAGED in view.store:
        return "an upload is left after a sweep"
    if slip is None or slip.phase != "done" or not _published(view):
        return "what a dead confirmer began is not finished by a sweep"
    return None


def what_was_there_stays(view: View) -> str | None:
    if view.store[TARGET].version != "what was there":
        return "a ticket that may replace nothing replaces something"
    return None
