"""A cluster whose slots move while it is used: requests follow their keys, and nothing is written twice or lost."""

import asyncio
from pathlib import Path

import pytest
import redis
from redis.crc import key_slot
from statekit_redis import BACKEND

from statekit.driver import ABSENT, Committed, Match, Meta
from statekit_conformance.engines import engine as engine_named


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    started = engine_named("valkey-cluster")
    if reason := started.available():
        pytest.skip(reason)
    started.start(Path(tmp_path_factory.mktemp("cluster")))
    yield started
    started.stop()


class Driver:
    """A driver of either colour, called in the same way; ``loop`` is None for the synchronous one."""

    def __init__(self, opening, colour):
        self.loop = asyncio.new_event_loop() if colour == "async" else None
        self.drivers = self.settle(BACKEND.open(opening) if self.loop is None else self.opened(opening))

    async def opened(self, opening):
        return BACKEND.aopen(opening)

    def settle(self, result):
        return result if self.loop is None else self.loop.run_until_complete(result)

    def read(self, key):
        return self.settle(self.drivers.records.read(key, timeout=5))

    def write(self, key, expect, name):
        answer = self.drivers.records.write(key, b"v", expires_at=None, write_id=name, expect=expect, timeout=5)
        return self.settle(answer)

    def keys(self, prefix):
        found, cursor = [], None
        while True:
            page = self.settle(self.drivers.records.page(prefix, cursor=cursor, limit=100, timeout=5))
            found += [entry.key for entry in page.items]
            if (cursor := page.cursor) is None:
                return sorted(found)

    def close(self):
        self.settle(self.drivers.close())
        if self.loop is not None:
            self.loop.close()


@pytest.fixture(params=["sync", "async"])
def driver(request, opening, cluster):
    host, port = cluster.addresses[0]
    made = Driver(opening("redis+cluster", f"{host}:{port}", prefix=f"{request.param}:"), request.param)
    yield made
    made.close()


class Move:
    """The slot of a record's key, on its way from one server to another."""

    def __init__(self, cluster, key):
        self.key, self.slot = key, key_slot(key.encode())
        self.clients = [redis.Redis(*address) for address in cluster.addresses]
        self.names = [client.execute_command("CLUSTER", "MYID").decode() for client in self.clients]
        self.source = next(i for i, client in enumerate(self.clients) if self.holds(client, i))
        self.target = (self.source + 1) % len(self.clients)

    def holds(self, client, number):
        slots = client.execute_command("CLUSTER", "SLOTS")
        return any(low <= self.slot <= high and who[2].decode() == self.names[number] for low, high, who, *_ in slots)

    def tell(self, number, *words):
        self.clients[number].execute_command("CLUSTER", "SETSLOT", self.slot, *words)

    def begin(self):
        """From now on, the source sends askers for what it does not have to the target."""
        self.tell(self.target, "IMPORTING", self.names[self.source])
        self.tell(self.source, "MIGRATING", self.names[self.target])

    def carry(self):
        """Move the key."""
        host, port = (self.clients[self.target].connection_pool.connection_kwargs[word] for word in ("host", "port"))
        self.clients[self.source].migrate(host, port, self.key, 0, 5000)

    def end(self):
        """From now on, the slot is the target's."""
        for number in (self.target, self.source, *range(len(self.clients))):
            self.tell(number, "NODE", self.names[self.target])

    def close(self):
        for client in self.clients:
            client.close()


@pytest.fixture
def move(cluster, driver, request):
    colour = request.node.callspec.params["driver"]
    made = Move(cluster, f"{colour}:r:a")
    yield made
    made.close()


def test_a_record_is_read_and_written_while_its_slot_moves(driver, move):
    assert driver.write("a", ABSENT, "v1") == Committed("v1")
    move.begin()
    assert driver.write("a", Match("v1"), "v2") == Committed("v2")  # where it still is
    move.carry()
    assert driver.read("a").version == "v2"  # where it is now: the server said ASK
    assert driver.write("a", Match("v1"), "v3").current.version == "v2"
    assert driver.write("a", Match("v2"), "v3") == Committed("v3")
    move.end()
    assert driver.read("a").version == "v3"  # the server said MOVED
    assert driver.write("a", Match("v3"), "v4") == Committed("v4")
    assert driver.keys("a") == ["a"]


def test_objects_are_listed_across_servers(driver):
    objects = driver.drivers.objects
    names = [f"k{number:03}" for number in range(40)]
    for name in names:
        meta = Meta(None, None, None, {}, f"w-{name}", None)
        driver.settle(objects.write(name, b"", meta=meta, crc32c=0, expect=ABSENT, timeout=5))
    options = {"delimiter": None, "start_after": None, "cursor": None, "limit": 100, "timeout": 5}
    page = driver.settle(objects.page("k", **options))
    assert [stat.key for stat in page.items] == names


def test_a_cluster_that_was_restarted_is_found_again(cluster, driver):
    driver.write("b", ABSENT, "v1")
    cluster.kill()
    with pytest.raises((redis.RedisError, OSError)):
        driver.read("b")
    cluster.restart()
    assert driver.read("b").version == "v1"
