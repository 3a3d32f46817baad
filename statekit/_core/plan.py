"""Plans: what a store does, as a generator of effects, without threads, ``await`` or sleep.

A plan yields effects and is sent their results; whatever an effect raised is thrown into it. The two runners,
``_core/run.py`` and ``_core/arun.py``, execute plans, and tests step them by hand.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterable
from itertools import chain
from typing import Any, Protocol, TypeAlias, TypeVar, cast

from msgspec import Struct

__all__ = [
    "Await",
    "Begin",
    "Call",
    "Collect",
    "Drain",
    "Drop",
    "Effect",
    "Errand",
    "Job",
    "Join",
    "Plan",
    "Sleep",
    "Spawn",
    "Start",
    "Stop",
    "Work",
    "clean_up",
    "gather",
]

T = TypeVar("T")


class Call(Struct, frozen=True):
    """Send one request: call a driver's method, which has the colour that its backend was opened with."""

    method: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Work(Struct, frozen=True):
    """Run a function that may block without a driver, such as reading a file: in a thread if the runner is async."""

    function: Callable[[], Any]


class Await(Struct, frozen=True):
    """Await what the application handed to an asynchronous store, such as the next item of an async iterator."""

    function: Callable[[], Awaitable[Any]]


class Sleep(Struct, frozen=True):
    """Wait."""

    seconds: float


class Start(Struct, frozen=True):
    """Start a child plan beside this one, once fewer than ``limit`` run. A child starts no children.

    Raises into the plan what an earlier child raised, after the others have ended.
    """

    plan: Plan[Any]
    limit: int


class Join(Struct, frozen=True):
    """Wait for all children and get their results in the order of their start."""


class Drain(Struct, frozen=True):
    """Wait until no child runs any more, whatever becomes of them: the first step of cleaning up."""


class Begin(Struct, frozen=True):
    """Begin a plan beside this one that may outlive it; the result is an Errand.

    A child belongs to its plan; an errand to whoever holds it, and another plan may collect it. It starts no children.

    Attributes:
        plan: Makes the plan: once more in a forked child, which has none of its parent's threads.
    """

    plan: Callable[[], Plan[Any]]


class Collect(Struct, frozen=True):
    """Wait for an errand and get its result. One that has not begun is done here and now."""

    errand: Errand


class Drop(Struct, frozen=True):
    """Give up an errand: one that has not begun never does, and another one is waited for, whatever becomes of it."""

    errand: Errand


class Spawn(Struct, frozen=True):
    """Run a plan in the background, beyond the end of this one; the result is a Job."""

    plan: Plan[None]


class Stop(Struct, frozen=True):
    """End a background job: its next or present sleep ends, and GeneratorExit is raised in it."""

    job: Job


class Job(Protocol):
    """A plan in the background; what it is, is the runner's own business.

    Attributes:
        failure: What ended it, if an exception did.
    """

    failure: BaseException | None


class Errand(Protocol):
    """A plan that was begun ahead of its need; what it is, is the runner's own business."""


Effect: TypeAlias = Call | Work | Await | Sleep | Start | Join | Drain | Begin | Collect | Drop | Spawn | Stop
Plan: TypeAlias = Generator[Effect, Any, T]


def gather(plans: Iterable[Plan[T]], limit: int) -> Plan[list[T]]:
    """Run plans side by side, at most ``limit`` at once, and return their results in order.

    Raises:
        BaseException: What the first failing plan raised, once no other runs any more.
    """
    several = iter(plans)
    first, second = next(several, None), next(several, None)
    if first is None:
        return []
    if second is None:
        return [(yield from first)]
    for plan in chain((first, second), several):
        yield Start(plan, limit)
    return cast("list[T]", (yield Join()))


def clean_up(error: BaseException | None, clean: Callable[[], Plan[object]]) -> Plan[None]:
    """Clean up to the end, also if that is interrupted; the caller then raises ``error``.

    Whoever drops a plan for good, which raises GeneratorExit in it, runs no effects any more.
    """
    if isinstance(error, GeneratorExit):
        return
    try:
        yield from clean()
    except (Exception, GeneratorExit):
        raise
    except BaseException:
        # Cancelled in the middle of it. From here on the asynchronous runner lets nothing disturb the plan.
        yield from clean()
        raise
