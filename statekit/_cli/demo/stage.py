"""The demo's stage: its backend and namespace, its worker processes, and what the audience sees."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta
from tempfile import TemporaryDirectory
from typing import Any, Final, Self
from urllib.parse import quote

from statekit._cli.terminal import Terminal
from statekit._core.clock import SystemClock
from statekit.config import Settings, resolve
from statekit.driver import Reach
from statekit.errors import ConfigError, StateError
from statekit.state import State

from .worker import POLICY

__all__ = ["Act", "BrokenPromiseError", "Stage", "Worker", "expect", "perform"]

USERS: Final = ("ada", "grace", "edsger", "barbara")


WORKSPACES: Final = {"lease": "1s", "ttl": "10m"}
"""A lease so short that the audience need not wait long for a dead worker's."""


class BrokenPromiseError(Exception):
    """Something that statekit promises did not happen."""


def expect(kept: object, otherwise: str) -> None:
    """Go on if a promise was kept.

    Raises:
        BrokenPromiseError: It was not; says what was found instead.
    """
    if not kept:
        raise BrokenPromiseError(otherwise)


@dataclass(frozen=True, slots=True)
class Act:
    """One part of the demo.

    Attributes:
        title: What happens.
        proves: What that shows, once it has happened.
        play: Does it, and returns what was seen.
    """

    title: str
    proves: str
    play: Callable[[Stage], str]


class Worker:
    """A process that does what it is told, in a process group of its own."""

    def __init__(self, opening: Mapping[str, Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "statekit._cli.demo.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        self._write(opening)

    @property
    def name(self) -> str:
        """The process's name, for people."""
        return f"process {self._process.pid}"

    def tell(self, do: str, /, **arguments: Any) -> None:
        """Give a command, and do not wait."""
        self._write({"do": do, **arguments})

    def answer(self) -> Any:
        """Wait for the result of the oldest command without one.

        Raises:
            BrokenPromiseError: The command failed, or the process died.
        """
        message = next(self.messages(), None)
        expect(message is not None, f"{self.name} died")
        answer = dict(message or {})
        expect("error" not in answer, f"{self.name} met {answer.get('error')}")
        return answer["value"]

    def ask(self, do: str, /, **arguments: Any) -> Any:
        """Give a command and wait for its result."""
        self.tell(do, **arguments)
        return self.answer()

    def messages(self) -> Iterator[dict[str, Any]]:
        """Yield what the process says, until it is dead. A line that it could not finish is not said."""
        assert self._process.stdout is not None
        while (line := self._process.stdout.readline()).endswith("\n"):
            yield json.loads(line)

    def kill(self) -> None:
        """End the process and whatever it started, at once: it cannot clean up, flush or say good-bye."""
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        else:
            self._process.kill()
        self._process.wait()

    def bury(self) -> None:
        """Let nothing of it be left."""
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _write(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise BrokenPromiseError(f"{self.name} died") from error


class Stage:
    """What all acts share. A context manager: at its end no process and no data are left.

    Args:
        settings: Of the state that everything is stored in, for cleaning up.
        opening: What workers open it with.
        terminal: For the audience.

    Attributes:
        near: Whether the data stay on this host.
        crew: Workers that live through the whole demo, one for each of USERS.
        logins: The users' sessions, by name.
    """

    def __init__(self, settings: Settings, opening: Mapping[str, Any], terminal: Terminal) -> None:
        self._settings = settings
        self._opening = opening
        self._terminal = terminal
        self._workers: list[Worker] = []
        self._owners: set[str] = set(USERS)
        self.near = settings.objects.backend.reach is Reach.HOST
        self.crew: dict[str, Worker] = {}
        self.logins: dict[str, str] = {}

    def hire(self, owner: str | None = None) -> Worker:
        """Start another worker process; sessions of ``owner`` will be ended with the demo."""
        if owner is not None:
            self._owners.add(owner)
        worker = Worker(self._opening)
        self._workers.append(worker)
        return worker

    def say(self, text: str) -> None:
        """Tell the audience what is going on."""
        self._terminal.line(f"     {self._terminal.style(text, 'dim')}")

    def __enter__(self) -> Self:
        with State(self._settings) as state:
            state.check()  # a backend that does not answer is no broken promise
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.bury()
        with State(self._settings) as state:
            for owner in sorted(self._owners):
                state.sessions.revoke_all(owner)
            for info in list(state.objects.list()):
                state.objects.delete(info.key)
            state.objects.sweep(older_than=timedelta(0))
        with State(self._settings, clock=_Later()) as state:
            state.scratch.sweep()


class _Later(SystemClock):
    """A clock for cleaning up: by then every workspace of the demo has expired."""

    def now(self) -> int:
        """Return the time in three hours."""
        return super().now() + 3 * 3_600_000


def perform(acts: Sequence[Act], places: Mapping[str, str], terminal: Terminal) -> int:
    """Play all acts, or up to the first broken promise, and clean up.

    Args:
        acts: In this order.
        places: ``url``, ``sessions`` and ``objects`` as for ``statekit.open``; empty for a fresh directory.
        terminal: For the audience.

    Returns:
        0 if every promise was kept, else 1.

    Raises:
        ConfigError: The backend is not one that several processes can share.
        StateError: The backend does not work.
    """
    with ExitStack() as stack:
        fresh = not places
        directory = stack.enter_context(TemporaryDirectory(prefix="statekit-demo-"))
        if fresh:
            places = {"url": f"local:{quote(directory)}"}
        scratch = {**WORKSPACES, "root": f"{directory}/workspaces"}
        opening = {**places, "namespace": f"demo-{secrets.token_hex(4)}", "scratch": scratch}
        settings = resolve(**opening, policy=POLICY)  # type: ignore[arg-type]  # mypy takes every value for a policy
        _refuse_lonely(settings)
        _introduce(settings, terminal)
        stage = stack.enter_context(Stage(settings, opening, terminal))
        began = time.monotonic()
        # After a broken promise workers may be anywhere: what they would do next proves nothing.
        kept = all(_play(number, act, stage, terminal) for number, act in enumerate(acts, 1))
        elapsed = time.monotonic() - began
    left = "everything was removed" if fresh else "sessions and objects were removed; the users' own records expire"
    result = f"All {len(acts)} promises were kept" if kept else "A promise was broken"
    terminal.line()
    terminal.line(terminal.style(f"{result}; after {elapsed:.1f} s {left}.", "green" if kept else "red", "bold"))
    return 0 if kept else 1


def _introduce(settings: Settings, terminal: Terminal) -> None:
    first, second = settings.sessions.backend, settings.objects.backend
    names = first.name if first is second else f"{first.name} and {second.name}"
    terminal.line(terminal.style(f"statekit demo on {names}, in the namespace {settings.namespace}", "bold"))


def _refuse_lonely(settings: Settings) -> None:
    """Refuse backends that the demo's processes cannot share, or that lack a store."""
    for store, target in (("sessions", settings.sessions), ("objects", settings.objects)):
        backend = target.backend
        if not (backend.records if store == "sessions" else backend.objects):
            raise ConfigError(f"the demo needs {store}, and no backend for them was named: add --{store} URL")
        if backend.reach is Reach.PROCESS:
            raise ConfigError(
                f"{target.scheme}: lives within one process, and the demo is about several: leave the URL out for a "
                "fresh directory, or name a backend that processes share"
            )


def _play(number: int, act: Act, stage: Stage, terminal: Terminal) -> bool:
    terminal.line()
    terminal.line(f"{terminal.style(f'{number}.', 'bold')} {terminal.style(act.title, 'bold')}")
    began = time.monotonic()
    try:
        seen = act.play(stage)
    except (BrokenPromiseError, StateError) as error:
        terminal.line(f"   {terminal.style(terminal.sign('cross'), 'red', 'bold')} {error}")
        return False
    elapsed = terminal.style(f"({time.monotonic() - began:.1f} s)", "dim")
    terminal.line(f"   {terminal.style(terminal.sign('tick'), 'green', 'bold')} {seen} {elapsed}")
    terminal.line(f"   {terminal.sign('arrow')} {act.proves}")
    return True
