"""Wires that lose requests and replies: one request for each call, an honest fault, and one application at most."""

from __future__ import annotations

import pytest

from statekit.driver import Fault, Match
from statekit.testing import FakeClock
from statekit_conformance import clause
from statekit_conformance.honesty import is_honest, outcome
from statekit_conformance.proxy import DeliverLate, Dribble, LoseReply, ResetBefore, Swallow, Truncate

HOUR = 3_600_000
NOW = FakeClock().now()
PATIENCE = 0.5  # seconds for a request
MODES = [LoseReply(), ResetBefore(), Swallow(), DeliverLate(), Truncate(), Truncate(keep=2)]

CALLS = {
    "write": lambda driver, key, seen: driver.once(
        "write", key, b"new", expires_at=NOW + HOUR, write_id="w" * 16, expect=Match(seen.version)
    ),
    "touch": lambda driver, key, seen: driver.once("touch", key, seen=seen, expires_at=NOW + 2 * HOUR),
    "delete": lambda driver, key, seen: driver.once("delete", key, expect=Match(seen.version)),
}
LEFT = {"write": (b"new", NOW + HOUR), "touch": (b"old", NOW + 2 * HOUR), "delete": None}


def found(records, key):
    record = records.read(key)
    return record and (record.value, record.expires_at)


@clause("R-23", "R-09", "E-01")
@pytest.mark.parametrize("mode", MODES, ids=str)
def test_a_write_that_goes_wrong_on_its_way_is_sent_once_and_is_an_honest_fault(server, records, mode):
    wire = server.wire(timeout=PATIENCE)
    driver = wire.subject.records()
    for name, call in CALLS.items():
        warm = records.create(records.key(f"warm-{name}"), b"old", expires_at=NOW + HOUR)
        call(driver, records.key(f"warm-{name}"), warm)  # the first one may load a script, or open a connection
        key = records.key(name)
        seen = records.create(key, b"old", expires_at=NOW + HOUR)
        wire.forget()
        with wire.armed(mode) as armed:
            answer = outcome(call, driver, key, seen)
        assert wire.count() == sum(each.struck for each in armed) == 1, f"{name} is one request"
        assert is_honest(records, mode, answer), f"{name} may have been applied"
        wire.settle(armed)
        assert found(records, key) == ((b"old", NOW + HOUR) if mode == ResetBefore() else LEFT[name])


@clause("R-07", "E-01", "R-23")
@pytest.mark.parametrize("mode", [LoseReply(), ResetBefore(), Truncate(), Truncate(keep=10)], ids=str)
def test_a_read_that_goes_wrong_on_its_way_is_a_fault_and_neither_absence_nor_a_part(server, records, mode):
    wire = server.wire(timeout=PATIENCE)
    driver = wire.subject.records()
    key = records.key("read")
    records.create(key, b"value" * 1_000)
    driver.read(key)
    for method, options in {"read": {}, "page": {"cursor": None, "limit": 10}}.items():
        wire.forget()
        with wire.armed(mode), pytest.raises(Exception) as caught:
            driver.once(method, key, **options)
        assert wire.count() == 1
        assert records.fault(caught.value).fault.retryable or records.fault(caught.value).fault is Fault.UNKNOWN
    assert driver.read(key).value == b"value" * 1_000, "the driver recovers"


@clause("R-07", "R-23")
def test_a_reply_that_comes_in_small_pieces_is_whole(server, records):
    wire = server.wire()
    driver = wire.subject.records()
    key, value = records.key("dribbled"), b"value" * 200
    with wire.armed(Dribble(piece=7, pause=0.0005)):
        seen = driver.create(key, value)
    with wire.armed(Dribble(piece=7, pause=0.0005)):
        assert driver.read(key) == seen
