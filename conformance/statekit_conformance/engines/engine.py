"""What every engine is: a real server that can be started, killed and restarted on its data."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal, Self

from statekit_conformance.engines.errors import EngineError
from statekit_conformance.engines.ports import HOST, PortLease, lease_ports, refuse_occupied
from statekit_conformance.engines.process import Command, ServerProcess

Survival = Literal["nothing", "client", "server"]
_POLL = 0.02  # seconds between two attempts at the first write


class Engine(ABC):
    """A server of a store that backends are tested against.

    A subclass says how to find it, what to run and what its first write is; its life is written here, once.

    Attributes:
        name: The name in the table of engines.
        serves: The protocols it speaks, the keys of `endpoints`.
        survives: Whose death acknowledged writes outlive: nobody's, the client's, or the server's too.
        ports_needed: How many ports it listens on, besides those that it derives by adding 10,000.
        start_limit: The seconds within which its first write must be acknowledged.
        known: What it lacks and gets wrong too rarely for a probe to see each time, with what was seen.
    """

    name: ClassVar[str]
    serves: ClassVar[tuple[str, ...]]
    survives: ClassVar[Survival]
    ports_needed: ClassVar[int] = 1
    start_limit: ClassVar[float] = 20.0
    known: ClassVar[Mapping[str, str]] = {}

    def __init__(self) -> None:
        self._lease: PortLease | None = None
        self._data_dir: Path | None = None
        self._servers: list[ServerProcess] = []

    @abstractmethod
    def available(self) -> str | None:
        """Return why it cannot be started on this machine, or None if it can, without starting anything."""

    @property
    @abstractmethod
    def version(self) -> str:
        """The version of the server's software."""

    @property
    @abstractmethod
    def endpoints(self) -> Mapping[str, str]:
        """The URL of each protocol it serves, once it has started."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables that point a vendor's SDK at it, credentials included."""
        return {}

    @abstractmethod
    def commands(self) -> Sequence[Command]:
        """Return what to run; the same every time, for restarts."""

    @abstractmethod
    def first_write(self, timeout: float) -> None:
        """Write something with the vendor's SDK; any exception means that the server is not ready yet.

        Args:
            timeout: The seconds that the attempt may take.
        """

    def form(self, timeout: float) -> None:  # noqa: B027  # most engines are one process and have nothing to do here
        """Bring the parts of a server together at its first start, where they have to find each other.

        Called again until it does not raise.

        Args:
            timeout: The seconds that the attempt may take.
        """

    def start(self, data_dir: Path) -> None:
        """Start it on a data directory and wait until it has acknowledged a write.

        Args:
            data_dir: Where everything it keeps goes, and what it prints; created if needed.

        Raises:
            EngineError: It is not available, already started, or not ready within `start_limit`.
        """
        reason = self.available()
        if reason is not None:
            raise EngineError(f"{self.name} is not available: {reason}")
        if self._lease is not None:
            raise EngineError(f"{self.name} is already started; stop it first")
        data_dir.mkdir(parents=True, exist_ok=True)
        self._data_dir, self._lease = data_dir.resolve(), lease_ports(self.ports_needed)
        try:
            self._launch(first=True)
        except BaseException:
            self.stop()
            raise

    def kill(self) -> None:
        """End every process with SIGKILL, as a crash of the server would; data and ports are kept."""
        while self._servers:
            self._servers.pop().kill()

    def restart(self) -> None:
        """Start it again on the same data and the same ports, killing it first if it runs.

        Raises:
            EngineError: It was never started, or is not ready within `start_limit`.
        """
        self.kill()
        self._launch(first=False)

    def stop(self) -> None:
        """End it and give its ports back; the data directory is left. A second call does nothing."""
        while self._servers:
            self._servers.pop().stop()
        if self._lease is not None:
            self._lease.release()
        self._lease = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def data_dir(self) -> Path:
        """The data directory of a started engine."""
        if self._data_dir is None:
            raise EngineError(f"{self.name} has not been started")
        return self._data_dir

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports of a started engine."""
        if self._lease is None:
            raise EngineError(f"{self.name} has not been started")
        return self._lease.ports

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """The address of each port, for a proxy to stand before."""
        return tuple((HOST, port) for port in self.ports)

    @property
    def named(self) -> tuple[tuple[str, int], ...]:
        """Those of the addresses that it names to clients, which then connect there; none where they never ask."""
        return ()

    def announce(self, addresses: Sequence[tuple[str, int]]) -> None:  # noqa: B027  # most engines name none
        """Name other addresses to clients, one for each of ``named``, at which it is reached as well."""

    @property
    def pids(self) -> tuple[int, ...]:
        """The ids of the running processes."""
        return tuple(server.pid for server in self._servers)

    def _launch(self, *, first: bool) -> None:
        refuse_occupied(self.ports)
        for command in self.commands():
            self._servers.append(ServerProcess(command))
        # A client that waits for a server's answer, and has no say in how long, sees a reset when the server is killed.
        watchdog = threading.Timer(self.start_limit, self._kill_all)
        watchdog.start()
        try:
            self._await_first_write(first=first)
        finally:
            watchdog.cancel()

    def _kill_all(self) -> None:
        for server in self._servers:
            server.kill()

    def _await_first_write(self, *, first: bool) -> None:
        deadline = time.monotonic() + self.start_limit
        if first:
            self._until(deadline, self.form)
        self._until(deadline, self.first_write)

    def _until(self, deadline: float, attempt: Callable[[float], None]) -> None:
        problem: Exception | None = None
        while (left := deadline - time.monotonic()) > 0:
            self._refuse_the_dead()
            try:
                attempt(min(left, 5.0))
            except Exception as error:  # noqa: BLE001  # reported below, if no later attempt succeeds
                problem = error
            else:
                return
            time.sleep(_POLL)
        raise EngineError(
            f"{self.name} took no write within {self.start_limit:g} s: {_line(problem)}; {self._printed()}"
        )

    def _refuse_the_dead(self) -> None:
        for server in self._servers:
            if server.exit_status is not None:
                raise EngineError(
                    f"{self.name} exited with status {server.exit_status} while starting; {self._printed()}"
                )

    def _printed(self) -> str:
        return "it printed: " + " || ".join(server.tail() for server in self._servers)


def _line(problem: Exception | None) -> str:
    return " ".join(f"{type(problem).__name__}: {problem}".split())
