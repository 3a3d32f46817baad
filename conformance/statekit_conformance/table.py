"""The terminal's table: clauses by targets, a line for each letter, and below it what did not pass."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Final

from .report import Report, Result

__all__ = ["TITLES", "lines_of", "write_table"]

TITLES: Final = {
    "R": "records",
    "S": "sessions",
    "O": "objects",
    "X": "scratch",
    "K": "keys and limits",
    "E": "errors, life cycle",
    "P": "plugins",
}
_SHORT: Final = {"fail": "FAIL", "not-claimed": "not claimed"}
_WIDTH: Final = 110


def write_table(terminal: Any, report: Report) -> None:
    """Write it to pytest's terminal."""
    results = list(report.results())
    terminal.write_sep("=", "the contract, clause by clause")
    for line in lines_of(results):
        bad = "FAIL" in line
        terminal.write_line(line, red=bad, bold=bad)
    problems = report.problems()
    for target, reason in report.unjudged.items():
        if not any(f"the target {target} was not judged" in problem for problem in problems):
            terminal.write_line(f"{target} was not judged: {reason}")
    for problem in problems:
        terminal.write_line(f"FAIL {problem}", red=True, bold=True)


def lines_of(results: Iterable[Result]) -> Iterator[str]:
    """Return the table and the details."""
    judged = [result for result in results if not result.reason.startswith("the target cannot start")]
    yield from _matrix(judged)
    yield from _details(judged)


def _matrix(results: list[Result]) -> Iterator[str]:
    targets = list(dict.fromkeys(result.target for result in results))
    cells: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for result in results:
        cells[result.clause[0], result.target][result.status] += 1
    width = max([len(target) for target in targets] + [12]) + 2
    yield " " * 22 + "".join(target.rjust(width) for target in targets)
    for letter, title in TITLES.items():
        if any((letter, target) in cells for target in targets):
            row = (_cell(cells[letter, target]).rjust(width) for target in targets)
            yield f"{letter}  {title}".ljust(22) + "".join(row)


def _cell(counts: Counter[str]) -> str:
    """Return how many of the clauses that apply have passed."""
    applicable = sum(counts.values()) - counts["not-claimed"]
    return f"{counts['pass']}/{applicable}"


def _details(results: list[Result]) -> Iterator[str]:
    """Name everything that did not pass; what has the same reason stands in one line."""
    grouped: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for result in results:
        if result.status != "pass":
            grouped[result.target, result.status, result.reason].append(result.clause)
    for (target, status, reason), names in grouped.items():
        line = f"{_SHORT.get(status, status)}  {target}  {' '.join(names)}  {reason}"
        yield line if status == "fail" or len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…"
