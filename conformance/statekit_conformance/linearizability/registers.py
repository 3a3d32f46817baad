"""Models of one stored value with opaque versions: the compare-and-set register and the object.

Answers carry the names of versions. The name that an unknown write got is not known, so such a write may have
got any name that the history mentions and no answered write explains, or one that nobody ever saw.
"""

import enum
from collections import Counter as Tally
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, NamedTuple, Self

from statekit_conformance.history import Answered, Operation, Refused, Unknown
from statekit_conformance.linearizability.model import Model

__all__ = ["Cell", "ObjectRegister", "Register"]


class _Mark(enum.Enum):
    ABSENT = "nothing"
    ANY = "anything"
    UNSEEN = "a version nobody saw"
    UNREAD = "a value nobody read"

    def __repr__(self) -> str:
        return self.value


ABSENT: Final = _Mark.ABSENT
ANY: Final = _Mark.ANY
UNSEEN: Final = _Mark.UNSEEN
UNREAD: Final = _Mark.UNREAD


class Cell(NamedTuple):
    """What is stored: a value or ABSENT, its version or UNSEEN, and which contested versions were used.

    Where versions recur, `used` has the value with each.
    """

    value: Any
    version: Any
    used: frozenset[tuple[str, Any]]


@dataclass(frozen=True, slots=True)
class _Versions:
    """What a history says of versions.

    Args:
        of: Per value, the versions that an unknown write of it may have got.
        nameless: Versions that any unknown write may have got: mentioned, but never together with a value.
        contested: Versions that could be given twice, if the store were wrong.
        mentioned: Values and versions that some operation tells apart from others.
    """

    of: Mapping[Any, tuple[str, ...]]
    nameless: tuple[str, ...]
    contested: frozenset[str]
    mentioned: frozenset[Any]


class _Versioned(Model[Cell]):
    """A value with versions. Subclasses name the actions.

    Args:
        recur: Whether a version names the content, as an ETag does, so that writing the same content again may
            give the same version again. Otherwise a version never recurs, across deletes too.
    """

    value_field: ClassVar[str]
    reads: ClassVar[frozenset[str]]
    deletes: ClassVar[frozenset[str]]

    def __init__(self, *, recur: bool = False) -> None:
        self._recur = recur
        self._versions = _Versions({}, (), frozenset(), frozenset())
        self._exact = True

    def condition(self, operation: Operation) -> Any:
        """Return what must be stored for a write or delete: ANY, ABSENT, or a version."""
        raise NotImplementedError

    def initial(self) -> Cell:
        """Return the state in which nothing is stored."""
        return Cell(ABSENT, UNSEEN, frozenset())

    def step(self, state: Cell, operation: Operation) -> Iterable[Cell]:
        """Return what the operation may leave."""
        if operation.action in self.reads:
            return self._read(state, operation.outcome)
        condition = self.condition(operation)
        holds = _holds(state, condition)
        if isinstance(operation.outcome, Refused):
            return (state,) if not holds and _matches(state, operation.outcome.detail, "") else ()
        if operation.action in self.deletes:
            return _delete(state, operation.outcome, holds=holds)
        if not holds:
            return (state,) if isinstance(operation.outcome, Unknown) else ()
        return self._write(state, operation)

    def observes(self, operation: Operation) -> bool:
        """Reads, refusals, and deletes that found nothing."""
        return (
            operation.action in self.reads
            or isinstance(operation.outcome, Refused)
            or operation.outcome == Answered("absent")
        )

    def covers(self, better: Cell, worse: Cell) -> bool:
        """The same is stored, and no more versions are used up."""
        return better[:2] == worse[:2] and better.used <= worse.used

    def describe(self, state: Cell) -> str:
        """Say what is stored, and under which version."""
        return repr(state.value) if state.value is ABSENT else f"{state.value!r} under {state.version!r}"

    def prepare(self, history: Sequence[Operation]) -> Self:
        """Learn which versions an unknown write may have got, and which could be given twice."""
        prepared = type(self)(recur=self._recur)
        mentions = [mention for operation in history for mention in self._mentions(operation)]
        written = Tally(version for version, _, by_write in mentions if by_write)
        values: dict[str, set[Any]] = {}
        for version, value, _ in mentions:
            values.setdefault(version, set()).update(() if value is ANY else (value,))
        adoptable = [version for version in values if self._recur or version not in written]
        of: dict[Any, tuple[str, ...]] = {}
        for version in adoptable:
            for value in values[version]:
                of[value] = (*of.get(value, ()), version)
        contested = {v for v in values if len(values[v]) != 1} if self._recur else {*adoptable}
        contested.update(version for version in values if written[version] > 1 and not self._recur)
        prepared._versions = _Versions(  # noqa: SLF001
            of,
            tuple(version for version in adoptable if not values[version]),
            frozenset(contested),
            frozenset(shown for operation in history for shown in self._shown(operation)),
        )
        return prepared

    def abstract(self) -> Self:
        """Take all values that nobody read for one, and all versions that nobody saw."""
        coarse = type(self)(recur=self._recur)
        coarse._versions, coarse._exact = self._versions, False  # noqa: SLF001
        return coarse

    def kind(self, operation: Operation) -> Hashable:
        """Reads by their answers; writes by the condition, and by what is told apart of value and version."""
        if operation.action in self.reads | self.deletes or isinstance(operation.outcome, Refused):
            return operation.action, operation.arguments, operation.outcome
        value, version = operation.arguments[self.value_field], _version(operation)
        return (
            operation.action,
            self.condition(operation),
            self._value(value),
            value if self._recur else None,
            version if version in self._versions.contested else self._version(version),
        )

    def _value(self, value: Any) -> Any:
        return value if self._exact or ("value", value) in self._versions.mentioned else UNREAD

    def _version(self, version: Any) -> Any:
        return version if self._exact or ("version", version) in self._versions.mentioned else UNSEEN

    def _shown(self, operation: Operation) -> Iterator[tuple[str, Any]]:
        """Yield the values and versions that an operation tells apart from others."""
        for version, _, by_write in self._mentions(operation):
            if not by_write:
                yield "version", version
        outcome = operation.outcome
        shown = outcome.value if isinstance(outcome, Answered) else getattr(outcome, "detail", None)
        if isinstance(shown, Mapping) and self.value_field in shown:
            yield "value", shown[self.value_field]

    def _mentions(self, operation: Operation) -> Iterator[tuple[str, Any, bool]]:
        """Yield versions that an operation names: the version, the value if known, whether a write gave it."""
        writes = operation.action not in self.reads | self.deletes
        if operation.action not in self.reads:
            condition = self.condition(operation)
            if condition is not ANY and condition is not ABSENT:
                yield condition, ANY, False
        outcome = operation.outcome
        shown = outcome.value if isinstance(outcome, Answered) else getattr(outcome, "detail", None)
        if isinstance(shown, Mapping) and shown.get("version") is not None:
            given = writes and isinstance(outcome, Answered)
            value = operation.arguments[self.value_field] if given else shown.get(self.value_field, ANY)
            yield shown["version"], value, given

    def _read(self, state: Cell, outcome: object) -> Iterable[Cell]:
        if isinstance(outcome, Unknown):
            return (state,)
        answer = outcome.value if isinstance(outcome, Answered) else None
        if answer is None:
            return (state,) if state.value is ABSENT else ()
        return (state,) if state.value is not ABSENT and _matches(state, answer, self.value_field) else ()

    def _write(self, state: Cell, operation: Operation) -> Iterator[Cell]:
        value, version = operation.arguments[self.value_field], _version(operation)
        if version is not None:
            candidates: tuple[str, ...] = (version,)
        else:
            yield Cell(self._value(value), UNSEEN, state.used)
            candidates = self._versions.of.get(value, ()) + self._versions.nameless
        for candidate in candidates:
            if candidate not in self._versions.contested:
                yield Cell(self._value(value), self._version(candidate), state.used)
            elif not self._taken(state, candidate, value):
                used = state.used | {(candidate, value if self._recur else None)}
                yield Cell(self._value(value), self._version(candidate), used)

    def _taken(self, state: Cell, version: str, value: Any) -> bool:
        return any(used == version and not (self._recur and stored == value) for used, stored in state.used)


class Register(_Versioned):
    """A compare-and-set register with opaque versions that never recur.

    ========  =================  ========================================================================
    action    arguments          outcome
    ========  =================  ========================================================================
    read                         Answered(None) if absent, else Answered({"value": …, "version": …})
    write     value              Answered({"version": …})
    cas       value, expect      Answered({"version": …}), or Refused("conflict", {"version": …} or None)
    ========  =================  ========================================================================

    `expect` is a version, or None if nothing may be stored. Versions may be left out of answers.
    """

    value_field = "value"
    reads = frozenset({"read"})
    deletes = frozenset[str]()

    def condition(self, operation: Operation) -> Any:
        """Return `expect`, of a compare-and-set."""
        if operation.action == "write":
            return ANY
        if operation.action != "cas":
            raise ValueError(f"a register knows read, write and cas, not {operation.action!r}")
        expect = operation.arguments.get("expect")
        return ABSENT if expect is None else expect


class ObjectRegister(_Versioned):
    """An object with conditional put and delete.

    ========  ==================  =====================================================================
    action    arguments           outcome
    ========  ==================  =====================================================================
    get                           Answered(None) if absent, else Answered({"data": …, "version": …})
    put       data, and if_match  Answered({"version": …}), or Refused("conflict", {"version": …} or None)
              or if_absent=True
    delete    if_match, or none   Answered("deleted"), "absent" or "gone", or Refused("conflict")
    ========  ==================  =====================================================================

    "absent" says that nothing was there; "gone" that nothing was there once an attempt of unknown outcome had
    been made, which may have deleted it. An unconditional operation that was retried may take effect again later:
    record each of its lost attempts as an operation of its own, of unknown outcome.
    """

    value_field = "data"
    reads = frozenset({"get"})
    deletes = frozenset({"delete"})

    def condition(self, operation: Operation) -> Any:
        """Return the version of `if_match`, or ABSENT for `if_absent`."""
        if operation.action not in {"put", "delete"}:
            raise ValueError(f"an object knows get, put and delete, not {operation.action!r}")
        if operation.arguments.get("if_absent"):
            return ABSENT
        match = operation.arguments.get("if_match")
        return ANY if match is None else match


def _version(operation: Operation) -> str | None:
    """Return the version that a write says it made, or None."""
    answer = operation.outcome.value if isinstance(operation.outcome, Answered) else None
    return answer.get("version") if isinstance(answer, Mapping) else None


def _holds(state: Cell, condition: Any) -> bool:
    if condition is ANY:
        return True
    if condition is ABSENT or state.value is ABSENT:
        return condition is state.value
    return bool(state.version == condition)


def _matches(state: Cell, shown: Any, value_field: str) -> bool:
    """Whether an answer or the detail of a refusal, of which any field may be left out, shows this state."""
    if not isinstance(shown, Mapping):
        return True
    version = shown.get("version")
    return (version is None or version == state.version) and (
        value_field not in shown or shown[value_field] == state.value
    )


def _delete(state: Cell, outcome: object, *, holds: bool) -> Iterable[Cell]:
    present = state.value is not ABSENT
    empty = Cell(ABSENT, UNSEEN, state.used)
    if isinstance(outcome, Unknown):
        return (empty if present and holds else state,)
    answer = outcome.value if isinstance(outcome, Answered) else None
    if answer not in {"deleted", "absent", "gone"}:
        raise ValueError(f"a delete answers 'deleted', 'absent' or 'gone', not {answer!r}")
    if present:
        return (empty,) if holds and answer != "absent" else ()
    return (state,) if answer != "deleted" else ()
