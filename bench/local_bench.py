"""The local backend beside what Python has: sqlite3 for records, shutil and CRC32C for 1 GiB. ``--small`` for 64 MiB.

Both sides take turns, and the medians are told, because disks are moody.
"""

from __future__ import annotations

import itertools
import os
import resource
import shutil
import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from time import perf_counter, time
from typing import Any

from google_crc32c import extend
from google_crc32c import value as crc32c_of

from statekit.backends.local import BACKEND, LocalOptions
from statekit.driver import ABSENT, ANY, Committed, Drivers, Match, Meta, Opening, Part

T = 9.9
PART = 8 << 20
KEYS = [f"{n:040}" for n in range(1000)]
VALUE = os.urandom(1024)


class _Clock:
    def now(self) -> int:
        return int(time() * 1000)


def _open(path: Path, sync: Any = "full") -> Drivers:
    assert BACKEND.open is not None
    return BACKEND.open(
        Opening(
            scheme="local",
            authority="",
            path=str(path),
            options=LocalOptions(sync=sync),
            client=None,
            attempt_timeout=10.0,
            concurrency=4,
            clock=_Clock(),
        )
    )


def _turns(calls: int, *actions: Callable[[int], object]) -> list[float]:
    """Return each action's median time in microseconds over nine turns."""
    times: list[list[float]] = [[] for _ in actions]
    for _ in range(9):
        for action, spent in zip(actions, times, strict=True):
            began = perf_counter()
            for n in range(calls):
                action(n)
            spent.append((perf_counter() - began) / calls * 1e6)
    return [statistics.median(spent) for spent in times]


def _raw(path: Path, sync: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {sync}")
    connection.execute("CREATE TABLE s (id TEXT PRIMARY KEY, version TEXT, expires_at INTEGER, data BLOB)")
    connection.executemany("INSERT INTO s VALUES (?, '0', 1, ?)", [(key, VALUE) for key in KEYS])
    connection.commit()
    return connection


def records(directory: Path, sync: str, calls: int) -> None:
    """Compare reading and replacing a record of 1 KiB with the same statements by hand."""
    raw, drivers = _raw(directory / f"{sync}.db", sync), _open(directory / sync, sync)
    store = drivers.records
    assert store is not None
    for key in KEYS:
        store.write(key, VALUE, expires_at=1, write_id="0", expect=ABSENT, timeout=T)
    versions, theirs, fresh = dict.fromkeys(KEYS, "0"), dict.fromkeys(KEYS, "0"), itertools.count(1)

    def raw_read(n: int) -> None:
        raw.execute("SELECT data, version, expires_at FROM s WHERE id = ?", (KEYS[n % 1000],)).fetchone()

    def raw_write(n: int) -> None:
        key, version = KEYS[n % 1000], str(next(fresh))
        with raw:
            sql = "UPDATE s SET data = ?, version = ?, expires_at = ? WHERE id = ? AND version = ?"
            assert raw.execute(sql, (VALUE, version, 2, key, theirs[key])).rowcount == 1
        theirs[key] = version

    def write(n: int) -> None:
        key, version = KEYS[n % 1000], str(next(fresh))
        expect = Match(versions[key])
        answer = store.write(key, VALUE, expires_at=2, write_id=version, expect=expect, timeout=T)
        assert isinstance(answer, Committed)
        versions[key] = version

    read = _turns(2000, raw_read, lambda n: store.read(KEYS[n % 1000], timeout=T))
    changed = _turns(calls, raw_write, write)
    for name, (by_hand, ours) in {"read": read, "write": changed}.items():
        print(
            f"record {name:5} sync={sync:6}  sqlite3 {by_hand:8.1f} us   local {ours:8.1f} us   {ours / by_hand:.2f}x"
        )
    raw.close()
    drivers.close()


def small_objects(directory: Path) -> None:
    """Show what an object costs by size."""
    drivers = _open(directory / "small")
    store: Any = drivers.objects
    for size in (1 << 10, 32 << 10, 64 << 10, 1 << 20):
        data = os.urandom(size)
        crc = crc32c_of(data)

        def put(n: int, data: bytes = data, crc: int = crc) -> None:
            store.write(f"k{n}", data, meta=Meta(write_id=f"{n}"), crc32c=crc, expect=ANY, timeout=T)

        def get(n: int, size: int = size) -> None:
            store.read(f"k{n}", start=0, length=size, expect=ANY, timeout=T)

        wrote, read = _turns(20, put, get)
        print(f"object {size >> 10:5} KiB  put {wrote:8.1f} us   get {read:8.1f} us")
    drivers.close()


def transfer(directory: Path, size: int) -> None:
    """Compare a large object, in parts from four threads, with copying a file and its checksum."""
    source = directory / "source"
    block = os.urandom(PART)
    with source.open("wb") as file:
        for _ in range(size // PART):
            file.write(block)
    drivers: Any = _open(directory / "large")
    mib = size / (1 << 20)
    copy = directory / "copy"
    actions: dict[str, Callable[[], object]] = {
        "shutil + crc": lambda: _copy(source, copy, sync=False),
        "shutil + crc + fsync": lambda: _copy(source, copy, sync=True),
        "put": lambda: _put(drivers, source),
        "get": lambda: _get(drivers, size),
        "read + crc": lambda: _checksum(source),
    }
    speeds: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(5):
        for name, action in actions.items():
            copy.unlink(missing_ok=True)
            os.sync()
            speeds[name].append(mib / _timed(action))
        drivers.objects.delete("big", expect=ANY, timeout=T)
    for name, each in speeds.items():
        turns = ", ".join(f"{speed:.0f}" for speed in each)
        print(f"{mib:.0f} MiB  {name:22} {statistics.median(each):7.0f} MiB/s   (of {turns})")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB")
    drivers.close()


def _timed(action: Callable[[], object]) -> float:
    began = perf_counter()
    action()
    return perf_counter() - began


def _copy(source: Path, target: Path, *, sync: bool) -> None:
    with source.open("rb") as reader, target.open("wb") as writer:
        shutil.copyfileobj(reader, writer, PART)
        if sync:
            writer.flush()
            os.fsync(writer.fileno())
    _checksum(source)


def _checksum(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while block := file.read(PART):
            crc = extend(crc, block)
    return crc


def _put(drivers: Drivers, source: Path) -> None:
    store: Any = drivers.objects
    upload = store.begin("big", meta=Meta(write_id="w"), timeout=T)
    whole, size = 0, 0

    def send(number: int, data: bytes) -> Any:
        return store.part(upload, number, data, crc32c=crc32c_of(data), timeout=T)

    with source.open("rb") as file, ThreadPoolExecutor(4) as pool:
        pending: list[Future[Part]] = []
        parts: list[Part] = []
        while data := file.read(PART):
            whole, size = extend(whole, data), size + len(data)
            pending.append(pool.submit(send, len(parts) + len(pending) + 1, data))
            if len(pending) == 4:
                parts.append(pending.pop(0).result())
        parts += [future.result() for future in pending]
    answer = store.finish(upload, parts, size=size, crc32c=whole, expect=ANY, timeout=T)
    assert isinstance(answer, Committed)


def _get(drivers: Drivers, size: int) -> None:
    store: Any = drivers.objects
    stat = store.stat("big", timeout=T)
    crc = 0
    for start in range(0, size, PART):
        crc = extend(crc, store.read("big", start=start, length=PART, expect=Match(stat.version), timeout=T).data)
    assert crc == stat.crc32c


def main() -> None:
    """Run everything in a directory that is removed afterwards."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIRECTORY")) as name:
        directory = Path(name)
        records(directory, "full", 200)
        records(directory, "normal", 1000)
        small_objects(directory)
        transfer(directory, 64 << 20 if "--small" in sys.argv else 1 << 30)


if __name__ == "__main__":
    main()
