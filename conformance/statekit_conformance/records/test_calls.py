"""Calls: they end in time, and each is one request that is never repeated."""

from __future__ import annotations

import time

import pytest

from statekit.driver import Committed, Failure, Fault, Match
from statekit.testing import FakeClock
from statekit_conformance import clause
from statekit_conformance.proxy import LoseReply
from statekit_conformance.threads import together

LITTLE = 4.0  # seconds: a machine that is busy with other things must not fail a driver
NOW = FakeClock().now()


@clause("R-21", "R-22")
def test_every_call_ends_within_its_timeout_and_a_little_under_contention(records):
    key, limit, faults = records.key("contended"), 0.5, []
    records.create(key, b"start")

    def call(thread):
        longest = 0.0
        for number in range(6):
            began = time.monotonic()
            try:
                seen = records.once("read", key, timeout=limit)
                value, write_id = b"%d" % thread * 20_000, f"{thread:08}{number:08}"
                records.once(
                    "write", key, value, expires_at=None, write_id=write_id, expect=Match(seen.version), timeout=limit
                )
            except Exception as error:
                faults.append(records.fault(error))
            longest = max(longest, time.monotonic() - began)
        return longest

    assert max(together(16, call)) < 2 * limit + LITTLE
    assert all(isinstance(failure, Failure) for failure in faults)


@clause("R-21")
@pytest.mark.parametrize("method", ["read", "page", "write", "delete"])
def test_a_call_to_a_server_that_does_not_answer_ends_in_time(server, records, method):
    key = records.key("silent")
    seen = records.create(key, b"value")
    records.page(key)
    options = {
        "read": {},
        "page": {"cursor": None, "limit": 10},
        "write": {"expires_at": None, "write_id": "x" * 16, "expect": Match(seen.version)},
        "delete": {"expect": Match(seen.version)},
    }
    arguments = (key, b"new") if method == "write" else (key,)
    with server.paused():
        began = time.monotonic()
        with pytest.raises(Exception) as caught:
            records.once(method, *arguments, timeout=1.0, **options[method])
        assert time.monotonic() - began < 1.0 + LITTLE
    assert records.fault(caught.value).fault in (Fault.TIMED_OUT, Fault.LOST, Fault.UNKNOWN)


@clause("R-23", "R-04")
def test_a_call_applies_its_write_once(records):
    """A write that its driver sent twice would leave another version than the one that it returned, or a refusal."""
    key = records.key("once")
    version = records.create(key, b"0").version
    for number in range(1, 20):
        answer = records.write(key, b"%d" % number, expect=Match(version))
        assert isinstance(answer, Committed)
        version = answer.version
        assert records.read(key).version == version


@clause("R-23")
def test_a_call_whose_reply_is_lost_is_a_fault_and_is_not_sent_again(server, records):
    wire = server.wire()
    driver = wire.subject.records()
    calls = {
        "read": lambda key, _: driver.once("read", key),
        "page": lambda key, _: driver.once("page", key, cursor=None, limit=10),
        "write": lambda key, seen: driver.once(
            "write", key, b"new", expires_at=NOW, write_id="x" * 16, expect=Match(seen.version)
        ),
        "touch": lambda key, seen: driver.once("touch", key, seen=seen, expires_at=NOW + 7_200_000),
        "delete": lambda key, seen: driver.once("delete", key, expect=Match(seen.version)),
    }
    for name, call in calls.items():
        for attempt in ("warm", "counted"):  # the first one may load a script, or open a connection
            seen = records.create(records.key(f"{name}-{attempt}"), b"value", expires_at=NOW + 3_600_000)
            wire.forget()
            call(records.key(f"{name}-{attempt}"), seen)
        usual = wire.count()
        seen = records.create(records.key(f"{name}-lost"), b"value", expires_at=NOW + 3_600_000)
        wire.forget()
        with wire.armed(LoseReply()), pytest.raises(Exception) as caught:
            call(records.key(f"{name}-lost"), seen)
        assert wire.count() <= usual, f"{name} was sent again"
        assert records.fault(caught.value).fault.applied, f"a lost reply of {name} may have been applied"
