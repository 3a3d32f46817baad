"""One server process: started with its output in a file, tied to our life, killed by its id."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from statekit_conformance.engines.errors import EngineError

_TETHER = Path(__file__).with_name("tether.py")
_TAIL_CHARACTERS = 2_000
_GRACE = 10.0  # seconds between SIGTERM and SIGKILL


@dataclass(frozen=True)
class Command:
    """What to run.

    Args:
        program: The absolute path of an executable.
        arguments: Its arguments.
        log: The file that its standard output and standard error are appended to.
        environment: Variables on top of this process's own.
    """

    program: str
    arguments: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)


class ServerProcess:
    """A running server, in a process group of its own, so that its children die with it."""

    def __init__(self, command: Command) -> None:
        self._log, self._begun = command.log, command.log.stat().st_size if command.log.exists() else 0
        try:
            self._popen = _spawner().submit(_spawn, command).result()
        except OSError as error:
            raise EngineError(f"{command.program} cannot be run: {error.strerror}") from error
        _alive.add(self)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    @property
    def exit_status(self) -> int | None:
        """How it ended, negative for a signal, or None while it runs."""
        return self._popen.poll()

    def kill(self) -> None:
        """End it with SIGKILL, at once and without any clean-up of its own, and wait until it is gone."""
        self._signal(signal.SIGKILL)
        self._popen.wait()
        _alive.discard(self)

    def stop(self) -> None:
        """End it with SIGTERM, and with SIGKILL if it has not gone ten seconds later."""
        self._signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(_GRACE)
        self.kill()

    def printed(self) -> str:
        """Return what it printed since it was started."""
        try:
            with self._log.open("rb") as log:
                log.seek(self._begun)
                return log.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def tail(self) -> str:
        """Return the end of what it printed, as one line."""
        lines = [line.strip() for line in self.printed()[-_TAIL_CHARACTERS:].splitlines() if line.strip()]
        return " | ".join(lines[-6:]) or "nothing"

    def _signal(self, number: signal.Signals) -> None:
        # Only while the leader is not reaped is the number of the group certainly still ours.
        if self._popen.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._popen.pid, number)


def python_command(script: Path, *arguments: str, log: Path) -> Command:
    """Return the command that runs one of our own server scripts in a Python of its own.

    `-P` keeps the script's folder off sys.path, where `valkey.py` would hide the package of that name.
    """
    return Command(sys.executable, ["-P", str(script), *arguments], log)


def _spawn(command: Command) -> subprocess.Popen[bytes]:
    tether = [sys.executable, "-I", "-S", str(_TETHER), str(os.getpid())]
    with command.log.open("ab") as log:
        return subprocess.Popen(  # noqa: S603  # no shell, and the program is an absolute path of an installed package
            [*tether, command.program, *command.arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **command.environment},
            start_new_session=True,  # Ctrl-C at the terminal is the test run's to handle
        )


_alive: set[ServerProcess] = set()
_lock = threading.Lock()
_spawners: dict[int, ThreadPoolExecutor] = {}


def _spawner() -> ThreadPoolExecutor:
    """Return this process's one thread that starts servers.

    "The parent's death" means, to the kernel, the death of the thread that forked: a server started by a
    thread of a test would be killed when that thread ends. This thread lasts as long as the process.
    """
    with _lock:
        if os.getpid() not in _spawners:  # a forked child inherits the dictionary, but not the thread
            _spawners[os.getpid()] = ThreadPoolExecutor(1, thread_name_prefix="engine-spawner")
            atexit.register(_kill_all, os.getpid())
        return _spawners[os.getpid()]


def _kill_all(owner: int) -> None:
    if os.getpid() == owner:  # a forked child must not end its parent's servers
        for server in list(_alive):
            server.kill()
