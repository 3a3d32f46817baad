"""The one way from a store to a driver: operations, attempts, and what is repeated.

An *operation* is one call of the application: it has a deadline, emits one event, and puts its name into every error
that leaves it. An *attempt* is one request of a driver's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, Self, TypeVar

from msgspec import Struct

from statekit.driver import Failure, RecordDriver
from statekit.errors import BackendError, ClosedError, CorruptDataError, StateError
from statekit.types import Event

from .clock import Clock
from .envelope import Stored
from .faults import closed, error_of, garbled, indeterminate, out_of_time
from .plan import Call, Plan, Sleep
from .retry import Backoff
from .vault import Vault

__all__ = ["DEFAULT_TIMEOUT", "Doubt", "Operation", "Wire", "attempt", "fetch", "read", "repeat"]

T = TypeVar("T")

DEFAULT_TIMEOUT: Final = 10.0
"""Seconds that an operation may take, where the application says nothing."""


class _Explains(Protocol):
    """Any driver: it can explain its exceptions."""

    def fault(self, exc: BaseException, /) -> Failure: ...


@dataclass(slots=True)
class Wire:
    """What all operations of one store share.

    Attributes:
        store: ``sessions``, ``objects`` or ``scratch``.
        backend: The backend's name.
        clock: The one clock.
        emit: Where events go.
        heard: Says whether anybody hears of an operation that went well; if not, its event need not be made.
        timeout: Seconds, unless the application gives others.
        attempt_timeout: Seconds that no single request may exceed.
        vault: Closes and opens what is stored.
        closed: Set for good by ``close``.
    """

    store: str
    backend: str
    clock: Clock
    emit: Callable[[Event], None]
    timeout: float = DEFAULT_TIMEOUT
    attempt_timeout: float = DEFAULT_TIMEOUT
    vault: Vault = field(default_factory=Vault)
    heard: Callable[[], bool] = lambda: True
    closed: bool = False

    def begin(self, name: str, timeout: float | None) -> Operation:
        """Begin an operation.

        Args:
            name: The store's method.
            timeout: Seconds; None for the store's own.
        """
        started = self.clock.monotonic()
        if timeout is None:
            timeout = self.timeout
        return Operation(self, name, self.clock.now(), started, timeout, started + timeout)

    def check_open(self) -> None:
        """Refuse to go on after ``close``.

        Raises:
            ClosedError: It was closed.
        """
        if self.closed:
            raise closed()


class Operation(Struct):
    """One call of the application, from its beginning to its event: a ``with`` block in a plan.

    Attributes:
        wire: What it shares with its store's others.
        name: The store's method.
        now: Milliseconds since the epoch: the one time at which everything in it happens.
        started: Seconds on the monotonic clock.
        timeout: Seconds.
        deadline: When its time is over, on the monotonic clock.
        attempts: Requests that were sent.
        conflicts: Keys that others had changed, too.
        size: Bytes.
        key: As events and errors may show it.
    """

    wire: Wire
    name: str
    now: int
    started: float
    timeout: float
    deadline: float
    attempts: int = 0
    conflicts: int = 0
    size: int = 0
    key: str | None = None

    def __enter__(self) -> Self:
        if self.wire.closed:
            error = closed()
            self.end(error)
            raise error
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None or self.wire.heard():
            self.end(error)

    def call(self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """Return the next attempt's request, with the seconds that it may take.

        Raises:
            ClosedError: The state was closed.
            TimedOutError: There are none left.
        """
        wire = self.wire
        if wire.closed:
            raise closed()
        left = self.deadline - wire.clock.monotonic()
        if left <= 0.0:
            raise out_of_time()
        kwargs["timeout"] = left if left < wire.attempt_timeout else wire.attempt_timeout  # noqa: FURB136 - faster
        self.attempts += 1
        return Call(method, args, kwargs)

    def extend(self) -> None:
        """Give the next step of a transfer the whole time again: a transfer's timeout is one for each attempt."""
        self.deadline = self.wire.clock.monotonic() + self.timeout

    def spare(self, seconds: float = 2.0) -> None:
        """Give cleaning up a little time of its own, also where the operation's is over."""
        self.deadline = max(self.deadline, self.wire.clock.monotonic() + seconds)

    def pause(self, backoff: Backoff, error: StateError) -> Plan[None]:
        """Wait before the next attempt.

        Raises:
            StateError: ``error``, if the time would be over before it, or is over after it: a sleep may be longer.
        """
        delay = backoff.next(error.retry_after if isinstance(error, BackendError) else None)
        if self.wire.clock.monotonic() + delay >= self.deadline:
            raise error
        yield Sleep(delay)
        if self.wire.clock.monotonic() >= self.deadline:
            raise error

    def sign(self, error: BaseException | None) -> None:
        """Name the operation in an error that the application gets to see."""
        if isinstance(error, StateError) and error.op is None:
            wire = self.wire
            error.op, error.store, error.backend = f"{wire.store}.{self.name}", wire.store, wire.backend
            error.key = self.key

    def end(self, error: BaseException | None) -> None:
        """Name the operation in the error, if one leaves it, and emit the event."""
        wire, outcome = self.wire, "ok"
        if error is not None:
            self.sign(error)
            outcome = type(error).__name__
        seconds = wire.clock.monotonic() - self.started
        counts = self.attempts, self.conflicts, self.size
        wire.emit(Event(self.name, wire.store, wire.backend, outcome, *counts, seconds))


def attempt(op: Operation, driver: _Explains, method: Callable[..., T], /, *args: Any, **kwargs: Any) -> Plan[T]:
    """Send one request.

    Raises:
        BackendError: The driver met a fault; for a write, ``.fault.applied`` says whether it may have happened.
        CorruptDataError: What came back cannot be read.
    """
    call = op.call(method, args, kwargs)
    try:
        answer: T = yield call
    except Exception as exc:
        raise error_of(driver.fault(exc), exc) from exc
    return answer


def fetch(op: Operation, driver: _Explains, method: Callable[..., T], /, *args: Any, **kwargs: Any) -> Plan[T]:
    """Send a request that changes nothing until it is answered or the time is up."""
    backoff: Backoff | None = None
    while True:
        call = op.call(method, args, kwargs)
        try:
            answer: T = yield call
        except Exception as exc:
            error = error_of(driver.fault(exc), exc)
            if not isinstance(error, BackendError) or not error.retryable:
                raise error from exc
        else:
            return answer
        backoff = backoff or Backoff()
        yield from op.pause(backoff, error)


def repeat(op: Operation, driver: _Explains, method: Callable[..., T], /, *args: Any, **kwargs: Any) -> Plan[T]:
    """Send a request that may be applied twice without harm until it is answered or the time is up.

    Raises:
        IndeterminateError: It may have been applied.
        BackendError: Not applied.
    """
    return (yield from Doubt().repeat(op, driver, method, *args, **kwargs))


class Doubt(Struct):
    """Whether an attempt of a write may have been applied without our knowing.

    Attributes:
        unknown: What the latest such attempt met; None if every attempt's fate is known.
    """

    unknown: BackendError | None = None

    def note(self, error: BackendError) -> None:
        """Remember an attempt's fault."""
        if error.fault.applied:
            self.unknown = error

    def final(self, error: StateError) -> StateError:
        """Return what to raise if nothing more is tried after ``error``."""
        return indeterminate(self.unknown) if self.unknown else error

    def repeat(
        self, op: Operation, driver: _Explains, method: Callable[..., T], /, *args: Any, **kwargs: Any
    ) -> Plan[T]:
        """Send a request that may be applied twice without harm, as the function ``repeat`` does."""
        backoff = Backoff()
        while True:
            try:
                return (yield from attempt(op, driver, method, *args, **kwargs))
            except BackendError as error:
                self.note(error)
                yield from self.pause(op, backoff, error)
            except CorruptDataError as error:
                raise indeterminate(garbled(error)) from error
            except ClosedError as error:
                raise self.final(error) from error

    def pause(self, op: Operation, backoff: Backoff, error: BackendError) -> Plan[None]:
        """Wait before the next attempt.

        Raises:
            IndeterminateError: No time is left, or no attempt could help, and one may have been applied.
            BackendError: The same, and none was applied.
        """
        if not error.retryable:
            raise self.final(error) from error
        try:
            yield from op.pause(backoff, error)
        except BackendError:
            raise self.final(error) from error


def read(op: Operation, driver: RecordDriver, key: str) -> Plan[Stored | None]:
    """Read and open a record, expired or not; None if nothing is stored."""
    return op.wire.vault.open(key, (yield from fetch(op, driver, driver.read, key)))
