"""What ``state.check()`` says about how servers are set up, and what a client that is handed in has to do with it."""

import asyncio

import pytest
import redis
import redis.asyncio
from redis.exceptions import NoPermissionError
from statekit_redis.checking import FORGETFUL, SILENT, check
from statekit_redis.faults import EvictingError

import statekit
from statekit.errors import DeniedError, MisconfiguredError, UnavailableError

GOOD = b"# Memory\r\nmaxmemory_policy:noeviction\r\n# Persistence\r\naof_enabled:1\r\n"


def judged(*answers):
    """Run the check against servers that answer so."""
    flow = check(lambda: len(answers))
    try:
        request = next(flow)
        for node, answer in enumerate(answers):
            assert (request.words, request.node) == (("INFO",), node)
            request = flow.throw(answer) if isinstance(answer, Exception) else flow.send(answer)
    except StopIteration as end:
        return end.value


@pytest.fixture
def admin(address):
    """Return a client that changes the server's settings; they are put back."""
    with redis.Redis(*address) as client:
        yield client
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("appendonly", "yes")


def checked(url, colour, **settings):
    if colour == "sync":
        with statekit.open(url, **settings) as state:
            return state.check()

    async def run():
        async with statekit.aopen(url, **settings) as state:
            return await state.check()

    return asyncio.run(run())


COLOURS = pytest.mark.parametrize("colour", ["sync", "async"])


def test_a_server_that_is_set_up_well_has_no_warnings():
    assert judged(GOOD) == ()
    assert judged({"maxmemory_policy": "noeviction", "aof_enabled": 1}) == ()
    assert judged({"127.0.0.1:1": {"maxmemory_policy": "noeviction", "aof_enabled": 0}}) == (FORGETFUL,)


def test_each_warning_is_told_once_however_many_servers_there_are():
    bad = GOOD.replace(b"aof_enabled:1", b"aof_enabled:0")
    assert judged(GOOD, bad, bad) == (FORGETFUL,)
    assert judged(NoPermissionError("no"), bad) == (SILENT, FORGETFUL)


def test_one_evicting_server_of_several_is_refused():
    with pytest.raises(EvictingError):
        judged(GOOD, GOOD.replace(b"noeviction", b"volatile-ttl"))


@COLOURS
def test_a_good_server_has_no_warnings(url, colour):
    assert checked(url, colour) == ()


@COLOURS
@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-lru", "volatile-ttl", "allkeys-random"])
def test_a_server_that_evicts_is_refused(url, admin, colour, policy):
    admin.config_set("maxmemory-policy", policy)
    with pytest.raises(MisconfiguredError, match="noeviction"):
        checked(url, colour)


@COLOURS
def test_a_server_without_persistence_is_warned_about(url, admin, colour):
    admin.config_set("appendonly", "no")
    assert checked(url, colour) == (FORGETFUL,)


@COLOURS
def test_a_user_who_may_not_ask_is_told_so(url, admin, colour, monkeypatch):
    admin.execute_command("ACL", "SETUSER", "shop", "on", ">secret", "~statekit:*", "~{statekit:*", "+@all", "-info")
    monkeypatch.setenv("STATEKIT_REDIS_PASSWORD", "secret")
    assert checked(f"{url}?username=shop", colour) == (SILENT,)
    monkeypatch.setenv("STATEKIT_REDIS_PASSWORD", "wrong")
    with pytest.raises(DeniedError):
        checked(f"{url}?username=shop", colour)


@COLOURS
def test_a_server_that_is_not_there_is_unavailable(colour):
    with pytest.raises(UnavailableError):
        checked("redis://127.0.0.1:1", colour, timeout=3.0)


@pytest.mark.parametrize("decode", [False, True])
def test_a_client_that_is_handed_in_is_used_as_it_is_and_stays_open(url, address, decode):
    with redis.Redis(*address, decode_responses=decode) as client:
        with statekit.open(url, client=client, namespace="given") as state:
            assert state.check() == ()
            session = state.sessions.create({"a": b"\xff"})
            state.objects.put("o", b"\xff" * (9 << 20))
            assert state.sessions.load(session.id)["a"] == b"\xff"
            assert state.objects.get("o").data == b"\xff" * (9 << 20)
            assert [info.key for info in state.objects.list()] == ["o"]
            state.sweep()
        assert client.ping()


def test_an_asynchronous_client_that_is_handed_in_is_used_as_it_is_and_stays_open(url, address):
    async def run():
        async with redis.asyncio.Redis(host=address[0], port=address[1], decode_responses=True) as client:
            async with statekit.aopen(url, client=client, namespace="agiven") as state:
                assert await state.check() == ()
                session = await state.sessions.create({"a": b"\xff"})
                await state.objects.put("o", b"\xff")
                assert (await state.sessions.load(session.id))["a"] == b"\xff"
                assert (await state.objects.get("o")).data == b"\xff"
                assert [info.key async for info in state.objects.list()] == ["o"]
                await state.sweep()
            assert await client.ping()

    asyncio.run(run())
