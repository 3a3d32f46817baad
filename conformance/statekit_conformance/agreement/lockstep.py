"""Two sides that are asked the same: a target, and the memory backend, which is the specification.

Each line of a program is run on both sides as it is shown. Its answers are told in words that hold on both (an id, a
version or a handle is the n-th that was seen, whatever it says), and the first pair that differs is a ``Disagreement``
with the program so far, to be pasted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from statekit.driver import Token
from statekit.errors import StateError
from statekit.testing import FakeClock

from .program import Expression, Program, call

__all__ = ["Disagreement", "Lockstep", "Side", "Told"]


class Disagreement(AssertionError):  # noqa: N818
    """The target answers otherwise than the memory backend does.

    Attributes:
        program: Shows it: the last line is what they do not agree about. It takes ``url`` to be the backend's.
        told: The target's answer.
        expected: The memory backend's.
    """

    def __init__(self, program: str, told: str, expected: str) -> None:
        last = program.rpartition("\n")[2]
        summary = f"{last[:90]} is {told[:90]} here, and {expected[:90]} in memory"
        super().__init__(f"{summary}\n\n{program}\n# here:      {told}\n# in memory: {expected}")
        self.program, self.told, self.expected = program, told, expected


class Side:
    """One side.

    Args:
        clock: Its own.
        words: The import of what programs are written with.
        things: What calls are made on, by name, such as ``state``.

    Attributes:
        known: What the lines of a program see, and leave behind, by name.
        roles: Which of its opaque texts was seen as which, in order.
    """

    def __init__(self, clock: FakeClock, words: str = "", **things: Any) -> None:
        self.clock = clock
        self.known: dict[str, Any] = {"clock": clock, **things}
        self.roles: dict[Any, str] = {}
        self.execute(words)

    def execute(self, statement: str) -> None:
        """Run a line that is no expression."""
        exec(statement, self.known)  # noqa: S102  # what is shown is what was run

    def value(self, expression: str | Expression) -> Any:
        """Return what an expression is on this side."""
        return eval(str(expression), self.known)  # noqa: S307  # as above

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
        program: What is run; so far it opens a target.
        told: How answers are told.
    """

    def __init__(self, target: Side, memory: Side, program: Program, told: Told) -> None:
        self.target, self.memory, self.program, self.told = target, memory, program, told
        self._names: dict[str, int] = {}

    @property
    def now(self) -> int:
        """The time on both sides, in milliseconds."""
        return self.memory.clock.now()

    def advance(self, millis: int) -> None:
        """Let time pass on both sides."""
        self.program.add(f"clock.advance({millis / 1000})")
        for side in (self.target, self.memory):
            side.clock.advance(millis / 1000)

    def call(self, path: str, *args: Any, named: str | None = None, **options: Any) -> Expression | None:
        """Call ``thing.method`` or ``thing.store.method`` on both sides, as ``evaluate`` does."""
        return self.evaluate(call(path, *args, **options), named=named)

    def evaluate(self, text: str, *, named: str | None = None, told: Told | None = None) -> Expression | None:
        """Evaluate an expression on both sides.

        Returns:
            The answer's name, if it is to have one and is not None and no error.
        """
        name = None if named is None else self._name(named)
        self.program.add(f"{name} = {text}" if name else text)
        here, there = self._answers(lambda side: side.value(text), told or self.told)
        if name is None or here is None or isinstance(there, Exception):
            return None
        self.target.known[name], self.memory.known[name] = here, there
        return Expression(name)

    def execute(self, statement: str) -> None:
        """Do something that is no call, such as changing a session."""
        self.program.add(statement)
        self._answers(lambda side: side.execute(statement), self.told)

    def _name(self, stem: str) -> str:
        self._names[stem] = self._names.get(stem, 0) + 1
        return f"{stem}{self._names[stem]}"

    def _answers(self, ask: Callable[[Side], Any], told: Told) -> tuple[Any, Any]:
        """Return both answers to the last line, which agree."""
        before = self.now
        answers = []
        for side in (self.target, self.memory):
            answers.append(self._outcome(side, ask, told))
            # Waiting between attempts moves a side's clock by a random time.
            side.clock.advance((before - side.clock.now()) / 1000)
        (here, found), (there, expected) = answers
        if not agree(found, expected):
            cause = here if isinstance(here, Exception) else None
            raise Disagreement(str(self.program), str(found), str(expected)) from cause
        if isinstance(there, StateError):
            self.program.expect(type(there).__name__)
        return here, there

    def _outcome(self, side: Side, ask: Callable[[Side], Any], told: Told) -> tuple[Any, Any]:
        try:
            answer = ask(side)
        except Exception as error:
            if side is self.memory and not isinstance(error, StateError):
                raise  # the line itself is wrong
            return error, f"raises {type(error).__name__}"
        return answer, told(side, answer)


def agree(one: Any, other: Any) -> bool:
    """Whether two answers as they are told agree: what one side cannot say, ``UNSEEN``, agrees with everything."""
    if Token.UNSEEN in (one, other):
        return True
    if isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        return all(map(agree, one, other))
    return bool(one == other)
