"""Core's own time and memory: session operations over drivers that do nothing.

``python bench/core_bench.py`` prints a table, in microseconds of this thread's processor time. The driver answers at
once with the same record, so that what is measured is core alone: ids, hashing, envelope, encoding, plan and runner.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any, Final

from statekit.config import Settings, Target
from statekit.driver import Committed, Failure, Fault, Record
from statekit.state import AsyncState, State
from statekit.testing import backend_of

ROUNDS: Final = 15
COUNT: Final = 2_000
DATA: Final = {f"key{n}": "x" * 91 for n in range(10)}
"""Ten keys, 1 KiB encoded."""


class NullRecords:
    """Keeps the first value, always returns it, and agrees to everything."""

    def __init__(self) -> None:
        self.record: Record | None = None

    def read(self, _key: str, /, **_: Any) -> Record | None:
        """Return the one record."""
        return self.record

    def write(self, _key: str, value: bytes, /, *, expires_at: int | None, **_: Any) -> Committed:
        """Keep the first value; agree to all others."""
        if self.record is None:
            self.record = Record(value, "v", expires_at)
        return Committed("v")

    def touch(self, *_: Any, **__: Any) -> Committed:
        """Agree."""
        return Committed("v")

    def delete(self, *_: Any, **__: Any) -> None:
        """Not needed."""

    def page(self, *_: Any, **__: Any) -> None:
        """Not needed."""

    def fault(self, _exc: BaseException, /) -> Failure:
        """Nothing fails."""
        return Failure(Fault.UNKNOWN)


def settings_for(driver: Any, *, native: bool = False) -> Settings:
    """Return settings whose sessions are on this driver."""
    backend = backend_of(records=driver, name="null", native=native)
    target = Target(backend=backend, scheme="null", authority="", path="", options=backend.options())
    return Settings(sessions=target, objects=target)


def best(measure: Callable[[], float]) -> float:
    """Return the least of several rounds, in microseconds for one call."""
    gc.collect()
    gc.disable()
    try:
        return min(measure() for _ in range(ROUNDS)) / COUNT * 1e6
    finally:
        gc.enable()


def in_line(call: Callable[[], object]) -> float:
    """Measure a synchronous call."""

    def measure() -> float:
        began = time.thread_time()
        for _ in range(COUNT):
            call()
        return time.thread_time() - began

    return best(measure)


def awaited(call: Callable[[], Any]) -> float:
    """Measure an asynchronous one."""

    async def rounds() -> float:
        began = time.thread_time()
        for _ in range(COUNT):
            await call()
        return time.thread_time() - began

    with asyncio.Runner() as runner:
        return best(lambda: runner.run(rounds()))


def synchronous() -> dict[str, float]:
    """Measure the synchronous store."""
    state = State(settings_for(NullRecords()))
    session = state.sessions.create(DATA)
    untouched = state.sessions.create(DATA)
    counter = iter(range(10**9))

    def save() -> None:
        session["key3"] = next(counter)
        state.sessions.save(session)

    def request() -> None:
        loaded = state.sessions.load(session.id)
        assert loaded is not None
        loaded["key3"] = next(counter)
        state.sessions.save(loaded)

    def everything() -> None:
        loaded = state.sessions.load(session.id)
        assert loaded is not None
        dict(loaded)

    return {
        "load": in_line(lambda: state.sessions.load(session.id)),
        "save, one key changed": in_line(save),
        "save, nothing changed": in_line(lambda: state.sessions.save(untouched)),
        "load, change, save": in_line(request),
        "load and look at all keys": in_line(everything),
        "create": in_line(lambda: state.sessions.create(DATA)),
    }


def asynchronous() -> dict[str, float]:
    """Measure the asynchronous store over a native driver."""
    state = AsyncState(settings_for(NullRecords(), native=True))
    session = asyncio.run(state.sessions.create(DATA))
    counter = iter(range(10**9))

    async def save() -> None:
        session["key3"] = next(counter)
        await state.sessions.save(session)

    return {
        "load": awaited(lambda: state.sessions.load(session.id)),
        "save, one key changed": awaited(save),
        "create": awaited(lambda: state.sessions.create(DATA)),
    }


def memory() -> tuple[float, float]:
    """Return the bytes of an open session beyond its stored value, before and after its keys were looked at."""
    driver = NullRecords()
    state = State(settings_for(driver))
    identifier = state.sessions.create(DATA).id
    assert driver.record is not None
    value = driver.record.value

    def fresh() -> None:
        driver.record = Record(bytes(bytearray(value)), "v", 10**15)

    def measure(*, look: bool) -> float:
        kept: list[Any] = []
        for _ in range(3):
            state.sessions.load(identifier)
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(1000):
            fresh()
            session = state.sessions.load(identifier)
            assert session is not None
            if look:
                dict(session)
            kept.append(session)
        after = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return (after - before) / len(kept) - len(value)

    return measure(look=False), measure(look=True)


TARGETS: Final = {
    ("sync", "load"): 25.0,
    ("sync", "save, one key changed"): 25.0,
    ("async", "load"): 40.0,
    ("async", "save, one key changed"): 40.0,
}


def main() -> None:
    """Print the table."""
    print(f"Python {sys.version.split()[0]}, a session of 10 keys and 1 KiB, best of {ROUNDS} x {COUNT}")
    for colour, figures in (("sync", synchronous()), ("async", asynchronous())):
        for name, figure in figures.items():
            target = TARGETS.get((colour, name))
            aim = f"   target {target:.0f}" if target else ""
            print(f"{colour:>6}  {name:<28} {figure:7.1f} µs{aim}")
    closed, looked_at = memory()
    print(f"an open session beyond its stored bytes: {closed:.0f} bytes (target 4096)")
    print(f"the same with all keys looked at: {looked_at:.0f} bytes")


if __name__ == "__main__":
    main()
