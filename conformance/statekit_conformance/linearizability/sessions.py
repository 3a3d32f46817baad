"""A model of one login: a session whose data is saved by merging, whose id is rotated, and which ends for good."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, Self

from statekit_conformance.history import Answered, FrozenDict, Operation, Refused, Unknown
from statekit_conformance.linearizability.model import Model

__all__ = ["Login", "SessionRegister"]

ACTIONS: Final = frozenset({"create", "load", "save", "touch", "rotate", "destroy"})
UNTOLD: Final = ("an id nobody was told",)


class Login(NamedTuple):
    """A session at one moment.

    Args:
        data: What it holds, or None while it does not exist.
        id: The id under which it can be loaded, or UNTOLD.
        former: Ids that it had, and never has again.
        ended: Whether it was destroyed.
    """

    data: FrozenDict | None
    id: Any
    former: frozenset[Any]
    ended: bool


class SessionRegister(Model[Login]):
    """A session from its creation to its end. The key is the login, which rotation leaves as it is.

    =======  =======================  ======================================================================
    action   arguments                outcome
    =======  =======================  ======================================================================
    create   data                     Answered({"id": …})
    load     id                       Answered(data), or Answered(None) if gone
    save     id, changed (a dict),    Answered(the data stored, or None if not told), Refused("gone"), or
             deleted (names)          Refused("conflict") of a save that does not merge
    touch    id                       Answered(None), Refused("gone")
    rotate   id                       Answered({"id": …}), Refused("gone")
    destroy  id                       Answered(anything): it is gone, by this or before
    =======  =======================  ======================================================================

    Ids may be left out, everywhere or nowhere, by workloads that do not rotate. A destroyed session never comes
    back. An id that was rotated away is gone to everything but destroy, which ends its successor.

    A save that lost a reply and then answers "gone" may have been applied before the session ended. Record it as
    two operations over the same time: a save of unknown outcome, and a load that answered None.
    """

    def __init__(self) -> None:
        self._untold: tuple[Any, ...] = ()

    def prepare(self, history: Sequence[Operation]) -> Self:
        """Learn which ids a creation or rotation of unknown outcome may have made."""
        prepared = type(self)()
        used = {operation.arguments.get("id") for operation in history}
        told = {_told(operation) for operation in history}
        prepared._untold = tuple(sorted(used - told - {None}))  # noqa: SLF001
        return prepared

    def initial(self) -> Login:
        """Return the state before the session is created."""
        return Login(None, None, frozenset(), ended=False)

    def step(self, state: Login, operation: Operation) -> Iterable[Login]:
        """Return what the operation may leave."""
        if operation.action not in ACTIONS:
            raise ValueError(f"a session knows no {operation.action!r}")
        if operation.action == "create":
            return self._create(state, operation)
        if operation.action == "destroy":
            return (_destroyed(state),)
        named = operation.arguments.get("id")
        live = state.data is not None and named in {None, state.id}
        if isinstance(operation.outcome, Refused):
            return (state,) if live == (operation.outcome.reason == "conflict") else ()
        if operation.action == "load":
            return (state,) if _loads(state, operation.outcome, live=live) else ()
        return self._change(state, operation) if live else _nothing(state, operation)

    def _change(self, state: Login, operation: Operation) -> Iterable[Login]:
        if operation.action == "save":
            return _saved(state, operation)
        if operation.action == "rotate":
            return self._rotated(state, operation)
        return (state,)

    def observes(self, operation: Operation) -> bool:
        """Loads, touches and refusals."""
        return operation.action in {"load", "touch"} or isinstance(operation.outcome, Refused)

    def describe(self, state: Login) -> str:
        """Say what can be loaded."""
        if state.data is None:
            return "no session any more" if state.ended else "no session yet"
        name = "an id nobody was told" if state.id is UNTOLD else f"the id {state.id!r}"
        return f"{state.data!r}" + ("" if state.id is None else f" under {name}")

    def _create(self, state: Login, operation: Operation) -> Iterator[Login]:
        unknown = isinstance(operation.outcome, Unknown)
        if state.data is not None or state.ended:
            yield from _nothing(state, operation)
            return
        data = operation.arguments.get("data", FrozenDict({}))
        for name in (UNTOLD, None, *self._untold) if unknown else (_told(operation),):
            yield state._replace(data=data, id=name)

    def _rotated(self, state: Login, operation: Operation) -> Iterator[Login]:
        former = state.former if state.id in {None, UNTOLD} else state.former | {state.id}
        names = (UNTOLD, *self._untold) if isinstance(operation.outcome, Unknown) else (_told(operation),)
        for name in names:
            if name not in former:
                yield state._replace(id=name, former=former)


def _told(operation: Operation) -> Any:
    """Return the id that an answer tells, or None."""
    answer = operation.outcome.value if isinstance(operation.outcome, Answered) else None
    if operation.action in {"create", "rotate"} and isinstance(answer, Mapping):
        return answer.get("id")
    return None


def _nothing(state: Login, operation: Operation) -> Iterable[Login]:
    """An operation that finds nothing to work on may do so only if its outcome is unknown."""
    return (state,) if isinstance(operation.outcome, Unknown) else ()


def _loads(state: Login, outcome: object, *, live: bool) -> bool:
    if isinstance(outcome, Unknown):
        return True
    answer = outcome.value if isinstance(outcome, Answered) else None
    return bool(answer == state.data) if live else answer is None


def _saved(state: Login, operation: Operation) -> Iterable[Login]:
    merged = {**(state.data or {}), **operation.arguments.get("changed", {})}
    for name in operation.arguments.get("deleted", ()):
        merged.pop(name, None)
    after = FrozenDict(merged)
    answer = operation.outcome.value if isinstance(operation.outcome, Answered) else None
    return (state._replace(data=after),) if answer is None or answer == after else ()


def _destroyed(state: Login) -> Login:
    return state if state.data is None else Login(None, None, frozenset(), ended=True)
