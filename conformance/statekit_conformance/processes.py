"""Other processes: fresh ones, that open the same target in the same namespace under the same clock."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Final

from statekit.testing import FakeClock

from .guard import Guard
from .site import Site
from .subject import Subject

__all__ = ["Child", "Processes"]

_CONTEXT: Final = multiprocessing.get_context("spawn")
_START_LIMIT: Final = 60.0  # seconds
_ANSWER_LIMIT: Final = 60.0  # seconds


class Child:
    """One process that runs one function."""

    def __init__(self, subject: Subject, index: int, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._ours, theirs = _CONTEXT.Pipe()
        clock = subject.clock._path  # noqa: SLF001 - a clock that processes share is known by its file
        what = (subject.site, subject.colour, subject.namespace, clock, index, function, args)
        self.process = _CONTEXT.Process(target=_serve, args=(theirs, *what), daemon=True)
        self.process.start()
        theirs.close()

    def receive(self, timeout: float = _ANSWER_LIMIT) -> Any:
        """Return the next thing that the function reported, or what it returned.

        Raises:
            AssertionError: It failed, died, or said nothing in time.
        """
        if not self._ours.poll(timeout):
            raise AssertionError(f"a process said nothing for {timeout:g} s")
        try:
            kind, value = self._ours.recv()
        except EOFError:
            raise AssertionError("a process died without an answer") from None
        if kind == "failed":
            raise AssertionError(f"a process failed: {value}")
        return value

    def so_far(self) -> list[Any]:
        """Return what the function has reported and nobody has received, without waiting for more."""
        found = []
        while self._ours.poll(0):
            kind, value = self._ours.recv()
            if kind != "reported":
                raise AssertionError(f"a process {kind}: {value}")
            found.append(value)
        return found

    def rest(self) -> list[Any]:
        """Return what the function reported before it ended or was killed, as far as nobody has received it."""
        found = []
        with suppress(EOFError, OSError):
            while self._ours.poll(_ANSWER_LIMIT):
                kind, value = self._ours.recv()
                if kind != "reported":
                    break
                found.append(value)
        return found

    def go(self) -> None:
        """Let the function begin."""
        self._ours.send("go")

    def kill(self) -> None:
        """End it with SIGKILL, and wait until it is gone."""
        self.process.kill()
        self.process.join()

    def close(self) -> None:
        """End it, whatever it does."""
        self.kill()
        self._ours.close()


class Processes:
    """The processes of one test. They end with it."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._children: list[Child] = []

    def start(self, function: Callable[..., Any], *args: Any, count: int = 1) -> list[Child]:
        """Start processes that all begin to run a function at the same time.

        Args:
            function: Module-level; called with a Subject of its own, whose ``index`` is the process's number, and
                ``args``. ``subject.report(value)`` sends something before it returns.
            args: Picklable.
            count: How many processes.
        """
        children = [Child(self._subject, index, function, args) for index in range(count)]
        self._children += children
        for child in children:
            child.receive(_START_LIMIT)  # it is ready
        for child in children:
            child.go()
        return children

    def run(self, function: Callable[..., Any], *args: Any, count: int = 4) -> list[Any]:
        """Run a function in several processes at once, and return what they returned."""
        children = self.start(function, *args, count=count)
        answers = [child.receive() for child in children]
        for child in children:
            child.close()
        return answers

    def kill(self) -> None:
        """Kill those that still run."""
        for child in self._children:
            child.kill()

    def close(self) -> None:
        """End them all."""
        for child in self._children:
            child.close()


def _serve(
    pipe: Connection,
    site: Site,
    colour: Any,
    namespace: str,
    clock: Any,
    index: int,
    function: Callable[..., Any],
    args: tuple[Any, ...],
) -> None:
    """Run a function in this process, on the same state as its parent."""
    Guard(site.allowed)
    subject = Subject(site, colour, namespace=namespace, clock=FakeClock(path=clock))
    subject.index = index
    subject.report = lambda value: pipe.send(("reported", value))
    pipe.send(("ready", None))
    with suppress(EOFError):  # the parent is gone
        pipe.recv()
        try:
            answer = ("returned", function(subject, *args))
        except BaseException as error:  # noqa: BLE001 - told to the parent
            answer = ("failed", f"{type(error).__name__}: {error}")
        pipe.send(answer)
        subject.close()
