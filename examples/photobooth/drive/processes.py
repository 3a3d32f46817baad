"""The photo booth's processes: killed, and replaced by new ones that remember nothing."""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from statekit_conformance.engines.ports import lease_ports
from statekit_conformance.engines.process import Command, ServerProcess

from .balancer import Balancer

COUNT = 2


class Processes:
    """Processes behind a balancer, each at a port of its own.

    Args:
        balancer: Learns their ports.
        environment: Where the state is.
        folder: Where they print to.
    """

    def __init__(self, balancer: Balancer, environment: Mapping[str, str], folder: Path) -> None:
        self._lease = lease_ports(COUNT)
        self._log, self._environment = folder / "processes.log", environment
        self._running: dict[int, ServerProcess] = {}
        balancer.ports = list(self._lease.ports)

    def __enter__(self) -> Self:
        for port in self._lease.ports:
            self._start(port)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running.values():
            process.stop()
        self._lease.release()

    def replace(self, count: int, draw: random.Random) -> None:
        """Kill some of them in the middle of whatever they do, and start as many."""
        dying = draw.sample(list(self._running), count)
        for port in dying:
            self._running.pop(port).kill()
        for port in dying:
            self._start(port)

    def _start(self, port: int) -> None:
        arguments = ["-m", "photobooth", "--port", str(port)]
        self._running[port] = ServerProcess(Command(sys.executable, arguments, self._log, self._environment))
