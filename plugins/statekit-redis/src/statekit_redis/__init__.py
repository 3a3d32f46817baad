"""Redis and Valkey as a backend of statekit: ``redis://``, ``rediss://``, ``unix://`` and ``redis+cluster://``.

Importing this module imports no client library; opening a backend does.
"""

from __future__ import annotations

from collections.abc import Iterable

from statekit.driver import CONTRACT, AnyBackend, AsyncDrivers, Backend, Drivers, Opening, Reach, Survives

from .connect import RedisOptions

__all__ = ["BACKEND", "RedisOptions", "statekit_backends"]


def _open(opening: Opening[RedisOptions]) -> Drivers:
    from .opening import open_sync

    return open_sync(opening)


def _aopen(opening: Opening[RedisOptions]) -> AsyncDrivers:
    from .opening import open_async

    return open_async(opening)


BACKEND = Backend(
    contract=CONTRACT,
    name="redis",
    schemes=("redis", "rediss", "unix", "redis+cluster"),
    options=RedisOptions,
    records=True,
    objects=True,
    reach=Reach.NETWORK,
    survives=Survives.SERVER,
    open=_open,
    aopen=_aopen,
)


def statekit_backends() -> Iterable[AnyBackend]:
    """Return the backends of this plugin: the hook that statekit calls."""
    return (BACKEND,)
