"""The photo booth's processes: killed, and replaced by new ones that remember nothing."""

from __future__ import annotations

import random
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from statekit_conformance.engines.process import Command, ServerProcess

from .balancer import Balancer

COUNT = 2


class Processes:
    """Processes behind a balancer.

    Args:
        balancer: Learns their ports.
        environment: Where the state is.
        folder: Where they print to.
    """

    def __init__(self, balancer: Balancer, environment: Mapping[str, str], folder: Path) -> None:
        self._balancer, self._environment, self._folder = balancer, environment, folder
        self._running: list[tuple[int, ServerProcess]] = []

    def __enter__(self) -> Self:
        for _ in range(COUNT):
            self._start()
        return self

    def __exit__(self, *_: object) -> None:
        for _, process in self._running:
            process.stop()

    def replace(self, count: int, draw: random.Random) -> None:
        """Kill some of them in the middle of whatever they do, and start as many."""
        dying = draw.sample(self._running, count)
        for port, process in dying:
            process.kill()
            self._balancer.ports.remove(port)
            self._running.remove((port, process))
        for _ in dying:
            self._start()

    def _start(self) -> None:
        port = _free_port()
        arguments = ["-m", "photobooth", "--port", str(port)]
        command = Command(sys.executable, arguments, self._folder / "processes.log", self._environment)
        self._running.append((port, ServerProcess(command)))
        self._balancer.ports.append(port)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
