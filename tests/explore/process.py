"""A process: a real plan that is stepped by hand, and remembered by what it has seen.

Generators cannot be copied. But a plan does the same whenever it sees the same replies, with its random numbers and its
clock given. So a process is a tree of histories: each is computed once, by continuing a generator that stands at its
parent or by running a new one to it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from statekit._core import ids, retry
from statekit._core.objects.plans import ObjectPlans
from statekit._core.pipeline import Wire
from statekit._core.plan import Call, Drain, Join, Sleep, Start, Work
from statekit._core.sessions.plans import SessionPlans
from statekit._core.vault import Vault
from statekit.driver import Fault
from statekit.errors import StateError
from statekit.testing.failing import Met
from statekit.types import SessionPolicy

from .model import Methods, Request

NOW = 1_800_000_000_000


@dataclass(frozen=True)
class Ended:
    """What became of a process."""

    result: Any = None
    error: StateError | None = None

    def __repr__(self) -> str:
        return type(self.error).__name__ if self.error else f"returns {self.result!r}"


@dataclass(frozen=True)
class NoReply:
    """The reply of a request that met a fault, and whether the operation's time is over with it."""

    fault: Fault
    late: bool = False


class _Clock:
    def __init__(self, now: int) -> None:
        self._now = now
        self.elapsed = 0.0

    def now(self) -> int:
        return self._now

    def monotonic(self) -> float:
        return self.elapsed


class Random:
    """Stands in for the module ``secrets`` in core: random bytes that depend on nothing but process and count."""

    def __init__(self) -> None:
        self.name = ""
        self.drawn: list[bytes] = []

    def token_bytes(self, size: int) -> bytes:
        drawn = hashlib.sha256(f"{self.name} {len(self.drawn)}".encode()).digest()[:size]
        self.drawn.append(drawn)
        return drawn


RANDOM = Random()
DRIVER = Methods()


class Env:
    """What a process works with.

    Attributes:
        plans: The session store's plans.
        objects: The object store's plans.
        wire: What both share.
        drawn: The random bytes drawn so far.
        marks: What the process wants to tell the invariants before it ends.
    """

    def __init__(self, now: int, policy: SessionPolicy) -> None:
        self.clock = _Clock(now)
        self.events: list[Any] = []
        self.wire = Wire("sessions", "model", self.clock, self.events.append, vault=Vault())  # type: ignore[arg-type]
        self.plans = SessionPlans(self.wire, lambda: DRIVER, "", policy)  # type: ignore[arg-type]
        self.objects = ObjectPlans(self.wire, lambda: DRIVER, "")  # type: ignore[arg-type]
        self.drawn: list[bytes] = []


Body = Callable[[Env], Generator[Any, Any, Any]]


def flat(plan: Generator[Any, Any, Any]) -> Generator[Call, Any, Any]:
    """Yield a plan's calls only. Sleeps take no time, and children run one after the other."""
    results: list[Any] = []
    failure: BaseException | None = None
    try:
        effect = plan.send(None)
        while True:
            try:
                result = None
                if isinstance(effect, Call):
                    result = yield effect
                elif isinstance(effect, Start):
                    if failure is None:
                        try:
                            results.append((yield from flat(effect.plan)))
                        except Exception as exc:
                            failure = exc
                elif isinstance(effect, Work):
                    result = effect.function()
                elif isinstance(effect, Join):
                    if failure is not None:
                        raise failure
                    result, results = results, []
                else:
                    assert isinstance(effect, Sleep | Drain), effect
            except Exception as exc:
                effect = plan.throw(exc)
            else:
                effect = plan.send(result)
    except StopIteration as end:
        return end.value


@dataclass
class _Running:
    env: Env
    generator: Generator[Call, Any, Any]


class Process:
    """One process of a case.

    Args:
        index: Its number.
        name: For schedules.
        body: What it does.
        now: Its wall clock.
        policy: Of its session store.
    """

    def __init__(self, index: int, name: str, body: Body, now: int, policy: SessionPolicy) -> None:
        self.index, self.name = index, name
        self._body, self._now, self._policy = body, now, policy
        self._parents: list[tuple[int, Any]] = []
        self._children: dict[tuple[int, Any], int] = {}
        self._standing: dict[int, _Running] = {}
        self.steps: list[Request | Ended] = []
        self.begin()

    def begin(self) -> None:
        """Compute the first step."""
        self._parents.append((-1, None))
        running = self._started()
        self.steps.append(self._stepped(running, 0, lambda g: g.send(None)))

    def _started(self) -> _Running:
        env = Env(self._now, self._policy)
        return _Running(env, flat(self._body(env)))

    def after(self, history: int, reply: Any) -> int:
        """Return the history in which the request of ``history`` was answered by ``reply``."""
        found = self._children.get((history, reply))
        if found is not None:
            return found
        running = self._standing.pop(history, None) or self._replayed(history)
        new = len(self.steps)
        self._parents.append((history, reply))
        self._children[history, reply] = new
        self.steps.append(self._stepped(running, new, self._answering(running, reply)))
        return new

    def _replayed(self, history: int) -> _Running:
        replies = []
        while history:
            history, reply = self._parents[history]
            replies.append(reply)
        running = self._started()
        self._quietly(running, lambda g: g.send(None))
        for reply in reversed(replies):
            self._quietly(running, self._answering(running, reply))
        return running

    def _answering(self, running: _Running, reply: Any) -> Callable[[Generator[Call, Any, Any]], Call]:
        if isinstance(reply, NoReply):
            running.env.clock.elapsed += 1e6 if reply.late else 0
            return lambda generator: generator.throw(Met(reply.fault))
        return lambda generator: generator.send(reply)

    def _quietly(self, running: _Running, step: Callable[[Generator[Call, Any, Any]], Call]) -> Call:
        RANDOM.name, RANDOM.drawn = self.name, running.env.drawn
        return step(running.generator)

    def _stepped(self, running: _Running, place: int, step: Callable[[Any], Call]) -> Request | Ended:
        try:
            call = self._quietly(running, step)
        except StopIteration as end:
            return Ended(end.value)
        except StateError as error:
            error.__traceback__ = None
            return Ended(error=error)
        self._standing[place] = running
        return Request(self.index, place, call.method.__name__, call.args, call.kwargs)

    def replies(self, history: int) -> list[Any]:
        """Return what the process has seen."""
        seen = []
        while history:
            history, reply = self._parents[history]
            seen.append(reply)
        return seen[::-1]


class _NoJitter:
    @staticmethod
    def random() -> float:
        return 0.0


def patch_randomness(monkeypatch: Any) -> None:
    """Let all ids be drawn from ``RANDOM``, and no time pass between attempts."""
    monkeypatch.setattr(ids, "secrets", RANDOM)
    monkeypatch.setattr(retry, "random", _NoJitter)
