"""Every error that statekit raises.

    StateError
    ├── ConfigError                  the configuration is wrong; raised at opening, never later
    ├── InvalidInputError            nothing was sent
    │   ├── InvalidKeyError          a key outside the grammar
    │   ├── LimitExceededError       a value over the contract's limits
    │   └── UnserialisableError      a value that would not come back equal and of the same type
    ├── NotFoundError                also a LookupError
    ├── ConflictError                a condition did not hold; nothing was written
    ├── SessionGoneError             destroyed, expired or rotated while in use; it is not resurrected
    ├── WorkspaceBusyError           somebody else holds the lease
    ├── LeaseLostError               the lease was taken over; nothing was written
    ├── QuotaExceededError           before the disk is full
    ├── CorruptDataError             stored bytes that cannot be read; never reported as absence
    ├── UnsupportedError             this backend, or the portable contract, does not offer it
    ├── ClosedError                  used after close()
    └── BackendError                 the engine failed; ``__cause__`` is the SDK's exception
        ├── UnavailableError         not reached, or too busy
        ├── ThrottledError           the engine asked for less
        ├── TimedOutError            the time was up
        ├── DeniedError              credentials or permissions
        ├── MisconfiguredError       a table or bucket that does not exist, a setting that cannot work
        └── IndeterminateError       a write whose outcome could not be settled

Every BackendError but IndeterminateError means: not applied. All of them pickle.
"""

from __future__ import annotations

from enum import Enum

__all__ = [
    "Fault",
    "StateError",
    "ConfigError",
    "InvalidInputError",
    "InvalidKeyError",
    "LimitExceededError",
    "UnserialisableError",
    "NotFoundError",
    "ConflictError",
    "SessionGoneError",
    "WorkspaceBusyError",
    "LeaseLostError",
    "QuotaExceededError",
    "CorruptDataError",
    "UnsupportedError",
    "ClosedError",
    "BackendError",
    "UnavailableError",
    "ThrottledError",
    "TimedOutError",
    "DeniedError",
    "MisconfiguredError",
    "IndeterminateError",
]


class Fault(Enum):
    """Why an engine did not answer as asked: the closed set that every driver's fault table maps into."""

    UNREACHED = "unreached"
    """The request never left, or was refused at the door. Not applied; retry."""
    BUSY = "busy"
    """The engine declined for now. Not applied; retry."""
    THROTTLED = "throttled"
    """The engine asks for fewer requests. Not applied; retry later."""
    DENIED = "denied"
    """Credentials or permissions. Not applied."""
    MISCONFIGURED = "misconfigured"
    """A missing table or bucket, or a setting that cannot work. Not applied."""
    REJECTED = "rejected"
    """The engine understood and will never accept this request. Not applied."""
    LOST = "lost"
    """The connection broke after sending. A write may have happened."""
    TIMED_OUT = "timed out"
    """No answer in time. A write may have happened."""
    UNKNOWN = "unknown"
    """Nothing in the driver's table. A write may have happened."""
    CORRUPT = "corrupt"
    """What the engine returned cannot be read."""

    @property
    def applied(self) -> bool:
        """Whether a write that met this fault may have been applied."""
        return self in _MAYBE_APPLIED

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later without anybody mending anything."""
        return self in _RETRYABLE


_MAYBE_APPLIED = frozenset({Fault.LOST, Fault.TIMED_OUT, Fault.UNKNOWN})
_RETRYABLE = frozenset({Fault.UNREACHED, Fault.BUSY, Fault.THROTTLED, Fault.LOST, Fault.TIMED_OUT})


class StateError(Exception):
    """The root of every error that statekit raises.

    Attributes:
        op: The operation that failed, such as ``sessions.save``; None outside of one.
        store: ``sessions``, ``objects`` or ``scratch``.
        backend: The backend's name.
        key: The key, shortened so that nothing can be looked up with it.
        clause: The id of the contract's clause that was applied, where one was.
    """

    op: str | None = None
    store: str | None = None
    backend: str | None = None
    key: str | None = None
    clause: str | None = None

    def __init__(self, message: str = "", *, clause: str | None = None) -> None:
        super().__init__(message)
        if clause is not None:
            self.clause = clause


class ConfigError(StateError):
    """The configuration is wrong. Raised at opening, before anything is sent."""


class InvalidInputError(StateError, ValueError):
    """An argument is wrong. Nothing was sent."""


class InvalidKeyError(InvalidInputError):
    """A key outside the grammar."""


class LimitExceededError(InvalidInputError):
    """A value over one of the contract's limits, which are the same on every backend."""


class UnserialisableError(InvalidInputError, TypeError):
    """A session value of a type that would not come back equal and of the same type; names the path."""


class NotFoundError(StateError, LookupError):
    """Nothing is stored under this key."""


class ConflictError(StateError):
    """A condition did not hold. Nothing was written.

    Attributes:
        current: The version that was found instead, where it is known.
    """

    current: str | None

    def __init__(self, message: str = "", *, current: str | None = None, clause: str | None = None) -> None:
        super().__init__(message, clause=clause)
        self.current = current


class SessionGoneError(StateError):
    """The session was destroyed, rotated or has expired while it was in use. It is not resurrected."""


class WorkspaceBusyError(StateError):
    """Somebody else holds the workspace's lease."""


class LeaseLostError(StateError):
    """The workspace's lease was taken over. Nothing was written."""


class QuotaExceededError(StateError):
    """The workspace's quota of bytes or files would be exceeded."""


class CorruptDataError(StateError):
    """Stored bytes cannot be read: damaged, foreign, or sealed with a key that is not in the ring."""


class UnsupportedError(StateError):
    """The backend, or the portable contract, does not offer this."""


class ClosedError(StateError):
    """The store was used after it was closed."""


class BackendError(StateError):
    """The engine failed. Not applied, unless it is an IndeterminateError.

    Attributes:
        fault: Which kind of failure, from a closed set.
        retryable: Whether the same call may succeed later without anybody mending anything.
        retry_after: Seconds that the engine asked to wait at least; None if it did not.
    """

    fault: Fault
    retry_after: float | None = None

    def __init__(self, message: str = "", *, fault: Fault = Fault.UNKNOWN, clause: str | None = None) -> None:
        super().__init__(message, clause=clause)
        self.fault = fault

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later without anybody mending anything."""
        return self.fault.retryable


class UnavailableError(BackendError):
    """The engine was not reached, or was too busy."""


class ThrottledError(BackendError):
    """The engine asked for fewer requests for longer than the operation's time."""


class TimedOutError(BackendError):
    """The operation's time was up."""


class DeniedError(BackendError):
    """The engine refused the credentials or the permission."""


class MisconfiguredError(BackendError):
    """A table or bucket does not exist, or a setting of the engine cannot work."""


class IndeterminateError(BackendError):
    """A write may or may not have been applied, and it could not be settled in time.

    It takes effect at most once, at any moment after its start, possibly after this error; once seen it is never
    unseen; a later successful conditional write settles it.
    """
