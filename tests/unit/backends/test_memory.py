"""The memory backend, which is the executable specification of the driver contract."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from google_crc32c import value as crc32c

from statekit.backends.memory import BACKEND, MemoryOptions
from statekit.backends.memory.objects import MemoryObjects
from statekit.backends.memory.records import MemoryRecords
from statekit.driver import (
    ABSENT,
    ANY,
    Chunk,
    Committed,
    Entry,
    Expect,
    Fault,
    Gone,
    Match,
    Meta,
    Opening,
    Reach,
    Record,
    Refused,
    Survives,
)
from statekit.testing import FakeClock

CLOCK = FakeClock(1_800_000_000_000)


def opening(path: str = "") -> Opening[MemoryOptions]:
    return Opening(
        scheme="memory", authority="", path=path, options=MemoryOptions(), client=None, attempt_timeout=1.0,
        concurrency=1, clock=CLOCK,
    )  # fmt: skip


@pytest.fixture
def records() -> MemoryRecords:
    return MemoryRecords()


@pytest.fixture
def objects() -> MemoryObjects:
    objects = MemoryObjects()
    objects.clock = CLOCK
    return objects


def write(records: MemoryRecords, key: str = "a", value: bytes = b"x", expect: Expect = ABSENT, **options: Any) -> Any:
    return records.write(
        key, value, expires_at=options.get("expires_at"), write_id="w" * 16, expect=expect, timeout=1.0
    )


def read(records: MemoryRecords, key: str = "a") -> Record:
    found = records.read(key, timeout=1.0)
    assert found is not None
    return found


def put(objects: MemoryObjects, key: str, data: bytes = b"x", expect: Expect = ANY) -> Any:
    return objects.write(key, data, meta=Meta(write_id="w"), crc32c=crc32c(data), expect=expect, timeout=1.0)


class TestOpening:
    def test_without_a_name_is_a_store_of_its_own(self) -> None:
        assert BACKEND.open is not None
        assert BACKEND.open(opening()).records is not BACKEND.open(opening()).records

    def test_with_a_name_is_shared_in_the_process(self) -> None:
        assert BACKEND.open is not None
        one, other = BACKEND.open(opening("shared-here")), BACKEND.open(opening("shared-here"))
        assert (one.records, one.objects) == (other.records, other.objects)
        assert BACKEND.open(opening("another")).records is not one.records

    def test_promises_no_more_than_it_holds(self) -> None:
        assert (BACKEND.reach, BACKEND.survives) == (Reach.PROCESS, Survives.NOTHING)
        assert BACKEND.aopen is None


class TestRecords:
    def test_absent_is_stored_once(self, records: MemoryRecords) -> None:
        assert isinstance(write(records), Committed)
        refused = write(records, value=b"y")
        assert refused == Refused(read(records))
        assert read(records).value == b"x"

    def test_an_expired_record_is_still_there_for_absent(self, records: MemoryRecords) -> None:
        write(records, expires_at=1)
        assert isinstance(write(records), Refused)
        assert read(records).expires_at == 1

    def test_a_version_matches_itself_only(self, records: MemoryRecords) -> None:
        version = write(records).version
        for other in ("", "none", version + "x", version.upper() + "!"):
            assert isinstance(write(records, expect=Match(other)), Refused)
        assert write(records, "b", expect=Match(version)) == Refused(None)
        assert write(records, expect=Match(version)).version != version

    def test_versions_never_recur(self, records: MemoryRecords) -> None:
        seen = set()
        for _ in range(50):
            seen.add(write(records).version)
            records.delete("a", expect=ANY, timeout=1.0)
        assert len(seen) == 50

    def test_a_touch_moves_the_expiry_and_nothing_else(self, records: MemoryRecords) -> None:
        write(records, expires_at=5)
        seen = read(records)
        assert records.touch("a", seen=seen, expires_at=9, timeout=1.0) == Committed(seen.version)
        assert read(records) == Record(b"x", seen.version, 9)
        assert records.touch("a", seen=seen, expires_at=11, timeout=1.0) == Refused(read(records))
        assert records.touch("none", seen=seen, expires_at=11, timeout=1.0) == Refused(None)

    def test_a_delete_by_version_by_entry_and_by_neither(self, records: MemoryRecords) -> None:
        version = write(records, expires_at=5).version
        assert isinstance(records.delete("a", expect=Match("other"), timeout=1.0), Refused)
        assert isinstance(records.delete("a", expect=Entry("a", version, 4), timeout=1.0), Refused)
        assert records.delete("a", expect=Entry("a", version, 5), timeout=1.0) is Gone.DELETED
        assert records.delete("a", expect=Match(version), timeout=1.0) is Gone.ABSENT
        assert records.delete("a", expect=ANY, timeout=1.0) is Gone.ABSENT
        write(records)
        assert records.delete("a", expect=ANY, timeout=1.0) is Gone.DELETED

    def test_pages_show_everything_under_the_prefix(self, records: MemoryRecords) -> None:
        for n in range(25):
            write(records, f"p/{n:02}")
            write(records, f"q/{n:02}")
        seen, cursor = [], None
        while True:
            page = records.page("p/", cursor=cursor, limit=4, timeout=1.0)
            assert len(page.items) <= 4
            seen += [entry.key for entry in page.items]
            cursor = page.cursor
            if cursor is None:
                break
        assert sorted(seen) == [f"p/{n:02}" for n in range(25)]

    def test_one_of_many_concurrent_writers_wins(self, records: MemoryRecords) -> None:
        version = write(records).version
        answers: list[Any] = []
        start = threading.Barrier(16)

        def race() -> None:
            start.wait()
            answers.append(write(records, expect=Match(version)))

        threads = [threading.Thread(target=race) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(isinstance(answer, Committed) for answer in answers) == 1

    def test_whatever_is_raised_is_explained(self, records: MemoryRecords, objects: MemoryObjects) -> None:
        for driver in (records, objects):
            assert driver.fault(OSError()).fault is Fault.UNKNOWN


class TestObjects:
    def test_conditions_hold(self, objects: MemoryObjects) -> None:
        version = put(objects, "a", expect=ABSENT).version
        assert isinstance(put(objects, "a", expect=ABSENT), Refused)
        assert isinstance(put(objects, "a", expect=Match("other")), Refused)
        assert put(objects, "b", expect=Match(version)) == Refused(None)
        assert isinstance(put(objects, "a", expect=Match(version)), Committed)

    def test_bytes_that_do_not_match_their_checksum_are_never_stored(self, objects: MemoryObjects) -> None:
        with pytest.raises(Exception) as raised:
            objects.write("a", b"x", meta=Meta(), crc32c=1, expect=ANY, timeout=1.0)
        assert objects.fault(raised.value).fault is Fault.REJECTED
        assert objects.stat("a", timeout=1.0) is None

    def test_a_read_is_of_one_version_and_cut_at_the_end(self, objects: MemoryObjects) -> None:
        version = put(objects, "a", b"0123456789").version
        chunk = objects.read("a", start=8, length=5, expect=Match(version), timeout=1.0)
        assert isinstance(chunk, Chunk)
        assert (chunk.data, chunk.stat.size, chunk.stat.meta) == (b"89", 10, Meta(write_id="w"))
        beyond = objects.read("a", start=10, length=5, expect=ANY, timeout=1.0)
        assert isinstance(beyond, Chunk)
        assert beyond.data == b""
        assert isinstance(objects.read("a", start=0, length=1, expect=Match("other"), timeout=1.0), Refused)
        assert objects.read("none", start=0, length=1, expect=ANY, timeout=1.0) is None

    def test_a_copy_pins_its_source(self, objects: MemoryObjects) -> None:
        version = put(objects, "a").version
        options: dict[str, Any] = {"meta": Meta(write_id="c"), "expect": ABSENT, "resume": None, "timeout": 1.0}
        assert objects.copy("a", "b", pinned=Match("other"), **options) is None
        assert objects.copy("none", "b", pinned=Match(version), **options) is None
        assert isinstance(objects.copy("a", "b", pinned=Match(version), **options), Committed)
        assert isinstance(objects.copy("a", "b", pinned=Match(version), **options), Refused)
        stat = objects.stat("b", timeout=1.0)
        assert stat is not None
        assert stat.meta == Meta(write_id="c")

    def test_an_upload_is_invisible_until_it_is_finished(self, objects: MemoryObjects) -> None:
        upload = objects.begin("a", meta=Meta(write_id="u"), timeout=1.0)
        parts = [objects.part(upload, n, data, crc32c=crc32c(data), timeout=1.0) for n, data in ((2, b"yy"), (1, b"x"))]
        parts.sort(key=lambda part: part.number)
        assert objects.stat("a", timeout=1.0) is None
        assert [u.id for u in objects.uploads("", cursor=None, limit=10, timeout=1.0).items] == [upload.id]
        done = objects.finish(upload, parts, size=3, crc32c=crc32c(b"xyy"), expect=ABSENT, timeout=1.0)
        assert isinstance(done, Committed)
        assert objects.uploads("", cursor=None, limit=10, timeout=1.0).items == ()
        with pytest.raises(Exception) as raised:
            objects.finish(upload, parts, size=3, crc32c=crc32c(b"xyy"), expect=ABSENT, timeout=1.0)
        assert objects.fault(raised.value).fault is Fault.LOST
        objects.abort(upload, timeout=1.0)

    def test_a_refused_finish_can_still_be_aborted(self, objects: MemoryObjects) -> None:
        put(objects, "a")
        upload = objects.begin("a", meta=Meta(write_id="u"), timeout=1.0)
        part = objects.part(upload, 1, b"x", crc32c=crc32c(b"x"), timeout=1.0)
        answer = objects.finish(upload, [part], size=1, crc32c=crc32c(b"x"), expect=ABSENT, timeout=1.0)
        assert isinstance(answer, Refused)
        objects.abort(upload, timeout=1.0)
        assert objects.uploads("", cursor=None, limit=10, timeout=1.0).items == ()

    @pytest.mark.parametrize("limit", [1, 2, 3, 100])
    def test_pages_are_sorted_by_bytes_and_folded_in_their_place(self, objects: MemoryObjects, limit: int) -> None:
        for key in ("a", "a/b", "a/c", "a-", "b/x/y", "é", "z"):
            put(objects, key)

        def listed(**options: Any) -> list[str]:
            seen: list[str] = []
            cursor, after = None, options.pop("start_after", None)
            while True:
                page = objects.page(
                    options.get("prefix", ""), delimiter=options.get("delimiter"), start_after=after, cursor=cursor,
                    limit=limit, timeout=1.0,
                )  # fmt: skip
                seen += sorted([*(stat.key for stat in page.items), *page.prefixes], key=str.encode)
                cursor, after = page.cursor, None
                if cursor is None:
                    return seen

        assert listed() == ["a", "a-", "a/b", "a/c", "b/x/y", "z", "é"]
        assert listed(delimiter="/") == ["a", "a-", "a/", "b/", "z", "é"]
        assert listed(prefix="a/", delimiter="/") == ["a/b", "a/c"]
        assert listed(start_after="a/b") == ["a/c", "b/x/y", "z", "é"]
        assert listed(start_after="a/b", delimiter="/") == ["a/", "b/", "z", "é"]
