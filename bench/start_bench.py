"""What a process pays before its first answer, and sessions on the local backend beside Python's own sqlite3."""

from __future__ import annotations

import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

import statekit

DATA = {f"key-{i}": "x" * 85 for i in range(10)}
ROUNDS = 15


def started(code: str) -> float:
    """Return the median wall time of an interpreter that runs this, in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - our own code
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def starting(folder: str) -> None:
    """Print the rows about starting."""
    empty = started("pass")
    opening = f"import statekit; statekit.open('local:{folder}/cold').sessions.load('A' * 43)"
    print(f"{'empty interpreter':40} {empty:8.1f} ms")
    for name, code in (("import statekit", "import statekit"), ("import, open local, first load", opening)):
        print(f"{name:40} {started(code) - empty:+8.1f} ms")


def turns(ours: Callable[[], object], bare: Callable[[], object], count: int) -> tuple[float, float]:
    """Return the median microseconds of both, taken in turns."""
    rows: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for times, function in zip(rows, (ours, bare), strict=True):
            began = time.perf_counter()
            for _ in range(count):
                function()
            times.append((time.perf_counter() - began) / count * 1e6)
    return statistics.median(rows[0]), statistics.median(rows[1])


def sessions(folder: str, sync: str) -> None:
    """Print the rows about sessions, with one synchronous setting for both."""
    bare = sqlite3.connect(Path(folder) / f"bare-{sync}.db", isolation_level=None)
    bare.execute("PRAGMA journal_mode=WAL")
    bare.execute(f"PRAGMA synchronous={sync}")
    bare.execute("CREATE TABLE s (k TEXT PRIMARY KEY, n INTEGER, v BLOB, x INTEGER)")
    bare.execute("INSERT INTO s VALUES ('k', 0, ?, 1)", (msgspec.msgpack.encode(DATA),))
    number = iter(range(10**9))

    def load_bare() -> None:
        msgspec.msgpack.decode(bare.execute("SELECT n, v, x FROM s WHERE k = 'k'").fetchone()[1])

    def save_bare() -> None:
        n = next(number)
        value = msgspec.msgpack.encode({**DATA, "key-1": f"{n:085d}"})
        bare.execute("BEGIN IMMEDIATE")
        bare.execute("UPDATE s SET n = ?, v = ? WHERE k = 'k' AND n >= 0", (n, value))
        bare.execute("COMMIT")

    with statekit.open(f"local:{folder}/{sync}?sync={sync}") as state:
        session = state.sessions.create(DATA)

        def save() -> None:
            session["key-1"] = f"{next(number):085d}"
            state.sessions.save(session)

        rows = (("load", lambda: state.sessions.load(session.id), load_bare, 300), ("save", save, save_bare, 30))
        for name, ours, plain, count in rows:
            mine, theirs = turns(ours, plain, count)
            print(f"{name + ', local, sync=' + sync:40} {mine:8.0f} µs {theirs:8.0f} µs bare {mine / theirs:6.2f}")
    bare.close()


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        starting(folder)
        for sync in ("full", "normal"):
            sessions(folder, sync)


if __name__ == "__main__":
    main()
