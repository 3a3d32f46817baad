"""The machine's clock, and the one that is set by hand."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from statekit._core.clock import SystemClock
from statekit.testing import Clock, FakeClock


class TestTheMachineS:
    def test_is_in_milliseconds_since_the_epoch(self) -> None:
        before = time.time_ns() // 1_000_000
        assert before <= SystemClock().now() <= time.time_ns() // 1_000_000

    def test_stands_still_when_it_is_stepped_backwards(self, monkeypatch: pytest.MonkeyPatch) -> None:
        times = iter([5_000, 3_000, 4_999, 5_001])
        monkeypatch.setattr(time, "time_ns", lambda: next(times) * 1_000_000)
        clock = SystemClock()
        assert [clock.now() for _ in range(4)] == [5_000, 5_000, 5_000, 5_001]

    def test_waiting_ends_when_the_event_is_set(self) -> None:
        ended = threading.Event()
        ended.set()
        assert SystemClock().wait(ended, 3600) is True

    def test_waiting_ends_when_the_time_is_over(self) -> None:
        assert SystemClock().wait(threading.Event(), 0) is False

    def test_sleeping_in_a_task_lets_others_run(self) -> None:
        async def main() -> list[str]:
            order: list[str] = []

            async def other() -> None:
                order.append("other")

            task = asyncio.create_task(other())
            await SystemClock().asleep(0)
            order.append("slept")
            await task
            return order

        assert asyncio.run(main()) == ["other", "slept"]


class TestTheOneSetByHand:
    def test_begins_at_the_present(self) -> None:
        assert abs(FakeClock().now() - time.time() * 1000) < 10_000

    def test_begins_where_it_is_told_to(self) -> None:
        assert FakeClock(7).now() == 7

    def test_moves_when_it_is_told_to_and_not_otherwise(self) -> None:
        clock = FakeClock(0)
        assert (clock.now(), clock.monotonic()) == (0, 0.0)
        clock.advance(1.5)
        assert (clock.now(), clock.monotonic()) == (1500, 1.5)

    def test_moves_when_somebody_sleeps(self) -> None:
        clock = FakeClock(0)
        clock.sleep(2)
        asyncio.run(clock.asleep(3))
        assert clock.now() == 5000

    def test_waits_until_somebody_moves_it(self) -> None:
        clock = FakeClock(0)
        waited: list[bool] = []
        thread = threading.Thread(target=lambda: waited.append(clock.wait(threading.Event(), 60)))
        thread.start()
        clock.advance(59)
        assert waited == []
        clock.advance(1)
        thread.join(5)
        assert waited == [False]

    def test_stops_waiting_when_the_event_is_set(self) -> None:
        clock, ended = FakeClock(0), threading.Event()
        waited: list[bool] = []
        thread = threading.Thread(target=lambda: waited.append(clock.wait(ended, 60)))
        thread.start()
        ended.set()
        thread.join(5)
        assert waited == [True]

    def test_is_shared_through_a_file(self, tmp_path: Path) -> None:
        one = FakeClock(1_000, path=tmp_path / "clock")
        other = FakeClock(path=tmp_path / "clock")
        assert other.now() == 1_000
        one.advance(2)
        assert other.now() == 3_000
        other.advance(1)
        assert one.now() == 4_000

    @pytest.mark.parametrize("clock", [FakeClock(), SystemClock()])
    def test_both_are_clocks(self, clock: Clock) -> None:
        for name in ("now", "monotonic", "sleep", "asleep", "wait"):
            assert callable(getattr(clock, name))
