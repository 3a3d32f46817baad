"""Stepping a plan by hand, without a runner and without I/O."""

from __future__ import annotations

from typing import Any

from statekit._core.pipeline import Operation, Wire
from statekit._core.plan import Call, Plan, Sleep
from statekit.driver import Failure, Fault, Record
from statekit.testing import FakeClock, ScriptedDriver
from statekit.testing.failing import Met

KEY = "s/aa"
DRIVER: Any = ScriptedDriver()


class ByHand:
    """A plan whose effects the test answers.

    Attributes:
        effect: What the plan wants now; None when it has ended.
        result: What it returned.
        slept: The seconds of each sleep, which ``answer`` and ``meet`` pass over.
    """

    def __init__(self, plan: Plan[Any], clock: FakeClock | None = None) -> None:
        self.plan, self.clock = plan, clock
        self.result: Any = None
        self.ended = False
        self.slept: list[float] = []
        self._go(lambda: plan.send(None))

    def _go(self, step: Any) -> None:
        try:
            self.effect = step()
            while isinstance(self.effect, Sleep):
                self.slept.append(self.effect.seconds)
                if self.clock is not None:
                    self.clock.advance(self.effect.seconds)
                self.effect = self.plan.send(None)
        except StopIteration as end:
            self.effect, self.result, self.ended = None, end.value, True

    def answer(self, value: Any) -> ByHand:
        """Answer the request."""
        assert not self.ended
        self._go(lambda: self.plan.send(value))
        return self

    def meet(self, what: Fault | Failure | BaseException) -> ByHand:
        """Let the request meet a fault, or an exception."""
        assert not self.ended
        error = Met(what) if isinstance(what, Fault | Failure) else what
        self._go(lambda: self.plan.throw(error))
        return self

    @property
    def asks(self) -> str:
        """The driver's method that is called."""
        assert isinstance(self.effect, Call), self.effect
        return self.effect.method.__name__

    @property
    def args(self) -> tuple[Any, ...]:
        assert isinstance(self.effect, Call)
        return self.effect.args

    @property
    def kwargs(self) -> dict[str, Any]:
        assert isinstance(self.effect, Call)
        return self.effect.kwargs


def wire(clock: FakeClock | None = None, **options: Any) -> Wire:
    """What operations share, with a clock that is set by hand and events that nobody hears."""
    return Wire("sessions", "test", clock or FakeClock(), lambda _: None, **options)


def an_operation(clock: FakeClock | None = None, timeout: float | None = None) -> Operation:
    return wire(clock).begin("save", timeout)


def written(request: ByHand, version: str = "v-own") -> Record:
    """The record that this write request would store."""
    return Record(request.args[1], version, request.kwargs["expires_at"])
