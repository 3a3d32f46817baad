"""What redis-py's exceptions and the server's error codes mean."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from typing import Final

from redis import exceptions as errors
from redis import sentinel
from redis.asyncio import sentinel as asyncio_sentinel

from statekit.driver import Failure, Fault

__all__ = ["CODES", "PHRASES", "TABLE", "DamagedError", "EvictingError", "UnreachedError", "fault"]


class DamagedError(Exception):
    """The bytes do not match the checksum that came with them. Nothing was sent."""


class UnreachedError(errors.ConnectionError):
    """No connection was made. Nothing was sent."""


class EvictingError(Exception):
    """The server is set up to evict keys when its memory is full: sessions would vanish."""


TABLE: Final[dict[type[BaseException], Failure]] = {
    DamagedError: Failure(Fault.REJECTED),
    UnreachedError: Failure(Fault.UNREACHED),
    EvictingError: Failure(Fault.MISCONFIGURED, advice="set maxmemory-policy noeviction"),
    sentinel.MasterNotFoundError: Failure(Fault.UNREACHED),
    sentinel.SlaveNotFoundError: Failure(Fault.UNREACHED),
    asyncio_sentinel.MasterNotFoundError: Failure(Fault.UNREACHED),
    asyncio_sentinel.SlaveNotFoundError: Failure(Fault.UNREACHED),
    errors.AuthenticationError: Failure(Fault.DENIED, advice="set the variable that password_env names"),
    errors.AuthenticationWrongNumberOfArgsError: Failure(Fault.DENIED),
    errors.AuthorizationError: Failure(Fault.DENIED),
    errors.ExternalAuthProviderError: Failure(Fault.DENIED),
    errors.NoPermissionError: Failure(Fault.DENIED),
    errors.BusyLoadingError: Failure(Fault.BUSY),
    errors.MaxConnectionsError: Failure(Fault.BUSY),
    errors.TryAgainError: Failure(Fault.BUSY),
    errors.AskError: Failure(Fault.BUSY),
    errors.MovedError: Failure(Fault.BUSY),
    errors.ClusterDownError: Failure(Fault.BUSY),
    errors.MasterDownError: Failure(Fault.BUSY),
    errors.SlotNotCoveredError: Failure(Fault.BUSY),
    errors.ReadOnlyError: Failure(Fault.BUSY),
    errors.OutOfMemoryError: Failure(Fault.BUSY, advice="the server's memory is full"),
    errors.NoScriptError: Failure(Fault.BUSY),
    errors.ClusterCrossSlotError: Failure(Fault.REJECTED),
    errors.CrossSlotTransactionError: Failure(Fault.REJECTED),
    errors.InvalidPipelineStack: Failure(Fault.REJECTED),
    errors.DataError: Failure(Fault.REJECTED),
    errors.ExecAbortError: Failure(Fault.REJECTED),
    errors.ModuleError: Failure(Fault.REJECTED),
    errors.NoSuchFieldsetError: Failure(Fault.REJECTED),
    errors.IncorrectPolicyType: Failure(Fault.REJECTED),
    errors.ClusterError: Failure(Fault.LOST),
    errors.RedisClusterException: Failure(Fault.UNREACHED),
    errors.TimeoutError: Failure(Fault.TIMED_OUT),
    errors.ConnectionError: Failure(Fault.LOST),
    errors.InvalidResponse: Failure(Fault.LOST),
    errors.ChildDeadlockedError: Failure(Fault.UNKNOWN),
    errors.LockError: Failure(Fault.UNKNOWN),
    errors.LockNotOwnedError: Failure(Fault.UNKNOWN),
    errors.PubSubError: Failure(Fault.UNKNOWN),
    errors.WatchError: Failure(Fault.UNKNOWN),
    errors.RedisError: Failure(Fault.UNKNOWN),
    errors.ResponseError: Failure(Fault.UNKNOWN),
    TimeoutError: Failure(Fault.TIMED_OUT),
    OSError: Failure(Fault.LOST),
}
"""Every exception that redis-py declares. The nearest class in the method resolution order counts."""

CODES: Final[dict[str, Failure]] = {
    "NOUPLOAD": Failure(Fault.LOST),
    "BUSY": Failure(Fault.BUSY),
    "LOADING": Failure(Fault.BUSY),
    "MASTERDOWN": Failure(Fault.BUSY),
    "CLUSTERDOWN": Failure(Fault.BUSY),
    "TRYAGAIN": Failure(Fault.BUSY),
    "READONLY": Failure(Fault.BUSY),
    "OOM": Failure(Fault.BUSY, advice="the server's memory is full"),
    "NOREPLICAS": Failure(Fault.BUSY),
    "NOAUTH": Failure(Fault.DENIED),
    "WRONGPASS": Failure(Fault.DENIED),
    "NOPERM": Failure(Fault.DENIED),
    "NOSCRIPT": Failure(Fault.BUSY),
    "MISCONF": Failure(Fault.MISCONFIGURED, advice="the server cannot write to its disk"),
    "CROSSSLOT": Failure(Fault.REJECTED),
    "WRONGTYPE": Failure(Fault.CORRUPT),
    "UNKILLABLE": Failure(Fault.BUSY),
    "REDIRECT": Failure(Fault.BUSY),
    "MOVED": Failure(Fault.BUSY),
    "ASK": Failure(Fault.BUSY),
    "DENIED": Failure(Fault.DENIED, advice="the server is in protected mode: give it a password"),
}
"""The server's error codes, for answers that redis-py gives no class of its own, as in scripts."""

PHRASES: Final[dict[str, Failure]] = {
    "max number of clients": Failure(Fault.BUSY, advice="the server takes no more clients: see its maxclients"),
    "DB index": Failure(Fault.MISCONFIGURED, advice="the server has no database of this number"),
    "unknown command": Failure(Fault.MISCONFIGURED, advice="the server lacks a command; Redis 6.2 or later is needed"),
}
"""Answers without a code of their own, by words in them."""

_WRAPPED: Final = re.compile(r"Error running script [^:]*:(?: ?@user_script: ?\d+:)+ -?([A-Z]+)\b")
"""How Redis before 7.0 words what a command in a script answered."""
_NOT_REACHED: Final = (ConnectionRefusedError, FileNotFoundError, socket.gaierror)
_CONNECTING: Final = ("Error ", "Timeout connecting", "timed out connecting")


def fault(exc: BaseException, /) -> Failure:
    """Explain an exception. Pure and total."""
    if type(exc) in (errors.ResponseError, errors.ConnectionError) and (failure := _by_text(str(exc))) is not None:
        return failure
    if isinstance(exc, errors.ConnectionError | errors.TimeoutError | OSError) and _was_connecting(exc):
        known = TABLE.get(type(exc))
        return known if known is not None and not known.fault.applied else Failure(Fault.UNREACHED)
    if isinstance(exc, (ValueError, KeyError, TypeError)) and not isinstance(exc, errors.RedisError):
        return Failure(Fault.UNKNOWN)
    if isinstance(exc, asyncio.TimeoutError):
        return Failure(Fault.TIMED_OUT)
    return next((TABLE[kind] for kind in type(exc).__mro__ if kind in TABLE), Failure(Fault.UNKNOWN))


def _by_text(message: str) -> Failure | None:
    """Read an answer's code: its first word, or the second after ``ERR``; or know its words."""
    wrapped = _WRAPPED.match(message)
    words = [wrapped[1]] if wrapped else message.replace(":", " ").split()[:2]
    code = next((CODES[word] for word in words if word in CODES), None)
    return code or next((failure for phrase, failure in PHRASES.items() if phrase in message), None)


def _was_connecting(exc: BaseException) -> bool:
    """Whether the connection was never made, so that nothing was sent."""
    if any(isinstance(cause, _NOT_REACHED) for cause in _chain(exc)):
        return True
    # Only redis-py's own words: another exception may not even have any.
    return isinstance(exc, errors.RedisError) and "connecting to" in str(exc) and str(exc).startswith(_CONNECTING)


def _chain(exc: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = exc
    for _ in range(8):
        if seen is None:
            return
        yield seen
        seen = seen.__cause__ or seen.__context__
