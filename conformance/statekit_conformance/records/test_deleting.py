"""Deletes: of exactly what was expected, and what they answer."""

from __future__ import annotations

from msgspec.structs import replace

from statekit.driver import ANY, UNSEEN, Gone, Match, Refused
from statekit.testing import FakeClock
from statekit_conformance import clause
from statekit_conformance.threads import together

NOW = FakeClock().now()
HOUR = 3_600_000


def entry_of(records, key):
    """Return a record's line in a listing."""
    (found,) = {entry for entry in records.entries() if entry.key == key}
    return found


@clause("R-12")
def test_a_delete_that_expects_the_stored_version_deletes(records):
    key = records.key("known")
    before = records.create(key, b"value")
    assert records.delete(key, expect=Match(before.version)) is Gone.DELETED
    assert records.read(key) is None


@clause("R-12", "R-09")
def test_a_delete_that_expects_another_version_is_refused(records):
    key = records.key("stale")
    stale = records.create(key, b"first")
    records.write(key, b"second", expect=Match(stale.version), expires_at=NOW + HOUR)
    before = records.read(key)
    answer = records.delete(key, expect=Match(stale.version))
    assert isinstance(answer, Refused)
    assert answer.current is UNSEEN or answer.current == before
    assert records.read(key) == before


@clause("R-12")
def test_a_delete_that_expects_a_version_where_nothing_is_stored_answers_absent(records):
    key = records.key("gone")
    gone = records.create(key, b"value")
    records.delete(key)
    assert records.delete(key, expect=Match(gone.version)) is Gone.ABSENT
    assert records.delete(records.key("never"), expect=Match(gone.version)) is Gone.ABSENT


@clause("R-12", "R-10")
def test_a_delete_by_version_deletes_a_record_that_was_touched_since(records):
    key = records.key("touched")
    before = records.create(key, b"value", expires_at=NOW + HOUR)
    records.touch(key, seen=before, expires_at=NOW + 2 * HOUR)
    assert records.delete(key, expect=Match(before.version)) is Gone.DELETED


@clause("R-13")
def test_a_delete_that_expects_nothing_says_whether_there_was_anything(records):
    key = records.key("any")
    assert records.delete(key, expect=ANY) is Gone.ABSENT
    records.create(key, b"value", expires_at=NOW - HOUR)
    assert records.delete(key, expect=ANY) is Gone.DELETED
    assert records.delete(key, expect=ANY) is Gone.ABSENT


@clause("R-12", "R-13")
def test_a_delete_leaves_its_neighbours(records):
    key, near = records.key("a"), [records.key(name) for name in ("a/b", "ab", "A", "a.", "a-")]
    for name in (key, *near):
        records.create(name, b"value")
    records.delete(key)
    assert {entry.key for entry in records.entries()} == set(near)


@clause("R-13", "R-03")
def test_of_many_deletes_at_once_exactly_one_finds_the_record(records):
    for number in range(6):
        key = records.key(f"round-{number}")
        made = records.create(key, b"value")
        expect = Match(made.version) if number % 2 else ANY
        answers = together(16, lambda _, key=key, expect=expect: records.delete(key, expect=expect))
        assert sorted(answer.value for answer in answers) == ["absent"] * 15 + ["deleted"]


@clause("R-12", "R-03")
def test_of_a_write_and_a_delete_of_one_version_exactly_one_succeeds(records):
    for number in range(10):
        key = records.key(f"round-{number}")
        seen = Match(records.create(key, b"old").version)

        def act(thread, key=key, seen=seen):
            return records.delete(key, expect=seen) if thread % 2 else records.write(key, b"new", expect=seen)

        answers = together(4, act)
        won = [answer for answer in answers if not isinstance(answer, Refused) and answer is not Gone.ABSENT]
        assert len(won) == 1
        assert (records.read(key) is None) == (won[0] is Gone.DELETED)


@clause("R-14")
def test_a_delete_of_a_listed_entry_deletes(records):
    key = records.key("listed")
    records.create(key, b"value", expires_at=NOW - HOUR)
    assert records.delete(key, expect=entry_of(records, key)) is Gone.DELETED
    assert records.read(key) is None


@clause("R-14")
def test_a_delete_of_a_listed_entry_without_expiry_deletes(records):
    key = records.key("lasting")
    records.create(key, b"value")
    assert records.delete(key, expect=entry_of(records, key)) is Gone.DELETED


@clause("R-14")
def test_a_delete_of_a_listed_entry_is_refused_if_it_was_touched_since(records):
    key = records.key("touched")
    before = records.create(key, b"value", expires_at=NOW - HOUR)
    listed = entry_of(records, key)
    records.touch(key, seen=before, expires_at=NOW + HOUR)
    assert isinstance(records.delete(key, expect=listed), Refused)
    assert records.read(key).expires_at == NOW + HOUR
    assert records.delete(key, expect=entry_of(records, key)) is Gone.DELETED


@clause("R-14")
def test_a_delete_of_a_listed_entry_is_refused_if_it_was_written_since(records):
    key = records.key("written")
    before = records.create(key, b"value", expires_at=NOW - HOUR)
    listed = entry_of(records, key)
    records.write(key, b"value", expect=Match(before.version), expires_at=NOW - HOUR)
    assert isinstance(records.delete(key, expect=listed), Refused)
    assert records.read(key) is not None


@clause("R-14", "R-05")
def test_a_delete_of_an_entry_with_a_mistaken_expiry_or_version_is_refused(records):
    key = records.key("mistaken")
    before = records.create(key, b"value", expires_at=NOW - HOUR)
    listed = entry_of(records, key)
    for change in ({"expires_at": NOW}, {"expires_at": None}, {"version": "*"}, {"version": "é"}):
        assert isinstance(records.delete(key, expect=replace(listed, **change)), Refused)
    assert records.read(key) == before


@clause("R-14")
def test_a_delete_of_an_entry_that_is_gone_answers_absent(records):
    key = records.key("gone")
    records.create(key, b"value")
    listed = entry_of(records, key)
    records.delete(key)
    assert records.delete(key, expect=listed) is Gone.ABSENT


@clause("R-14", "R-03")
def test_a_touch_and_a_delete_of_one_sight_do_not_both_succeed(records):
    """A sweep must not take a session that was just touched."""
    for number in range(10):
        key = records.key(f"round-{number}")
        seen = records.create(key, b"value", expires_at=NOW - HOUR)
        listed = entry_of(records, key)

        def act(thread, key=key, seen=seen, listed=listed):
            if thread:
                return records.delete(key, expect=listed)
            return records.touch(key, seen=seen, expires_at=NOW + HOUR)

        touched, deleted = together(2, act)
        assert isinstance(touched, Refused) == (deleted is Gone.DELETED)
        assert (records.read(key) is None) == (deleted is Gone.DELETED)
