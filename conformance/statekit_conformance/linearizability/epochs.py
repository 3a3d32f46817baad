"""The model of an owner's epoch: a name that changes whenever everything of the owner's is revoked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from statekit_conformance.history import Answered, Operation, Refused, Unknown
from statekit_conformance.linearizability.model import Model

__all__ = ["Epoch", "Era"]


class Era(NamedTuple):
    """The epoch's name, or None if nobody was told it yet, and the names that it cannot have."""

    name: str | None
    excluded: frozenset[str]


class Epoch(Model[Era]):
    """An epoch with opaque names that never recur.

    ======  =========  =================================================================
    action  arguments  outcome
    ======  =========  =================================================================
    mark               Answered(name)
    login   since      Answered(anything) in that epoch, Refused in any other
    revoke             Answered(anything): another epoch begins
    ======  =========  =================================================================
    """

    def initial(self) -> Era:
        """Return the first epoch, whose name nobody was told."""
        return Era(None, frozenset())

    def step(self, state: Era, operation: Operation) -> Iterable[Era]:
        """Return what the operation may leave. A name is fixed by the first who is told it."""
        if operation.action == "revoke":
            return _revoked(state, operation)
        if operation.action not in {"mark", "login"}:
            raise ValueError(f"an epoch knows mark, login and revoke, not {operation.action!r}")
        if isinstance(operation.outcome, Unknown):
            return (state,)
        if isinstance(operation.outcome, Refused):
            return _excluded(state, operation.arguments["since"])
        return _named(state, _name(operation))

    def covers(self, better: Era, worse: Era) -> bool:
        """The same name, and no more that it cannot be."""
        return better.name == worse.name and better.excluded <= worse.excluded

    def describe(self, state: Era) -> str:
        """Say which epoch it is."""
        return "an epoch that nobody named yet" if state.name is None else f"the epoch {state.name!r}"


def _name(operation: Operation) -> Any:
    if operation.action == "login":
        return operation.arguments["since"]
    return operation.outcome.value if isinstance(operation.outcome, Answered) else None


def _named(state: Era, name: str) -> Iterable[Era]:
    if state.name is None and name not in state.excluded:
        return (state._replace(name=name),)
    return (state,) if state.name == name else ()


def _excluded(state: Era, name: str) -> Iterable[Era]:
    if state.name is None:
        return (state._replace(excluded=state.excluded | {name}),)
    return (state,) if state.name != name else ()


def _revoked(state: Era, operation: Operation) -> Iterable[Era]:
    if isinstance(operation.outcome, Refused):
        return (state,)
    names = frozenset() if state.name is None else {state.name}
    return (Era(None, state.excluded | names),)
