"""A race for one workspace: processes that are killed and paused at random moments, under a clock that runs fast.

Each holder reads the number that the last checkpoint holds, and publishes the next ones. So a number that two holders
publish, or one that is published and not found by the next, tells of two holders at once, or of a lost checkpoint.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from contextlib import suppress
from datetime import timedelta
from itertools import count

import pytest

from statekit.errors import BackendError, LeaseLostError, WorkspaceBusyError
from statekit.types import ScratchPolicy
from statekit_conformance import clause
from statekit_conformance.scratch.conftest import contents, fill

SECONDS = 5.0
RACERS = 8
VICTIMS = 4
LEASE = 3.0  # seconds of the clock, which runs SPEED times as fast as the real one
SPEED = 10
PATIENT = 30.0  # seconds in all, until two have held it: the machine may be busy
PATIENCE = 600  # of the same seconds
POLICY = ScratchPolicy(lease=timedelta(seconds=LEASE), ttl=timedelta(hours=1))


def contends(subject, seed):
    """Take the workspace whenever it can be had, publish some numbers, and give it back."""
    chance = random.Random(seed * 100 + subject.index)
    view = subject.open(scratch=POLICY, timeout=PATIENCE)
    while True:
        try:
            with view.scratch.workspace("job", background=chance.random() < 0.8) as workspace:
                _publish(subject, workspace, chance)
        except WorkspaceBusyError:
            threading.Event().wait(0.005)
        except LeaseLostError:
            subject.report(("lost", 0, 0))
        except BackendError:
            subject.report(("unknown", 0, 0))


def _publish(subject, workspace, chance):
    found = contents(workspace)
    number = int(found.get("a", b"0"))
    whole = found == ({"a": b"%d" % number, "b": b"%d" % number, "c/d": b"same"} if number else {})
    subject.report(("took" if whole else "found a mixture", workspace.fence, number))
    for following in range(number + 1, number + 1 + chance.randint(0, 6)):
        fill(workspace, {"a": b"%d" % following, "b": b"%d" % following, "c/d": b"same"})
        subject.report(("begins", workspace.fence, following))
        workspace.checkpoint()
        subject.report(("published", workspace.fence, following))


class Trouble:
    """Pauses and kills racers at random moments, while the clock runs.

    Attributes:
        said: What the racers have reported.
    """

    def __init__(self, subject, view, children, chance):
        self._subject, self._view, self._chance = subject, view, chance
        self.racing = list(children)
        self.said = []
        self._paused = {}

    def run(self, seconds):
        """Make trouble for so long, and until two have held the workspace."""
        started = before = time.monotonic()
        kills = sorted(self._chance.uniform(0, seconds) for _ in range(VICTIMS))
        for turn in count():
            time.sleep(0.02)
            now = time.monotonic()
            self._subject.clock.advance((now - before) * SPEED)
            before = now
            self._resume(now)
            self._listen()
            if self._chance.random() < 0.3:
                self._pause(now)
            if kills and now - started >= kills[0]:
                kills.pop(0)
                self._kill()
            if turn % 25 == 24:
                self._resume(float("inf"))  # one who is paused may hold a lock that the sweep would wait for
                self._view.scratch.sweep()
            if now - started >= (seconds if self.holders > 1 else PATIENT):
                break
        self._resume(float("inf"))

    @property
    def holders(self):
        """How many have held it."""
        return sum(what == "took" for what, _, _ in self.said)

    def _listen(self):
        for child in self.racing:
            self.said += child.so_far()

    def _pause(self, now):
        child = self._chance.choice(self.racing)
        if child not in self._paused:
            os.kill(child.process.pid, signal.SIGSTOP)
            self._paused[child] = now + self._chance.uniform(0.05, 1.0)

    def _resume(self, now):
        for child in [child for child, until in self._paused.items() if until <= now]:
            del self._paused[child]
            with suppress(ProcessLookupError):
                os.kill(child.process.pid, signal.SIGCONT)

    def _kill(self):
        child = self.racing.pop(self._chance.randrange(len(self.racing)))
        self._paused.pop(child, None)
        child.kill()
        self.said += child.rest()

    def stop(self):
        """Kill the others, and hear what they have said last."""
        for child in self.racing:
            child.kill()
            self.said += child.rest()


def judge(said):
    """See that what the holders said of themselves is the history of one holder after the other."""
    assert not [what for what in said if what[0] == "found a mixture"]
    took = sorted((fence, number) for what, fence, number in said if what == "took")
    fences = [fence for fence, _ in took]
    assert len(set(fences)) == len(fences), "two holders have one fencing token"
    published = sorted((fence, number) for what, fence, number in said if what == "published")
    numbers = [number for _, number in published]
    assert len(set(numbers)) == len(numbers), "two holders published the same number"
    begun = sorted((fence, number) for what, fence, number in said if what == "begins")
    for fence, number in took:
        acknowledged = max((other for earlier, other in published if earlier < fence), default=0)
        possible = max((other for earlier, other in begun if earlier < fence), default=0)
        assert acknowledged <= number <= possible, f"{acknowledged} was published, and the next holder found {number}"
    return max(numbers, default=0), max((number for _, number in begun), default=0), len(took)


@pytest.fixture
def seed(request):
    """Return what all chances of the race come from."""
    return getattr(request.config.option, "statekit_seed", None) or random.randrange(2**31)


@pytest.fixture
def trouble(subject, processes, seed):
    """Return the racers, which have begun, and who makes trouble for them."""
    view = subject.open(scratch=POLICY, timeout=PATIENCE)
    return Trouble(subject, view, processes.start(contends, seed, count=RACERS), random.Random(seed))


@clause("X-06.1", "X-07", "X-08", "X-11.1", "X-18", "X-22", "X-02")
def test_a_race_of_processes_that_are_killed_and_paused(subject, trouble, below, request, seed):
    trouble.run(getattr(request.config.option, "statekit_soak", None) or SECONDS)
    trouble.stop()
    least, most, holders = judge(trouble.said)
    assert holders > 1, f"seed {seed}: {holders} holders"
    request.node.user_properties.append(("race", f"{holders} holders, {least} checkpoints"))
    view = subject.open(scratch=POLICY)

    subject.clock.advance(LEASE + 2.001)
    with view.scratch.workspace("job") as workspace:
        found = contents(workspace)
    number = int(found.get("a", b"0"))
    assert least <= number <= most, f"seed {seed}: {least} was published, and {number} is left"
    view.scratch.sweep()
    assert len(below.blobs()) == (3 if number else 0)
    subject.clock.advance(3 * 3600)
    view.scratch.sweep()
    assert below.blobs() == []
    assert below.records.entries() == []
    assert [file.name for file in subject.root.iterdir()] == ["lock"]
