"""Touches: the expiry moves, and nothing else, and only from what was seen."""

from __future__ import annotations

from msgspec.structs import replace

from statekit.driver import UNSEEN, Committed, Gone, Match, Record, Refused
from statekit.testing import FakeClock
from statekit_conformance import clause
from statekit_conformance.threads import meanwhile, together

NOW = FakeClock().now()
HOUR = 3_600_000


@clause("R-10")
def test_a_touch_moves_the_expiry_and_changes_neither_value_nor_version(records):
    key = records.key("touched")
    before = records.create(key, b"value", expires_at=NOW + HOUR)
    answer = records.touch(key, seen=before, expires_at=NOW + 2 * HOUR)
    assert isinstance(answer, Committed)
    assert answer.version == before.version
    assert records.read(key) == Record(b"value", before.version, NOW + 2 * HOUR, answer.stamp)


@clause("R-10", "R-15")
def test_touches_follow_each_other_to_the_millisecond(records):
    key = records.key("busy")
    seen = records.create(key, b"value", expires_at=NOW)
    for step in (1, 2, 3, 999, 1_000, 1_001, HOUR, HOUR + 1, 400 * 24 * HOUR):
        assert isinstance(records.touch(key, seen=seen, expires_at=NOW + step), Committed)
        seen = records.read(key)
        assert seen.expires_at == NOW + step


@clause("R-10", "R-15")
def test_an_expired_record_can_be_touched(records):
    key = records.key("expired")
    before = records.create(key, b"value", expires_at=NOW - HOUR)
    assert isinstance(records.touch(key, seen=before, expires_at=NOW + HOUR), Committed)
    assert records.read(key).expires_at == NOW + HOUR


@clause("R-10")
def test_a_version_that_was_touched_since_still_matches(records):
    key = records.key("still")
    before = records.create(key, b"value", expires_at=NOW + HOUR)
    records.touch(key, seen=before, expires_at=NOW + 2 * HOUR)
    assert isinstance(records.write(key, b"new", expect=Match(before.version)), Committed)


@clause("R-10", "R-11")
def test_a_touch_never_creates(records):
    key = records.key("never")
    seen = Record(b"value", records.create(records.key("other"), b"value").version, NOW)
    answer = records.touch(key, seen=seen, expires_at=NOW + HOUR)
    assert isinstance(answer, Refused)
    assert answer.current in (None, UNSEEN)
    assert records.read(key) is None


@clause("R-10", "R-11")
def test_a_touch_does_not_bring_a_deleted_record_back(records):
    key = records.key("deleted")
    seen = records.create(key, b"value", expires_at=NOW + HOUR)
    records.delete(key)
    assert isinstance(records.touch(key, seen=seen, expires_at=NOW + 2 * HOUR), Refused)
    assert records.read(key) is None


@clause("R-11", "R-09")
def test_a_touch_of_a_record_that_was_written_since_is_refused(records):
    key = records.key("written")
    seen = records.create(key, b"value", expires_at=NOW + HOUR)
    records.write(key, b"value", expect=Match(seen.version), expires_at=NOW + HOUR)
    before = records.read(key)
    answer = records.touch(key, seen=seen, expires_at=NOW + 2 * HOUR)
    assert isinstance(answer, Refused)
    assert answer.current is UNSEEN or answer.current == before
    assert records.read(key) == before


@clause("R-11")
def test_a_touch_of_a_record_that_was_touched_since_is_refused(records):
    key = records.key("touched")
    seen = records.create(key, b"value", expires_at=NOW + HOUR)
    records.touch(key, seen=seen, expires_at=NOW + 2 * HOUR)
    before = records.read(key)
    assert isinstance(records.touch(key, seen=seen, expires_at=NOW + 3 * HOUR), Refused)
    assert records.read(key) == before


@clause("R-11")
def test_a_touch_with_another_expiry_than_the_stored_one_is_refused(records):
    key = records.key("mistaken")
    before = records.create(key, b"value", expires_at=NOW + HOUR)
    for mistaken in (NOW + HOUR - 1, NOW + HOUR + 1, NOW, None):
        seen = replace(before, expires_at=mistaken)
        assert isinstance(records.touch(key, seen=seen, expires_at=NOW + 2 * HOUR), Refused)
    assert records.read(key) == before


@clause("R-11", "R-03")
def test_of_many_touches_of_one_sight_exactly_one_commits(records):
    for number in range(6):
        key = records.key(f"round-{number}")
        seen = records.create(key, b"value", expires_at=NOW + HOUR)
        same = number % 2

        def touch(thread, key=key, seen=seen, same=same):
            later = NOW + 2 * HOUR + (0 if same else thread)
            return later, records.touch(key, seen=seen, expires_at=later)

        won = [later for later, answer in together(16, touch) if isinstance(answer, Committed)]
        assert len(won) == 1
        assert records.read(key).expires_at == won[0]


@clause("R-10", "R-22")
def test_touches_while_a_record_is_deleted_and_created_bring_nothing_back(records):
    key = records.key("raced")

    def touch(ended):
        while not ended.is_set():
            seen = records.read(key)
            if seen is not None:
                records.touch(key, seen=seen, expires_at=seen.expires_at + 1)

    with meanwhile(touch, touch):
        for number in range(15):
            made = records.create(key, b"%d" % number, expires_at=NOW + HOUR)
            assert records.delete(key, expect=Match(made.version)) is Gone.DELETED
            assert records.read(key) is None
