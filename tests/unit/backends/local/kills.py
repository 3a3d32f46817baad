"""Kill writers at random moments and look at what is left: ``python kills.py DIRECTORY SYNC SEED ROUNDS``.

Each writer owns its keys and does one operation after the other, acknowledging each over a pipe; the operations
follow from the seed, so that whoever looks afterwards knows what the last acknowledged one left, and what the next
would have. Everything is forked from here: the drivers are opened, used and closed between the rounds, as a
pre-forking server does.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import struct
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parent))

from conftest import Local, opening
from google_crc32c import value as crc32c_of

from statekit.driver import ABSENT, ANY, Match, Meta

T = 30.0
KEYS = 3
SIZES = [0, 100, 30_000, 40_000, 200_000, 600_000]
State = list[bytes | None]
Operation = Callable[[Local, State], State]


@dataclass
class Writer:
    """One writer and what is known of its keys."""

    name: str
    kind: str
    seed: int
    done: int = 0
    state: State = field(default_factory=lambda: [None] * KEYS)

    def content(self, number: int, sizes: list[int]) -> tuple[random.Random, int, bytes]:
        """Return what operation ``number`` is about: all that is random in it, the key, and new bytes."""
        chance = random.Random(f"{self.seed}-{self.name}-{number}")
        return chance, chance.randrange(KEYS), chance.randbytes(chance.choice(sizes))

    def after(self, number: int, state: State) -> State:
        """Return what operation ``number`` makes of a state."""
        chance, index, data = self.content(number, SIZES)
        new: bytes | None = data
        if chance.random() < 0.15:
            new = None
        elif self.kind == "copies" and chance.random() < 0.5:
            new = state[(index + 1) % KEYS]
        return [new if n == index else old for n, old in enumerate(state)]

    def run(self, local: Local, pipe: int) -> None:
        """Go on for ever."""
        number, state = self.done, self.state
        while True:
            after = self.after(number, state)
            for index in range(KEYS):
                if after[index] is not state[index]:
                    self.change(local, number, index, state, after)
            number, state = number + 1, after
            os.write(pipe, struct.pack("!I", number))

    def change(self, local: Local, number: int, index: int, before: State, after: State) -> None:
        key, new = f"{self.name}/{index}", after[index]
        if self.kind == "records":
            self.change_record(local, number, key, new)
        elif new is None:
            local.objects.delete(key, expect=ANY, timeout=T)
        elif self.kind == "uploads":
            cut = len(new) // 3
            local.upload(key, new[:cut], new[cut:], write_id=f"w{number}")
        elif self.kind == "copies" and new is before[(index + 1) % KEYS]:
            copy(local, f"{self.name}/{(index + 1) % KEYS}", key, f"w{number}")
        else:
            local.put(key, new, f"w{number}")

    def change_record(self, local: Local, number: int, key: str, new: bytes | None) -> None:
        if new is None:
            local.records.delete(key, expect=ANY, timeout=T)
            return
        seen = local.records.read(key, timeout=T)
        expect = Match(seen.version) if seen else ABSENT
        local.records.write(key, new, expires_at=number, write_id=f"w{number}", expect=expect, timeout=T)

    def look(self, local: Local) -> None:
        """Find the state before or after the operation that was under way, and nothing else."""
        found = [self.stored(local, f"{self.name}/{index}") for index in range(KEYS)]
        if found == self.after(self.done, self.state):
            self.done, found = self.done + 1, self.after(self.done, self.state)
        elif found != self.state:
            raise AssertionError(f"{self.name}: torn or lost at operation {self.done}")
        self.state = found

    def stored(self, local: Local, key: str) -> bytes | None:
        if self.kind == "records":
            record = local.records.read(key, timeout=T)
            return record.value if record else None
        stat = local.objects.stat(key, timeout=T)
        data = local.get(key)
        if stat is not None and data is not None:
            assert stat.crc32c == crc32c_of(data), f"{key}: torn"
        return data


def copy(local: Local, source: str, target: str, write_id: str) -> None:
    stat = local.objects.stat(source, timeout=T)
    assert stat is not None
    meta = Meta(write_id=write_id)
    pinned = Match(stat.version)
    local.objects.copy(source, target, pinned=pinned, meta=meta, expect=ANY, resume=None, timeout=T)


def run_in_child(writer: Writer, local: Local, pipe: int) -> None:
    """Whatever happens, a child never returns into its parent's code."""
    try:
        writer.run(local, pipe)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


@dataclass
class Running:
    """A writer's process, and the end of the pipe at which its acknowledgements arrive."""

    writer: Writer
    child: int
    reader: int

    def acknowledged(self) -> bool:
        """Take one acknowledgement, or find that there will be no more."""
        said = os.read(self.reader, 4)
        if said:
            self.writer.state = self.writer.after(self.writer.done, self.writer.state)
            (self.writer.done,) = struct.unpack("!I", said)
        return bool(said)

    def kill(self) -> None:
        os.kill(self.child, signal.SIGKILL)
        ended = os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])
        while self.acknowledged():
            pass
        os.close(self.reader)
        assert ended == -signal.SIGKILL, f"{self.writer.name} failed by itself"


def start(local: Local, writer: Writer, others: list[Running]) -> Running:
    """Fork a writer. It keeps no end at which it or others are listened to, so that it ends if this process does."""
    reader, pipe = os.pipe()
    child = os.fork()
    if child == 0:
        for descriptor in [reader, *(other.reader for other in others)]:
            os.close(descriptor)
        run_in_child(writer, local, pipe)
    os.close(pipe)
    return Running(writer, child, reader)


def kill_all(local: Local, writers: list[Writer], chance: random.Random) -> None:
    """Start all, and kill each after some acknowledgements and a moment."""
    running: list[Running] = []
    for writer in writers:
        running.append(start(local, writer, running))
    chance.shuffle(running)
    while running:
        for _ in range(chance.randrange(4)):
            running[-1].acknowledged()
        moment = perf_counter() + chance.uniform(0, 0.006)
        while perf_counter() < moment:
            pass
        running.pop().kill()


def sweep(local: Local, directory: Path) -> int:
    """Abort what was begun, collect, and see that exactly the named files are there. Return how many were not."""
    stored = {path.name for path in (directory / "files").glob("*/*")}
    while page := local.objects.uploads("", cursor=None, limit=100, timeout=T).items:
        for upload in page:
            local.objects.abort(upload, timeout=T)
    left = {path.name: path.stat().st_size for path in (directory / "files").glob("*/*")}
    connection = sqlite3.connect(directory / "state.db")
    named = dict(connection.execute("SELECT file, size FROM pieces WHERE file IS NOT NULL"))
    used = {body for (body,) in connection.execute("SELECT body FROM objects")}
    assert {body for (body,) in connection.execute("SELECT body FROM pieces")} <= used, "orphan rows"
    assert connection.execute("SELECT count(*) FROM parts").fetchone() == (0,), "orphan parts"
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    assert left == named, "orphan files, or missing ones"
    return len(stored - left.keys())


def main(directory: Path, sync: str, seed: int, rounds: int) -> None:
    chance = random.Random(seed)
    kinds = ["records", "objects", "uploads", "copies"]
    writers = [Writer(f"{kind}-{n}", kind, seed) for kind in kinds for n in range(2)]
    local = opening(directory, sync=sync)
    local.put("first", bytes(40_000))
    orphans = 0
    for _ in range(rounds):
        kill_all(local, writers, chance)
        for writer in writers:
            writer.look(local)
        orphans += sweep(local, directory)
        if chance.random() < 0.3:
            local.drivers.close()
            assert not list((directory / "owners").iterdir())
            local = opening(directory, sync=sync)
    local.drivers.close()
    sys.stdout.write(f"{len(writers) * rounds} {sum(writer.done for writer in writers)} {orphans}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
