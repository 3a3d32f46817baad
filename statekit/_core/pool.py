"""statekit's own threads."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

__all__ = ["Pool", "is_ours"]

T = TypeVar("T")


_POOLS: Final[weakref.WeakSet[Pool]] = weakref.WeakSet()
_OURS: Final = threading.local()


def is_ours() -> bool:
    """Whether this is one of statekit's threads."""
    return hasattr(_OURS, "thread")


def _mark_as_ours() -> None:
    _OURS.thread = True


class Pool:
    """statekit's own threads, started when first needed; a forked child starts its own."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self.forget()
        _POOLS.add(self)

    def forget(self) -> None:
        """Begin anew without the parent's threads, which a forked child does not have."""
        self._lock = threading.Lock()
        self._executor: ThreadPoolExecutor | None = None

    def submit(self, function: Callable[..., T], *args: Any) -> Future[T]:
        """Run a function in a thread."""
        return self.executor().submit(function, *args)

    def executor(self) -> ThreadPoolExecutor:
        """Return the threads."""
        with self._lock:
            if self._executor is None:
                from concurrent.futures import ThreadPoolExecutor

                self._executor = ThreadPoolExecutor(self._threads, "statekit", initializer=_mark_as_ours)
            return self._executor

    def close(self) -> None:
        """Let the threads end once they have done what they began."""
        with self._lock:
            if self._executor is not None:
                self._executor.shutdown(wait=True)
                self._executor = None


def _forget_all() -> None:
    for pool in list(_POOLS):
        pool.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
