"""The report: a verdict for each clause on each target, from the outcomes of its cases.

The JSON document, version 1::

    {"schema": 1,
     "targets":   {NAME: {"engine", "version", "durability", "certified": {CAPABILITY: {"holds", "evidence"}},
                          "reason": why it could not start, or null}},
     "clauses":   {ID: {"text", "level", "party", "cases": [CASE]}},
     "results":   [{"clause", "target", "status", "reason", "seconds", "cases": how many came to something}],
     "histories": [{"target", "workload", "operations", "verdict": ok, illegal or unknown, "seconds", "seed"}],
     "summary":   {"pass": 0, "fail": 0, "engine-fault": 0, "waived": 0, "not-claimed": 0, "skipped": 0,
                   "targets": {NAME: {the same}}, "partial": whether cases were deselected, "problems": [TEXT]}}

``results`` has each clause on each target once. A clause with several cases gets the first of fail, waived,
engine-fault, pass, skipped, not-claimed that one of them came to; ``reason`` is that case's, ``seconds`` all cases'.
A history is what a race recorded; its verdict is the linearizability checker's, its seconds those of the race.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .verdicts import STATUSES

if TYPE_CHECKING:
    import pytest

    from .running import Running
    from .targets import Target
    from .waivers import Waiver

__all__ = ["SCHEMA", "Report", "Result"]

SCHEMA: Final = 1
_LINE: Final = 400
"""Characters of a reason, at most."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a clause came to on a target."""

    clause: str
    target: str
    status: str
    reason: str
    seconds: float
    cases: int = 0


class Report:
    """Gathers outcomes.

    Args:
        targets: Those that are judged.
        absent: Why others cannot start.
        waivers: Expected failures.
    """

    def __init__(self, targets: list[Target], absent: dict[str, str], waivers: tuple[Waiver, ...]) -> None:
        self.names = [target.name for target in targets]
        self.absent = dict(absent)
        self.waivers = waivers
        self.notes: dict[str, Any] = {"targets": {}, "failures": {}, "deselected": {}}
        self.histories: list[dict[str, Any]] = []
        self._cases: dict[str, set[str]] = defaultdict(set)
        self._outcomes: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
        self._seconds: dict[tuple[str, str], float] = defaultdict(float)

    @property
    def partial(self) -> bool:
        """Whether cases were deselected, so that a clause that passes may yet fail."""
        return bool(self.notes["deselected"])

    def note_deselected(self) -> None:
        """Note that not every case runs."""
        self.notes["deselected"] = {"some": True}

    def waiver(self, clauses: tuple[str, ...], target: str) -> Waiver | None:
        """Return the waiver that covers one of a case's clauses on a target."""
        return next((waiver for waiver in self.waivers for name in clauses if waiver.covers(name, target)), None)

    def note_target(self, running: Running) -> None:
        """Note what was found out about a started target."""
        self.notes["targets"][running.target.name] = {
            "engine": running.engine,
            "version": running.version,
            "durability": running.durability,
            "certified": running.certified,
        }

    def note_failure(self, target: str, reason: str, *, fatal: bool) -> None:
        """Note that a target could not be started after all, and whether that makes the run a failure."""
        self.notes["failures"][target] = {"reason": reason, "fatal": fatal}

    @property
    def unjudged(self) -> dict[str, str]:
        """Why targets were not judged."""
        return self.absent | {name: found["reason"] for name, found in self.notes["failures"].items()}

    def merge(self, notes: dict[str, Any]) -> None:
        """Take over what a worker noted."""
        for section, values in notes.items():
            self.notes[section].update(values)

    def add(self, report: pytest.TestReport) -> None:
        """Note one phase of a case."""
        facts = dict(report.user_properties).get("statekit")
        if not isinstance(facts, dict):
            return
        if report.when == "call":
            self.histories += facts.get("histories", [])
        names = self.names if facts["target"] is None else [facts["target"]]
        for name in facts["clauses"]:
            for target in names:
                self._seconds[name, target] += report.duration
                outcome = self._outcome(report, facts, name, target)
                if outcome is not None:
                    self._outcomes[name, target].append(outcome)
                    self._cases[name].add(_case(report.nodeid))

    def _outcome(
        self, report: pytest.TestReport, facts: dict[str, Any], name: str, target: str
    ) -> tuple[str, str] | None:
        if report.failed:
            return "fail", f"{report.nodeid.rpartition('::')[2]}: {_last_line(report)}"
        if report.skipped and "obstacles" in facts:
            status, reason = facts["obstacles"].get(name, (None, None))
            return None if status is None else (status, reason)
        if report.skipped and hasattr(report, "wasxfail"):
            waiver = self.waiver((name,), target)
            return None if waiver is None else ("waived", waiver.reason)
        if report.skipped:
            return "skipped", _last_line(report)
        return ("pass", "") if report.when == "call" else None

    def results(self) -> Iterator[Result]:
        """Return the verdict of each clause on each target."""
        from statekit.contract import CLAUSES

        for target in (*self.names, *self.absent):
            for entry in CLAUSES:
                key = (entry.id, target)
                status, reason = self._verdict(*key)
                count = len(self._outcomes.get(key, ()))
                yield Result(*key, status, reason[:_LINE], round(self._seconds[key], 3), count)

    def _verdict(self, name: str, target: str) -> tuple[str, str]:
        outcomes = self._outcomes.get((name, target), [])
        if target in self.unjudged and all(status == "skipped" for status, _ in outcomes):
            return "skipped", f"the target cannot start: {self.unjudged[target]}"
        if not outcomes:
            return "skipped", "no case of it was run"
        return min(outcomes, key=lambda outcome: STATUSES.index(outcome[0]))

    def problems(self) -> list[str]:
        """Return what makes the run a failure although no case failed."""
        judged = any(status != "skipped" for outcomes in self._outcomes.values() for status, _ in outcomes)
        found = [
            f"the target {name} was not judged: {failure['reason']}"
            for name, failure in self.notes["failures"].items()
            if failure["fatal"] or not judged
        ]
        return found if self.partial else [*found, *self._stale_waivers()]

    def _stale_waivers(self) -> Iterator[str]:
        for waiver in self.waivers:
            for target in self.names:
                if waiver.covers(waiver.clause, target) and self._verdict(waiver.clause, target)[0] == "pass":
                    yield f"{waiver.clause} on {target} is waived and passes: remove the waiver"

    def document(self) -> dict[str, Any]:
        """Return the JSON document."""
        from statekit.contract import CLAUSES

        results = list(self.results())
        return {
            "schema": SCHEMA,
            "targets": {name: self._target(name) for name in (*self.names, *self.absent)},
            "clauses": {
                entry.id: {
                    "text": entry.text,
                    "level": entry.level.value,
                    "party": entry.party.value,
                    "cases": sorted(self._cases[entry.id]),
                }
                for entry in CLAUSES
            },
            "results": [asdict(result) for result in results],
            "histories": self.histories,
            "summary": self._summary(results),
        }

    def _target(self, name: str) -> dict[str, Any]:
        known: dict[str, Any] = {"engine": None, "version": None, "durability": None, "certified": {}}
        return {**known, **self.notes["targets"].get(name, {}), "reason": self.unjudged.get(name)}

    def _summary(self, results: list[Result]) -> dict[str, Any]:
        def counted(target: str | None) -> dict[str, int]:
            counts = Counter(result.status for result in results if target in (None, result.target))
            return {status: counts[status] for status in STATUSES}

        targets = {name: counted(name) for name in (*self.names, *self.absent)}
        return {**counted(None), "targets": targets, "partial": self.partial, "problems": self.problems()}

    def write(self, path: Path) -> None:
        """Write the JSON document."""
        path.write_text(json.dumps(self.document(), indent=1, ensure_ascii=False) + "\n", "utf-8")

    def write_page(self, path: Path) -> None:
        """Write the same as one page."""
        from .page import render

        path.write_text(render(self.document(), made_at=datetime.now(UTC)), "utf-8")


def _case(nodeid: str) -> str:
    """Return a case's folder, file and name, without what it was run on."""
    path, _, name = nodeid.partition("::")
    return f"{'/'.join(path.split('/')[-2:])}::{name.partition('[')[0]}"


def _last_line(report: pytest.TestReport) -> str:
    """Return why a case failed or was skipped, as one line."""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(report.longrepr) if crash is None else crash.message
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[0].strip() if lines else "it says nothing"
