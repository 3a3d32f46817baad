"""Opening: clients that make one attempt a request, drivers over them, and the check of how the server is set up."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from typing import Any, Final

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from statekit.driver import AsyncDrivers, Drivers, Opening

from .aio import AsyncObjects, AsyncRecords, AsyncSender
from .connect import RedisOptions, client_arguments, node_of
from .drivers import Objects, Records, Sender
from .faults import EvictingError
from .flows import ObjectFlows, RecordFlows
from .requests import ObjectRequests, RecordRequests

__all__ = ["open_async", "open_sync"]

_TLS: Final = {"ssl_min_version": ssl.TLSVersion.TLSv1_2}


def open_sync(opening: Opening[RedisOptions]) -> Drivers:
    """Open the synchronous drivers. They connect when the first request is sent."""
    own = opening.client is None
    clustered = _is_cluster(opening)
    sender = Sender(_connector(opening), together=not clustered)
    records, objects = _flows(opening, lambda: len(sender.nodes()))

    def check() -> tuple[str, ...]:
        return _judged([sender.info(node) for node in sender.nodes()])

    return Drivers(
        records=Records(sender, records),
        objects=Objects(sender, objects),
        close=sender.close if own else _leave_open,
        check=check,
    )


def open_async(opening: Opening[RedisOptions]) -> AsyncDrivers:
    """Open the asynchronous drivers. They connect when the first request is sent."""
    own = opening.client is None
    clustered = _is_cluster(opening)
    client: Any = opening.client or _async_client(opening)
    sender = AsyncSender(client, together=not clustered)
    records, objects = _flows(opening, lambda: len(client.get_primaries()) if clustered else 1)

    async def check() -> tuple[str, ...]:
        return _judged([await sender.info(node) for node in await sender.nodes()])

    return AsyncDrivers(
        records=AsyncRecords(sender, records),
        objects=AsyncObjects(sender, objects),
        close=sender.close if own else _leave_open_async,
        check=check,
    )


def _leave_open() -> None:
    """The application's own client stays open."""


async def _leave_open_async() -> None:
    """The application's own client stays open."""


def _is_cluster(opening: Opening[RedisOptions]) -> bool:
    if opening.client is not None:
        return isinstance(opening.client, redis.RedisCluster | redis.asyncio.RedisCluster)
    return opening.scheme == "redis+cluster"


def _flows(opening: Opening[RedisOptions], nodes: Callable[[], int]) -> tuple[RecordFlows, ObjectFlows]:
    prefix = opening.options.prefix
    return RecordFlows(RecordRequests(prefix), nodes), ObjectFlows(ObjectRequests(prefix), opening.clock)


def _arguments(opening: Opening[RedisOptions]) -> dict[str, Any]:
    tls = _TLS if opening.scheme == "rediss" else {}
    return {**node_of(opening), **client_arguments(opening), **tls}


def _connector(opening: Opening[RedisOptions]) -> Callable[[], Any]:
    """Return what makes the client. One for a cluster connects as it is made."""
    if opening.client is not None:
        return lambda: opening.client
    arguments, retry = _arguments(opening), Retry(NoBackoff(), 0)
    if opening.scheme == "redis+cluster":
        return lambda: redis.RedisCluster(**arguments, retry=retry)
    return lambda: redis.Redis(**arguments, retry=retry, retry_on_error=[])


def _async_client(opening: Opening[RedisOptions]) -> Any:
    arguments, retry = _arguments(opening), AsyncRetry(NoBackoff(), 0)
    if opening.scheme == "redis+cluster":
        return redis.asyncio.RedisCluster(**arguments, retry=retry)
    return redis.asyncio.Redis(**arguments, retry=retry, retry_on_error=[])


def _judged(servers: Iterable[dict[str, Any] | None]) -> tuple[str, ...]:
    """Judge how the servers are set up.

    Raises:
        EvictingError: One would delete sessions when its memory is full.
    """
    warnings: list[str] = []
    for info in servers:
        if info is None:
            warnings.append("the server does not answer INFO: whether it evicts keys or persists is not known")
            continue
        policy = info.get("maxmemory_policy", "noeviction")
        if policy != "noeviction":
            raise EvictingError
        if not info.get("aof_enabled"):
            warnings.append("append-only persistence is off: what was acknowledged is lost if the server dies")
    return tuple(dict.fromkeys(warnings))
