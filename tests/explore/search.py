"""The explorer: all schedules of a case, breadth first, so that the first one that breaks a promise is a shortest one.

At each step one process is answered, or its reply is lost while the request is still on its way (it arrives later, or
never: so lost requests, lost replies and delayed requests are one choice), or its time is over as well, or a request
is doubled, or the process dies; or one of the requests on their way arrives.

Two schedules are the same from here on if the store, the requests on their way, and what each process has seen are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from statekit._core.envelope import Stored, decode
from statekit._core.ids import sid_of, text_of
from statekit._core.keys import hidden
from statekit._core.sessions.forms import Live, Moved, decode_cell, decode_roster
from statekit.driver import Fault, Match, Record
from statekit.errors import IndeterminateError
from statekit.types import SessionPolicy

from .model import READING, Applied, Engine, Request
from .process import NOW, RANDOM, Body, Ended, Env, NoReply, Process, flat

CRASHED = -1


@dataclass(frozen=True)
class Bounds:
    """How much may go wrong in one schedule."""

    delays: int = 1
    late: int = 0
    doubles: int = 0
    crashes: int = 0


@dataclass(slots=True)
class World:
    """One moment."""

    store: dict[str, Record]
    places: tuple[int, ...]
    flying: tuple[Request, ...]
    bounds: tuple[int, int, int, int]
    log: frozenset[tuple[str, str]]
    begun: tuple[tuple[int, ...] | None, ...]
    before: World | None
    label: str

    def key(self) -> Any:
        store = frozenset((key, r.version, r.expires_at) for key, r in self.store.items())
        flying = frozenset((r.process, r.place) for r in self.flying)
        return (store, self.places, flying, self.bounds, self.log, self.begun)


class BrokenPromise(AssertionError):  # noqa: N818
    """A schedule that breaks a promise."""


@dataclass
class Figures:
    """What an exploration saw."""

    states: int = 0
    steps: int = 0
    ends: int = 0
    endings: set[tuple[str, ...]] = field(default_factory=set)


class View:
    """What an invariant may look at."""

    def __init__(self, case: Case, world: World) -> None:
        self._case, self._world = case, world

    @property
    def store(self) -> dict[str, Record]:
        return self._world.store

    @property
    def names(self) -> list[str]:
        """The processes."""
        return self._case.names

    @property
    def given(self) -> Any:
        """What the setup returned."""
        return self._case.given

    def lost_replies(self, name: str) -> int:
        """How many replies a process has lost; none for one that died."""
        at = self._case.names.index(name)
        place = self._world.places[at]
        replies = [] if place == CRASHED else self._case.processes[at].replies(place)
        return sum(isinstance(reply, NoReply) for reply in replies)

    @property
    def log(self) -> frozenset[tuple[str, str]]:
        """The writes that were ever applied: (key, write id)."""
        return self._world.log

    @property
    def over(self) -> bool:
        """Whether no process runs any more. Requests may still be on their way."""
        return all(place == CRASHED or isinstance(self.ended(name), Ended) for name, place in self._named())

    def _named(self) -> Iterable[tuple[str, int]]:
        return zip(self._case.names, self._world.places, strict=True)

    def ended(self, name: str) -> Ended | None:
        """How a process ended; None if it runs or has died."""
        at = self._case.names.index(name)
        place = self._world.places[at]
        step = None if place == CRASHED else self._case.processes[at].steps[place]
        return step if isinstance(step, Ended) else None

    def result(self, name: str) -> Any:
        """What a process returned; None if it has not."""
        ended = self.ended(name)
        return ended.result if ended and not ended.error else None

    def succeeded(self, name: str) -> bool:
        ended = self.ended(name)
        return ended is not None and ended.error is None

    def failed(self, name: str, kind: type[BaseException]) -> bool:
        ended = self.ended(name)
        return ended is not None and isinstance(ended.error, kind)

    def crashed(self, name: str) -> bool:
        return self._world.places[self._case.names.index(name)] == CRASHED

    def steps_before(self, name: str, watched: str) -> int | None:
        """How many replies ``name`` had got when ``watched`` began; None if that has not begun."""
        begun = self._world.begun[self._case.names.index(watched)]
        if begun is None:
            return None
        at = self._case.names.index(name)
        place = begun[at]
        return CRASHED if place == CRASHED else len(self._case.processes[at].replies(place))

    def ended_before(self, name: str, watched: str) -> bool:
        """Whether ``name`` had ended well when ``watched`` began."""
        begun = self._world.begun[self._case.names.index(watched)]
        if begun is None:
            return False
        at = self._case.names.index(name)
        step = None if begun[at] == CRASHED else self._case.processes[at].steps[begun[at]]
        return isinstance(step, Ended) and step.error is None

    def form(self, identifier: str) -> Live | Moved | None:
        """What is stored of a session, expired or not."""
        record = self.store.get(f"s/{sid_of(identifier).hex()}")
        return None if record is None else self._case.decoded(record)

    def live(self, identifier: str, now: int = NOW) -> Live | None:
        """The session, if it can be loaded."""
        record = self.store.get(f"s/{sid_of(identifier).hex()}")
        if record is None or (record.expires_at is not None and record.expires_at <= now):
            return None
        form = self._case.decoded(record)
        return form if isinstance(form, Live) and form.ends_at > now else None

    def data(self, identifier: str) -> dict[str, Any] | None:
        """A session's values, if it can be loaded."""
        live = self.live(identifier)
        if live is None:
            return None
        import msgspec

        return {key: msgspec.msgpack.decode(value) for key, value in live.data.items()}

    def sessions(self, now: int = NOW) -> list[str]:
        """The keys of all sessions that could be loaded by whoever had their ids."""
        found = []
        for key, record in self.store.items():
            if key.startswith("s/") and (record.expires_at is None or record.expires_at > now):
                form = self._case.decoded(record)
                if isinstance(form, Live) and form.ends_at > now:
                    found.append(key)
        return found

    def roster(self) -> Any:
        """The one owner's record."""
        for key, record in self.store.items():
            if key.startswith("o/"):
                return decode_roster(decode(record).body)
        return None


Invariant = Callable[[View], str | None]


class Case:
    """Some processes over one engine, and what must hold whatever happens.

    Args:
        processes: What runs, by name.
        setup: Runs first, undisturbed; its result is given to each process's function.
        invariants: Each returns None, or what is wrong.
        bounds: How much may go wrong.
        engine: How the engine behaves.
        policy: Of the session stores.
        now: The processes' wall clocks, by name, where they differ from the setup's.
        watched: Processes whose beginning matters to an invariant.
        dies: Who may die; everybody by default.
    """

    def __init__(
        self,
        processes: dict[str, Callable[..., Body]],
        *,
        invariants: Iterable[Invariant],
        setup: Body | None = None,
        bounds: Bounds = Bounds(),
        engine: Engine = Engine(),
        policy: SessionPolicy = SessionPolicy(),
        now: dict[str, int] | None = None,
        watched: Iterable[str] = (),
    ) -> None:
        self.names = list(processes)
        self.engine, self.bounds = engine, bounds
        self._invariants = [unknown_needs_a_reason, *invariants]
        self._forms: dict[bytes, Any] = {}
        self._nice: dict[str, str] = {}
        store, given = self._prepared(setup, policy)
        self.given = given
        now = now or {}
        self.processes = [
            Process(index, name, body(given), now.get(name, NOW), policy)
            for index, (name, body) in enumerate(processes.items())
        ]
        self._watched = frozenset(self.names.index(name) for name in watched)
        log = frozenset((key, _id_in(record)) for key, record in store.items() if self._is_record(key))
        bound = (bounds.delays, bounds.late, bounds.doubles, bounds.crashes)
        places = (0,) * len(self.processes)
        self._root = World(store, places, (), bound, log, (None,) * len(places), None, "")

    def _prepared(self, setup: Body | None, policy: SessionPolicy) -> tuple[dict[str, Record], Any]:
        if setup is None:
            return {}, None
        store: dict[str, Record] = {}
        env = Env(NOW, policy)
        RANDOM.name, RANDOM.drawn = "setup", env.drawn
        plan = flat(setup(env))
        try:
            call = plan.send(None)
            while True:
                request = Request(-1, 0, call.method.__name__, call.args, call.kwargs)
                store, reply, _ = self.engine.apply(store, request)
                call = plan.send(reply)
        except StopIteration as end:
            return store, end.value

    def _is_record(self, key: str) -> bool:
        """Whether a key is a record's, and not an object's."""
        return not hidden(key)

    def decoded(self, record: Record) -> Live | Moved:
        """Return the session in a record, decoded once."""
        form = self._forms.get(record.value)
        if form is None:
            form = self._forms[record.value] = decode_cell(decode(record).body)
        return form

    def explore(self, most: int = 5_000_000) -> Figures:
        """Try all schedules.

        Raises:
            BrokenPromise: With the shortest schedule that breaks one.
        """
        figures = Figures()
        seen = {self._root.key()}
        waiting = deque([self._root])
        while waiting:
            world = waiting.popleft()
            figures.states += 1
            assert figures.states <= most, "the case is larger than it was meant to be"
            self._judge(world, figures)
            for following in self._following(world):
                figures.steps += 1
                key = following.key()
                if key not in seen:
                    seen.add(key)
                    waiting.append(following)
        return figures

    def _judge(self, world: World, figures: Figures) -> None:
        view = View(self, world)
        for invariant in self._invariants:
            wrong = invariant(view)
            if wrong:
                raise BrokenPromise(f"{wrong}\n\n{self._told(world)}")
        if view.over:
            figures.ends += 1
            figures.endings.add(tuple(repr(view.ended(name)) for name in self.names))

    def _following(self, world: World) -> Iterable[World]:
        for index, place in enumerate(world.places):
            if place == CRASHED:
                continue
            request = self.processes[index].steps[place]
            if isinstance(request, Request):
                yield from self._answers(world, index, request)
        for request in world.flying:
            rest = tuple(other for other in world.flying if other is not request)
            yield self._delivered(world, request, flying=rest, label="arrives late")

    def _answers(self, world: World, index: int, request: Request) -> Iterable[World]:
        delays, late, doubles, crashes = world.bounds
        yield self._delivered(world, request, answers=True)
        changes = request.method not in READING
        flying = (*world.flying, request) if changes and request not in world.flying else world.flying
        if changes and delays:
            bounds = (delays - 1, late, doubles, crashes)
            yield self._unanswered(world, index, request, flying, bounds, NoReply(Fault.LOST))
            if late:
                bounds = (delays - 1, late - 1, doubles, crashes)
                yield self._unanswered(world, index, request, flying, bounds, NoReply(Fault.LOST, late=True))
        if changes and doubles and not _creates_a_session(request):
            # A proxy repeats it: one copy arrives now, and the other is answered later, or the other way round.
            bounds = (delays, late, doubles - 1, crashes)
            yield self._delivered(world, request, answers=True, flying=flying, bounds=bounds, label="(doubled)")
            yield self._delivered(world, request, bounds=bounds, label="(a copy)")
        if crashes:
            places = (*world.places[:index], CRASHED, *world.places[index + 1 :])
            label = f"{self.names[index]} dies at {self._named(request)}"
            bounds = (delays, late, doubles, crashes - 1)
            yield World(world.store, places, flying, bounds, world.log, self._begun(world, index), world, label)

    def _unanswered(
        self, world: World, index: int, request: Request, flying: tuple[Request, ...], bounds: Any, reply: NoReply
    ) -> World:
        place = self.processes[index].after(request.place, reply)
        places = (*world.places[:index], place, *world.places[index + 1 :])
        how = "gets no reply, and its time is over" if reply.late else "gets no reply"
        label = (
            f"{self.names[index]}: {self._named(request)} {how}; the request is on its way{self._then(index, place)}"
        )
        return World(world.store, places, flying, bounds, world.log, self._begun(world, index), world, label)

    def _delivered(
        self,
        world: World,
        request: Request,
        *,
        answers: bool = False,
        flying: tuple[Request, ...] | None = None,
        bounds: Any = None,
        label: str = "",
    ) -> World:
        store, reply, applied = self.engine.apply(world.store, request)
        index, places, begun = request.process, world.places, world.begun
        then = ""
        if answers:
            place = self.processes[index].after(request.place, reply)
            places = (*places[:index], place, *places[index + 1 :])
            begun = self._begun(world, index)
            then = self._then(index, place)
        if applied is not None and applied.kind == "write":
            self._check_applied(world, request, applied)
        log = world.log
        if applied is not None and applied.kind == "write" and applied.after is not None:
            log = log | {(request.key, request.kwargs["write_id"])}
        text = f"{self.names[index]}: {label} {self._named(request)} → {self._said(reply)}{then}".replace(":  ", ": ")
        flying = world.flying if flying is None else flying
        return World(store, places, flying, bounds or world.bounds, log, begun, world, text)

    def _check_applied(self, world: World, request: Request, applied: Applied) -> None:
        """A version has at most one successor, and a write takes effect at most once."""
        if (request.key, request.kwargs["write_id"]) in world.log:
            told = self._told(world)
            raise BrokenPromise(f"a write takes effect twice\n\n{told}\n   {self._named(request)} is applied again")
        after = decode(applied.after) if applied.after else None
        before = decode(applied.before) if applied.before else None
        if after is not None and before is not None and after.lineage[:12] != before.write_id:
            told = self._told(world)
            raise BrokenPromise(
                f"a write replaces what it never saw\n\n{told}\n   {self.names[request.process]}: {self._named(request)}"
            )

    def _begun(self, world: World, index: int) -> Any:
        if index not in self._watched or world.begun[index] is not None:
            return world.begun
        return (*world.begun[:index], world.places, *world.begun[index + 1 :])

    # What follows tells a schedule.

    def _told(self, world: World) -> str:
        lines = []
        at: World | None = world
        while at is not None and at.label:
            lines.append(at.label)
            at = at.before
        return "\n".join(f"{number:4}. {line}" for number, line in enumerate(reversed(lines), 1))

    def _then(self, index: int, place: int) -> str:
        step = self.processes[index].steps[place]
        return f"; {self.names[index]} {step!r}" if isinstance(step, Ended) else ""

    def _nice_key(self, key: str) -> str:
        if hidden(key):
            return f"blob …{key[-71:-60]}" if len(key) > 71 else "blobs"
        kind = {"s": "session", "o": "owner", "w": "workspace"}.get(key.split("/", maxsplit=1)[0], key)
        if key not in self._nice:
            same = sum(name.startswith(kind) for name in self._nice.values())
            self._nice[key] = kind if kind in ("owner", key) else f"{kind} {'ABCDEFGHIJ'[same]}"
        return self._nice[key]

    def _named(self, request: Request) -> str:
        name = f"{request.method} {self._nice_key(request.key)}"
        if request.method == "write":
            name += f" as {self._short(request.kwargs['write_id'])}{self._content(request)}"
        expect = request.kwargs.get("expect")
        if isinstance(expect, Match):
            return f"{name} if {self._short(expect.version)}"
        return f"{name} if {expect.name.lower()}" if hasattr(expect, "name") else name

    def _content(self, request: Request) -> str:
        if not request.key.startswith("s/"):
            return ""
        form = decode_cell(decode(Record(request.args[1], "", None)).body)
        return " (moved)" if isinstance(form, Moved) else ""

    def _short(self, version: str) -> str:
        return f"#{version[:4]}"

    def _said(self, reply: object) -> str:
        match reply:
            case None:
                return "nothing there"
            case Record():
                return self._short(reply.version)
            case _ if hasattr(reply, "current"):
                current = reply.current
                return f"refused, {self._short(current.version)} there" if isinstance(current, Record) else "refused"
            case _ if hasattr(reply, "name"):
                return reply.name.lower()
            case _:
                return type(reply).__name__.lower()


def unknown_needs_a_reason(view: View) -> str | None:
    """An IndeterminateError is raised only by who lost a reply."""
    for name in view.names:
        if view.failed(name, IndeterminateError) and not view.lost_replies(name):
            return f"{name} calls a write indeterminate although it got every reply"
    return None


def _creates_a_session(request: Request) -> bool:
    """Whether doubling a request is beyond what a compare-and-set can mend: an id that comes back after it was deleted."""
    return (
        request.method == "write" and request.key.startswith("s/") and not isinstance(request.kwargs["expect"], Match)
    )


def _id_in(record: Record) -> str:
    stored: Stored = decode(record)
    return text_of(stored.write_id)
