"""Reads: never stale, of one moment, and byte for byte."""

from __future__ import annotations

import pytest

from statekit.driver import Committed, Match
from statekit.testing import FakeClock
from statekit_conformance import clause
from statekit_conformance.threads import meanwhile, together

NOW = FakeClock().now()
LATER = NOW + 3_600_000
SECOND = 1_000


@clause("R-06")
def test_a_key_that_was_never_written_reads_as_none(records):
    assert records.read(records.key("never")) is None


@clause("R-06", takes=("records.touch",))
def test_a_read_sees_every_acknowledged_change(records):
    key = records.key("followed")
    for number in range(15):
        created = records.create(key, b"%d" % number)
        assert records.read(key).value == b"%d" % number
        records.write(key, b"changed", expect=Match(created.version), expires_at=NOW)
        seen = records.read(key)
        assert (seen.value, seen.expires_at) == (b"changed", NOW)
        records.touch(key, seen=seen, expires_at=LATER)
        assert records.read(key).expires_at == LATER
        records.delete(key)
        assert records.read(key) is None


@clause("R-06", "R-22")
def test_no_thread_reads_less_than_what_was_acknowledged_before(records):
    key, acknowledged = records.key("growing"), [0]
    first = records.create(key, b"0")

    def write(ended):
        version, number = first.version, 0
        while not ended.is_set():
            number += 1
            version = records.write(key, b"%d" % number, expect=Match(version)).version
            acknowledged[0] = number

    def read(_):
        for _ in range(20):
            least = acknowledged[0]
            assert int(records.read(key).value) >= least

    with meanwhile(write):
        together(8, read)


@clause("R-06.1")
def test_another_opening_sees_every_acknowledged_change(records):
    key, other = records.key("shared"), records.another()
    before = records.create(key, b"first")
    assert other.read(key) == before
    answer = other.write(key, b"second", expect=Match(before.version))
    assert isinstance(answer, Committed)
    assert records.read(key).value == b"second"
    other.delete(key)
    assert records.read(key) is None


@clause("R-06.1")
def test_a_closed_openings_writes_are_seen_by_the_next(records):
    key, other = records.key("left"), records.another()
    written = other.create(key, b"kept")
    assert records.another().read(key) == written


def value_read(subject, key):
    """Read a record in a process of its own."""
    return subject.records().read(key)


@clause("R-06.1")
def test_another_process_sees_every_acknowledged_write(processes, records):
    key = records.key("far")
    written = records.create(key, b"kept", expires_at=LATER)
    assert processes.run(value_read, key, count=2) == [written, written]


@clause("R-07", "R-22")
def test_value_version_and_expiry_are_of_one_moment(records):
    """Each write and touch has an expiry that tells its number; whoever reads must find what belongs together."""
    key, written, seen = records.key("moment"), {}, []
    first = records.create(key, b"0" * 5_000, expires_at=LATER)
    written[first.version] = 0

    def write(ended):
        record, number = first, 0
        while not ended.is_set():
            number += 1
            size = 5_000 if number % 2 else 20
            due = LATER + number * SECOND
            answer = records.write(key, (b"%d" % number) * size, expires_at=due, expect=Match(record.version))
            written[answer.version] = number
            touched = records.touch(key, seen=records.read(key), expires_at=due + 1)
            assert isinstance(touched, Committed)
            record = records.read(key)

    def read(_):
        seen.extend(records.read(key) for _ in range(40))

    with meanwhile(write):
        together(6, read)
    for record in seen:
        number = written[record.version]
        assert set(record.value) <= set(b"%d" % number)
        assert (record.expires_at - LATER) // SECOND == number
        if record.stamp:
            assert (record.expires_at - LATER) % SECOND == 1


@clause("R-08")
@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\x00",
        bytes(range(256)),
        b"\xff\xfe\x80" * 40,
        b" leading, trailing \r\n",
        b"\x00" * 1024,
        b"{}",
        b"0",
    ],
    ids=["empty", "nul", "all bytes", "no utf-8", "spaces", "zeros", "braces", "digit"],
)
def test_a_value_of_any_bytes_comes_back(records, value):
    key = records.key("bytes")
    before = records.create(key, value)
    assert records.read(key).value == value
    records.write(key, value[::-1], expect=Match(before.version))
    assert records.read(key).value == value[::-1]


@clause("R-08", "K-09")
@pytest.mark.parametrize("size", [1, 4_095, 65_536, 262_144, 320 * 1024])
def test_a_value_of_any_size_comes_back(records, size):
    key, value = records.key("size"), bytes(range(251)) * (size // 251 + 1)
    before = records.create(key, value[:size])
    assert records.read(key) == before
    after = records.write(key, value[1 : size + 1], expect=Match(before.version))
    assert isinstance(after, Committed)
    assert records.read(key).value == value[1 : size + 1]
    records.delete(key, expect=Match(after.version))
    assert records.read(key) is None
