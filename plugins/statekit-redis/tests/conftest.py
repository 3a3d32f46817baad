"""Servers for these tests: real ones, which the suite can start, kill and restart."""

from __future__ import annotations

from pathlib import Path

import pytest
from statekit_redis import RedisOptions

from statekit.driver import Opening
from statekit.testing import FakeClock
from statekit_conformance.engines import engine as engine_named


def opened_with(scheme="redis", authority="", path="", *, client=None, attempt_timeout=3.0, **options):
    return Opening(
        scheme=scheme,
        authority=authority,
        path=path,
        options=RedisOptions(**options),
        client=client,
        attempt_timeout=attempt_timeout,
        concurrency=8,
        clock=FakeClock(),
    )


@pytest.fixture
def opening():
    """Return what makes an Opening from a scheme, an authority, a path, a client and options."""
    return opened_with


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Return a server that writes each change to its disk before it answers."""
    started = engine_named("valkey")
    if reason := started.available():
        pytest.skip(reason)
    started.start(Path(tmp_path_factory.mktemp("valkey")))
    yield started
    started.stop()


@pytest.fixture
def address(server):
    """Return the server's host and port."""
    ((host, port),) = server.addresses
    return host, port


@pytest.fixture
def url(address):
    """Return the URL of the server."""
    return "redis://{}:{}".format(*address)
