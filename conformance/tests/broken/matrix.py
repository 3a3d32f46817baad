"""A plugin for pytest: the kill matrix at the end of a run, from all tests that say what mutant they killed.

A test says so by ``record_property("mutant", (name, {clause: killer}))``; None for a clause that killed nothing.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

ROWS: list[tuple[str, str, str | None]] = []
"""Clause, mutant, killer."""


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note what a test says."""
    if report.when == "call":
        for name, value in report.user_properties:
            if name == "mutant":
                mutant, kills = value
                ROWS.extend((clause, mutant, killer) for clause, killer in kills.items())


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the matrix: which mutant was killed in the name of which clause, and by whom."""
    if not ROWS:
        return
    terminalreporter.write_sep("=", "mutants, and what killed them")
    width = max(len(mutant) for _, mutant, _ in ROWS)
    for clause, mutant, killer in sorted(ROWS, key=lambda row: (row[0].split("-")[0], _number(row[0]))):
        terminalreporter.write_line(
            f"{clause:7}{mutant.ljust(width)}  {killer or 'SURVIVED'}", red=killer is None, bold=killer is None
        )
    dead = {mutant for _, mutant, _ in ROWS} - {mutant for _, mutant, killer in ROWS if killer is None}
    letters = Counter(clause[0] for clause, _, _ in ROWS)
    counts = ", ".join(f"{letter} {count}" for letter, count in sorted(letters.items()))
    total = len({mutant for _, mutant, _ in ROWS})
    terminalreporter.write_line(f"{len(dead)} of {total} mutants are dead; rows by the clauses' letter: {counts}")


def _number(clause: str) -> float:
    return float(clause.partition("-")[2])
