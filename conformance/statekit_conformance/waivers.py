"""Waivers: clauses that are expected to fail on a target, each with its reason, in the sight of everybody."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Waiver", "WaiverError", "read_waivers"]


class WaiverError(ValueError):
    """The file cannot be used; the message is one line."""


@dataclass(frozen=True, slots=True)
class Waiver:
    """One expected failure.

    Attributes:
        clause: The clause's id.
        target: The target's name, or ``*`` for every target.
        reason: Why; for everybody to read.
    """

    clause: str
    target: str
    reason: str

    def covers(self, clause: str, target: str) -> bool:
        """Whether it is about this clause on this target."""
        return self.clause == clause and self.target in (target, "*")


def read_waivers(path: Path) -> tuple[Waiver, ...]:
    """Read a file of ``[[waiver]]`` tables with ``clause``, ``target`` and ``reason``.

    Raises:
        WaiverError: It cannot be read, or holds anything else.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise WaiverError(f"the waivers in {path} cannot be read: {' '.join(str(error).split())}") from error
    if set(document) - {"waiver"} or not isinstance(document.get("waiver", []), list):
        raise WaiverError(f"{path} holds something else than [[waiver]] tables")
    return tuple(_waiver(path, entry) for entry in document.get("waiver", []))


def _waiver(path: Path, entry: Any) -> Waiver:
    from statekit.contract import clause

    wanted = {"clause", "target", "reason"}
    filled = isinstance(entry, dict) and set(entry) == wanted and all(isinstance(v, str) and v for v in entry.values())
    if not filled:
        raise WaiverError(f"a waiver in {path} is not made of clause, target and reason, all of them text")
    try:
        clause(entry["clause"])
    except KeyError:
        raise WaiverError(f"{path} waives {entry['clause']!r}, which is no clause of the contract") from None
    return Waiver(**entry)
