"""Reading: exactly the bytes asked for, of one version, and none that were damaged on the way."""

from __future__ import annotations

from contextlib import suppress

import pytest

from statekit.driver import Chunk
from statekit.errors import BackendError, ConflictError, CorruptDataError, InvalidInputError, NotFoundError
from statekit_conformance import clause

MIB = 1024 * 1024
PART = 8 * MIB

RANGES = [
    (0, 0),
    (0, 1),
    (0, 99),
    (0, 100),
    (0, 101),
    (0, 10**12),
    (0, None),
    (1, 1),
    (50, 10),
    (50, None),
    (99, 0),
    (99, 1),
    (99, 2),
    (99, None),
    (100, 0),
    (100, 1),
    (100, None),
    (101, 1),
    (10**12, 5),
    (10**12, None),
]


@clause("O-08")
@pytest.mark.parametrize(("start", "length"), RANGES)
def test_a_range_is_exactly_the_bytes_asked_for(view, noise, start, length):
    data = noise(100)
    info = view.objects.put("file", data, metadata={"a": "ü"})
    found = view.objects.get("file", start=start, length=length)
    assert found.data == data[start:][: 10**12 if length is None else length]
    assert (found.info.version, found.info.size, dict(found.info.metadata)) == (info.version, 100, {"a": "ü"})


@clause("O-08")
def test_every_range_of_an_empty_object_is_empty(view):
    view.objects.put("file", b"")
    for start in (0, 1, 100):
        for length in (0, 1, None):
            assert view.objects.get("file", start=start, length=length).data == b""


@clause("O-08", needs=("multipart",))
def test_ranges_of_a_large_object_cross_the_borders_of_its_parts(view, noise):
    size = 17 * MIB
    data = noise(size)
    view.objects.put("file", data)
    wanted = [
        (PART - 1, 2),
        (PART, 1),
        (PART - 1, 1),
        (PART + 1, PART),
        (PART - 1, PART + 2),
        (0, PART + 1),
        (1, 2 * PART),
        (2 * PART, None),
        (size - 1, 10),
        (size, 1),
        (3, None),
    ]
    for start, length in wanted:
        found = view.objects.get("file", start=start, length=length).data
        assert found == data[start : size if length is None else start + length], (start, length)


@clause("O-08")
@pytest.mark.parametrize("place", [{"start": -1}, {"length": -1}, {"start": -5, "length": 3}])
def test_a_negative_range_is_refused_before_anything_is_sent(view, place):
    view.objects.put("file", b"data")
    with pytest.raises(InvalidInputError):
        view.objects.get("file", **place)
    assert view.events[-1].attempts == 0


# One version throughout


@clause("O-09", needs=("multipart",))
@pytest.mark.parametrize("change", ["overwritten", "deleted", "put again"])
def test_a_reader_never_mixes_versions(view, noise, change):
    data = noise(17 * MIB)
    view.objects.put("file", data)
    with view.objects.open("file") as reader:
        first = reader.read(MIB)
        if change != "put again":
            view.objects.delete("file")
        if change != "deleted":
            view.objects.put("file", noise(17 * MIB, 1))
        with pytest.raises(ConflictError):
            reader.read()
    assert first == data[:MIB]
    assert view.events[-1].outcome in {"ConflictError", "ok"}


@clause("O-09", needs=("multipart", "reopen"))
@pytest.mark.parametrize("change", ["overwritten", "deleted"])
def test_a_get_of_many_parts_never_mixes_versions(view, interposed, noise, change):
    view.objects.put("file", noise(17 * MIB))

    def interfere():
        if change == "deleted":
            view.objects.delete("file")
        else:
            view.objects.put("file", noise(17 * MIB, 1))

    interposed.at_objects.before("read", interfere, skip=1)
    with pytest.raises(ConflictError):
        interposed.stored_objects.get("file")


@clause("O-09", needs=("multipart",))
def test_a_reader_that_seeks_back_stays_with_its_version(view, noise):
    data = noise(PART + 1)
    view.objects.put("file", data)
    with view.objects.open("file") as reader:
        assert reader.read(10) == data[:10]
        reader.seek(PART)
        assert reader.read() == data[PART:]
        view.objects.put("file", noise(PART + 1, 1))
        reader.seek(5 * MIB)
        with pytest.raises(ConflictError):
            reader.read(10)


@clause("O-09")
def test_a_small_object_that_is_overwritten_while_it_is_read_is_read_whole_or_not_at_all(view):
    view.objects.put("file", b"a" * 1000)
    with view.objects.open("file") as reader:
        first = reader.read(10)
        view.objects.put("file", b"b" * 1000)
        try:
            rest = reader.read()
        except ConflictError:
            return
    assert first + rest == b"a" * 1000


@clause("O-09", "E-13", needs=("multipart",))
def test_gets_that_race_with_overwrites_see_one_version_or_a_conflict(subject, together, noise):
    view = subject.open(timeout=3600)
    contents = [noise(PART + 1000, seed) for seed in range(2)]
    view.objects.put("file", contents[0])

    def write():
        for turn in range(3):
            view.objects.put("file", contents[turn % 2])

    def read():
        for _ in range(4):
            try:
                assert view.objects.get("file").data in contents
            except ConflictError:
                continue

    assert together([write, read, read]) == [None] * 3


# Damage on the way


def flipped(chunk: Chunk) -> Chunk:
    middle = len(chunk.data) // 2
    changed = chunk.data[:middle] + bytes((chunk.data[middle] ^ 1,)) + chunk.data[middle + 1 :]
    return Chunk(chunk.stat, changed)


def read_piecewise(reader):
    while reader.read(MIB):
        pass


def knows_checksums(view, key):
    return view.objects.stat(key).crc32c is not None


@clause("O-21", needs=("reopen",))
@pytest.mark.parametrize("size", [1, 1000, PART])
def test_bytes_that_were_damaged_on_the_way_down_are_never_returned(view, interposed, noise, size):
    view.objects.put("file", noise(size))
    if not knows_checksums(view, "file"):
        pytest.skip("the engine does not say what an object's checksum is")
    interposed.at_objects.answering("read", flipped)
    with pytest.raises(CorruptDataError):
        interposed.stored_objects.get("file")
    assert interposed.stored_objects.get("file").data == noise(size)


@clause("O-21", needs=("multipart", "reopen"))
@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_part_that_was_damaged_on_the_way_down_is_never_returned(view, interposed, noise, which):
    view.objects.put("file", noise(17 * MIB))
    if not knows_checksums(view, "file"):
        pytest.skip("the engine does not say what an object's checksum is")
    interposed.at_objects.answering("read", flipped, skip=which)
    with pytest.raises(CorruptDataError):
        interposed.stored_objects.get("file")


@clause("O-21", needs=("multipart", "reopen"))
def test_a_reader_that_reaches_the_end_has_verified_what_it_gave(view, interposed, noise):
    view.objects.put("file", noise(PART + 1))
    if not knows_checksums(view, "file"):
        pytest.skip("the engine does not say what an object's checksum is")
    interposed.at_objects.answering("read", flipped, skip=1)
    with interposed.stored_objects.open("file") as reader, pytest.raises(CorruptDataError):
        read_piecewise(reader)


@clause("O-08", "O-21", needs=("reopen",))
def test_bytes_that_are_missing_on_the_way_down_are_never_missing_in_the_answer(view, interposed, noise):
    view.objects.put("file", noise(1000))
    for place, expected in (({}, noise(1000)), ({"start": 10, "length": 500}, noise(1000)[10:510])):
        interposed.at_objects.answering("read", lambda chunk: Chunk(chunk.stat, chunk.data[:-1]))
        with suppress(CorruptDataError):
            assert interposed.stored_objects.get("file", **place).data == expected


@clause("O-21", needs=("reopen",), takes=("objects.checksums",))
@pytest.mark.parametrize("stored", [False, True])
def test_bytes_that_were_damaged_on_the_way_up_are_never_stored(view, interposed, noise, stored):
    if stored:
        view.objects.put("file", b"before")
    interposed.at_objects.sending("write", lambda data: bytes((data[0] ^ 1,)) + bytes(data[1:]), argument=1)
    with pytest.raises(BackendError):
        interposed.stored_objects.put("file", noise(1000))
    if stored:
        assert view.objects.get("file").data == b"before"
    else:
        with pytest.raises(NotFoundError):
            view.objects.get("file")


@clause("O-21", "O-11", needs=("multipart", "reopen"), takes=("objects.checksums",))
def test_a_part_that_was_damaged_on_the_way_up_is_never_stored(view, interposed, raw, noise):
    interposed.at_objects.sending("part", lambda data: bytes((data[0] ^ 1,)) + bytes(data[1:]), argument=2)
    with pytest.raises(BackendError):
        interposed.stored_objects.put("file", noise(PART + 1))
    assert view.objects.exists("file") is False
    assert raw.uploads() == []
