"""What the record driver owes."""

from __future__ import annotations

import threading

import pytest

from statekit.driver import ABSENT, ANY, Committed, Entry, Gone, Match, Record, RecordDriver, Refused

T = 10.0


def write(local, key, value=b"v", *, write_id="w1", expires_at=None, expect=ABSENT):
    return local.records.write(key, value, expires_at=expires_at, write_id=write_id, expect=expect, timeout=T)


def test_it_is_a_record_driver(local):
    assert isinstance(local.records, RecordDriver)


def test_nothing_is_stored_at_first(local):
    assert local.records.read("a", timeout=T) is None
    assert local.records.page("", cursor=None, limit=10, timeout=T).items == ()


@pytest.mark.parametrize("value", [b"", b"\0\xff\n", b"x" * 320 * 1024])
def test_a_value_comes_back_as_written(local, value):
    assert write(local, "a", value, expires_at=5) == Committed("w1")
    assert local.records.read("a", timeout=T) == Record(value, "w1", 5)


@pytest.mark.parametrize("expires_at", [None, 0, -1, 1, 253_402_300_799_999])
def test_an_expiry_comes_back_and_is_not_judged(local, expires_at):
    write(local, "a", expires_at=expires_at)
    assert local.records.read("a", timeout=T).expires_at == expires_at


def test_a_create_is_refused_by_what_is_there_and_shows_it(local):
    write(local, "a", b"1", expires_at=0)
    assert write(local, "a", b"2", write_id="w2") == Refused(Record(b"1", "w1", 0))


def test_a_replacement_needs_exactly_the_stored_version(local):
    write(local, "a", b"1")
    assert write(local, "a", b"2", write_id="w2", expect=Match("w1")) == Committed("w2")
    assert write(local, "a", b"3", write_id="w3", expect=Match("w1")) == Refused(Record(b"2", "w2", None))
    assert write(local, "b", b"3", write_id="w3", expect=Match("w1")) == Refused(None)


def test_the_same_write_sent_again_is_refused_by_itself(local):
    write(local, "a")
    assert write(local, "a").current.version == "w1"
    write(local, "a", write_id="w2", expect=Match("w1"))
    assert write(local, "a", write_id="w2", expect=Match("w1")).current.version == "w2"


@pytest.mark.parametrize("version", ["", "w", "W1", "w1 ", "w1\0", "\ud800", "é" * 3, "1" * 100_000, "%"])
def test_a_foreign_version_is_a_refusal(local, version):
    write(local, "a")
    there = Record(b"v", "w1", None)
    assert write(local, "a", write_id="w2", expect=Match(version)) == Refused(there)
    assert local.records.delete("a", expect=Match(version), timeout=T) == Refused(there)
    assert local.records.delete("a", expect=Entry("a", version, None), timeout=T) == Refused(there)
    seen = Record(b"v", version, None)
    assert local.records.touch("a", seen=seen, expires_at=9, timeout=T) == Refused(there)


def test_a_touch_moves_the_expiry_and_nothing_else(local):
    write(local, "a", expires_at=1)
    seen = local.records.read("a", timeout=T)
    assert local.records.touch("a", seen=seen, expires_at=2, timeout=T) == Committed("w1")
    assert local.records.read("a", timeout=T) == Record(b"v", "w1", 2)


def test_a_touch_of_what_changed_since_is_refused(local):
    write(local, "a", expires_at=1)
    seen = local.records.read("a", timeout=T)
    local.records.touch("a", seen=seen, expires_at=2, timeout=T)
    assert local.records.touch("a", seen=seen, expires_at=3, timeout=T) == Refused(Record(b"v", "w1", 2))
    write(local, "a", b"2", write_id="w2", expires_at=1, expect=Match("w1"))
    assert local.records.touch("a", seen=seen, expires_at=3, timeout=T) == Refused(Record(b"2", "w2", 1))


def test_a_touch_works_on_a_record_without_expiry_and_creates_nothing(local):
    write(local, "a")
    seen = local.records.read("a", timeout=T)
    assert local.records.touch("a", seen=seen, expires_at=3, timeout=T) == Committed("w1")
    assert local.records.touch("b", seen=seen, expires_at=3, timeout=T) == Refused(None)
    assert local.records.read("b", timeout=T) is None


def test_a_delete_is_of_one_version_only(local):
    write(local, "a")
    assert local.records.delete("a", expect=Match("w2"), timeout=T) == Refused(Record(b"v", "w1", None))
    assert local.records.delete("a", expect=Match("w1"), timeout=T) is Gone.DELETED
    assert local.records.delete("a", expect=Match("w1"), timeout=T) is Gone.ABSENT


def test_a_delete_of_anything_says_whether_there_was_anything(local):
    write(local, "a")
    assert local.records.delete("a", expect=ANY, timeout=T) is Gone.DELETED
    assert local.records.delete("a", expect=ANY, timeout=T) is Gone.ABSENT


def test_a_delete_of_a_listed_entry_spares_what_was_touched_since(local):
    write(local, "a", expires_at=1)
    (entry,) = local.records.page("", cursor=None, limit=10, timeout=T).items
    local.records.touch("a", seen=Record(b"", "w1", 1), expires_at=2, timeout=T)
    assert local.records.delete("a", expect=entry, timeout=T) == Refused(Record(b"v", "w1", 2))
    (entry,) = local.records.page("", cursor=None, limit=10, timeout=T).items
    assert local.records.delete("a", expect=entry, timeout=T) is Gone.DELETED
    assert local.records.delete("a", expect=entry, timeout=T) is Gone.ABSENT


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 1000])
def test_a_listing_shows_everything_under_its_prefix_and_ends(local, limit):
    inside = ["p/", "p/0", "p/Z", "p/a", "p/z"]
    for key in [*inside, "p", "p.", "p0", "q/a", "P/a"]:
        write(local, key, write_id=f"w-{key}", expires_at=7)
    assert walk(local, "p/", limit) == [Entry(key, f"w-{key}", 7) for key in inside]
    assert len(walk(local, "", limit)) == 10


def walk(local, prefix, limit):
    entries, cursor = [], None
    while True:
        page = local.records.page(prefix, cursor=cursor, limit=limit, timeout=T)
        assert len(page.items) <= limit
        entries += page.items
        cursor = page.cursor
        if cursor is None:
            return entries


def test_keys_that_differ_are_different_records(local):
    keys = ["a", "A", "a/", "a//", "a.", "aa", "a" * 200, "a" * 199, "a_b", "a%b", "a-b"]
    for key in keys:
        assert write(local, key, key.encode()) == Committed("w1")
    assert [local.records.read(key, timeout=T).value for key in keys] == [key.encode() for key in keys]


def test_another_opening_sees_what_was_acknowledged(local, open_local):
    write(local, "a")
    assert open_local().records.read("a", timeout=T) == Record(b"v", "w1", None)


@pytest.mark.parametrize("base", [None, "w1"])
def test_of_sixteen_threads_one_wins(local, base):
    if base:
        write(local, "a")
    barrier = threading.Barrier(16)
    answers = []

    def contend(number):
        barrier.wait()
        expect = Match(base) if base else ABSENT
        answers.append(write(local, "a", b"%d" % number, write_id=f"t{number}", expect=expect))

    threads = [threading.Thread(target=contend, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [answer.version for answer in answers if isinstance(answer, Committed)]
    losers = {answer.current.version for answer in answers if isinstance(answer, Refused)}
    assert len(winners) == 1
    assert losers == set(winners)
    assert local.records.read("a", timeout=T).version == winners[0]
