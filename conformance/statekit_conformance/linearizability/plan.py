"""The operations of one key, sorted and numbered the way the search wants them."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from statekit_conformance.history import Failed, Operation, Unknown
from statekit_conformance.linearizability.model import Model

__all__ = ["Plan", "by_end", "plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """Operations with an answer are numbered by their end: level i is the moment when number i ends.

    Masks of level i are relative to it: bit 0 is operation i. An operation is open at a level if it has started
    by then; times that are equal count as overlapping, because a clock may answer twice with the same time.

    Args:
        known: Operations with an answer, by end.
        unknown: Operations without one, by start. Observations among them are left out: they say nothing.
        open: Per level, which known operations have started.
        reads: Per level, which of the open ones only observe.
        optional: Per level, whether the operation that ends there may be left out, as if it had never been made.
        begun: Per level, how many unknown operations have started.
        known_kinds: A number per known operation; equal for operations that are interchangeable.
        unknown_kinds: The same for the unknown ones.
        earlier: Per unknown operation, the bit of the one of its kind that started just before it, or 0.
    """

    known: tuple[Operation, ...]
    unknown: tuple[Operation, ...]
    open: tuple[int, ...]
    reads: tuple[int, ...]
    optional: tuple[bool, ...]
    begun: tuple[int, ...]
    known_kinds: tuple[int, ...]
    unknown_kinds: tuple[int, ...]
    earlier: tuple[int, ...]


def plan(operations: Sequence[Operation], model: Model[Any], optional: Sequence[Operation] = ()) -> Plan:
    """Sort and number the operations of one key, of which some may be left out."""
    answered = [(o, False) for o in operations if not isinstance(o.outcome, Failed | Unknown)]
    answered.extend((o, True) for o in optional if not isinstance(o.outcome, Failed | Unknown))
    answered.sort(key=lambda it: _end(it[0]))
    known = [operation for operation, _ in answered]
    unknown = [o for o in operations if isinstance(o.outcome, Unknown) and not model.observes(o)]
    unknown.sort(key=lambda operation: operation.started)
    opened = _open(known)
    observing = sum(1 << number for number, o in enumerate(known) if model.observes(o))
    kinds = _kinds([model.kind(operation) for operation in unknown])
    return Plan(
        known=tuple(known),
        unknown=tuple(unknown),
        open=opened,
        reads=tuple(mask & (observing >> level) for level, mask in enumerate(opened)),
        optional=tuple(spare for _, spare in answered),
        begun=_begun(known, unknown),
        known_kinds=_kinds([(model.kind(operation), spare) for operation, spare in answered]),
        unknown_kinds=kinds,
        earlier=_earlier(kinds),
    )


def by_end(operations: Iterable[Operation]) -> list[Operation]:
    """Sort operations that have ended the way levels are numbered."""
    return sorted(operations, key=_end)


def _end(operation: Operation) -> tuple[int, int]:
    assert operation.ended is not None  # only Unknown may lack an end
    return operation.ended, operation.started


def _open(known: Sequence[Operation]) -> tuple[int, ...]:
    by_start = sorted(range(len(known)), key=lambda number: known[number].started)
    masks, started, position = [], 0, 0
    for level, operation in enumerate(known):
        while position < len(by_start) and known[by_start[position]].started <= _end(operation)[0]:
            started |= 1 << by_start[position]
            position += 1
        masks.append(started >> level)
    return tuple(masks)


def _begun(known: Sequence[Operation], unknown: Sequence[Operation]) -> tuple[int, ...]:
    counts, count = [], 0
    for operation in known:
        while count < len(unknown) and unknown[count].started <= _end(operation)[0]:
            count += 1
        counts.append(count)
    return tuple(counts)


def _kinds(kinds: Sequence[Hashable]) -> tuple[int, ...]:
    numbers: dict[Hashable, int] = {}
    return tuple(numbers.setdefault(kind, len(numbers)) for kind in kinds)


def _earlier(kinds: Sequence[int]) -> tuple[int, ...]:
    latest: dict[int, int] = {}
    earlier = []
    for number, kind in enumerate(kinds):
        earlier.append(latest.get(kind, 0))
        latest[kind] = 1 << number
    return tuple(earlier)
