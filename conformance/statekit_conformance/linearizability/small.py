"""Models with a state of one value and no versions: the counter, and what can be created only once."""

from collections.abc import Hashable, Sequence
from typing import Any, Final, Self

from statekit_conformance.history import Answered, Operation, Refused, Unknown
from statekit_conformance.linearizability.model import DeterministicModel

__all__ = ["Counter", "CreateOnce"]


class Counter(DeterministicModel[int]):
    """A number that `update()` increments. It starts at 0, and reads as None or 0 until then.

    =========  ==========  =============================================================
    action     arguments   outcome
    =========  ==========  =============================================================
    read                   Answered(number)
    increment  by (or 1)   Answered(the new number), or Answered(None) if it is not told; Refused: no effect
    =========  ==========  =============================================================

    Increments that are all alike are by far the cheapest to check: of those whose outcome is unknown only the
    number matters.
    """

    def initial(self) -> int:
        """Return zero."""
        return 0

    def apply(self, state: int, operation: Operation) -> tuple[bool, int]:
        """Add, or compare."""
        outcome = operation.outcome
        answer = outcome.value if isinstance(outcome, Answered) else None
        if operation.action == "read":
            return isinstance(outcome, Unknown) or (answer or 0) == state, state
        if operation.action != "increment":
            raise ValueError(f"a counter knows read and increment, not {operation.action!r}")
        if isinstance(outcome, Refused):
            return True, state
        after = state + operation.arguments.get("by", 1)
        return answer in {None, after}, after

    def observes(self, operation: Operation) -> bool:
        """Reads and refusals."""
        return operation.action == "read" or isinstance(operation.outcome, Refused)


_NOTHING: Final = ("absent",)


class CreateOnce(DeterministicModel[tuple[Any, ...]]):
    """Something that exactly one of many creators makes, until it is deleted.

    ======  ==========  ======================================================
    action  arguments   outcome
    ======  ==========  ======================================================
    create  value       Answered(anything) for the winner, Refused("exists")
    read                Answered(value), or Answered(None) if absent
    delete              Answered("deleted"), "absent", or "gone": nothing was there once an attempt of unknown
                        outcome had been made
    ======  ==========  ======================================================
    """

    def __init__(self) -> None:
        self._read: frozenset[Any] = frozenset()
        self._exact = True

    def initial(self) -> tuple[Any, ...]:
        """Return the state in which nothing exists."""
        return _NOTHING

    def apply(self, state: tuple[Any, ...], operation: Operation) -> tuple[bool, tuple[Any, ...]]:
        """Create, read or delete."""
        if operation.action == "create":
            return self._create(state, operation)
        if operation.action == "delete":
            return self._delete(state, operation)
        if operation.action != "read":
            raise ValueError(f"create-once knows create, read and delete, not {operation.action!r}")
        outcome = operation.outcome
        answer = outcome.value if isinstance(outcome, Answered) else None
        return isinstance(outcome, Unknown) or state == _created(answer), state

    def prepare(self, history: Sequence[Operation]) -> Self:
        """Learn which values are read."""
        prepared = type(self)()
        prepared._read = frozenset(  # noqa: SLF001
            operation.outcome.value
            for operation in history
            if operation.action == "read" and isinstance(operation.outcome, Answered)
        )
        return prepared

    def abstract(self) -> Self:
        """Take all values that nobody read for one."""
        coarse = type(self)()
        coarse._read, coarse._exact = self._read, False  # noqa: SLF001
        return coarse

    def kind(self, operation: Operation) -> Hashable:
        """Creations by what is told apart of their values."""
        if operation.action != "create":
            return operation.action, operation.outcome
        return operation.action, self._value(operation), type(operation.outcome)

    def observes(self, operation: Operation) -> bool:
        """Reads, refusals, and deletes that found nothing."""
        return (
            operation.action == "read"
            or isinstance(operation.outcome, Refused)
            or operation.outcome == Answered("absent")
        )

    def describe(self, state: tuple[Any, ...]) -> str:
        """Say what exists."""
        return "nothing" if state == _NOTHING else repr(state[1])

    def _value(self, operation: Operation) -> Any:
        value = operation.arguments["value"]
        return value if self._exact or value in self._read else "a value nobody read"

    def _create(self, state: tuple[Any, ...], operation: Operation) -> tuple[bool, tuple[Any, ...]]:
        exists = state != _NOTHING
        after = state if exists else ("created", self._value(operation))
        if isinstance(operation.outcome, Unknown):
            return True, after
        return exists == isinstance(operation.outcome, Refused), after

    def _delete(self, state: tuple[Any, ...], operation: Operation) -> tuple[bool, tuple[Any, ...]]:
        if isinstance(operation.outcome, Unknown):
            return True, _NOTHING
        answer = operation.outcome.value if isinstance(operation.outcome, Answered) else None
        if answer not in {"deleted", "absent", "gone"}:
            raise ValueError(f"a delete answers 'deleted', 'absent' or 'gone', not {answer!r}")
        return answer in {"gone", "absent" if state == _NOTHING else "deleted"}, _NOTHING


def _created(value: Any) -> tuple[Any, ...]:
    return _NOTHING if value is None else ("created", value)
