"""Many small pieces of work by few children: a child for each of 100,000 files would cost more than the files."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from statekit._core.plan import Plan, gather

__all__ = ["SIDE_BY_SIDE", "Progress", "Tell", "each"]

T = TypeVar("T")

SIDE_BY_SIDE: Final = 8
"""Files that are sent or fetched at once."""

Tell = Callable[[int, int], object]
"""What an application gives to be told of a transfer: bytes done, and bytes in all."""


def each(items: Iterable[T], work: Callable[[T], Plan[None]], limit: int = SIDE_BY_SIDE) -> Plan[None]:
    """Run a plan for each item, at most ``limit`` at once; after the first failure no other begins."""
    waiting = deque(items)

    def worker() -> Plan[None]:
        while True:
            try:
                item = waiting.popleft()
            except IndexError:
                return
            try:
                yield from work(item)
            except BaseException:
                waiting.clear()
                raise

    yield from gather([worker() for _ in range(min(limit, len(waiting)))], limit)


class Progress:
    """Tells an application how far a transfer has come: never less than before, and at the end all of it.

    Args:
        tell: Called after each piece, in whichever thread sent it, one call at a time.
        total: Bytes in all.
    """

    def __init__(self, tell: Tell | None, total: int) -> None:
        self._tell, self._total = tell, total
        self._done = 0
        self._lock = threading.Lock()
        self.add(0)

    def add(self, size: int) -> None:
        """Count bytes that are done."""
        if self._tell is not None:
            with self._lock:
                self._done += size
                self._tell(self._done, self._total)
