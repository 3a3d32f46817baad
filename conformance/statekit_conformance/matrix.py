"""What reports come to, as one table in Markdown: a row for each target, a column for each section of the contract."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from .report import SCHEMA
from .table import TITLES

__all__ = ["UnfitReportError", "render"]

_COUNTED: Final = ("pass", "engine-fault", "not-claimed")


class UnfitReportError(Exception):
    """A report that a table for the public cannot be made of."""


def render(documents: Sequence[Mapping[str, Any]]) -> str:
    """Return the table, for targets of one report or of several.

    Args:
        documents: Reports, as ``--statekit-report`` writes them.

    Raises:
        UnfitReportError: One has another schema, is not of every case and target, or two have the same target.
    """
    _check(documents)
    lines = [
        f"| target | {' | '.join(TITLES.values())} | all |",
        f"|---|{'---|' * len(TITLES)}---|",
        *(line for document in documents for line in _rows(document)),
        "",
        "Clauses that passed; where there are others: passed / engine fault / not claimed, and what failed in words.",
    ]
    return "\n".join(lines)


def _check(documents: Sequence[Mapping[str, Any]]) -> None:
    targets = Counter(name for document in documents for name in document.get("targets", ()))
    twice = [name for name, count in targets.items() if count > 1]
    if any(document.get("schema") != SCHEMA for document in documents):
        raise UnfitReportError(f"this is no report of schema {SCHEMA}")
    if any(document["summary"]["partial"] for document in documents):
        raise UnfitReportError("cases were deselected: a clause that passes may yet fail")
    if twice:
        raise UnfitReportError(f"several reports judge the same target: {', '.join(sorted(twice))}")


def _rows(document: Mapping[str, Any]) -> Iterator[str]:
    for name, facts in document["targets"].items():
        if facts["reason"] is not None:
            raise UnfitReportError(f"the target {name} was not judged: {facts['reason']}")
        engine = "" if facts["engine"] in (None, "embedded") else f" ({facts['engine']} {facts['version']})"
        yield f"| `{name}`{engine} | {' | '.join(_cells(document, name))} |"


def _cells(document: Mapping[str, Any], target: str) -> Iterator[str]:
    statuses = {result["clause"]: result["status"] for result in document["results"] if result["target"] == target}
    for letter in TITLES:
        yield _cell(Counter(status for clause, status in statuses.items() if clause.startswith(f"{letter}-")))
    yield _cell(Counter(statuses.values()))


def _cell(counts: Counter[str]) -> str:
    others = [f"{counts[status]} {status}" for status in sorted(counts) if status not in _COUNTED]
    only_passed = counts["pass"] and not counts["engine-fault"] and not counts["not-claimed"]
    passed = str(counts["pass"]) if only_passed else " / ".join(str(counts[status]) for status in _COUNTED)
    return ", ".join([passed, *others])
