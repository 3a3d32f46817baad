"""Conditional writes: what holds, what is refused, and what a refusal leaves behind."""

from __future__ import annotations

import pytest

from statekit.driver import ABSENT, UNSEEN, Committed, Match, Record, Refused
from statekit.testing import FakeClock
from statekit_conformance import clause
from statekit_conformance.records.foreign import malformed, resembling

NOW = FakeClock().now()
HOUR = 3_600_000


@clause("R-01")
def test_a_create_stores_where_nothing_is_stored(records):
    key = records.key("new")
    answer = records.write(key, b"first", expect=ABSENT, expires_at=NOW + HOUR)
    assert isinstance(answer, Committed)
    assert records.read(key) == Record(b"first", answer.version, NOW + HOUR, answer.stamp)


@clause("R-01", "R-09")
@pytest.mark.parametrize("expires_at", [None, NOW + HOUR, NOW - HOUR], ids=["lasting", "live", "expired"])
def test_a_create_is_refused_where_a_record_is_stored(records, expires_at):
    key = records.key("taken")
    before = records.create(key, b"first", expires_at=expires_at)
    answer = records.write(key, b"second", expect=ABSENT)
    assert_refusal_shows(answer, before)
    assert records.read(key) == before


@clause("R-01")
def test_a_create_is_refused_where_the_same_bytes_are_stored(records):
    key = records.key("same")
    records.create(key, b"same")
    assert isinstance(records.write(key, b"same", expect=ABSENT), Refused)


@clause("R-01")
def test_a_deleted_record_can_be_created_again(records):
    key = records.key("again")
    records.create(key, b"first", expires_at=NOW + HOUR)
    records.delete(key)
    records.create(key, b"second")
    found = records.read(key)
    assert (found.value, found.expires_at) == (b"second", None)


@clause("R-02")
def test_a_write_that_expects_the_stored_version_replaces_the_record(records):
    key = records.key("known")
    before = records.create(key, b"first", expires_at=NOW + HOUR)
    answer = records.write(key, b"second", expect=Match(before.version), expires_at=NOW + 2 * HOUR)
    assert isinstance(answer, Committed)
    assert records.read(key) == Record(b"second", answer.version, NOW + 2 * HOUR, answer.stamp)


@clause("R-02", "R-15")
def test_a_replacement_without_expiry_lasts(records):
    key = records.key("lasting")
    before = records.create(key, b"first", expires_at=NOW + HOUR)
    records.write(key, b"second", expect=Match(before.version), expires_at=None)
    assert records.read(key).expires_at is None


@clause("R-02", "R-15")
def test_an_expired_record_is_replaced_by_its_version(records):
    key = records.key("expired")
    before = records.create(key, b"first", expires_at=NOW - HOUR)
    answer = records.write(key, b"second", expect=Match(before.version), expires_at=NOW + HOUR)
    assert isinstance(answer, Committed)


@clause("R-02", "R-05", "R-09")
def test_a_write_that_expects_a_stale_version_is_refused(records):
    key = records.key("stale")
    stale = records.create(key, b"first")
    answer = records.write(key, b"second", expect=Match(stale.version))
    before = records.read(key)
    assert before.version == answer.version
    assert_refusal_shows(records.write(key, b"third", expect=Match(stale.version)), before)
    assert records.read(key) == before


@clause("R-02", "R-09")
def test_a_write_that_expects_a_version_is_refused_where_nothing_is_stored(records):
    key, other = records.key("nothing"), records.create(records.key("other"), b"x")
    answer = records.write(key, b"first", expect=Match(other.version))
    assert isinstance(answer, Refused)
    assert answer.current in (None, UNSEEN)
    assert records.read(key) is None


@clause("R-02", "R-05")
def test_a_version_of_a_deleted_record_is_refused(records):
    key = records.key("deleted")
    gone = records.create(key, b"first")
    records.delete(key)
    assert isinstance(records.write(key, b"second", expect=Match(gone.version)), Refused)
    assert records.read(key) is None


@clause("R-05")
def test_another_records_version_is_refused(records):
    key, before = records.key("mine"), records.create(records.key("mine"), b"same")
    theirs = records.create(records.key("theirs"), b"same")
    assert isinstance(records.write(key, b"new", expect=Match(theirs.version)), Refused)
    assert isinstance(records.delete(key, expect=Match(theirs.version)), Refused)
    assert records.read(key) == before


@clause("R-05")
@pytest.mark.parametrize("stored", [True, False], ids=["stored", "absent"])
def test_malformed_versions_are_refusals_and_change_nothing(records, stored):
    key = records.key("odd")
    before = records.create(key, b"first", expires_at=NOW + HOUR) if stored else None
    for version in malformed():
        assert isinstance(records.write(key, b"second", expect=Match(version)), Refused), version
        seen = Record(b"first", version, NOW + HOUR)
        assert isinstance(records.touch(key, seen=seen, expires_at=NOW + 2 * HOUR), Refused), version
        if stored:
            assert isinstance(records.delete(key, expect=Match(version)), Refused), version
    assert records.read(key) == before


@clause("R-02", "R-05")
def test_a_text_that_resembles_the_version_is_not_the_version(records):
    key = records.key("alike")
    before = records.create(key, b"first")
    for version in resembling(before.version):
        assert isinstance(records.write(key, b"second", expect=Match(version)), Refused), version
        assert isinstance(records.delete(key, expect=Match(version)), Refused), version
    assert records.read(key) == before


def assert_refusal_shows(answer, record):
    """A refusal shows what is stored, or says that it has not seen it."""
    assert isinstance(answer, Refused)
    assert answer.current is UNSEEN or answer.current == record
