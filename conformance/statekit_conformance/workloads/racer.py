"""A racer: one thread that asks at random until the time is up, and records what it asked and what it was told."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from copy import copy
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

from statekit.driver import Fault
from statekit.errors import BackendError, ConflictError, IndeterminateError, SessionGoneError, StateError
from statekit.testing import SystemClock
from statekit.types import SessionPolicy
from statekit_conformance.history import Call, Recorder
from statekit_conformance.site import Site
from statekit_conformance.subject import Colour, Subject
from statekit_conformance.threads import together

from .board import Board

__all__ = ["FAILED", "Act", "Plan", "Racer", "Stage"]

_POLICY: Final = SessionPolicy(touch_interval=timedelta(0), sessions_per_owner=1000)
"""Every touch is sent, and nobody loses a session to the next login."""
_BREATH: Final = 0.02
"""Seconds after a fault: a server that is down is not asked a thousand times a second."""
_GRACE: Final = 20.0
"""Seconds that an operation of a store may take in all, whatever one request may."""


class Nothing(Enum):
    """Not an answer."""

    FAILED = "failed"


FAILED: Final = Nothing.FAILED
"""What ``Racer.ask`` returns of an operation that was refused by an exception, failed, or is unknown."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one round of a race is made of. It pickles.

    Attributes:
        act: Asks one thing, or a few.
        opens: What the racers use: the raw drivers ``records`` or ``objects``, or the stores ``view.sessions``
            or ``view.objects``.
        site: Where.
        namespace: Of this round.
        folder: Where histories are recorded.
        seed: Of this round; each racer draws from it by its name.
        threads: In each process.
        seconds: After which nothing new is asked.
        most: What one racer asks at most, so that a quick engine gives no history that takes long to judge.
        timeout: Seconds that one request may take; None for what the target needs.
        faults: Whether replies are lost on purpose: then only what can be settled is asked.
        copies: Whether the engine can be asked for copies onto what others write.
        environment: Variables by which clients find the servers.
    """

    act: Callable[[Racer], object]
    opens: str
    site: Site
    namespace: str
    folder: Path
    seed: int
    threads: int
    seconds: float
    most: int
    timeout: float | None = None
    faults: bool = False
    copies: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)


Act: TypeAlias = Callable[["Racer"], object]


class Stage:
    """What the racers of one process share: an opening and a recorder.

    Even numbers open synchronous drivers and stores, odd ones asynchronous ones, whose threads are tasks of one loop.

    Args:
        plan: The round's.
        number: Of the process.
        name: Of its history; no other process has it.
    """

    def __init__(self, plan: Plan, number: int, name: str) -> None:
        self.plan, self.name = plan, name
        self.board = Board(plan.folder / "board")
        self._undo = ExitStack()
        os.environ.update(plan.environment)
        self.recorder = self._undo.enter_context(Recorder(plan.folder / f"{name}.jsonl", name))
        clock: Any = SystemClock()  # those who wait for each other have to wait
        site = copy(plan.site)  # its event loop ends with this stage
        site.timeout = plan.timeout or site.timeout
        subject = Subject(site, _colour(site, number), namespace=plan.namespace, clock=clock)
        self._undo.callback(site.loop.close)
        self._undo.callback(subject.close)
        self.store: Any = self._opened(subject)
        self._warm_up()

    def _opened(self, subject: Subject) -> Any:
        if self.plan.opens.startswith("view"):
            return subject.open(policy=_POLICY, timeout=max(subject.site.timeout, _GRACE))
        return subject.records() if self.plan.opens == "records" else subject.objects_driver()

    def _warm_up(self) -> None:
        """Make a round trip: a client that connects takes its time, and the others would be through by then."""
        if self.plan.opens == "view.sessions":
            self.store.sessions.load("A" * 43)
        elif self.plan.opens == "view.objects":
            self.store.objects.exists("warm")
        else:
            self.store.read(self.store.key("warm"))

    def race(self) -> None:
        """Run the racers, all at once, until the time is up."""
        deadline = time.monotonic() + self.plan.seconds
        together(self.plan.threads, lambda thread: Racer(self, f"{self.name}.{thread}").run(deadline))

    def close(self) -> None:
        """Close the opening and the history."""
        self._undo.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _colour(site: Site, number: int) -> Colour:
    sync = all(backend.open is not None for backend in site.backends)
    return "sync" if sync and number % 2 == 0 else "async"


class Racer:
    """One thread.

    Attributes:
        name: Nobody else has it.
        random: Drawn from the round's seed.
        memory: What this racer saw, by key.
        store: The raw driver's calls, or the view.
        board: What racers of all processes tell each other.
        faults: Whether replies are lost on purpose.
        copies: Whether the engine can be asked for copies onto what others write.
    """

    def __init__(self, stage: Stage, name: str) -> None:
        self.name, self.store, self.board = name, stage.store, stage.board
        self.faults, self.copies = stage.plan.faults, stage.plan.copies
        self.random = random.Random(f"{stage.plan.seed}/{name}")
        self.memory: dict[str, Any] = {}
        self._plan, self._recorder = stage.plan, stage.recorder
        self._asked = self._named = 0

    def run(self, deadline: float) -> None:
        """Act until the time is up."""
        while time.monotonic() < deadline and self._asked < self._plan.most:
            self._plan.act(self)

    def fresh(self) -> str:
        """Return a name that nothing else in this round has."""
        self._named += 1
        return f"{self.name}.{self._named}"

    def begin(self, key: str, action: str, **arguments: Any) -> Call:
        """Record that something is about to be asked."""
        self._asked += 1
        return self._recorder.begin(key, action, arguments, client=self.name.rpartition(".")[2])

    def ask(
        self,
        key: str,
        action: str,
        send: Callable[[], Any],
        tell: Callable[[Call, Any], object],
        **arguments: Any,
    ) -> Any:
        """Ask once, and record it.

        Args:
            key: What it is about.
            action: A verb of the model.
            send: Asks.
            tell: Records an answer.
            arguments: What is asked, by name.

        Returns:
            The answer, or FAILED.
        """
        call = self.begin(key, action, **arguments)
        try:
            answer = send()
        except Exception as error:  # noqa: BLE001 - whatever a driver raises has an explanation, and is recorded
            self._explain(call, error)
            return FAILED
        tell(call, answer)
        return answer

    def _explain(self, call: Call, error: Exception) -> None:
        if isinstance(error, SessionGoneError):
            call.refused("gone")
            return
        if isinstance(error, ConflictError):
            call.refused("conflict")
            return
        fault = self._fault(error)
        if isinstance(error, IndeterminateError) or (fault.applied and not isinstance(error, StateError)):
            call.unknown(_words(error))
        else:
            call.failed(_words(error))
        time.sleep(_BREATH)

    def _fault(self, error: Exception) -> Fault:
        if isinstance(error, StateError):
            if not isinstance(error, BackendError):
                raise error
            return error.fault
        fault: Fault = self.store.fault(error).fault
        return fault


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
