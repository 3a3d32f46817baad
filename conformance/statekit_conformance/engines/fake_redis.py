"""fakeredis behind its own TCP server: quick, and it keeps nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from statekit_conformance.engines.engine import Engine, Survival
from statekit_conformance.engines.packages import installed_version, missing_package
from statekit_conformance.engines.ports import HOST
from statekit_conformance.engines.process import Command, python_command
from statekit_conformance.engines.vendor import redis_client

_SCRIPT = Path(__file__).with_name("serve_fakeredis.py")


class FakeRedis(Engine):
    """fakeredis in a process of its own, so that it is reached by URL and can be killed like any other."""

    name = "fakeredis"
    serves: ClassVar[tuple[str, ...]] = ("redis",)
    survives: ClassVar[Survival] = "client"

    def available(self) -> str | None:
        """Look for fakeredis, and for lupa, without which it runs no scripts."""
        return missing_package("fakeredis") or missing_package("lupa", package="fakeredis[lua]")

    @property
    def version(self) -> str:
        """The version of the package."""
        return installed_version("fakeredis")

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
        return [python_command(_SCRIPT, HOST, str(self.ports[0]), log=self.data_dir / "server.log")]

    def first_write(self, timeout: float) -> None:
        """Set a key and delete it."""
        with redis_client(self.endpoints["redis"], timeout=timeout) as client:
            client.set("statekit:ready", "1")
            client.delete("statekit:ready")
