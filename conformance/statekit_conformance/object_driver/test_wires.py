"""Wires that lose requests and replies: no request twice, an honest fault, and one application at most."""

from __future__ import annotations

from functools import partial

import pytest
from google_crc32c import value as crc32c_of

from statekit.driver import ABSENT, Committed, Fault, Match, Meta
from statekit_conformance import clause
from statekit_conformance.honesty import is_honest, outcome
from statekit_conformance.proxy import DeliverLate, Dribble, LoseReply, ResetBefore, Swallow, Truncate

PATIENCE = 0.5  # seconds for a request
MODES = [LoseReply(), ResetBefore(), Swallow(), DeliverLate(), Truncate(), Truncate(keep=2)]
META = Meta(write_id="w" * 16)


def write(driver, key, version):
    return driver.once("write", key, b"new", meta=META, crc32c=crc32c_of(b"new"), expect=Match(version))


def copy(driver, key, version, source, pinned):
    return driver.once("copy", source, key, pinned=Match(pinned), meta=META, expect=Match(version), resume=None)


def delete(driver, key, version):
    return driver.once("delete", key, expect=Match(version))


def calls(objects_driver):
    """Return calls that replace or delete an object of one version, and what each leaves."""
    source = objects_driver.key("source")
    pinned = objects_driver.put(source, b"copied")
    return {
        "write": (write, b"new"),
        "copy": (partial(copy, source=source, pinned=pinned), b"copied"),
        "delete": (delete, None),
    }


@clause("O-72", "O-55", "O-60", "O-61", "E-01")
@pytest.mark.parametrize("mode", MODES, ids=str)
def test_a_write_that_goes_wrong_on_its_way_is_sent_once_and_is_an_honest_fault(server, objects_driver, mode):
    wire = server.wire(timeout=PATIENCE)
    driver = wire.subject.objects_driver()
    for name, (call, left) in calls(objects_driver).items():
        usual = usual_requests(wire, objects_driver, driver, name, call)
        key = objects_driver.key(name)
        version = objects_driver.put(key, b"old")
        wire.forget()
        with wire.armed(mode) as armed:
            answer = outcome(call, driver, key, version)
        assert sum(each.struck for each in armed) == 1
        assert wire.count() <= usual, f"{name} was sent again"
        assert is_honest(objects_driver, mode, answer), f"{name} may have been applied"
        wire.settle(armed)
        stored = objects_driver.bytes_of(key)
        assert stored == (b"old" if mode == ResetBefore() else left) or (usual > 1 and stored == b"old")


def usual_requests(wire, objects_driver, driver, name, call):
    """Return how many requests a call takes when nothing goes wrong."""
    for attempt in ("warm", "counted"):  # the first one may load a script, or open a connection
        key = objects_driver.key(f"{name}-{attempt}")
        version = objects_driver.put(key, b"old")
        wire.forget()
        call(driver, key, version)
    return wire.count()


@clause("O-72", "O-52", "E-01")
@pytest.mark.parametrize("mode", [LoseReply(), ResetBefore(), Truncate(), Truncate(keep=10)], ids=str)
def test_a_read_that_goes_wrong_on_its_way_is_a_fault_and_neither_absence_nor_a_part(server, objects_driver, mode):
    wire = server.wire(timeout=PATIENCE)
    driver = wire.subject.objects_driver()
    key, data = objects_driver.key("read"), b"value" * 20_000
    expect = Match(objects_driver.put(key, data))
    driver.bytes_of(key)
    wire.forget()
    with wire.armed(mode), pytest.raises(Exception) as caught:
        driver.once("read", key, start=0, length=len(data), expect=expect)
    fault = objects_driver.fault(caught.value).fault
    assert fault.retryable or fault is Fault.UNKNOWN
    assert driver.bytes_of(key) == data, "the driver recovers"


@clause("O-52", "O-72")
def test_a_reply_that_comes_in_small_pieces_is_whole(server, objects_driver):
    wire = server.wire()
    driver = wire.subject.objects_driver()
    key, data = objects_driver.key("dribbled"), b"value" * 300
    with wire.armed(Dribble(piece=7, pause=0.0005)):
        driver.put(key, data)
    with wire.armed(Dribble(piece=7, pause=0.0005)):
        assert driver.bytes_of(key) == data


@clause("O-72", "O-51")
def test_a_call_applies_its_write_once(objects_driver):
    """A write that its driver sent twice would be refused the second time, or leave another write's version."""
    key = objects_driver.key("once")
    expect = ABSENT
    for number in range(12):
        answer = objects_driver.write(key, b"%d" % number, expect=expect)
        assert isinstance(answer, Committed)
        assert objects_driver.stat(key).version == answer.version
        expect = Match(answer.version)
