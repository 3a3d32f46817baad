"""A race: rounds of racers, with or without trouble, each judged by the linearizability checker."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

from statekit_conformance.checker import Model, Report, Verdict, check
from statekit_conformance.history import Failed, Operation, Unknown, read_directory
from statekit_conformance.proxy import Proxy
from statekit_conformance.running import Running
from statekit_conformance.servers import IMPATIENCE
from statekit_conformance.site import Site
from statekit_conformance.threads import together

from .crew import Crew
from .racer import Act, Plan, Racer, Stage

__all__ = ["Race", "Round", "Trouble", "Workload"]

THREADS: Final = 3
SECONDS: Final = 1.0
MOST: Final = 80
_WIRED: Final = 2.0
"""Seconds for a round in which replies are lost: it takes a while until a client gives up."""
_LONGER: Final = 3
"""How many times as much may be asked in it: there has to be something for faults to strike."""
_CHECKING: Final = 30.0
"""Seconds for one verdict."""
_ENDING: Final = 50.0
"""Seconds after which a round that should have ended hangs."""


def _as_recorded(history: Sequence[Operation]) -> Sequence[Operation]:
    return history


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What racers do, and what must be true of it.

    Attributes:
        name: For the report.
        act: Asks one thing, or a few.
        look: Reads everything once more, when all is quiet again.
        opens: ``records``, ``objects``, ``view.sessions`` or ``view.objects``.
        models: What each key does, by the beginning of the key.
        derive: Makes of what was recorded what the models know.
        seconds: For one round.
        most: What one racer asks in a round at most.
    """

    name: str
    act: Act
    look: Act
    opens: str
    models: Mapping[str, Model[Any]]
    derive: Callable[[Sequence[Operation]], Sequence[Operation]] = _as_recorded
    seconds: float = SECONDS
    most: int = MOST


@dataclass(frozen=True)
class Round:
    """A round as those see it who make trouble.

    Attributes:
        plan: What the racers were told.
        crew: Their processes; None if they are threads of this one.
        running: The target.
        proxies: What stands before its engines, if anything does.
    """

    plan: Plan
    crew: Crew | None
    running: Running
    proxies: Sequence[Proxy]

    def part(self, share: float) -> float:
        """Return a share of the round's time, in seconds."""
        return share * self.plan.seconds


Trouble: TypeAlias = Callable[[Round], AbstractContextManager[object]]


class Race:
    """Runs workloads on a target.

    Args:
        running: The target.
        crew: Processes to race in; None for a backend that ends with its process.
        folder: For histories.
        seed: Of the first round.
        soak: Seconds that each workload goes on for, round after round; 0 for one round.
        note: Takes the entry for the report.
    """

    def __init__(
        self,
        running: Running,
        crew: Crew | None,
        folder: Path,
        *,
        seed: int,
        soak: float,
        note: Callable[[dict[str, Any]], object],
    ) -> None:
        self._running, self._crew, self._folder = running, crew, folder
        self._seed, self._soak, self._note = seed, soak, note

    def __call__(
        self,
        workload: Workload,
        *,
        trouble: Trouble | None = None,
        label: str = "",
        wired: bool = False,
    ) -> None:
        """Race until the time is up, and insist that the history can be explained.

        Args:
            workload: What to do.
            trouble: What happens meanwhile; a context that is entered when all race.
            label: Names the trouble in the report.
            wired: Whether the racers reach the engines through proxies, with little patience for each request.
        """
        began = time.monotonic()
        name = f"{workload.name}, {label}" if label else workload.name
        entry: dict[str, Any] = {
            "target": self._running.target.name,
            "workload": name,
            "operations": 0,
            "verdict": "ok",
        }
        self._note(entry)
        for number in self._rounds(began):
            entry |= {"seconds": round(time.monotonic() - began, 3), "seed": self._seed + number}
            with self._running.proxied() if wired else nullcontext((self._running.site, ())) as (site, proxies):
                plan = self._plan(workload, number, site, wired=wired)
                history = self._round(workload, Round(plan, self._crew, self._running, proxies), trouble)
            shutil.rmtree(plan.folder)
            entry["operations"] += len(history)
            _insist_on_answers(history, troubled=trouble is not None)
            self._judge(workload, history, entry)
        entry["seconds"] = round(time.monotonic() - began, 3)

    def _rounds(self, began: float) -> Iterator[int]:
        yield 0
        number = 1
        while time.monotonic() - began < self._soak:
            yield number
            number += 1

    def _plan(self, workload: Workload, number: int, site: Site, *, wired: bool) -> Plan:
        folder = self._folder / f"round-{number}"
        folder.mkdir()
        return Plan(
            act=workload.act,
            opens=workload.opens,
            site=site,
            namespace=f"race{secrets.token_hex(6)}",
            folder=folder,
            seed=self._seed + number,
            threads=THREADS,
            seconds=_WIRED if wired else workload.seconds,
            most=workload.most * (_LONGER if wired else 1),
            timeout=site.timeout / IMPATIENCE if wired else None,
            faults=wired,
            copies=self._running.certified.get("objects.copy_beside_puts", {}).get("holds", True),
            environment=dict(os.environ),
        )

    def _round(self, workload: Workload, about: Round, trouble: Trouble | None) -> Sequence[Operation]:
        """Race once, look at everything when all is quiet, and return the history."""
        with self._racing(about.plan), trouble(about) if trouble else nullcontext():
            pass
        quiet = replace(about.plan, site=self._running.site, timeout=None, faults=False)
        with Stage(quiet, 0, "end") as stage:
            workload.look(Racer(stage, "end"))
        return read_directory(about.plan.folder)

    @contextmanager
    def _racing(self, plan: Plan) -> Iterator[None]:
        if self._crew is None:
            together(4, lambda number: _race_here(plan, number))
            yield
            return
        try:
            self._crew.start(plan)
            yield
        except BaseException:
            self._crew.close()
            raise
        self._crew.finish(plan.seconds + _ENDING)

    def _judge(self, workload: Workload, history: Sequence[Operation], entry: dict[str, Any]) -> None:
        operations = workload.derive(history)
        for prefix, model in workload.models.items():
            theirs = [operation for operation in operations if operation.key.startswith(prefix)]
            report = check(theirs, model, time_limit=_CHECKING)
            if report.verdict is not Verdict.OK:
                entry["verdict"] = str(report.verdict)
                raise AssertionError(f"{entry['workload']}, seed {entry['seed']}: {_told(report)}")


def _race_here(plan: Plan, number: int) -> None:
    with Stage(plan, number, f"w{number}") as stage:
        stage.race()


def _told(report: Report) -> str:
    if report.verdict is Verdict.UNKNOWN:
        return f"{report}: too long a history to be judged here"
    return f"no order of the operations explains the answers: {report}"


def _insist_on_answers(history: Sequence[Operation], *, troubled: bool) -> None:
    """A race of which nobody was told anything proves nothing."""
    mute = [operation for operation in history if isinstance(operation.outcome, Unknown | Failed)]
    reasons = "; ".join(sorted({getattr(operation.outcome, "reason", "") for operation in mute})[:3])
    assert len(mute) < len(history) * (0.9 if troubled else 0.25), (
        f"{len(mute)} of {len(history)} operations had no answer: {reasons}"
    )
