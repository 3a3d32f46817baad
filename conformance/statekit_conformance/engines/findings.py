"""What a probe is, what it finds, and the experiments that the probes of several engines share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from statekit_conformance.engines.engine import Engine

SiteT_contra = TypeVar("SiteT_contra", contravariant=True)
TokenT = TypeVar("TokenT")

WRITERS = 16
# What object stores that keep trees sort, fold or escape otherwise than the bytes say.
NAMES = ("a!", "a-b", "a.b", "a/b/c", "a0", "B", "b c", "b+c", "b%20c", "d/e/f", "é", "z/é?#&", "😀")
# A race has as many rounds as fit in the budget: an engine that serialises slowly must not hold up the suite.
_LEAST_ROUNDS, _MOST_ROUNDS, _BUDGET = 2, 12, 3.0  # the last in seconds
_PATIENCE = 60.0  # seconds for one round of a race, or for the writes before a kill
_KILLS = 3
_ACKNOWLEDGED_BEFORE_KILL = 10  # by each writer: one of them may wait while the others are served


@dataclass(frozen=True)
class Finding:
    """What one probe found out about an engine.

    Attributes:
        probe: The probe's name.
        certifies: The capabilities that the engine lacks if this does not hold.
        holds: Whether the engine did what the probe asks for.
        evidence: What was seen, in one line.
        seconds: How long the probe took.
    """

    probe: str
    certifies: tuple[str, ...]
    holds: bool
    evidence: str
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {**asdict(self), "certifies": list(self.certifies)}


class Disproved(Exception):  # noqa: N818  # a verdict on the engine, not an error of the probe
    """The engine did not do what the probe asks for; the message is the evidence."""


@dataclass(frozen=True)
class Probe(Generic[SiteT_contra]):
    """One question to an engine.

    Args:
        certifies: The capabilities that it decides.
        ask: Ask it by the vendor's SDK, and return the evidence or raise Disproved.
    """

    certifies: tuple[str, ...]
    ask: Callable[[SiteT_contra], str]

    @property
    def name(self) -> str:
        """The probe's name, that of the function that asks."""
        return self.ask.__name__

    def find(self, site: SiteT_contra) -> Finding:
        """Ask, and write down what was found; an answer that no probe expects does not hold either."""
        began = time.monotonic()
        try:
            holds, evidence = True, self.ask(site)
        except Disproved as disproved:
            holds, evidence = False, str(disproved)
        except Exception as error:  # noqa: BLE001  # whatever the SDK raised is the evidence
            holds, evidence = False, f"{type(error).__name__}: {error}"
        return Finding(self.name, self.certifies, holds, " ".join(evidence.split()), time.monotonic() - began)


def probe(capabilities: str, ask: Callable[[SiteT_contra], str]) -> Probe[SiteT_contra]:
    """Return a probe of the capabilities, which are separated by spaces."""
    return Probe(tuple(capabilities.split()), ask)


def require(condition: object, evidence: str) -> None:
    """Raise Disproved unless the condition is true."""
    if not condition:
        raise Disproved(evidence)


def race(attempt: Callable[[int], bool], writers: int = WRITERS) -> list[int]:
    """Let writers attempt at the same moment, and return the numbers of those that succeeded."""
    start = threading.Barrier(writers)

    def run(number: int) -> bool:
        start.wait(_PATIENCE)
        return attempt(number)

    with ThreadPoolExecutor(writers) as pool:
        return [number for number, won in enumerate(pool.map(run, range(writers))) if won]


def one_winner(
    prepare: Callable[[int], TokenT],
    attempt: Callable[[TokenT, int], bool],
    stored: Callable[[TokenT], int | None],
    *,
    writers: int = WRITERS,
) -> str:
    """Hold races in which exactly one writer may win, whose value must then be there.

    Args:
        prepare: Set up one round, and return what its writers need.
        attempt: Write the number conditionally; False if that was refused.
        stored: Read which number is stored.
        writers: How many write at once.
    """
    over, rounds = time.monotonic() + _BUDGET, 0
    while rounds < _LEAST_ROUNDS or (rounds < _MOST_ROUNDS and time.monotonic() < over):
        token = prepare(rounds)
        winners = race(partial(attempt, token), writers)
        rounds += 1
        require(len(winners) == 1, f"{len(winners)} of {writers} writers won round {rounds}")
        found = stored(token)
        require(found == winners[0], f"writer {winners[0]} won round {rounds}, yet {found} is stored")
    return f"one winner of {writers} writers in each of {rounds} rounds, and its value stored"


class _Writer:
    """Overwrites one key with growing numbers until it is told that the server was killed.

    Attributes:
        acknowledged: How many of its writes were.
        written: Set once there are enough of them for a kill to tell something.
        refused: What the last attempt that failed was answered.
    """

    def __init__(self, name: str, write: Callable[[str, int], object]) -> None:
        self.name, self.acknowledged = name, 0
        self.written, self.refused = threading.Event(), "nothing"
        self._write = write

    def run(self, killed: threading.Event) -> None:
        while not killed.is_set():
            try:
                self._write(self.name, self.acknowledged + 1)
            except Exception as error:  # noqa: BLE001  # the kill, or a connection of before the last one
                if not killed.is_set():
                    self.refused = f"{type(error).__name__}: {error}"
                killed.wait(0.02)  # and the number is sent again
            else:
                self.acknowledged += 1
                if self.acknowledged == _ACKNOWLEDGED_BEFORE_KILL:
                    self.written.set()


def nothing_lost(
    engine: Engine, write: Callable[[str, int], object], read: Callable[[str], int | None], *, stem: str
) -> str:
    """Kill the server under four writers, restart it, and look for what it had acknowledged.

    Args:
        engine: What is killed.
        write: Overwrite the number at a key.
        read: Read it; None if the key is not there.
        stem: What the keys begin with.
    """
    total, kills = 0, _KILLS if engine.survives == "server" else 1
    for n in range(kills):
        writers = [_Writer(f"{stem}-{n}-{number}", write) for number in range(4)]
        _write_until_killed(engine, writers)
        engine.restart()
        for writer in writers:
            _look_for(writer, read)
            total += writer.acknowledged
    require(engine.survives == "server", "the engine makes no claim to survive its own death; this kill lost nothing")
    return f"{total} acknowledged overwrites by 4 writers, none lost over {kills} SIGKILLs under load"


def _write_until_killed(engine: Engine, writers: Sequence[_Writer]) -> None:
    killed = threading.Event()
    threads = [threading.Thread(target=writer.run, args=(killed,)) for writer in writers]
    for thread in threads:
        thread.start()
    over = time.monotonic() + _PATIENCE
    for writer in writers:
        writer.written.wait(max(0.0, over - time.monotonic()))
    engine.kill()
    killed.set()
    for thread in threads:
        thread.join()


def _look_for(writer: _Writer, read: Callable[[str], int | None]) -> None:
    require(
        writer.acknowledged,
        f"no write of {writer.name} was acknowledged in {_PATIENCE:g} s before the kill; it got {writer.refused}",
    )
    found = read(writer.name)
    require(
        found is not None,
        f"{writer.acknowledged} overwrites were acknowledged; after SIGKILL the key is gone",
    )
    # One more than was acknowledged: its answer may have been lost with the server.
    allowed = (writer.acknowledged, writer.acknowledged + 1)
    require(found in allowed, f"overwrite {writer.acknowledged} was acknowledged; after SIGKILL {found} is stored")


def poll(condition: Callable[[], bool], evidence: str, *, limit: float = 5.0) -> None:
    """Wait for something to become true, as a signature's expiry does.

    Raises:
        Disproved: It is not, after so many seconds.
    """
    deadline = time.monotonic() + limit
    while not condition():
        require(time.monotonic() < deadline, f"{evidence} after {limit:g} s")
        time.sleep(0.05)
