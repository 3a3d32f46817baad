"""Where an SDK's exception becomes an error."""

from __future__ import annotations

import pytest

from statekit._core.faults import error_of, garbled, indeterminate, out_of_time
from statekit.driver import Failure, Fault
from statekit.errors import (
    BackendError,
    CorruptDataError,
    DeniedError,
    IndeterminateError,
    MisconfiguredError,
    StateError,
    ThrottledError,
    TimedOutError,
    UnavailableError,
)

KINDS = {
    Fault.UNREACHED: UnavailableError,
    Fault.BUSY: UnavailableError,
    Fault.THROTTLED: ThrottledError,
    Fault.DENIED: DeniedError,
    Fault.MISCONFIGURED: MisconfiguredError,
    Fault.REJECTED: BackendError,
    Fault.LOST: UnavailableError,
    Fault.TIMED_OUT: TimedOutError,
    Fault.UNKNOWN: BackendError,
    Fault.CORRUPT: CorruptDataError,
}


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_has_its_error(fault: Fault) -> None:
    cause = OSError("secret-host:6379 AUTH secret")
    error = error_of(Failure(fault, retry_after=3.0), cause)
    assert type(error) is KINDS[fault]
    assert "secret" not in str(error)
    assert "OSError" in str(error)
    if isinstance(error, BackendError):
        assert (error.fault, error.retry_after, error.__cause__) == (fault, 3.0, cause)


@pytest.mark.parametrize(
    ("fault", "applied", "retryable"),
    [
        (Fault.UNREACHED, False, True),
        (Fault.BUSY, False, True),
        (Fault.THROTTLED, False, True),
        (Fault.DENIED, False, False),
        (Fault.MISCONFIGURED, False, False),
        (Fault.REJECTED, False, False),
        (Fault.LOST, True, True),
        (Fault.TIMED_OUT, True, True),
        (Fault.UNKNOWN, True, False),
        (Fault.CORRUPT, False, False),
    ],
)
def test_what_a_fault_says_of_a_write(fault: Fault, applied: bool, retryable: bool) -> None:
    assert (fault.applied, fault.retryable) == (applied, retryable)


def test_advice_is_passed_on() -> None:
    assert "run `x`" in str(error_of(Failure(Fault.DENIED, advice="run `x`"), OSError()))


def test_what_could_not_be_settled_keeps_its_reason() -> None:
    reason = UnavailableError("x", fault=Fault.LOST)
    error = indeterminate(reason)
    assert isinstance(error, IndeterminateError)
    assert (error.fault, error.__cause__) == (Fault.LOST, reason)


def test_an_answer_that_cannot_be_read_may_have_been_to_a_write_that_was_applied() -> None:
    assert garbled(CorruptDataError("x")).fault.applied


def test_without_time_nothing_was_sent() -> None:
    error: StateError = out_of_time()
    assert isinstance(error, TimedOutError)
    assert not error.fault.applied
