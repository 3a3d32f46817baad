"""The processes of a race: started once for a target, told what to do round by round, killed and replaced at will."""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from statekit.testing import FakeClock
from statekit_conformance.processes import Child
from statekit_conformance.site import Site
from statekit_conformance.subject import Subject

from .racer import Plan, Stage

__all__ = ["Crew"]

_CONTEXT: Final = multiprocessing.get_context("spawn")
_READY_LIMIT: Final = 60.0  # seconds


class _Member:
    """A process that races when it is told to."""

    def __init__(self, subject: Subject, number: int) -> None:
        theirs, self._orders = _CONTEXT.Pipe(duplex=False)
        self._child = Child(subject, number, _serve, (theirs,))
        theirs.close()
        self.begun = False

    def begin(self) -> None:
        """Wait until the process has started."""
        self._child.receive(_READY_LIMIT)
        self._child.go()
        self.begun = True

    def prepare(self, plan: Plan, name: str) -> None:
        """Let it open the target."""
        self._orders.send((plan, name))

    def ready(self) -> None:
        """Wait until it has."""
        assert self._child.receive(_READY_LIMIT) == "ready"

    def go(self) -> None:
        """Let it race."""
        self._orders.send("go")

    def finish(self, timeout: float) -> None:
        """Wait until it has raced."""
        assert self._child.receive(timeout) == "done"

    def kill(self) -> None:
        """End it with SIGKILL, whatever it does."""
        self._child.close()
        self._orders.close()


class Crew:
    """Racers in processes of their own.

    Args:
        site: Where the target is.
        folder: For a clock, which processes of the suite share.
        size: How many processes.
    """

    def __init__(self, site: Site, folder: Path, size: int) -> None:
        self.size = size
        self._subject = Subject(site, "sync", clock=FakeClock(path=folder / "clock"))
        self._members: list[_Member] = []
        self._racing: dict[int, _Member] = {}
        self._named = 0

    def start(self, plan: Plan) -> None:
        """Let all of them race, at once."""
        while len(self._members) < self.size:
            self._members.append(_Member(self._subject, len(self._members)))
        members = list(enumerate(self._members))
        for number, member in members:
            self._open(number, member, plan)
        for _, member in members:
            member.ready()
        for _, member in members:
            member.go()
        self._racing = dict(members)

    def finish(self, timeout: float) -> None:
        """Wait until all have raced. A crew in which somebody failed is sent home."""
        racing, self._racing = self._racing, {}
        try:
            for member in racing.values():
                member.finish(timeout)
        except BaseException:
            self.close()
            raise

    def kill(self, numbers: range | tuple[int, ...], plan: Plan) -> None:
        """Kill some of them in the middle of whatever they do, and let others take their places."""
        for number in numbers:
            self._racing.pop(number).kill()
        fresh = [(number, _Member(self._subject, number)) for number in numbers]
        for number, member in fresh:
            self._members[number] = member
            self._open(number, member, plan)
            member.ready()
            member.go()
            self._racing[number] = member

    def close(self) -> None:
        """End all of them."""
        members, self._members = self._members, []
        for member in members:
            member.kill()

    def _open(self, number: int, member: _Member, plan: Plan) -> None:
        if not member.begun:
            member.begin()
        self._named += 1
        member.prepare(plan, f"w{number}-{self._named}")


def _serve(subject: Subject, orders: Connection) -> None:
    """Race round by round, until nobody gives orders any more."""
    while True:
        try:
            plan, name = orders.recv()
        except EOFError:
            return
        with Stage(plan, subject.index, name) as stage:
            subject.report("ready")
            assert orders.recv() == "go"
            stage.race()
        subject.report("done")
