"""What a checker must know of a store: the states of one key, and what each operation does to them."""

from abc import abstractmethod
from collections.abc import Hashable, Iterable, Sequence
from typing import Protocol, TypeVar

from statekit_conformance.history import Operation

__all__ = ["DeterministicModel", "Model"]

S = TypeVar("S", bound=Hashable)


class Model(Protocol[S]):
    """A sequential specification of one key.

    States are immutable, hashable and compare by value. `step` looks at an operation's action, arguments and
    outcome, and at nothing else. Subclass this and
    write `initial` and `step`; the other methods are optional knowledge that makes the search faster or its
    report easier to read.
    """

    @abstractmethod
    def initial(self) -> S:
        """Return the state before the first operation."""
        raise NotImplementedError

    @abstractmethod
    def step(self, state: S, operation: Operation) -> Iterable[S]:
        """Return every state that the operation may leave, having been given its answer; none if it cannot be.

        With an outcome of `Unknown`, return every state that some answer would leave (`state` itself, if it
        would have been refused). `Failed` operations are never asked about.
        """
        raise NotImplementedError

    def observes(self, operation: Operation) -> bool:
        """Whether the operation, given its outcome, leaves every state as it is. False is always safe."""
        del operation
        return False

    def prepare(self, history: Sequence[Operation]) -> "Model[S]":
        """Return a model of one key that may use what is known of its whole history."""
        del history
        return self

    def abstract(self) -> "Model[S]":
        """Return a prepared model that tells apart only what some operation of the history tells apart."""
        return self

    def kind(self, operation: Operation) -> Hashable:
        """Return what `step` looks at: operations of the same kind are interchangeable."""
        return operation.action, operation.arguments, operation.outcome

    def covers(self, better: S, worse: S) -> bool:
        """Whether everything that can follow `worse` can follow `better`. Equality is always safe."""
        return better == worse

    def describe(self, state: S) -> str:
        """Say in words what the store holds."""
        return repr(state)


class DeterministicModel(Model[S], Protocol[S]):
    """A model in which an operation and its answer leave one state at most: write `apply` instead of `step`."""

    @abstractmethod
    def apply(self, state: S, operation: Operation) -> tuple[bool, S]:
        """Return whether the operation may have been given its answer, and the state that it leaves."""
        raise NotImplementedError

    def step(self, state: S, operation: Operation) -> Iterable[S]:
        """Return the one state that `apply` leaves, or none."""
        legal, after = self.apply(state, operation)
        return (after,) if legal else ()
