"""A program as it is shown and run: lines of Python, of which ``url`` alone is left to whoever pastes them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from statekit_conformance.subject import Subject

__all__ = ["Expression", "Program", "call", "opening"]


class Expression:
    """What is shown as it is written: an earlier answer, ``s1``, a part of it, ``s1.id``, or many bytes."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __getattr__(self, part: str) -> Any:
        if part.startswith("_"):
            raise AttributeError(part)
        return Expression(f"{self._text}.{part}")

    def __repr__(self) -> str:
        return self._text


def call(path: str, *args: Any, **options: Any) -> str:
    """Return a call as it is written."""
    shown = [*map(_shown, args), *(f"{name}={_shown(value)}" for name, value in options.items())]
    return f"{path}({', '.join(shown)})"


def _shown(value: Any) -> str:
    return value.name if isinstance(value, Enum) else repr(value)


def opening(subject: Subject, name: str, method: str, *, policy: str = "") -> list[str]:
    """Return how somebody who has nothing but a URL gets what ``open``, ``records`` or ``objects_driver`` returns."""
    options = policy and f"policy={policy}"
    if method == "open" and subject.colour == "sync":
        needed, opened = "import statekit", f"statekit.open(url, clock=clock{options and f', {options}'})"
    else:
        needed = "from statekit_conformance.subject import Subject"
        opened = f"Subject.at(url, {subject.colour!r}, clock=clock).{method}({options})"
    clock = f"clock = FakeClock({subject.clock.now()})"
    return ["from statekit.testing import FakeClock", needed, clock, f"{name} = {opened}"]


class Program:
    """Grows line by line.

    Args:
        lines: Its first ones, up to the first call.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines, self._errors = list(lines), set[str]()

    def add(self, line: str) -> None:
        """Add a line."""
        self._lines.append(line)

    def expect(self, error: str) -> None:
        """Go on after the last line raises an error of statekit's, as it should."""
        self._errors.add(error)
        self._lines[-1] = f"with suppress({error}): {self._lines[-1]}"

    def __str__(self) -> str:
        errors = ["from contextlib import suppress", f"from statekit.errors import {', '.join(sorted(self._errors))}"]
        return "\n".join([*(errors if self._errors else ()), *self._lines])
