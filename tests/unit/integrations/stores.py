"""A store under a web application: what was asked of it, and a clock for it."""

from __future__ import annotations

from typing import Any

from statekit.backends.memory.records import MemoryRecords
from statekit.state import AsyncState, State
from statekit.testing import FakeClock, FaultyDriver
from tests.plans.states import async_state_of, state_of

OUTAGE = 10_000
"""Times that a request is refused: for as long as anybody tries."""


class Store:
    """States of both colours over the same records."""

    def __init__(self, **options: Any) -> None:
        self.driver = FaultyDriver(MemoryRecords())
        self.clock = FakeClock()
        self.state: State = state_of(records=self.driver, clock=self.clock, **options)
        self.astate: AsyncState = async_state_of(records=self.driver, clock=self.clock, native=True, **options)
        self.sessions = self.state.sessions

    def asked(self) -> list[str]:
        """Return the requests since this was last called."""
        calls, self.driver.calls = self.driver.calls, []
        return calls

    def go_down(self, method: str | None = None) -> None:
        self.driver.refuse(method, times=OUTAGE)

    def come_back(self) -> None:
        self.driver._plans.clear()

    def count(self) -> int:
        """Return how many sessions are stored, markers of rotated ones included."""
        return sum("/s/" in key for key in self.driver._driver._records)
