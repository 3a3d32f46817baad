"""Checkpoints and what they cost beside the bare driver: in a loop, and in threads of one's own.

    python bench/scratch_bench.py [URL] [--small]

1,000 files of 16 KiB, one file of 512 MiB (``--small``: 64 MiB), a second checkpoint without changes, and a manifest of
100,000 files (``--small``: 10,000). The bare driver computes the same checksums and names no manifest; nothing of it is
atomic, leased or verified with SHA-256.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from google_crc32c import extend
from google_crc32c import value as crc32c

import statekit
from statekit.driver import ANY, Chunk, Committed, Match, Meta
from statekit.types import Event

MIB = 1 << 20
PART = 8 * MIB
T = 60.0
THREADS = 8


@contextmanager
def took(name: str, times: dict[str, float]) -> Iterator[None]:
    """Measure a block."""
    began = perf_counter()
    yield
    times[name] = perf_counter() - began


class Bare:
    """The driver, without anything of ours between it and the files."""

    def __init__(self, driver: Any, folder: Path) -> None:
        self.driver, self.folder = driver, folder

    def send(self, path: Path, key: str) -> None:
        """Store a small file."""
        data = path.read_bytes()
        done = self.driver.write(key, data, meta=Meta(write_id=key), crc32c=crc32c(data), expect=ANY, timeout=T)
        assert isinstance(done, Committed)

    def receive(self, key: str) -> None:
        """Read a small file."""
        chunk = self.driver.read(key, start=0, length=PART, expect=ANY, timeout=T)
        assert isinstance(chunk, Chunk)
        assert crc32c(chunk.data) == chunk.stat.crc32c
        (self.folder / key).write_bytes(chunk.data)

    def send_large(self, path: Path, key: str, run: Callable[..., Any]) -> None:
        """Store a large file in parts."""
        upload = self.driver.begin(key, meta=Meta(write_id=key), timeout=T)
        size, checksum = path.stat().st_size, 0

        def part(number: int) -> Any:
            with path.open("rb") as file:
                file.seek((number - 1) * PART)
                data = file.read(PART)
            return self.driver.part(upload, number, data, crc32c=crc32c(data), timeout=T)

        parts = run(part, range(1, -(-size // PART) + 1))
        with path.open("rb") as file:
            while data := file.read(PART):
                checksum = extend(checksum, data)
        done = self.driver.finish(upload, parts, size=size, crc32c=checksum, expect=ANY, timeout=T)
        assert isinstance(done, Committed)

    def receive_large(self, key: str, run: Callable[..., Any]) -> None:
        """Read a large file in parts."""
        stat = self.driver.stat(key, timeout=T)
        target = os.open(self.folder / key, os.O_RDWR | os.O_CREAT)

        def part(at: int) -> None:
            expect = Match(stat.version)
            chunk = self.driver.read(key, start=at, length=min(PART, stat.size - at), expect=expect, timeout=T)
            os.pwrite(target, chunk.data, at)

        run(part, range(0, stat.size, PART))
        os.close(target)
        checksum = 0
        with (self.folder / key).open("rb") as file:
            while data := file.read(PART):
                checksum = extend(checksum, data)
        assert checksum == stat.crc32c


def in_a_loop(function: Callable[..., Any], items: Any) -> list[Any]:
    """Do one after the other."""
    return [function(item) for item in items]


def in_threads(function: Callable[..., Any], items: Any) -> list[Any]:
    """Do several at once."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(function, items))


def compare(state: statekit.State, name: str, files: dict[str, bytes], scratch: Path, events: list[Event]) -> None:
    """Compare checkpoint and restoring of some files with the bare driver."""
    times: dict[str, float] = {}
    with state.scratch.workspace(name) as workspace:
        for file, data in files.items():
            (workspace / file).write_bytes(data)
        with took("checkpoint", times):
            workspace.checkpoint()
        with took("unchanged", times):
            again = workspace.checkpoint()
        assert (again.sent_files, events[-1].attempts) == (0, 1), "an unchanged checkpoint is one conditional write"
        bare = Bare(state.objects._plans._driver(), scratch)  # noqa: SLF001 - the driver below
        paths = [(workspace.path / file, f"{name}-{file}") for file in files]
        for kind, run in (("loop", in_a_loop), ("threads", in_threads)):
            with took(f"send {kind}", times):
                if len(files) == 1:
                    bare.send_large(*paths[0], run)
                else:
                    run(lambda item: bare.send(*item), paths)
            with took(f"receive {kind}", times):
                if len(files) == 1:
                    bare.receive_large(paths[0][1], run)
                else:
                    run(bare.receive, [key for _, key in paths])
    with took("restore", times), state.scratch.workspace(name) as workspace:
        assert len(workspace.files()) == len(files)
    for ours, theirs in (("checkpoint", "send"), ("restore", "receive")):
        loop, threads, mine = times[f"{theirs} loop"], times[f"{theirs} threads"], times[ours]
        print(
            f"{name:24} {ours:10} {mine:7.2f} s   loop {loop:7.2f} s ({mine / loop:4.2f}x)   "
            f"threads {threads:7.2f} s ({mine / threads:4.2f}x)"
        )
    print(f"{name:24} unchanged  {times['unchanged']:7.2f} s   1 request, 0 bytes")


def manifest(state: statekit.State, count: int) -> None:
    """Take a checkpoint of very many files, and open it."""
    times: dict[str, float] = {}
    with state.scratch.workspace("many") as workspace:
        for number in range(count):
            (workspace / f"{number % 100}/{number}").write_bytes(b"%d" % (number % 1000))
        with took("checkpoint", times):
            done = workspace.checkpoint()
        with took("unchanged", times):
            workspace.checkpoint()
    with took("lazy", times), state.scratch.workspace("many", lazy=True) as workspace:
        assert len(workspace.files()) == count
        workspace.restore("7/7")
        assert (workspace / "7/7").read_bytes() == b"7"
    print(
        f"{count} files in a manifest, {done.sent_files} contents: checkpoint {times['checkpoint']:.1f} s, "
        f"unchanged {times['unchanged']:.1f} s, opened lazily and one restored {times['lazy']:.1f} s"
    )


def main() -> None:
    """Measure on the URL that is given, or on local."""
    small = "--small" in sys.argv
    urls = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        events: list[Event] = []
        root = {"root": str(here / "root")}
        opened = partial(
            statekit.open, urls[0] if urls else f"local:{here}/state", scratch=root, on_event=events.append
        )
        with opened(namespace="scratch-bench") as state:
            for name, files in {
                "1,000 files of 16 KiB": {f"f{number}": os.urandom(16384) for number in range(1000)},
                f"one of {64 if small else 512} MiB": {"large": os.urandom((64 if small else 512) * MIB)},
            }.items():
                (here / "bare").mkdir(exist_ok=True)
                compare(state, name, files, here / "bare", events)
            manifest(state, 10_000 if small else 100_000)


if __name__ == "__main__":
    main()
