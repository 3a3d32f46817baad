"""Reading an object as a file: few requests, whatever is asked for, and the next parts on their way meanwhile."""

from __future__ import annotations

import asyncio
import os
import threading
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

import statekit
from statekit._core.objects.files import Reading
from statekit.driver import Chunk, Fault, Stat
from statekit.errors import ClosedError, ConflictError
from statekit.testing import FakeClock, FaultyDriver
from tests.plans.states import async_state_of, memory_objects, state_of

MIB = 1 << 20
SIZE = 40 * MIB


def test_the_rest_of_a_large_object_is_read_in_parts(monkeypatch):
    asked, fetch = [], Reading.fetch

    def counted(self, start, length):
        asked.append(start)
        return fetch(self, start, length)

    monkeypatch.setattr(Reading, "fetch", counted)
    data = b"0123456789abcdef" * MIB
    with statekit.open("memory:") as state:
        state.objects.put("large", data)
        with state.objects.open("large") as reader:
            assert reader.read(10) == data[:10]
            assert reader.read() == data[10:]
            assert reader.read() == b""
            assert reader.tell() == len(data)
            assert reader.seek(5) == 5
            assert reader.read() == data[5:]
    assert len(asked) < 16


class Endless:
    """An object of zeros, which costs no memory, behind a gate for what is read ahead.

    Attributes:
        asked: The first byte of each request.
        running: How many requests are under way.
        begun: One for each request that the gate holds up.
    """

    def __init__(self, size: int = SIZE) -> None:
        self.size = size
        self.asked: list[int] = []
        self.gate = threading.Event()
        self.begun = threading.Semaphore(0)
        self.running = 0
        self._lock = threading.Lock()
        self._process = os.getpid()

    def read(self, key: str, /, *, start: int, length: int, expect: Any, timeout: float) -> Chunk:
        self._count(1)
        self.asked.append(start)
        if start >= 16 * MIB and os.getpid() == self._process:
            self.begun.release()
            assert self.gate.wait(10)
        self._count(-1)
        return Chunk(Stat(key, "v", self.size, 0, None, None), bytes(min(length, self.size - start)))

    def _count(self, number: int) -> None:
        with self._lock:
            self.running += number

    def __getattr__(self, name: str) -> Any:
        return getattr(memory_objects(FakeClock()), name)


@pytest.fixture
def endless() -> Iterator[Endless]:
    endless = Endless()
    yield endless
    assert endless.running == 0


@pytest.fixture(autouse=True)
def no_thread_is_left_behind() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before and thread.name.startswith("statekit")]
    assert left == []


def test_what_is_read_ahead_is_being_fetched_while_the_reader_does_something_else(endless):
    with state_of(objects=endless) as state, state.objects.open("a") as reader:
        assert len(reader.read(16 * MIB)) == 16 * MIB
        assert endless.begun.acquire(timeout=10)
        assert endless.begun.acquire(timeout=10)
        assert sorted(endless.asked) == [0, 4 * MIB, 8 * MIB, 16 * MIB, 24 * MIB]
        endless.gate.set()
        assert len(reader.read()) == SIZE - 16 * MIB


def test_closing_early_waits_for_what_is_on_its_way_and_asks_for_nothing_else(endless):
    with state_of(objects=endless) as state:
        reader = state.objects.open("a")
        reader.read(16 * MIB)
        assert endless.begun.acquire(timeout=10)
        threading.Timer(0.02, endless.gate.set).start()
        reader.close()
        assert endless.running == 0
        assert max(endless.asked) < 32 * MIB


def test_a_reader_that_is_forgotten_leaves_nothing_behind(endless):
    with state_of(objects=endless) as state:
        reader = state.objects.open("a")
        reader.read(16 * MIB)
        endless.gate.set()
        del reader
        assert endless.running == 0


def test_after_the_state_is_closed_nothing_more_is_read(endless):
    endless.gate.set()
    state = state_of(objects=endless)
    with state.objects.open("a") as reader:
        reader.read(16 * MIB)
        state.close()
        with pytest.raises(ClosedError):
            reader.read(16 * MIB)


@pytest.mark.parametrize("native", [False, True])
def test_asynchronously_too_parts_are_on_their_way_and_closing_leaves_nothing(endless, native):
    async def main():
        endless.gate.set()
        async with async_state_of(objects=endless, native=native) as state:
            async with await state.objects.open("a") as reader:
                assert len(await reader.read(16 * MIB)) == 16 * MIB
                assert len(await reader.read(SIZE)) == SIZE - 16 * MIB
                assert sorted(endless.asked) == [0, *range(4 * MIB, 8 * MIB, 4 * MIB), *range(8 * MIB, SIZE, 8 * MIB)]
                reader.seek(0)
                await reader.read(16 * MIB)
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_a_read_that_is_cancelled_can_be_made_again(endless):
    async def main():
        async with async_state_of(objects=endless) as state, await state.objects.open("a") as reader:
            await reader.read(16 * MIB)
            reading = asyncio.create_task(reader.read(8 * MIB))
            await asyncio.sleep(0)
            reading.cancel()
            endless.gate.set()
            with pytest.raises(asyncio.CancelledError):
                await reading
            assert reader.tell() == 16 * MIB
            assert len(await reader.read()) == SIZE - 16 * MIB

    asyncio.run(main())


def test_a_part_that_fails_ahead_surfaces_where_it_is_read():
    driver = FaultyDriver(memory_objects(FakeClock()))
    with state_of(objects=driver) as state:
        state.objects.put("a", bytes(SIZE))
        driver.refuse("read", fault=Fault.DENIED, skip=3, times=9)  # the fourth part of the object, and all behind it
        with state.objects.open("a") as reader:
            assert len(reader.read(8 * MIB)) == 8 * MIB
            with pytest.raises(statekit.DeniedError):
                reader.read(16 * MIB)


def test_what_was_read_ahead_is_of_the_version_that_was_pinned():
    with statekit.open("memory:") as state:
        state.objects.put("a", b"1" * SIZE)
        with state.objects.open("a") as reader:
            read = reader.read(16 * MIB)
            state.objects.put("a", b"2" * SIZE)
            with pytest.raises(ConflictError):
                while piece := reader.read(MIB):
                    read += piece
        assert set(read) == set(b"1")


def test_however_long_it_is_few_parts_of_it_are_in_memory():
    endless = Endless(256 * MIB)
    endless.gate.set()
    with state_of(objects=endless) as state, state.objects.open("a") as reader:
        tracemalloc.start()
        left = 256 * MIB
        while piece := reader.read(MIB):
            left -= len(piece)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert left == 0
    assert peak < 48 * MIB


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_goes_on_reading_by_itself(endless):
    with state_of(objects=endless) as state, state.objects.open("a") as reader:
        reader.read(16 * MIB)
        child = os.fork()
        if child == 0:
            right = len(reader.read()) == SIZE - 16 * MIB
            os._exit(0 if right else 1)
        assert os.waitpid(child, 0)[1] == 0
        endless.gate.set()
        assert len(reader.read()) == SIZE - 16 * MIB
