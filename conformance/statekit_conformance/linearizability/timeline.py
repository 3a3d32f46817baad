"""A counterexample as text: who did what when, and what cannot be explained."""

from collections.abc import Sequence
from typing import Any, Final

from statekit_conformance.history import Answered, Failed, Operation, Refused, Unknown
from statekit_conformance.linearizability.shrink import Counterexample

__all__ = ["describe", "timeline"]

WIDTH: Final = 60
STEP: Final = 4


def describe(operation: Operation) -> str:
    """Say what was asked and answered.

    >>> describe(Operation("w0", "k", "write", {"value": 1}, 0, 9, Answered({"version": "v1"})))
    "write(value=1) -> {'version': 'v1'}"
    """
    arguments = ", ".join(f"{name}={value!r}" for name, value in operation.arguments.items())
    return f"{operation.action}({arguments}) {_outcome(operation.outcome)}"


def timeline(example: Counterexample) -> str:
    """Draw the operations against time, and explain in words which cannot be placed.

    Columns are in the order of the events, not to scale; an operation of unknown outcome has no end.
    """
    count = len(example.operations)
    lines = [
        f"key {example.key!r}: no order of these {count} operations explains every answer"
        + ("" if example.minimal else " (time ran out: fewer might do)"),
        *_before(example),
        *_left_out(example.left_out),
        "",
        *_rows(example),
        "",
        f"cannot be placed: {example.culprit.process} {describe(example.culprit)}",
        *_possible(example.states),
    ]
    return "\n".join(lines)


def _outcome(outcome: Any) -> str:
    match outcome:
        case Answered(value):
            return f"-> {value!r}"
        case Refused(reason, None):
            return f"refused: {reason}"
        case Refused(reason, detail):
            return f"refused: {reason} {detail!r}"
        case Failed(reason):
            return f"failed: {reason}" if reason else "failed"
        case _:
            return "-> ?"


def _before(example: Counterexample) -> list[str]:
    if not example.before:
        return []
    return [f"(the {example.before} operations before them leave {' or '.join(example.held)})"]


def _left_out(count: int) -> list[str]:
    if not count:
        return []
    noun = "operation is" if count == 1 else "operations are"
    return [
        f"({count} more {noun} not shown: they only observe, or do not help, whether they took effect or not)",
    ]


def _rows(example: Counterexample) -> list[str]:
    columns = _columns(example.operations)
    origin = min(operation.started for operation in example.operations)
    bars = [_bar(operation, columns) for operation in example.operations]
    width = max(len(bar) for bar in bars)
    names = max(len(operation.process) for operation in example.operations)
    return [
        f"{'x' if operation is example.culprit else ' '} {operation.process:{names}} {bar:{width}}  "
        f"{_span(operation, origin):23} {describe(operation)}"
        for operation, bar in zip(example.operations, bars, strict=True)
    ]


def _columns(operations: Sequence[Operation]) -> dict[int, int]:
    """Give every moment at which something starts or ends a column."""
    times = {operation.started for operation in operations}
    times.update(o.ended for o in operations if o.ended is not None and not isinstance(o.outcome, Unknown))
    step = min(float(STEP), WIDTH / len(times))
    return {time: int(rank * step) for rank, time in enumerate(sorted(times))}


def _bar(operation: Operation, columns: dict[int, int]) -> str:
    first = columns[operation.started]
    if operation.ended is None or isinstance(operation.outcome, Unknown):
        return " " * first + "|" + "-" * (max(columns.values()) - first + 1) + "?"
    return " " * first + "|" + "-" * (columns[operation.ended] - first - 1) + "|"


def _span(operation: Operation, origin: int) -> str:
    start = f"{(operation.started - origin) / 1000:.1f}"
    if operation.ended is None or isinstance(operation.outcome, Unknown):
        return f"{start} us ..."
    return f"{start} .. {(operation.ended - origin) / 1000:.1f} us"


def _possible(states: Sequence[str]) -> list[str]:
    if not states:
        return []
    intro = "whatever the order of the others, the store then holds "
    return [intro + " or ".join(states)]
