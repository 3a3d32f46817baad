"""The search for an order of one key's operations that explains every answer.

This is just-in-time linearization with memoisation, after Wing and Gong ("Testing and verifying concurrent
objects", 1993) and Lowe ("Testing for linearizability", 2017): walk through the ends of the operations, and
order others before one that ends only where that is needed to explain it. Four reductions keep it small. None
changes a verdict:

* An observation is taken as soon as the state allows it: it changes nothing, so later is never better.
* Of interchangeable operations the one that ends first (of unknown ones: that started first) goes first.
* A configuration is dropped if one was seen with the same state and the same writes done that had used up fewer
  of the unknown operations and had no more observations left to explain.
* An operation of unknown outcome, or one that may be left out, is placed only where what follows needs it: not if
  the next operation leaves the same without it, nor (an unknown one) if the two may as well change places.
"""

import enum
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from statekit_conformance.history import Operation
from statekit_conformance.linearizability.model import Model
from statekit_conformance.linearizability.plan import Plan, plan

__all__ = ["Budget", "Found", "Seed", "Verdict", "frontier", "search", "unwind"]

S = TypeVar("S", bound=Hashable)

Path: TypeAlias = tuple[Operation, Any] | None
"""The operations in the order chosen so far: the last, and the path before it."""

KEPT: Final = 4


class Verdict(enum.StrEnum):
    """What a check can say."""

    OK = "ok"
    ILLEGAL = "illegal"
    UNKNOWN = "unknown"


class Budget:
    """What a search may spend.

    Args:
        deadline: A time on `clock`, in seconds.
        configurations: How many configurations may be visited; each takes about 500 bytes of memory.
        clock: Seconds on a clock that never runs backwards.
    """

    def __init__(self, deadline: float, configurations: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._deadline = deadline
        self._most = configurations
        self._spent = 0
        self._clock = clock

    def spend(self) -> bool:
        """Account for one configuration. False if there is nothing left."""
        self._spent += 1
        return self._spent <= self._most and (self._spent % 64 != 1 or self._clock() < self._deadline)

    def over(self) -> bool:
        """Whether the deadline has passed."""
        return self._clock() >= self._deadline


@dataclass(frozen=True, slots=True)
class Found:
    """The end of a search.

    Args:
        verdict: OK, ILLEGAL, or UNKNOWN if the budget did not suffice.
        order: If OK, the operations in an order that explains every answer.
        culprit: If ILLEGAL, the operation that no order gets past.
        attempts: If ILLEGAL, some orders of what can come before the culprit, which leave different states.
    """

    verdict: Verdict
    order: tuple[Operation, ...] = ()
    culprit: Operation | None = None
    attempts: tuple[tuple[Operation, ...], ...] = ()


class Seed(NamedTuple, Generic[S]):
    """A configuration to start from: what comes before is settled.

    Args:
        state: What was left.
        placed: Those of the remaining operations that are placed already, by identity.
        path: All that is placed.
    """

    state: S
    placed: frozenset[int]
    path: Path


class _Node(NamedTuple, Generic[S]):
    """A configuration: all operations below `level` are placed, and those above that `mask` names.

    `pending` is set while the last operation placed is one that could have been left out: the state before, and
    its kind if its outcome is unknown.
    """

    level: int
    mask: int
    used: int
    state: S
    pending: tuple[int | None, S] | None
    path: Path


def search(
    operations: Sequence[Operation],
    model: Model[S],
    budget: Budget,
    *,
    optional: Sequence[Operation] = (),
    seeds: Sequence[Seed[S]] = (),
) -> Found:
    """Look for an order of the operations of one key that explains every answer.

    Args:
        operations: Of one key, in any order.
        model: Prepared for them.
        budget: What the search may spend. It is spent afterwards.
        optional: More of them, each of which may be left out of the order, as if it had never been made.
        seeds: Where to start: one of these must lead to an order. By default, where nothing has been done.
    """
    searching = _Search(plan(operations, model, optional), model)
    return searching.run(budget, seeds or (Seed(model.initial(), frozenset(), None),))


def frontier(
    operations: Sequence[Operation], model: Model[S], budget: Budget, remaining: Sequence[Operation]
) -> tuple[Seed[S], ...]:
    """Find every configuration in which a search gets past the operations that end before the remaining ones.

    Args:
        operations: Of one key, in any order.
        model: Prepared for them.
        budget: What the search may spend. It is spent afterwards.
        remaining: The operations that end last, or of unknown outcome.

    Returns:
        The configurations; none if the budget did not suffice.
    """
    searching = _Search(plan(operations, model), model)
    return searching.frontier(budget, {id(operation) for operation in remaining})


class _Search(Generic[S]):
    def __init__(self, the_plan: Plan, model: Model[S]) -> None:
        self._plan = the_plan
        self._model = model
        self._last = len(the_plan.known)
        self._width = max((mask.bit_length() for mask in the_plan.open), default=0)
        self._sample = dict(zip(the_plan.unknown_kinds, the_plan.unknown, strict=True))
        self._memory: dict[Hashable, tuple[int, ...]] = {}
        self._deepest: list[_Node[S]] = []

    def run(self, budget: Budget, seeds: Sequence[Seed[S]]) -> Found:
        stack = [self._settle(self._planted(seed)) for seed in seeds]
        while stack:
            node = stack.pop()
            if node.level == self._last:
                return Found(Verdict.OK, order=unwind(node.path))
            if not budget.spend():
                return Found(Verdict.UNKNOWN)
            if not self._seen(node):
                self._note(node)
                stack.extend(self._successors(node))
        return Found(
            Verdict.ILLEGAL,
            culprit=self._plan.known[self._deepest[0].level],
            attempts=tuple(unwind(node.path) for node in self._deepest),
        )

    def frontier(self, budget: Budget, remaining: set[int]) -> tuple[Seed[S], ...]:
        stop = sum(id(operation) not in remaining for operation in self._plan.known)
        stack = [self._settle(_Node(0, 0, 0, self._model.initial(), None, None))]
        seeds = []
        while stack:
            node = stack.pop()
            if not budget.spend():
                return ()
            if node.level < self._last and self._seen(node):
                continue
            if node.level >= stop:
                seeds.append(Seed(node.state, frozenset(self._placed(node)), node.path))
            else:
                stack.extend(self._successors(node))
        return tuple(seeds)

    def _placed(self, node: _Node[S]) -> Iterator[int]:
        for number, operation in enumerate(self._plan.known):
            if number < node.level or node.mask >> (number - node.level) & 1:
                yield id(operation)
        for number, operation in enumerate(self._plan.unknown):
            if node.used >> number & 1:
                yield id(operation)

    def _planted(self, seed: Seed[S]) -> _Node[S]:
        mask = sum(1 << number for number, o in enumerate(self._plan.known) if id(o) in seed.placed)
        used = sum(1 << number for number, o in enumerate(self._plan.unknown) if id(o) in seed.placed)
        return _Node(0, mask, used, seed.state, None, seed.path)

    def _settle(self, node: _Node[S]) -> _Node[S]:
        """Take every observation that the state allows, and pass every level whose operation is placed."""
        level, mask, used, state, pending, path = node
        refuted = 0
        while level < self._last:
            reads = self._plan.reads[level] & ~mask & ~refuted
            while reads:
                bit = reads & -reads
                reads ^= bit
                operation = self._plan.known[level + bit.bit_length() - 1]
                if any(True for _ in self._model.step(state, operation)):
                    mask, pending, path = mask | bit, None, (operation, path)
                else:
                    refuted |= bit
            passed = (~mask & (mask + 1)).bit_length() - 1
            if not passed:
                break
            level, mask, refuted = level + passed, mask >> passed, refuted >> passed
        return _Node(level, mask, used, state, pending, path)

    def _seen(self, node: _Node[S]) -> bool:
        """Whether a configuration at least as good was visited; remember this one if not.

        One with an operation pending has fewer successors than others, so it stands in only for its like.
        """
        reads = self._plan.reads[node.level]
        burden = (reads & ~node.mask) | node.used << self._width
        key = (node.level, node.mask & ~reads, node.state)
        lighter = self._memory.get(key, ())
        if any(other & ~burden == 0 for other in lighter):
            return True
        if node.pending is not None:
            special = (key, node.pending)
            lighter = self._memory.get(special, ())
            if any(other & ~burden == 0 for other in lighter):
                return True
            self._memory[special] = (*lighter, burden)
        else:
            self._memory[key] = (*lighter, burden)
        return False

    def _note(self, node: _Node[S]) -> None:
        """Keep some of the configurations that got furthest."""
        if self._deepest and node.level > self._deepest[0].level:
            self._deepest.clear()
        states = [other.state for other in self._deepest]
        if not states or (
            node.level == self._deepest[0].level
            and node.pending is None
            and len(states) < KEPT
            and node.state not in states
        ):
            self._deepest.append(node)

    def _successors(self, node: _Node[S]) -> list[_Node[S]]:
        """Every configuration one operation further, the most promising last."""
        target = self._plan.known[node.level]
        following = [*self._by_known(node), *self._by_unknown(node)]
        further = [successor for successor in following if successor.level > node.level]
        rest = [successor for successor in following if successor.level == node.level]
        if not further:
            rest.sort(key=lambda it: not any(True for _ in self._model.step(it.state, target)))
        return [*reversed(rest), *reversed(further)]

    def _by_known(self, node: _Node[S]) -> Iterator[_Node[S]]:
        plan_, level = self._plan, node.level
        free = plan_.open[level] & ~node.mask & ~plan_.reads[level]
        kinds = set()
        if plan_.optional[level] and (node.pending is None or node.pending[0] is None):
            yield self._settle(node._replace(mask=node.mask | 1))
        while free:
            bit = free & -free
            free ^= bit
            number = level + bit.bit_length() - 1
            kind = plan_.known_kinds[number]
            if kind in kinds:
                continue
            kinds.add(kind)
            operation = plan_.known[number]
            pending = (None, node.state) if plan_.optional[number] else None
            for after in self._model.step(node.state, operation):
                if node.pending is None or self._needed(node.pending, operation, None, after):
                    path = (operation, node.path)
                    yield self._settle(_Node(level, node.mask | bit, node.used, after, pending, path))

    def _by_unknown(self, node: _Node[S]) -> Iterator[_Node[S]]:
        plan_ = self._plan
        for number in range(plan_.begun[node.level]):
            bit, earlier = 1 << number, plan_.earlier[number]
            if node.used & bit or node.used & earlier != earlier:
                continue
            operation, kind = plan_.unknown[number], plan_.unknown_kinds[number]
            for after in self._model.step(node.state, operation):
                if after != node.state and (node.pending is None or self._needed(node.pending, operation, kind, after)):
                    path = (operation, node.path)
                    pending = (kind, node.state)
                    yield self._settle(_Node(node.level, node.mask, node.used | bit, after, pending, path))

    def _needed(self, pending: tuple[int | None, S], operation: Operation, kind: int | None, after: S) -> bool:
        """Whether the operation just placed, which could have been left out, must come before this one.

        Not so if this one leaves `after` without it. Nor if it leaves the same when it follows: it may if its
        outcome is unknown, since it may take effect at any later time; of two unknown ones only the pair in order
        of kind is tried, or each would wait for the other.
        """
        placed, before = pending
        for without in self._model.step(before, operation):
            if self._model.covers(without, after):
                return False
            if placed is None:
                continue
            if (kind is None or kind < placed) and any(
                self._model.covers(late, after) for late in self._model.step(without, self._sample[placed])
            ):
                return False
        return True


def unwind(path: Path) -> tuple[Operation, ...]:
    """Return the operations of a path, first to last."""
    order = []
    while path is not None:
        operation, path = path
        order.append(operation)
    return tuple(reversed(order))
