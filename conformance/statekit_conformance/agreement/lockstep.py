"""Two sides that are asked the same: a target, and the memory backend, which is the specification.

A program is a list of calls. Each is made on both sides, its answers are told in words that hold on both (an id, a
version or a handle is the n-th that was seen, whatever it says), and the first pair that differs is a ``Disagreement``
with the program so far, to be pasted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from statekit.driver import Token
from statekit.errors import StateError
from statekit.testing import FakeClock

__all__ = ["Disagreement", "Lockstep", "Name", "Side", "Told"]

_UNTOLD: Final = object()


class Disagreement(AssertionError):  # noqa: N818
    """The target answers otherwise than the memory backend does."""


@dataclass(frozen=True)
class Name:
    """What an earlier call returned, on whichever side it is used: ``s1``, or a part of it, ``s1.id``."""

    text: str

    def __getattr__(self, part: str) -> Name:
        if part.startswith("_"):
            raise AttributeError(part)
        return Name(f"{self.text}.{part}")

    def __repr__(self) -> str:
        return self.text


@dataclass
class Side:
    """One side.

    Attributes:
        things: What calls are made on, by name, such as ``state``.
        clock: Its own.
        known: What its calls returned, by name.
        roles: Which of its opaque texts was seen as which, in order.
    """

    things: Mapping[str, Any]
    clock: FakeClock
    known: dict[str, Any] = field(default_factory=dict)
    roles: dict[Any, str] = field(default_factory=dict)

    def resolved(self, value: Any) -> Any:
        """Return what a value with names in it is on this side."""
        if isinstance(value, Name):
            first, *parts = value.text.split(".")
            found = self.known[first]
            for part in parts:
                found = getattr(found, part)
            return found
        if isinstance(value, list | tuple):
            return type(value)(map(self.resolved, value))
        if isinstance(value, dict):
            return {key: self.resolved(item) for key, item in value.items()}
        return value

    def role(self, kind: str, opaque: Any) -> str | None:
        """Return which one of its kind an opaque value is."""
        if opaque is None:
            return None
        count = sum(1 for known, _ in self.roles if known == kind)
        return self.roles.setdefault((kind, opaque), f"{kind} {count + 1}")


Told = Callable[[Side, Any], Any]
"""Tells an answer in words that hold on both sides."""


class Lockstep:
    """Runs a program on both sides.

    Args:
        target: The side that is judged.
        memory: The specification.
        opening: The program's first lines.
        told: How answers are told.
    """

    def __init__(self, target: Side, memory: Side, opening: list[str], told: Told) -> None:
        self.target, self.memory, self.told = target, memory, told
        self.lines = list(opening)
        self._names: dict[str, int] = {}

    @property
    def now(self) -> int:
        """The time on both sides, in milliseconds."""
        return self.memory.clock.now()

    def advance(self, millis: int) -> None:
        """Let time pass on both sides."""
        self.lines.append(f"clock.advance({millis / 1000})")
        for side in (self.target, self.memory):
            side.clock.advance(millis / 1000)

    def call(self, path: str, *args: Any, named: str | None = None, **options: Any) -> Name | None:
        """Call ``thing.method`` or ``thing.store.method`` on both sides.

        Returns:
            The answer's name, if it is to have one and is not None and no error.
        """
        name = None
        if named is not None:
            self._names[named] = self._names.get(named, 0) + 1
            name = f"{named}{self._names[named]}"
        shown = [*map(repr, args), *(f"{key}={value!r}" for key, value in options.items())]
        return self._run(name, f"{path}({', '.join(shown)})", lambda side: _called(side, path, args, options))

    def do(self, text: str, action: Callable[[Side], Any]) -> None:
        """Do something that is no call, such as changing a session; ``text`` shows it."""
        self._run(None, text, action)

    def _run(self, name: str | None, text: str, action: Callable[[Side], Any]) -> Name | None:
        self.lines.append(f"{name} = {text}" if name else text)
        before = self.now
        answers = []
        for side in (self.target, self.memory):
            answer, told = self._outcome(side, action)
            # Waiting between attempts moves a side's clock by a random time.
            side.clock.advance((before - side.clock.now()) / 1000)
            answers.append((answer, told))
        (here, told), (there, expected) = answers
        if not agree(told, expected):
            raise Disagreement(self._message(str(told), str(expected)))
        if name is None or here is None or isinstance(here, Exception):
            return None
        self.target.known[name], self.memory.known[name] = here, there
        return Name(name)

    def _message(self, told: str, expected: str) -> str:
        last = self.lines[-1]
        program = "\n".join([*self.lines, f"# here:      {told}", f"# in memory: {expected}"])
        return f"{last[:90]} is {told[:90]} here, and {expected[:90]} in memory\n\n{program}"

    def _outcome(self, side: Side, action: Callable[[Side], Any]) -> tuple[Any, Any]:
        try:
            answer = action(side)
        except StateError as error:
            return error, f"raises {type(error).__name__}"
        return answer, self.told(side, answer)


def _called(side: Side, path: str, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    first, *parts = path.split(".")
    method = side.things[first]
    for part in parts:
        method = getattr(method, part)
    answer = method(*map(side.resolved, args), **{key: side.resolved(value) for key, value in options.items()})
    return answer if not hasattr(answer, "__next__") else list(answer)


def agree(one: Any, other: Any) -> bool:
    """Whether two answers as they are told agree: what one side cannot say, ``UNSEEN``, agrees with everything."""
    if Token.UNSEEN in (one, other):
        return True
    if isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        return all(map(agree, one, other))
    return bool(one == other)
