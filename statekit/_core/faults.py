"""The one place where an SDK's exception becomes an error of statekit's."""

from __future__ import annotations

from typing import Final

from statekit.driver import Failure, Fault
from statekit.errors import (
    BackendError,
    ClosedError,
    CorruptDataError,
    DeniedError,
    IndeterminateError,
    MisconfiguredError,
    StateError,
    ThrottledError,
    TimedOutError,
    UnavailableError,
)

__all__ = ["closed", "error_of", "garbled", "indeterminate", "out_of_time"]

_ERRORS: Final[dict[Fault, tuple[type[BackendError], str]]] = {
    Fault.UNREACHED: (UnavailableError, "the engine was not reached"),
    Fault.BUSY: (UnavailableError, "the engine was too busy"),
    Fault.THROTTLED: (ThrottledError, "the engine asks for fewer requests"),
    Fault.DENIED: (DeniedError, "the engine refused the credentials or the permission"),
    Fault.MISCONFIGURED: (MisconfiguredError, "the engine is not set up for this"),
    Fault.REJECTED: (BackendError, "the engine rejected the request"),
    Fault.LOST: (UnavailableError, "the connection to the engine broke"),
    Fault.TIMED_OUT: (TimedOutError, "the engine did not answer in time"),
    Fault.UNKNOWN: (BackendError, "the engine's client raised something unknown"),
}


def error_of(failure: Failure, cause: BaseException) -> StateError:
    """Return the error for a driver's failure; its message names the cause's class and never its text.

    SDKs put hosts, keys and even credentials into their messages: those stay in ``__cause__``.
    """
    name = type(cause).__qualname__
    if failure.fault is Fault.CORRUPT:
        return CorruptDataError(f"what the engine returned cannot be read ({name})")
    kind, text = _ERRORS[failure.fault]
    advice = f"; {failure.advice}" if failure.advice else ""
    error = kind(f"{text} ({name}){advice}", fault=failure.fault)
    error.retry_after = failure.retry_after
    error.__cause__ = cause
    return error


def indeterminate(error: BackendError) -> IndeterminateError:
    """Return the error for a write whose outcome could not be settled after ``error``."""
    unsettled = IndeterminateError(f"the write may or may not have been applied: {error}", fault=error.fault)
    unsettled.__cause__ = error
    return unsettled


def garbled(error: CorruptDataError) -> BackendError:
    """Return the error for a write whose answer cannot be read: it says nothing about whether it was applied."""
    unknown = BackendError("the engine's answer to a write cannot be read", fault=Fault.UNKNOWN)
    unknown.__cause__ = error
    return unknown


def closed() -> ClosedError:
    """Return the error for what is done after ``close``."""
    return ClosedError("this state was closed", clause="E-09")


def out_of_time() -> TimedOutError:
    """Return the error for an operation whose time was over before it could send anything."""
    return TimedOutError("the operation's time was over before the request was sent", fault=Fault.UNREACHED)
