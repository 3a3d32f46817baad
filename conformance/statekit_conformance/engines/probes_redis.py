"""Questions to Redis and Valkey, alone or as a cluster, asked by redis-py."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from statekit_conformance.engines import vendor
from statekit_conformance.engines.engine import Engine
from statekit_conformance.engines.findings import Probe, nothing_lost, one_winner, poll, probe, require

_SWAP = """
if (redis.call('HGET', KEYS[1], 'v') or '') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'v', ARGV[2])
return 1
"""
_EXPIRES = """
local now = redis.call('TIME')
return now[1] * 1000 + math.floor(now[2] / 1000) + redis.call('PTTL', KEYS[1])
"""
_REMOVE = "if redis.call('HGET', KEYS[1], 'v') ~= ARGV[1] then return 0 end return redis.call('DEL', KEYS[1])"


@dataclass(frozen=True)
class Site:
    """An engine and a client of it; the client's commands have no types worth having."""

    engine: Engine
    client: Any


@contextmanager
def site(engine: Engine) -> Iterator[Site]:
    """Open the client that suits the engine."""
    if "redis-cluster" in engine.endpoints:
        with vendor.redis_cluster_client(engine.endpoints["redis-cluster"]) as cluster:
            yield Site(engine, cluster)
    else:
        with vendor.redis_client(engine.endpoints["redis"]) as client:
            yield Site(engine, client)


def a_script_swaps_for_one_winner(site: Site) -> str:
    """Sixteen compare-and-set scripts on one version."""

    def prepare(n: int) -> str:
        site.client.hset(f"swap-{n}", "v", "old")
        return f"swap-{n}"

    return one_winner(
        prepare,
        lambda key, number: site.client.eval(_SWAP, 1, key, "old", str(number)) == 1,
        lambda key: int(site.client.hget(key, "v")),
    )


def set_nx_creates_once(site: Site) -> str:
    """Sixteen SET NX of one key."""
    return one_winner(
        "create-{}".format,
        lambda key, number: site.client.set(key, str(number), nx=True) is True,
        lambda key: int(site.client.get(key)),
    )


def a_script_deletes_only_what_it_names(site: Site) -> str:
    """A delete of another version, then of the current one."""
    site.client.hset("remove", "v", "1")
    require(site.client.eval(_REMOVE, 1, "remove", "0") == 0, "a delete of another version was applied")
    require(site.client.hget("remove", "v") == b"1", "a refused delete removed the key")
    require(site.client.eval(_REMOVE, 1, "remove", "1") == 1, "a delete of the current version was refused")
    return "a script that names another version deletes nothing"


def scripts_change_keys_of_one_hash_tag_together(site: Site) -> str:
    """One script over two keys that share a tag, failing half-way and not."""
    both = "redis.call('SET', KEYS[1], ARGV[1]) redis.call('SET', KEYS[2], ARGV[1]) return 1"
    require(
        site.client.eval(both, 2, "{tag}a", "{tag}b", "x") == 1,
        "a script over two keys of one tag was refused",
    )
    require(site.client.mget("{tag}a", "{tag}b") == [b"x", b"x"], "a script changed one of its two keys")
    return "one script changes two keys of one hash tag"


def values_come_back_byte_for_byte(site: Site) -> str:
    """All bytes, through a script and back."""
    value = bytes(range(256)) * 40
    site.client.delete("bytes")
    site.client.eval(_SWAP, 1, "bytes", "", value)
    require(site.client.hget("bytes", "v") == value, "a value came back changed")
    return f"{len(value)} bytes of every value are the same after a script stored them"


def exec_is_refused_once_a_watched_key_expired(site: Site) -> str:
    """WATCH a key, let it expire, EXEC."""
    from redis.exceptions import WatchError

    node = site.client.get_redis_connection(site.client.get_node_from_key("w")) if _clustered(site) else site.client
    node.set("w", "1", px=30)
    with node.pipeline(transaction=True) as pipeline:
        pipeline.watch("w")
        pipeline.get("w")
        poll(lambda: not node.exists("w"), "the key has not expired")
        pipeline.multi()
        pipeline.set("{w}2", "1")
        try:
            pipeline.execute()
        except WatchError:
            return "EXEC is refused once the key that was watched has expired"
    require(False, "EXEC ran although the key that was watched had expired")
    return ""


def expiry_is_kept_to_the_millisecond(site: Site) -> str:
    """PEXPIREAT in the future, and in the past."""
    at = int(time.time() * 1000) + 3_600_123
    site.client.set("expires", "1")
    site.client.pexpireat("expires", at)
    # PEXPIRETIME would tell, but Redis 6.2 does not have it. Two clock readings lie between a key's TTL and the time.
    require(abs(site.client.eval(_EXPIRES, 1, "expires") - at) <= 2, "the expiry came back changed")
    site.client.pexpireat("expires", 1)
    require(not site.client.exists("expires"), "a key whose expiry lies in the past is still there")
    return "the expiry of a key is kept to the millisecond, and one in the past removes it"


def an_unknown_script_is_reported_as_such(site: Site) -> str:
    """EVALSHA of a script that was never loaded."""
    from redis.exceptions import NoScriptError

    try:
        site.client.evalsha("0" * 40, 1, "k")
    except NoScriptError:
        return "EVALSHA of a script that is not loaded answers NOSCRIPT"
    require(False, "EVALSHA of a script that was never loaded answered something")
    return ""


def the_index_is_sorted_by_bytes(site: Site) -> str:
    """Members of one score, read in pages of the lexical order."""
    members = [b"a", b"a/b", b"a-b", b"a!", b"B", b"a0", "é".encode(), "z/é".encode(), "😀".encode()]
    site.client.delete("index")
    site.client.zadd("index", dict.fromkeys(members, 0))
    found: list[bytes] = []
    while page := site.client.zrangebylex("index", b"(" + found[-1] if found else "-", "+", start=0, num=2):
        found += page
    require(found == sorted(members), f"read in the order {found}")
    return f"{len(members)} members in pages of two, sorted by bytes, complete"


def nothing_is_evicted_and_the_policy_is_reported(site: Site) -> str:
    """INFO's maxmemory_policy."""
    node = site.client.get_redis_connection(site.client.get_default_node()) if _clustered(site) else site.client
    policy = node.info("memory").get("maxmemory_policy")
    require(policy == "noeviction", f"INFO reports the policy {policy!r}")
    return "INFO reports maxmemory_policy noeviction"


def acknowledged_writes_survive_a_kill(site: Site) -> str:
    """SIGKILL under load."""

    def read(key: str) -> int | None:
        with _new_client(site) as client:
            value = client.get(key)
            return None if value is None else int(value)

    return nothing_lost(site.engine, site.client.set, read, stem="durable")


def _new_client(site: Site) -> Any:
    """Return a new client, which learns a restarted cluster's state afresh."""
    cluster = site.engine.endpoints.get("redis-cluster")
    if cluster:
        return vendor.redis_cluster_client(cluster)
    return vendor.redis_client(site.engine.endpoints["redis"])


def _clustered(site: Site) -> bool:
    return "redis-cluster" in site.engine.endpoints


PROBES: tuple[Probe[Site], ...] = (
    probe("records.cas objects.if_match", a_script_swaps_for_one_winner),
    probe("records.create_once objects.if_absent", set_nx_creates_once),
    probe("records.delete_conditional objects.delete_conditional", a_script_deletes_only_what_it_names),
    probe("records.hash_tags", scripts_change_keys_of_one_hash_tag_together),
    probe("records.binary", values_come_back_byte_for_byte),
    probe("records.watch_expiry", exec_is_refused_once_a_watched_key_expired),
    probe("records.native_ttl", expiry_is_kept_to_the_millisecond),
    probe("records.unknown_script", an_unknown_script_is_reported_as_such),
    probe("objects.listing_order objects.listing_complete", the_index_is_sorted_by_bytes),
    probe("records.eviction_policy", nothing_is_evicted_and_the_policy_is_reported),
    probe("durable", acknowledged_writes_survive_a_kill),
)
