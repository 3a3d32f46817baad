"""Trouble: at random moments a process is killed, or all of them, or the store's server."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from statekit_conformance.running import Running

from .processes import COUNT, Processes


class Trouble:
    """Kills, in an order that its seed decides.

    Args:
        running: The target; its server is killed too, if what it acknowledged survives that.
        processes: The photo booth's.
        draw: Decides.

    Attributes:
        processes_killed: How many.
        stores_killed: How often.
    """

    def __init__(self, running: Running, processes: Processes, draw: random.Random) -> None:
        self._running, self._processes, self._draw = running, processes, draw
        self.processes_killed = self.stores_killed = 0

    @asynccontextmanager
    async def during(self) -> AsyncIterator[None]:
        """Make trouble while the block lasts; what is down at its end comes back."""
        over = asyncio.Event()
        making = asyncio.create_task(self._make(over))
        try:
            yield
        finally:
            over.set()
            await making

    async def _make(self, over: asyncio.Event) -> None:
        store = self._running.restartable and self._running.durability == "server"
        while not over.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), self._draw.uniform(0.5, 3.5))
                return
            what = self._draw.random()
            if what < 0.2 and store:
                await asyncio.to_thread(self._kill_store, self._draw.uniform(0.1, 1.0))
            else:
                self._kill_processes(COUNT if what > 0.85 else 1)

    def _kill_processes(self, count: int) -> None:
        self._processes.replace(count, self._draw)
        self.processes_killed += count

    def _kill_store(self, down: float) -> None:
        self._running.kill()
        self.stores_killed += 1
        time.sleep(down)
        self._running.restart()
