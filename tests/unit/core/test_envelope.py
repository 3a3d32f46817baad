"""What core stores around a record's value."""

from __future__ import annotations

import pytest
from google_crc32c import value as crc32c
from hypothesis import given, settings
from hypothesis import strategies as st

from statekit._core.envelope import FORMAT, LINEAGE, decode, encode
from statekit.driver import Record
from statekit.errors import CorruptDataError

quick = settings(database=None, deadline=None, max_examples=200)
write_ids = st.binary(min_size=12, max_size=12)
lineages = st.lists(write_ids, max_size=LINEAGE).map(b"".join)


def record(value: bytes) -> Record:
    return Record(value, "v", None)


@quick
@given(st.binary(max_size=300), write_ids, lineages, st.booleans())
def test_what_is_encoded_comes_back(body: bytes, write_id: bytes, lineage: bytes, sealed: bool) -> None:
    stored = decode(record(encode(body, write_id=write_id, lineage=lineage, sealed=sealed)))
    assert (stored.body, stored.write_id, stored.lineage, stored.sealed) == (body, write_id, lineage, sealed)


@quick
@given(st.binary(max_size=60), write_ids, lineages, st.integers(0, 10_000), st.integers(1, 255))
def test_no_damaged_byte_changes_what_is_read(body: bytes, write_id: bytes, lineage: bytes, at: int, bits: int) -> None:
    value = bytearray(encode(body, write_id=write_id, lineage=lineage, sealed=False))
    value[at % len(value)] ^= bits
    try:
        stored = decode(record(bytes(value)))
    except CorruptDataError:
        return
    assert at % len(value) == 1, "only the sealed flag is outside of the checksum, and opening verifies that"
    assert stored.sealed


@quick
@given(st.binary(max_size=60), write_ids, lineages, st.data())
def test_no_part_of_a_record_is_a_record(body: bytes, write_id: bytes, lineage: bytes, data: st.DataObject) -> None:
    value = encode(body, write_id=write_id, lineage=lineage, sealed=False)
    with pytest.raises(CorruptDataError):
        decode(record(value[: data.draw(st.integers(0, len(value) - 1))]))


@quick
@given(st.binary(max_size=400))
def test_any_bytes_are_a_record_or_corrupt(value: bytes) -> None:
    try:
        decode(record(value))
    except CorruptDataError as error:
        assert error.clause == "S-30"


@pytest.mark.parametrize(("announced", "present"), [(LINEAGE + 1, LINEAGE + 1), (3, 2)])
def test_a_lineage_that_nobody_writes_is_damage_also_where_the_checksum_matches(announced: int, present: int) -> None:
    rest = bytes(12) + bytes((announced,)) + bytes(12 * present)
    value = bytes((FORMAT, 0)) + crc32c(rest).to_bytes(4, "big") + rest
    with pytest.raises(CorruptDataError):
        decode(record(value))


def test_a_format_of_the_future_is_refused_by_name() -> None:
    value = bytes([FORMAT + 1]) + encode(b"", write_id=bytes(12), lineage=b"", sealed=False)[1:]
    with pytest.raises(CorruptDataError, match="format 2"):
        decode(record(value))


class TestLineage:
    def test_of_the_next_write_begins_with_this_one(self) -> None:
        one, two, three = (bytes([n]) * 12 for n in (1, 2, 3))
        stored = decode(record(encode(b"", write_id=one, lineage=two + three, sealed=False)))
        assert stored.next_lineage == one + two + three

    def test_holds_the_last_16(self) -> None:
        stored = decode(record(encode(b"", write_id=b"n" * 12, lineage=bytes(12 * LINEAGE), sealed=False)))
        assert len(stored.next_lineage) == 12 * LINEAGE
        assert stored.next_lineage.startswith(b"n" * 12)

    @pytest.mark.parametrize(("length", "whole"), [(0, True), (LINEAGE - 1, True), (LINEAGE, False)])
    def test_is_whole_while_it_reaches_the_creation(self, length: int, whole: bool) -> None:
        stored = decode(record(encode(b"", write_id=b"n" * 12, lineage=bytes(12 * length), sealed=False)))
        assert stored.whole is whole

    def test_finds_whole_ids_only(self) -> None:
        one, two = b"aaaaaabbbbbb", b"bbbbbbcccccc"
        stored = decode(record(encode(b"", write_id=b"n" * 12, lineage=one + two, sealed=False)))
        assert stored.descends_from(one)
        assert stored.descends_from(two)
        assert not stored.descends_from(b"bbbbbbbbbbbb")
        assert not stored.descends_from(b"n" * 12)
