"""Requests that are repeated, operations that end in time, and events and errors that name them."""

from __future__ import annotations

from typing import Any

import pytest

from statekit._core.pipeline import Wire, fetch, repeat
from statekit._core.plan import Call, Plan
from statekit._core.retry import Backoff
from statekit.driver import Committed, Failure, Fault
from statekit.errors import (
    BackendError,
    ClosedError,
    CorruptDataError,
    IndeterminateError,
    MisconfiguredError,
    NotFoundError,
    TimedOutError,
)
from statekit.testing import FakeClock
from statekit.types import Event
from tests.plans.by_hand import DRIVER, ByHand, an_operation, wire


def reading(clock: FakeClock | None = None, timeout: float | None = None) -> ByHand:
    return ByHand(fetch(an_operation(clock, timeout), DRIVER, DRIVER.read, "k"), clock)


def deleting(clock: FakeClock | None = None) -> ByHand:
    return ByHand(repeat(an_operation(clock), DRIVER, DRIVER.delete, "k"), clock)


class TestReading:
    @pytest.mark.parametrize("fault", [Fault.UNREACHED, Fault.BUSY, Fault.THROTTLED, Fault.LOST, Fault.TIMED_OUT])
    def test_is_repeated_after_whatever_may_pass(self, fault: Fault) -> None:
        plan = reading().meet(fault).meet(fault).answer("found")
        assert plan.result == "found"
        assert len(plan.slept) == 2

    @pytest.mark.parametrize("fault", [Fault.DENIED, Fault.MISCONFIGURED, Fault.REJECTED, Fault.UNKNOWN])
    def test_is_not_repeated_after_what_stays(self, fault: Fault) -> None:
        plan = reading()
        with pytest.raises(BackendError) as raised:
            plan.meet(fault)
        assert raised.value.fault is fault

    def test_is_never_indeterminate(self) -> None:
        plan = reading(FakeClock())
        with pytest.raises(BackendError) as raised:
            for _ in range(100):
                plan.meet(Fault.LOST)
        assert not isinstance(raised.value, IndeterminateError)

    def test_of_what_cannot_be_read_is_corrupt_data(self) -> None:
        plan = reading()
        with pytest.raises(CorruptDataError):
            plan.meet(Fault.CORRUPT)

    def test_raises_the_sdk_s_exception_as_the_cause(self) -> None:
        boom = OSError("host db-7 refused user ada")
        plan = reading()
        with pytest.raises(BackendError) as raised:
            plan.meet(boom)
        assert raised.value.__cause__ is boom
        assert "db-7" not in str(raised.value)
        assert "OSError" in str(raised.value)

    def test_says_what_the_driver_advises(self) -> None:
        plan = reading()
        with pytest.raises(MisconfiguredError, match="make the table with `x`"):
            plan.meet(Failure(Fault.MISCONFIGURED, advice="make the table with `x`"))

    def test_does_not_begin_without_time(self) -> None:
        with pytest.raises(TimedOutError):
            reading(timeout=0)

    def test_does_not_begin_after_close(self) -> None:
        closed = wire()
        closed.closed = True
        with pytest.raises(ClosedError):
            ByHand(fetch(closed.begin("load", None), DRIVER, DRIVER.read, "k"))

    def test_no_attempt_is_given_more_than_the_attempt_timeout(self) -> None:
        op = wire(attempt_timeout=2.5).begin("load", 60)
        assert ByHand(fetch(op, DRIVER, DRIVER.read, "k")).kwargs["timeout"] == 2.5


class TestRepeating:
    def test_an_unknown_attempt_is_simply_sent_again(self) -> None:
        plan = deleting().meet(Fault.LOST)
        assert plan.asks == "delete"
        assert plan.answer(Committed("v")).result == Committed("v")

    def test_at_the_deadline_an_unknown_attempt_makes_it_indeterminate(self) -> None:
        plan = deleting(FakeClock())
        with pytest.raises(IndeterminateError):
            for _ in range(100):
                plan.meet(Fault.TIMED_OUT)

    def test_an_unknown_attempt_is_not_forgotten_because_of_a_later_proof(self) -> None:
        plan = deleting().meet(Fault.LOST)
        with pytest.raises(IndeterminateError):
            plan.meet(Fault.DENIED)

    def test_what_no_table_names_is_not_sent_again(self) -> None:
        plan = deleting()
        with pytest.raises(IndeterminateError):
            plan.meet(Fault.UNKNOWN)

    def test_an_answer_that_cannot_be_read_leaves_it_unknown(self) -> None:
        plan = deleting()
        with pytest.raises(IndeterminateError):
            plan.meet(Fault.CORRUPT)

    def test_without_any_unknown_attempt_it_is_not_applied(self) -> None:
        plan = deleting(FakeClock())
        with pytest.raises(BackendError) as raised:
            for _ in range(100):
                plan.meet(Fault.BUSY)
        assert not isinstance(raised.value, IndeterminateError)

    def test_closing_in_the_middle_leaves_an_unknown_attempt_unknown(self) -> None:
        op = an_operation()
        plan = ByHand(repeat(op, DRIVER, DRIVER.delete, "k"))
        op.wire.closed = True
        with pytest.raises(IndeterminateError):
            plan.meet(Fault.LOST)


class TestBackoff:
    def test_bounds_double_up_to_the_most(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("random.random", lambda: 1.0)
        backoff = Backoff(0.05, 2.0)
        assert [backoff.next() for _ in range(8)] == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]

    def test_jitter_reaches_down_to_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("random.random", lambda: 0.0)
        assert Backoff().next() == 0.0

    def test_what_the_engine_asks_for_comes_on_top(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("random.random", lambda: 1.0)
        assert Backoff(0.5).next(7.0) == 7.5


class Store:
    """The least that has operations."""

    def __init__(self, events: list[Event], clock: FakeClock) -> None:
        self.wire = Wire("things", "test", clock, events.append)

    def look(self, timeout: float | None, key: str, *, fails: BaseException | None = None) -> Plan[str]:
        with self.wire.begin("look", timeout) as op:
            op.key = key
            op.attempts, op.conflicts, op.size = 3, 2, 1
            answer = yield Call(DRIVER.read, (), {})
            if fails is not None:
                raise fails
            return str(answer)


class TestOperations:
    def test_each_emits_one_event_with_what_it_did(self) -> None:
        events: list[Event] = []
        clock = FakeClock()
        plan = ByHand(Store(events, clock).look(None, "k"))
        assert events == []
        clock.advance(1.5)
        plan.answer("x")
        assert events == [Event("look", "things", "test", "ok", 3, 2, 1, 1.5)]

    @pytest.mark.parametrize("error", [NotFoundError("x"), OSError("x"), KeyboardInterrupt()])
    def test_one_that_fails_emits_one_event_with_the_error_s_name(self, error: BaseException) -> None:
        events: list[Event] = []
        plan = ByHand(Store(events, FakeClock()).look(None, "k", fails=error))
        with pytest.raises(type(error)):
            plan.answer("x")
        assert [event.outcome for event in events] == [type(error).__name__]

    def test_the_error_that_leaves_it_is_named(self) -> None:
        plan = ByHand(Store([], FakeClock()).look(None, "k…", fails=NotFoundError("x")))
        with pytest.raises(NotFoundError) as raised:
            plan.answer("x")
        error = raised.value
        assert (error.op, error.store, error.backend, error.key) == ("things.look", "things", "test", "k…")

    def test_an_error_that_is_named_already_keeps_its_name(self) -> None:
        inner = NotFoundError("x")
        inner.op = "elsewhere.read"
        plan = ByHand(Store([], FakeClock()).look(None, "k", fails=inner))
        with pytest.raises(NotFoundError):
            plan.answer("x")
        assert inner.op == "elsewhere.read"

    def test_nothing_is_sent_after_close_and_the_event_says_so(self) -> None:
        events: list[Event] = []
        store = Store(events, FakeClock())
        store.wire.closed = True
        with pytest.raises(ClosedError) as raised:
            ByHand(store.look(None, "k"))
        assert raised.value.op == "things.look"
        assert [event.outcome for event in events] == ["ClosedError"]

    def test_one_that_is_dropped_for_good_ends_quietly(self) -> None:
        events: list[Event] = []
        plan: Any = Store(events, FakeClock()).look(None, "k")
        plan.send(None)
        plan.close()
        assert [event.outcome for event in events] == ["GeneratorExit"]
