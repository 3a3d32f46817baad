"""What a process pays before its first answer, and sessions on the local backend beside Python's own sqlite3.

Both sides of the second table do the same: hash the id, compare and change a version, check a checksum and the expiry,
decode or encode the same data, and are safe to use from threads. Where the disk is not waited for, the ratio of
processor times says more than that of the clock.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from google_crc32c import value as crc32c

import statekit

DATA = {f"key-{i}": "x" * 85 for i in range(10)}
ROUNDS = 15


def started(code: str) -> float:
    """Return the median wall time of an interpreter that runs this, in milliseconds."""
    times = []
    with tempfile.TemporaryDirectory() as folder:
        # As where it is installed: compiled once, and not again by each process.
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": folder}
        for _ in range(ROUNDS):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True, env=environment)  # noqa: S603 - our own code
            times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def starting(folder: str) -> None:
    """Print the rows about starting."""
    empty = started("pass")
    opening = f"import statekit; statekit.open('local:{folder}/cold').sessions.load('A' * 43)"
    print(f"{'empty interpreter':40} {empty:8.1f} ms")
    for name, code in (("import statekit", "import statekit"), ("import, open local, first load", opening)):
        print(f"{name:40} {started(code) - empty:+8.1f} ms")


def turns(ours: Callable[[], object], bare: Callable[[], object], count: int) -> list[tuple[float, float]]:
    """Return both's microseconds a call, taken in turns: the median by the clock, and the least of the processor's."""
    walls: tuple[list[float], list[float]] = ([], [])
    cpus: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for wall, cpu, function in zip(walls, cpus, (ours, bare), strict=True):
            began, spent = time.perf_counter(), time.thread_time()
            for _ in range(count):
                function()
            cpu.append((time.thread_time() - spent) / count * 1e6)
            wall.append((time.perf_counter() - began) / count * 1e6)
    return [(statistics.median(wall), min(cpu)) for wall, cpu in zip(walls, cpus, strict=True)]


class ByHand:
    """What a careful application writes by hand: hashed id, version, checksum, expiry, and a lock for its threads."""

    def __init__(self, path: Path, sync: str) -> None:
        self.database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.database.execute("PRAGMA journal_mode=WAL")
        self.database.execute(f"PRAGMA synchronous={sync}")
        self.database.execute("CREATE TABLE s (k TEXT PRIMARY KEY, n TEXT, v BLOB, c INTEGER, x INTEGER)")
        self.lock = threading.Lock()
        self.id = secrets.token_urlsafe(32)
        self.version = "0"
        value = msgspec.msgpack.encode(DATA)
        row = (self.key(), self.version, value, crc32c(value), int(time.time() * 1000) + 86_400_000)
        self.database.execute("INSERT INTO s VALUES (?, ?, ?, ?, ?)", row)

    def key(self) -> str:
        """Return the name that the session is stored under."""
        return hashlib.sha256(self.id.encode()).hexdigest()

    def load(self) -> object:
        """Load the session and look at a key."""
        with self.lock:
            row = self.database.execute("SELECT n, v, c, x FROM s WHERE k = ?", (self.key(),)).fetchone()
        self.version, value, checksum, expires_at = row
        assert crc32c(value) == checksum
        assert expires_at > time.time() * 1000
        return msgspec.msgpack.decode(value)["key-1"]

    def save(self, data: dict[str, str]) -> None:
        """Save the session if nobody else has."""
        before, self.version = self.version, secrets.token_hex(8)
        value = msgspec.msgpack.encode(data)
        row = (self.version, value, crc32c(value), int(time.time() * 1000) + 86_400_000, self.key(), before)
        with self.lock:
            done = self.database.execute("UPDATE s SET n = ?, v = ?, c = ?, x = ? WHERE k = ? AND n = ?", row)
        assert done.rowcount == 1


def sessions(folder: str, sync: str) -> None:
    """Print the rows about sessions, with one synchronous setting for both."""
    bare = ByHand(Path(folder) / f"bare-{sync}.db", sync)
    number = iter(range(10**9))

    def save_bare() -> None:
        bare.save({**DATA, "key-1": f"{next(number):085d}"})

    with statekit.open(f"local:{folder}/{sync}?sync={sync}") as state:
        sessions = state.sessions
        session = sessions.create(DATA)
        identifier = session.id

        def save() -> None:
            session["key-1"] = f"{next(number):085d}"
            sessions.save(session)

        def load() -> None:
            sessions.load(identifier)["key-1"]

        rows = (("load", load, bare.load, 300), ("save", save, save_bare, 30))
        for name, ours, plain, count in rows:
            (wall, cpu), (bare_wall, bare_cpu) = turns(ours, plain, count)
            print(
                f"{name + ', local, sync=' + sync:40} {wall:8.1f} µs {bare_wall:8.1f} µs bare {wall / bare_wall:6.2f}"
                f"   processor {cpu:6.1f} µs {bare_cpu:6.1f} µs {cpu / bare_cpu:6.2f}"
            )
    bare.database.close()


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        starting(folder)
        for sync in ("full", "normal"):
            sessions(folder, sync)


if __name__ == "__main__":
    main()
