"""The linearizability checker: does some order of the operations, each at one moment, explain every answer?

Linearizability is what a user of a store takes for granted: every operation seems to happen at one moment between
its start and its end. `check` decides whether a recorded history allows that. Keys are judged one by one, each
against a sequential model.

Example:
    Two clients replace the same version. One of them must lose; here both were told that they won:

    >>> from statekit_conformance.history import Answered, Operation
    >>> history = [
    ...     Operation("w0", "k", "write", {"value": "a"}, 0, 10, Answered({"version": "v1"})),
    ...     Operation("w0", "k", "cas", {"value": "b", "expect": "v1"}, 20, 30, Answered({"version": "v2"})),
    ...     Operation("w1", "k", "cas", {"value": "c", "expect": "v1"}, 22, 40, Answered({"version": "v3"})),
    ... ]
    >>> check(history[:2], Register()).verdict
    <Verdict.OK: 'ok'>
    >>> report = check(history, Register())
    >>> report.verdict
    <Verdict.ILLEGAL: 'illegal'>
    >>> [operation.process for operation in report.counterexample.operations]
    ['w0', 'w0', 'w1']

Printing the report draws the counterexample.
"""

import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

from statekit_conformance.history import Operation
from statekit_conformance.linearizability.epochs import Epoch
from statekit_conformance.linearizability.model import DeterministicModel, Model
from statekit_conformance.linearizability.registers import ObjectRegister, Register
from statekit_conformance.linearizability.search import Budget, Verdict, search
from statekit_conformance.linearizability.sessions import SessionRegister
from statekit_conformance.linearizability.shrink import Counterexample, shrink
from statekit_conformance.linearizability.small import Counter, CreateOnce
from statekit_conformance.linearizability.timeline import timeline

__all__ = [
    "Counter",
    "Counterexample",
    "CreateOnce",
    "DeterministicModel",
    "Epoch",
    "Model",
    "ObjectRegister",
    "Register",
    "Report",
    "SessionRegister",
    "Verdict",
    "check",
    "timeline",
]

S = TypeVar("S", bound=Hashable)

MOST_CONFIGURATIONS: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found.

    Args:
        verdict: OK if every key is explained, ILLEGAL if some key cannot be, UNKNOWN if no key was found illegal
            and the limits did not suffice for some.
        operations: How many were checked.
        seconds: How long it took.
        illegal: The keys that cannot be explained.
        undecided: The keys for which the limits did not suffice.
        counterexample: A small bad history of one of the illegal keys.
    """

    verdict: Verdict
    operations: int
    seconds: float
    illegal: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    counterexample: Counterexample | None = None

    def __str__(self) -> str:
        summary = f"{self.verdict}: {self.operations} operations in {self.seconds:.2f} s"
        if self.undecided:
            summary += f"; no verdict within the limits for {len(self.undecided)} of the keys"
        return summary if self.counterexample is None else f"{summary}\n{timeline(self.counterexample)}"


def check(
    history: Iterable[Operation],
    model: Model[S],
    *,
    time_limit: float = 60.0,
    shrink_limit: float = 20.0,
    most_configurations: int = MOST_CONFIGURATIONS,
    clock: Callable[[], float] = time.monotonic,
) -> Report:
    """Decide whether a history is linearizable, and if not, show why.

    An operation precedes another if it ends before the other starts; ends that equal starts overlap. An operation
    of unknown outcome may take effect at any time after its start, or never. Keys with few operations are judged
    first, so that a hard key does not use up the time of the others.

    Args:
        history: The operations, in any order.
        model: What one key does. It is prepared for each key.
        time_limit: Seconds for finding the verdict.
        shrink_limit: Further seconds for making a bad history small.
        most_configurations: How many configurations a key may take, each about 500 bytes of memory.
        clock: Seconds on a clock that never runs backwards.
    """
    began = clock()
    keys = _by_key(history)
    illegal: dict[str, Operation] = {}
    undecided = []
    for key, operations in keys.items():
        prepared = model.prepare(operations).abstract()
        found = search(operations, prepared, Budget(began + time_limit, most_configurations, clock=clock))
        if found.culprit is not None:
            illegal[key] = found.culprit
        elif found.verdict is Verdict.UNKNOWN:
            undecided.append(key)
    counterexample = _smallest(keys, illegal, model, clock() + shrink_limit, clock) if illegal else None
    rest = Verdict.UNKNOWN if undecided else Verdict.OK
    return Report(
        verdict=Verdict.ILLEGAL if illegal else rest,
        operations=sum(len(operations) for operations in keys.values()),
        seconds=clock() - began,
        illegal=tuple(illegal),
        undecided=tuple(undecided),
        counterexample=counterexample,
    )


def _by_key(history: Iterable[Operation]) -> dict[str, tuple[Operation, ...]]:
    keys: dict[str, list[Operation]] = {}
    for operation in history:
        keys.setdefault(operation.key, []).append(operation)
    return {key: tuple(operations) for key, operations in sorted(keys.items(), key=lambda it: len(it[1]))}


def _smallest(
    keys: dict[str, tuple[Operation, ...]],
    illegal: dict[str, Operation],
    model: Model[S],
    deadline: float,
    clock: Callable[[], float],
) -> Counterexample:
    """Shrink the illegal keys, fewest operations first, while there is time, and take the smallest."""
    examples: list[Counterexample] = []
    for key, culprit in illegal.items():
        if examples and clock() >= deadline:
            break
        examples.append(shrink(keys[key], model, culprit, lambda most: Budget(deadline, most, clock=clock)))
    return min(examples, key=lambda example: (not example.minimal, len(example.operations)))
