"""What the object driver owes."""

from __future__ import annotations

import random
import threading

import pytest
from google_crc32c import value as crc32c_of

from statekit.driver import (
    ABSENT,
    ANY,
    Chunk,
    Committed,
    Fault,
    Gone,
    Match,
    Meta,
    MultipartDriver,
    ObjectDriver,
    Refused,
    Stat,
)

T = 10.0
SIZES = [0, 1, 32 * 1024, 32 * 1024 + 1, 300_000]


def test_it_is_an_object_driver_and_a_multipart_driver(local):
    assert isinstance(local.objects, ObjectDriver)
    assert isinstance(local.objects, MultipartDriver)


def test_nothing_is_stored_at_first(local):
    assert local.objects.stat("a", timeout=T) is None
    assert local.objects.read("a", start=0, length=1, expect=ANY, timeout=T) is None
    assert local.objects.read("a", start=0, length=1, expect=Match("x"), timeout=T) is None
    assert local.objects.delete("a", expect=ANY, timeout=T) is Gone.ABSENT
    assert local.objects.delete("a", expect=Match("x"), timeout=T) is Gone.ABSENT


@pytest.mark.parametrize("size", [*SIZES, 8 * 1024 * 1024])
@pytest.mark.parametrize("wrap", [bytes, memoryview, lambda data: memoryview(bytearray(data))])
def test_bytes_and_everything_about_them_come_back(local, size, wrap):
    data = random.Random(size).randbytes(size)
    meta = Meta("text/plain", "no-store", "inline", {"a": "b", "c": ""}, "write-1", "write-0")
    answer = local.objects.write("k", wrap(data), meta=meta, crc32c=crc32c_of(data), expect=ABSENT, timeout=T)
    stat = Stat("k", "write-1", size, local.clock.time, meta, crc32c_of(data))
    assert answer == Committed("write-1")
    assert local.objects.stat("k", timeout=T) == stat
    assert local.objects.read("k", start=0, length=1 << 23, expect=ANY, timeout=T) == Chunk(stat, data)


@pytest.mark.parametrize("user", [None, {}, {"k": 'quote " and \\ backslash'}])
def test_empty_and_missing_metadata_are_told_apart(local, user):
    meta = Meta(user=user, write_id="w")
    local.objects.write("k", b"", meta=meta, crc32c=0, expect=ANY, timeout=T)
    assert local.objects.stat("k", timeout=T).meta == meta


@pytest.mark.parametrize("size", SIZES[1:])
def test_a_range_is_exactly_what_was_asked_for(local, size):
    data = random.Random(size).randbytes(size)
    local.put("k", data)
    ends = [0, 1, size // 2, size - 1, size, size + 1, 10**30]
    for start in ends:
        for length in [1, 2, size, 1 << 23]:
            chunk = local.objects.read("k", start=start, length=length, expect=ANY, timeout=T)
            assert chunk.data == data[start : start + length]
            assert chunk.stat.size == size


@pytest.mark.parametrize("size", SIZES)
def test_a_conditional_write_needs_its_condition(local, size):
    data = bytes(size)
    assert local.put("k", data, "w1", Match("w0")) == Refused(None)
    assert local.put("k", data, "w1", ABSENT) == Committed("w1")
    there = local.objects.stat("k", timeout=T)
    assert local.put("k", b"other" * size, "w2", ABSENT) == Refused(there)
    assert local.put("k", b"other" * size, "w2", Match("w0")) == Refused(there)
    assert local.get("k") == data
    assert local.put("k", b"other", "w2", Match("w1")) == Committed("w2")


@pytest.mark.parametrize("version", ["", "W1", "w1\0", "\ud800", "é", "1" * 100_000])
def test_a_foreign_version_is_a_refusal(local, version):
    local.put("k", b"1", "w1")
    there = local.objects.stat("k", timeout=T)
    assert local.put("k", b"2", "w2", Match(version)) == Refused(there)
    assert local.objects.read("k", start=0, length=1, expect=Match(version), timeout=T) == Refused(there)
    assert local.objects.delete("k", expect=Match(version), timeout=T) == Refused(there)
    assert copy(local, "k", "x", pinned=version) is None
    assert copy(local, "k", "k", pinned="w1", expect=Match(version)) == Refused(there)


@pytest.mark.parametrize("size", [10, 100_000])
def test_data_that_do_not_match_their_checksum_are_not_stored(local, size, stored):
    with pytest.raises(Exception, match="checksum") as caught:
        local.objects.write("k", bytes(size), meta=Meta(write_id="w"), crc32c=1, expect=ANY, timeout=T)
    assert local.objects.fault(caught.value).fault is Fault.REJECTED
    assert local.objects.stat("k", timeout=T) is None
    assert stored() == set()


@pytest.mark.parametrize("size", [10, 100_000])
def test_a_delete_is_of_one_version_and_leaves_no_file(local, size, stored):
    local.put("k", bytes(size), "w1")
    there = local.objects.stat("k", timeout=T)
    assert local.objects.delete("k", expect=Match("w0"), timeout=T) == Refused(there)
    assert local.objects.delete("k", expect=Match("w1"), timeout=T) is Gone.DELETED
    assert local.objects.stat("k", timeout=T) is None
    assert stored() == set()


def test_only_what_is_stored_has_files(local, stored):
    for n in range(5):
        local.put("k", bytes(100_000 + n), f"w{n}")
        local.put("k", bytes(90_000), "refused", ABSENT)
    assert len(stored()) == 1
    local.put("k", b"small", "w9")
    assert stored() == set()


def copy(local, source, target, *, pinned, expect=ANY, meta=None):
    return local.objects.copy(
        source,
        target,
        pinned=Match(pinned),
        meta=meta or Meta(write_id="c"),
        expect=expect,
        resume=None,
        timeout=T,
    )


@pytest.mark.parametrize("size", SIZES)
def test_a_copy_has_the_bytes_and_its_own_metadata(local, size):
    data = random.Random(size).randbytes(size)
    local.put("a", data, "w1")
    meta = Meta("image/png", user={"x": "y"}, write_id="c1")
    assert copy(local, "a", "b", pinned="w1", meta=meta) == Committed("c1")
    stat = local.objects.stat("b", timeout=T)
    assert (stat.meta, stat.size, stat.crc32c) == (meta, size, crc32c_of(data))
    local.objects.delete("a", expect=ANY, timeout=T)
    assert local.get("b") == data


def test_a_copy_is_of_the_pinned_version_to_the_expected_target(local):
    local.put("a", b"1", "w1")
    assert copy(local, "x", "b", pinned="w1") is None
    assert copy(local, "a", "b", pinned="w0") is None
    assert copy(local, "a", "b", pinned="w1", expect=Match("w1")) == Refused(None)
    assert copy(local, "a", "b", pinned="w1", expect=ABSENT) == Committed("c")
    assert copy(local, "a", "b", pinned="w1", expect=ABSENT).current.key == "b"


def test_a_shared_file_stays_until_the_last_object_has_gone(local, stored):
    data = bytes(100_000)
    local.put("a", data, "w1")
    copy(local, "a", "b", pinned="w1")
    copy(local, "a", "a", pinned="w1")
    assert local.get("a") == data
    local.put("a", b"", "w2")
    assert local.get("b") == data
    local.objects.delete("b", expect=ANY, timeout=T)
    assert stored() == set()


def listing(local, prefix="", *, delimiter=None, start_after=None, limit=1000):
    """All pages: keys and folded prefixes in the order of the pages, sorted within each."""
    lines, cursor = [], None
    while True:
        page = local.objects.page(
            prefix, delimiter=delimiter, start_after=start_after, cursor=cursor, limit=limit, timeout=T
        )
        assert len(page.items) + len(page.prefixes) <= limit
        keys = [stat.key for stat in page.items]
        assert keys == sorted(keys, key=str.encode)
        lines += sorted([*keys, *page.prefixes], key=str.encode)
        start_after, cursor = None, page.cursor
        if cursor is None:
            return lines


KEYS = ["a", "a.b", "a/b", "a/b/c", "a0", "b", "b/é", "b/z", "é", "z/1", "z/2", "zz", "￿", "\U0010ffff", "𐀀/x"]


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
def test_a_listing_is_complete_and_sorted_by_bytes(local, limit):
    for key in random.Random(1).sample(KEYS, len(KEYS)):
        local.put(key, b"")
    assert listing(local, limit=limit) == sorted(KEYS, key=str.encode)
    assert listing(local, "a/", limit=limit) == ["a/b", "a/b/c"]
    assert listing(local, "\U0010ffff", limit=limit) == ["\U0010ffff"]


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
def test_a_listing_folds_each_prefix_once(local, limit):
    for key in KEYS:
        local.put(key, b"")
    everything = ["a", "a.b", "a/", "a0", "b", "b/", "z/", "zz", "é", "￿", "𐀀/", "\U0010ffff"]
    assert listing(local, delimiter="/", limit=limit) == everything
    assert listing(local, "a/", delimiter="/", limit=limit) == ["a/b", "a/b/"]
    assert listing(local, "b", delimiter="/", limit=limit) == ["b", "b/"]


@pytest.mark.parametrize("limit", [1, 2, 1000])
@pytest.mark.parametrize("delimiter", [None, "/"])
def test_a_listing_agrees_with_its_definition_from_every_start(local, limit, delimiter):
    for key in KEYS:
        local.put(key, b"")
    for prefix in ["", "a", "a/", "b/", "q"]:
        for start_after in [*KEYS, "", "a/", "0", "zzz"]:
            found = listing(local, prefix, delimiter=delimiter, start_after=start_after, limit=limit)
            assert found == expected(prefix, delimiter, start_after)


def expected(prefix, delimiter, start_after):
    lines = set()
    for key in KEYS:
        if key.startswith(prefix) and key.encode() > start_after.encode():
            head, mark, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
            lines.add(prefix + head + mark if mark else key)
    return sorted(lines, key=str.encode)


def test_a_folding_listing_does_not_read_what_it_folds(local):
    for top in "abc":
        for n in range(300):
            local.put(f"{top}/{n}", b"")
    steps = []
    with local.objects._database.reading(T) as connection:
        connection.set_progress_handler(lambda: steps.append(1), 10)
    assert listing(local, delimiter="/") == ["a/", "b/", "c/"]
    folded = len(steps)
    assert len(listing(local)) == 900
    assert folded * 20 < len(steps) - folded


def test_an_object_and_one_below_it_exist_side_by_side(local):
    for key in ["a", "a/b", "a/b/c", "A"]:
        local.put(key, key.encode())
    assert [local.get(key) for key in ["a", "a/b", "a/b/c", "A"]] == [b"a", b"a/b", b"a/b/c", b"A"]


@pytest.mark.parametrize("size", [10, 40_000])
@pytest.mark.parametrize("base", [None, "w0"])
def test_of_sixteen_threads_one_wins(local, stored, size, base):
    if base:
        local.put("k", b"", base)
    barrier = threading.Barrier(16)
    answers = []

    def contend(number):
        barrier.wait()
        data = bytes([number]) * size
        answers.append(local.put("k", data, f"t{number}", Match(base) if base else ABSENT))

    threads = [threading.Thread(target=contend, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [answer.version for answer in answers if isinstance(answer, Committed)]
    assert local.get("k") == bytes([int(winner[1:])]) * size
    assert len(stored()) == (size > 32 * 1024)
