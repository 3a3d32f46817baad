"""Making a bad history small.

An operation that is left out must not be one that would have explained the rest. So observations are left out for
good, since they explain nothing, but any other operation becomes optional: an order may have it or not. Optional
operations take part in every check from then on, and are merely not shown. Of a long history only the last part
is looked at: it starts from every configuration that the operations before it can lead to. Either way, what remains
is illegal only if the whole history is.

In the end some of the optional operations are shown after all: those without which what is shown would not make
sense even if one of its operations were taken away.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from statekit_conformance.history import Failed, Operation, Unknown
from statekit_conformance.linearizability.model import Model
from statekit_conformance.linearizability.plan import by_end
from statekit_conformance.linearizability.search import (
    KEPT,
    Budget,
    Found,
    Seed,
    Verdict,
    frontier,
    search,
    unwind,
)

__all__ = ["Counterexample", "shrink"]

S = TypeVar("S", bound=Hashable)

CONFIGURATIONS: Final = 2_000_000
CONFIGURATIONS_A_STEP: Final = 100_000
LONG: Final = 40
WINDOW: Final = 24


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A small bad history.

    Args:
        key: The key that it is about.
        operations: What cannot be explained, by start.
        culprit: The one of them that no order gets past.
        states: In words, some of what the store may hold when the culprit is to be placed.
        before: How many operations are not shown because they come before.
        held: In words, some of what those may leave. Empty if there are none.
        left_out: How many other operations of the key are not shown: they only observe, or do not help.
        minimal: Whether none of the operations can be left out. False if time ran out.
    """

    key: str
    operations: tuple[Operation, ...]
    culprit: Operation
    states: tuple[str, ...]
    before: int
    held: tuple[str, ...]
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
    shrinking = _Shrinking(operations, model, culprit, budget)
    shrinking.end_early()
    shrinking.start_late()
    minimal = shrinking.run()
    return shrinking.result(len(operations), minimal=minimal)


class _Shrinking(Generic[S]):
    """What is shown, what is hidden but takes part, and where to start."""

    def __init__(
        self,
        operations: Sequence[Operation],
        model: Model[S],
        culprit: Operation,
        budget: Callable[[int], Budget],
    ) -> None:
        self._exact = model.prepare(operations)
        self._model = self._exact.abstract()
        self._culprit = culprit
        self._budget = budget
        self._shown = by_end(o for o in operations if not isinstance(o.outcome, Failed | Unknown))
        self._hidden = [o for o in operations if isinstance(o.outcome, Unknown) and not model.observes(o)]
        self._seeds: tuple[Seed[S], ...] = ()
        self._before = 0

    def end_early(self) -> None:
        """Leave out what started after the culprit ended: it cannot come before."""
        end = self._culprit.ended or 0
        self._shown = [o for o in self._shown if o.started <= end]
        self._hidden = [o for o in self._hidden if o.started <= end]

    def start_late(self) -> None:
        """Leave out most of a long history, if the configurations that it leads to can be found."""
        place = next(number for number, o in enumerate(self._shown) if o is self._culprit)
        if place < LONG:
            return
        remaining = self._shown[place - WINDOW :]
        everything = [*self._shown, *self._hidden]
        seeds = frontier(everything, self._model, self._budget(CONFIGURATIONS), remaining)
        if seeds:
            self._before = place - WINDOW
            self._shown, self._seeds = remaining, seeds

    def run(self) -> bool:
        """Leave out all that can be; False if time ran out before."""
        before = None
        while before != len(self._shown) and not self._out_of_time():
            before = len(self._shown)
            others = [o for o in self._shown if o is not self._culprit]
            self._leave_out([o for o in others if self._model.observes(o)])
            self._leave_out([o for o in others if not self._model.observes(o)])
        return not self._out_of_time()

    def _leave_out(self, candidates: list[Operation]) -> None:
        """Try to leave out ever smaller groups of the candidates, ending with single ones."""
        size = len(candidates)
        while size and not self._out_of_time():
            remaining: list[Operation] = []
            for first in range(0, len(candidates), size):
                group = candidates[first : first + size]
                remaining.extend(() if self._try_without(group) else group)
            candidates, size = remaining, size // 2

    def _try_without(self, group: list[Operation]) -> bool:
        shown = _without(self._shown, group)
        hidden = self._hidden + [o for o in group if not self._model.observes(o)]
        unknown = [o for o in hidden if isinstance(o.outcome, Unknown)]
        if self._search([*shown, *unknown], _without(hidden, unknown)).verdict is not Verdict.ILLEGAL:
            return False
        self._shown, self._hidden = shown, hidden
        return True

    def result(self, total: int, *, minimal: bool) -> Counterexample:
        """Put the counterexample into words."""
        found = self._search([*self._shown, *self._hidden])
        operations = sorted([*self._shown, *self._context()], key=lambda operation: operation.started)
        return Counterexample(
            key=self._culprit.key,
            operations=tuple(operations),
            culprit=self._culprit,
            states=self._words(found.attempts if found.culprit is self._culprit else ()),
            before=self._before,
            held=self._words([unwind(seed.path) for seed in self._seeds[:KEPT]]),
            left_out=total - len(operations) - self._before,
            minimal=minimal,
        )

    def _context(self) -> list[Operation]:
        """Of what is hidden, find what must be shown for the contradiction to be seen for what it is.

        That is what explains the rest if one of the operations shown is taken away. The culprit must stay the
        culprit.
        """
        context = [] if self._out_of_time() else self._explanations()
        everything = [*self._shown, *context]
        telling = [o for o in self._shown if self._legal(_without(everything, [o]))]
        if not self._tells(everything, telling):
            return []
        size = len(context)
        while size and not self._out_of_time():
            for first in range(0, len(context), size)[::-1]:
                fewer = context[:first] + context[first + size :]
                if self._tells([*self._shown, *fewer], telling):
                    context = fewer
            size //= 2
        return context

    def _explanations(self) -> list[Operation]:
        unknown = [o for o in self._hidden if isinstance(o.outcome, Unknown)]
        optional = _without(self._hidden, unknown)
        used: set[int] = set()
        for operation in self._shown:
            found = self._search([*_without(self._shown, [operation]), *unknown], optional)
            used.update(id(explaining) for explaining in found.order)
        return [o for o in self._hidden if id(o) in used]

    def _tells(self, operations: list[Operation], telling: list[Operation]) -> bool:
        return self._search(operations).culprit is self._culprit and all(
            self._legal(_without(operations, [operation])) for operation in telling
        )

    def _legal(self, operations: list[Operation]) -> bool:
        return self._search(operations).verdict is Verdict.OK

    def _search(self, operations: Sequence[Operation], optional: Sequence[Operation] = ()) -> Found:
        budget = self._budget(CONFIGURATIONS_A_STEP)
        return search(operations, self._model, budget, optional=optional, seeds=self._seeds)

    def _out_of_time(self) -> bool:
        return self._budget(1).over()

    def _words(self, orders: Sequence[Sequence[Operation]]) -> tuple[str, ...]:
        """Say what is left after each of these orders, once."""
        states = [state for order in orders for state in self._replay(order)]
        return tuple(dict.fromkeys(self._exact.describe(state) for state in states))

    def _replay(self, order: Sequence[Operation]) -> list[S]:
        states = {self._exact.initial()}
        for operation in order:
            states = {after for state in states for after in self._exact.step(state, operation)}
        return list(states)[:1]


def _without(operations: list[Operation], group: list[Operation]) -> list[Operation]:
    unwanted = {id(operation) for operation in group}
    return [operation for operation in operations if id(operation) not in unwanted]
