"""Loopback ports that an engine keeps for its whole life, its death and restart included."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from statekit_conformance.engines.errors import EngineError

HOST = "127.0.0.1"

# Some servers derive a second port by adding 10,000 (gRPC of SeaweedFS, cluster bus of Redis). Both are below
# 32,768, where Linux starts to hand out ports to outgoing connections: none of those can take a port
# while its server is dead.
FIRST_PORT, LAST_PORT, SECOND_PORT_OFFSET = 10_240, 22_700, 10_000


class PortLease:
    """Ports that no other process of this suite will pick, until they are released or this process dies."""

    def __init__(self, ports: tuple[int, ...], locks: list[int]) -> None:
        self.ports = ports
        self._locks = locks

    def release(self) -> None:
        """Give the ports back; a second call does nothing."""
        while self._locks:
            os.close(self._locks.pop())


def lease_ports(count: int) -> PortLease:
    """Lease free loopback ports, each with a free partner 10,000 above it.

    Args:
        count: How many ports are wanted, partners not counted.

    Returns:
        A lease that holds the ports against the other processes of a parallel test run.

    Raises:
        EngineError: No free ports were found.
    """
    ports: list[int] = []
    locks: list[int] = []
    for port in random.sample(range(FIRST_PORT, LAST_PORT), 1_000):
        if len(ports) == count:
            break
        taken = _lock_pair(port)
        if taken:
            ports.append(port)
            locks.extend(taken)
    lease = PortLease(tuple(ports), locks)
    if len(ports) < count:
        lease.release()
        raise EngineError(f"no {count} free ports between {FIRST_PORT} and {LAST_PORT} on {HOST}")
    return lease


def refuse_occupied(ports: Iterable[int]) -> None:
    """Refuse to start where something else already listens: its answers would be taken for the engine's.

    Raises:
        EngineError: A port is occupied.
    """
    for port in ports:
        if not _is_free(port):
            raise EngineError(
                f"port {port} on {HOST} is occupied by another process; stop that one or choose another port"
            )


def _lock_pair(port: int) -> list[int]:
    """Lock a port and its partner; an empty list means that one of them is not to be had."""
    locks: list[int] = []
    for number in (port, port + SECOND_PORT_OFFSET):
        lock = _lock(number)
        if lock is not None:
            locks.append(lock)
        if lock is None or not _is_free(number):
            PortLease((), locks).release()
            return []
    return locks


def _lock(port: int) -> int | None:
    folder = Path(tempfile.gettempdir()) / f"statekit-conformance-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(folder / str(port), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel drops it when this process dies, however it dies
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _is_free(port: int) -> bool:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        # Connections of a killed server linger in TIME_WAIT; a listener refuses the bind all the same.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
