"""The one clock: wall time for expiry, monotonic time for deadlines, and waiting."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Final, Protocol

__all__ = ["MILLISECOND", "Clock", "SystemClock"]

MILLISECOND: Final = timedelta(milliseconds=1)
"""What durations are divided by: seconds as a float are now and then a millisecond short."""


class Clock(Protocol):
    """What core asks of a clock. ``statekit.testing.FakeClock`` is the other one."""

    def now(self) -> int:
        """Return the milliseconds since the epoch; never less than before in this process."""
        ...

    def monotonic(self) -> float:
        """Return seconds that only grow."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait in this thread."""
        ...

    async def asleep(self, seconds: float) -> None:
        """Wait in this task."""
        ...

    def wait(self, ended: threading.Event, seconds: float) -> bool:
        """Wait in a background thread until the time is over, or until ``ended`` is set: then return True."""
        ...

    async def idle(self, seconds: float) -> None:
        """Wait in a background task until the time is over."""
        ...


class SystemClock:
    """The machine's clock. Stepped backwards, it stands still until time has caught up."""

    def __init__(self) -> None:
        self._latest = 0

    def now(self) -> int:
        """Return the milliseconds since the epoch; never less than before in this process."""
        now = time.time_ns() // 1_000_000
        if now > self._latest:  # noqa: PLR1730 - max() takes three times as long
            self._latest = now
        return self._latest

    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)

    async def asleep(self, seconds: float) -> None:
        """Wait in this task."""
        import asyncio

        await asyncio.sleep(seconds)

    def wait(self, ended: threading.Event, seconds: float) -> bool:
        """Wait in a background thread until the time is over, or until ``ended`` is set: then return True."""
        return ended.wait(seconds)

    idle = asleep
