"""A clock that is set by hand."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path

from statekit._core.clock import Clock, SystemClock

__all__ = ["Clock", "FakeClock", "SystemClock"]


class FakeClock:
    """A clock that moves when it is told to, or when somebody sleeps.

    Give it to ``statekit.open(..., clock=...)``. With a path, the time is shared by all processes that use the file.

    Args:
        now: Where it starts, in milliseconds since the epoch; by default at the present, so that an engine's own clock
            takes nothing for expired.
        path: A file that holds the time.
    """

    def __init__(self, now: int | None = None, *, path: str | os.PathLike[str] | None = None) -> None:
        start = time.time_ns() // 1_000_000 if now is None else now
        self._moved = threading.Condition()
        self._start = self._now = start
        self._path = None if path is None else Path(path)
        if self._path is not None and not self._path.exists():
            self._write(start)

    def now(self) -> int:
        """Return the milliseconds since the epoch."""
        return self._read() if self._path is not None else self._now

    def monotonic(self) -> float:
        """Return the seconds since the clock was made."""
        return (self.now() - self._start) / 1000

    def advance(self, seconds: float) -> None:
        """Move on."""
        with self._moved:
            then = self.now() + round(seconds * 1000)
            self._now = then
            if self._path is not None:
                self._write(then)
            self._moved.notify_all()

    def sleep(self, seconds: float) -> None:
        """Move on instead of waiting."""
        self.advance(seconds)

    async def asleep(self, seconds: float) -> None:
        """Move on instead of waiting, and let other tasks run."""
        self.advance(seconds)
        await asyncio.sleep(0)

    def wait(self, ended: threading.Event, seconds: float) -> bool:
        """Wait in a background thread until somebody has moved the clock on, or ``ended`` is set: then return True."""
        until = self.now() + round(seconds * 1000)
        with self._moved:
            while not ended.is_set() and self.now() < until:
                self._moved.wait(0.01)  # the event and other processes do not notify
        return ended.is_set()

    async def idle(self, seconds: float) -> None:
        """Wait in a background task until somebody has moved the clock on."""
        until = self.now() + round(seconds * 1000)
        while self.now() < until:  # noqa: ASYNC110 - whoever moves it may be another process
            await asyncio.sleep(0.01)

    def _read(self) -> int:
        return int((self._path or Path()).read_text("ascii"))

    def _write(self, now: int) -> None:
        """Replace the file as a whole: another process reads the old time or the new one."""
        path = self._path or Path()
        fresh = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
        fresh.write_text(str(now), "ascii")
        fresh.replace(path)
