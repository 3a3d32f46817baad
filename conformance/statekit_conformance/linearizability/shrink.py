"""Making a bad history small.

An operation that is left out must not be one that would have explained the rest. So observations are left out for
good, since they explain nothing, but any other operation becomes optional: an order may have it or not. Optional
operations take part in every check from then on, and are merely not shown. What remains is illegal only if the whole
history is.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from statekit_conformance.history import Failed, Operation, Unknown
from statekit_conformance.linearizability.model import Model
from statekit_conformance.linearizability.search import Budget, Found, Verdict, search

__all__ = ["Counterexample", "shrink"]

S = TypeVar("S", bound=Hashable)

CONFIGURATIONS_A_STEP: Final = 200_000


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A small bad history.

    Args:
        key: The key that it is about.
        operations: What cannot be explained, by start.
        culprit: The one of them that no order gets past.
        states: In words, what the store may have held when the culprit was to be placed.
        left_out: How many other operations of the key were tried in vain, or say nothing.
        minimal: Whether none of the operations can be left out. False if time ran out.
    """

    key: str
    operations: tuple[Operation, ...]
    culprit: Operation
    states: tuple[str, ...]
    left_out: int
    minimal: bool


def shrink(
    operations: Sequence[Operation], model: Model[S], culprit: Operation, budget: Callable[[int], Budget]
) -> Counterexample:
    """Find a small part of an illegal history of one key that shows why it is illegal.

    Args:
        operations: An illegal history.
        model: Not prepared yet.
        culprit: The operation that a search could not get past.
        budget: Makes the budget of one search from a number of configurations.
    """
    shrinking = _Shrinking(model, budget, operations)
    shrinking.cut(culprit)
    minimal = shrinking.run()
    return shrinking.result(len(operations), minimal=minimal)


class _Shrinking(Generic[S]):
    def __init__(
        self, model: Model[S], budget: Callable[[int], Budget], operations: Sequence[Operation]
    ) -> None:
        self._model = model
        self._budget = budget
        self._shown = [o for o in operations if not isinstance(o.outcome, Failed | Unknown)]
        self._hidden = [o for o in operations if isinstance(o.outcome, Unknown)]

    def cut(self, culprit: Operation) -> None:
        """Leave out what started after the culprit ended: it cannot come before."""
        end = culprit.ended or 0
        shown = [o for o in self._shown if o.started <= end]
        hidden = [o for o in self._hidden if o.started <= end]
        if self._illegal(shown, hidden):
            self._shown, self._hidden = shown, hidden

    def run(self) -> bool:
        """Leave out all that can be; False if time ran out before."""
        before = None
        while before != len(self._shown) and not self._out_of_time():
            before = len(self._shown)
            self._leave_out([o for o in self._shown if self._model.observes(o)])
            self._leave_out([o for o in self._shown if not self._model.observes(o)])
        return not self._out_of_time()

    def _leave_out(self, candidates: list[Operation]) -> None:
        """Try to leave out ever smaller groups of the candidates, ending with single ones."""
        size = len(candidates)
        while size and not self._out_of_time():
            remaining: list[Operation] = []
            for first in range(0, len(candidates), size):
                group = candidates[first : first + size]
                remaining.extend(() if self._try_without(group) else group)
            candidates, size = remaining, min(size, len(remaining) + 1) // 2

    def _try_without(self, group: list[Operation]) -> bool:
        names = {id(operation) for operation in group}
        shown = [o for o in self._shown if id(o) not in names]
        hidden = self._hidden + [o for o in group if not self._model.observes(o)]
        if not self._illegal(shown, hidden):
            return False
        self._shown, self._hidden = shown, hidden
        return True

    def result(self, total: int, *, minimal: bool) -> Counterexample:
        """Show what is left, and those of the others without which another operation would be the culprit."""
        helpers = self._hidden
        culprit = self._search([*self._shown, *helpers]).culprit
        if not any(culprit is operation for operation in self._shown):
            helpers = []
        size = len(helpers)
        while size and not self._out_of_time():
            for first in range(0, len(helpers), size)[::-1]:
                fewer = helpers[:first] + helpers[first + size :]
                if self._search([*self._shown, *fewer]).culprit is culprit:
                    helpers = fewer
            size = min(size, len(helpers) + 1) // 2
        return self._counterexample(helpers, total, minimal=minimal)

    def _counterexample(self, helpers: list[Operation], total: int, *, minimal: bool) -> Counterexample:
        operations = tuple(sorted([*self._shown, *helpers], key=lambda operation: operation.started))
        found = self._search(operations)
        prepared = self._model.prepare(operations)
        return Counterexample(
            key=operations[0].key,
            operations=operations,
            culprit=found.culprit or operations[-1],
            states=tuple(prepared.describe(state) for state in found.states),
            left_out=total - len(operations),
            minimal=minimal,
        )

    def _illegal(self, shown: list[Operation], hidden: list[Operation]) -> bool:
        unknown = [o for o in hidden if isinstance(o.outcome, Unknown)]
        optional = [o for o in hidden if not isinstance(o.outcome, Unknown)]
        return self._search([*shown, *unknown], optional).verdict is Verdict.ILLEGAL

    def _search(self, operations: Sequence[Operation], optional: Sequence[Operation] = ()) -> Found[S]:
        return search(operations, self._model, self._budget(CONFIGURATIONS_A_STEP), optional=optional)

    def _out_of_time(self) -> bool:
        return self._budget(1).over()
