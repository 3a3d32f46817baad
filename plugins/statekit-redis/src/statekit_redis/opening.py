"""Opening: from a URL or a client to drivers. Nothing connects before the first request."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any, Final

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from statekit.driver import AsyncDrivers, Drivers, Opening

from .acluster import AsyncClustered
from .aio import AsyncObjects, AsyncRecords
from .alines import AsyncLines
from .asending import AsyncBorrowed, AsyncDirect, AsyncSender
from .checking import check
from .cluster import Clustered
from .connect import RedisOptions, client_arguments, node_of
from .drivers import Objects, Records
from .flows import ObjectFlows, RecordFlows
from .lines import Lines
from .requests import ObjectRequests, RecordRequests
from .sending import Borrowed, Direct, Sender

__all__ = ["open_async", "open_sync"]

_TLS: Final = {"ssl_min_version": ssl.TLSVersion.TLSv1_2}


def open_sync(opening: Opening[RedisOptions]) -> Drivers:
    """Open the synchronous drivers."""
    sender = _sender(opening)
    records, objects = _flows(opening, sender.primaries)
    return Drivers(
        records=Records(sender, records),
        objects=Objects(sender, objects),
        close=sender.close,
        check=lambda: sender.run(check(sender.primaries), opening.attempt_timeout),
    )


def open_async(opening: Opening[RedisOptions]) -> AsyncDrivers:
    """Open the asynchronous drivers."""
    sender = _async_sender(opening)
    records, objects = _flows(opening, sender.primaries)
    return AsyncDrivers(
        records=AsyncRecords(sender, records),
        objects=AsyncObjects(sender, objects),
        close=sender.close,
        check=lambda: sender.run(check(sender.primaries), opening.attempt_timeout),
    )


def _flows(opening: Opening[RedisOptions], primaries: Callable[[], int]) -> tuple[RecordFlows, ObjectFlows]:
    prefix = opening.options.prefix
    return RecordFlows(RecordRequests(prefix), primaries), ObjectFlows(ObjectRequests(prefix), opening.clock)


def _sender(opening: Opening[RedisOptions]) -> Sender:
    if opening.client is not None:
        return Borrowed(opening.client)
    patience = opening.attempt_timeout
    timeouts = {"socket_timeout": patience, "socket_connect_timeout": patience}
    arguments = {**_arguments(opening), **timeouts, "retry": Retry(NoBackoff(), 0)}
    if opening.scheme == "redis+cluster":
        return Clustered(lambda: redis.RedisCluster(**arguments), patience)
    pool = redis.Redis(**arguments, retry_on_error=[]).connection_pool
    return Direct(Lines(pool.make_connection, patience))


def _async_sender(opening: Opening[RedisOptions]) -> AsyncSender:
    if opening.client is not None:
        return AsyncBorrowed(opening.client)
    # Each call has a timeout; redis-py's own would only add to the work.
    arguments = {**_arguments(opening), "socket_timeout": None, "retry": AsyncRetry(NoBackoff(), 0)}
    if opening.scheme == "redis+cluster":
        return AsyncClustered(redis.asyncio.RedisCluster(**arguments))
    pool = redis.asyncio.Redis(**arguments, retry_on_error=[]).connection_pool
    return AsyncDirect(AsyncLines(pool.make_connection))


def _arguments(opening: Opening[RedisOptions]) -> dict[str, Any]:
    tls = _TLS if opening.scheme == "rediss" else {}
    return {**node_of(opening), **client_arguments(opening), **tls}
