"""Objects as files: written and published at close, read like any binary file."""

from __future__ import annotations

import gc

import pytest

from statekit.errors import ConflictError, InvalidInputError, NotFoundError
from statekit_conformance import clause

MIB = 1024 * 1024
PART = 8 * MIB


class Mine(Exception):  # noqa: N818 - the application's own
    """What an application's block raises."""


# Writing


def leave_early(view, data, files):
    with view.objects.open("file", "wb") as file:
        files.append(file)
        file.write(data)
        raise Mine


@clause("O-24")
def test_a_file_is_published_when_it_is_closed_and_not_before(view):
    file = view.objects.open("file", "wb")
    assert file.write(b"one ") == 4
    assert file.write(bytearray(b"two ")) == 4
    assert file.write(memoryview(b"three")) == 5
    assert view.objects.exists("file") is False
    assert list(view.objects.list()) == []
    assert file.info is None
    file.close()
    assert view.objects.get("file").data == b"one two three"
    assert file.info.version == view.objects.stat("file").version
    assert file.closed


@clause("O-24", needs=("multipart", "reopen"))
def test_a_large_file_is_published_when_it_is_closed_and_not_before(view, raw, noise):
    data = noise(17 * MIB)
    view.objects.put("file", b"before")
    with view.objects.open("file", "wb") as file:
        for at in range(0, len(data), 3 * MIB):
            file.write(data[at : at + 3 * MIB])
            assert view.objects.get("file").data == b"before"
    assert view.objects.get("file").data == data
    assert file.info.size == len(data)
    assert raw.uploads() == []


@clause("O-24", needs=("multipart",))
@pytest.mark.parametrize("size", [PART, PART + 1])
def test_a_file_may_be_written_in_one_call_at_the_border_of_a_part(view, noise, size):
    with view.objects.open("file", "wb") as file:
        file.write(noise(size))
    assert view.objects.get("file").data == noise(size)


@clause("O-24")
def test_a_file_that_nothing_was_written_to_is_an_empty_object(view):
    with view.objects.open("file", "wb"):
        pass
    assert view.objects.get("file").data == b""


@clause("O-10", "O-24")
@pytest.mark.parametrize("stored", [False, True])
def test_a_block_that_an_exception_leaves_publishes_nothing(view, stored):
    if stored:
        view.objects.put("file", b"before")
    files = []
    with pytest.raises(Mine):
        leave_early(view, b"half of", files)
    assert files[0].closed
    assert files[0].info is None
    if stored:
        assert view.objects.get("file").data == b"before"
    else:
        assert view.objects.exists("file") is False


@clause("O-10", "O-11", "O-24", needs=("multipart", "reopen"))
def test_a_block_that_an_exception_leaves_after_several_parts_leaves_none(view, raw, noise):
    with pytest.raises(Mine):
        leave_early(view, noise(17 * MIB), [])
    assert view.objects.exists("file") is False
    assert raw.uploads() == []


@clause("O-11", "O-24", needs=("multipart", "reopen"))
def test_an_aborted_file_publishes_nothing_and_leaves_no_parts(view, raw, noise):
    file = view.objects.open("file", "wb")
    file.write(noise(PART + 1))
    file.abort()
    file.abort()
    file.close()
    assert view.objects.exists("file") is False
    assert raw.uploads() == []


@clause("O-24")
def test_a_file_that_is_forgotten_publishes_nothing(view):
    file = view.objects.open("file", "wb")
    file.write(b"half of")
    del file
    gc.collect()
    assert view.objects.exists("file") is False


@clause("O-24")
def test_closing_twice_publishes_once(view):
    with view.objects.open("file", "wb") as file:
        file.write(b"1")
        file.close()
        version = file.info.version
        file.close()
    assert view.objects.stat("file").version == version


@clause("O-24")
@pytest.mark.parametrize("end", ["close", "abort"])
def test_nothing_can_be_written_after_the_end(view, end):
    file = view.objects.open("file", "wb")
    getattr(file, end)()
    with pytest.raises(InvalidInputError):
        file.write(b"late")


@clause("O-24", needs=("reopen",))
def test_a_failed_close_publishes_nothing_and_is_not_repeated(view, raw):
    file = view.objects.open("file", "wb", if_absent=True)
    file.write(b"mine")
    view.objects.put("file", b"theirs")
    with pytest.raises(ConflictError):
        file.close()
    file.close()
    assert view.objects.get("file").data == b"theirs"
    assert raw.uploads() == []


@clause("O-24", needs=("multipart",))
def test_files_that_are_written_at_once_do_not_mix(view, noise):
    one, other = view.objects.open("file", "wb"), view.objects.open("file", "wb")
    for at in range(0, 2 * PART, 4 * MIB):
        one.write(noise(4 * MIB, at % 7))
        other.write(bytes(4 * MIB))
    other.close()
    assert view.objects.get("file").data == bytes(2 * PART)
    one.close()
    expected = b"".join(noise(4 * MIB, at % 7) for at in range(0, 2 * PART, 4 * MIB))
    assert view.objects.get("file").data == expected


# Reading


@clause("O-25")
def test_a_reader_gives_the_objects_bytes_and_what_is_known_about_them(view, noise):
    data = noise(100_000)
    info = view.objects.put("file", data, content_type="text/css")
    with view.objects.open("file") as reader:
        assert (reader.info.version, reader.info.size, reader.info.content_type) == (info.version, 100_000, "text/css")
        assert reader.read() == data
        assert reader.read() == b""
        assert reader.read(10) == b""


@clause("O-25")
def test_a_reader_gives_as_much_as_it_is_asked_for(view, noise):
    data = noise(100_000)
    view.objects.put("file", data)
    with view.objects.open("file", "rb") as reader:
        pieces = [reader.read(0), reader.read(1), reader.read(9), reader.read(50_000), reader.read(10**9)]
    assert [len(piece) for piece in pieces] == [0, 1, 9, 50_000, 49_990]
    assert b"".join(pieces) == data


@clause("O-25")
def test_a_reader_seeks_and_tells(view, noise):
    data = noise(100_000)
    view.objects.put("file", data)
    with view.objects.open("file") as reader:
        assert reader.tell() == 0
        for place in (99_990, 0, 5, 50_000, 5):
            reader.seek(place)
            assert reader.tell() == place
            assert reader.read(20) == data[place : place + 20]
            assert reader.tell() == min(place + 20, 100_000)
        reader.seek(200_000)
        assert reader.read(1) == b""


@clause("O-25")
def test_a_reader_seeks_from_its_position_and_from_the_end(view, noise):
    data = noise(1000)
    view.objects.put("file", data)
    with view.objects.open("file") as reader:
        reader.seek(-10, 2)
        assert reader.read() == data[-10:]
        reader.seek(100)
        reader.seek(5, 1)
        assert reader.read(1) == data[105:106]


@clause("O-25")
def test_a_reader_refuses_a_place_before_the_beginning(view):
    view.objects.put("file", b"data")
    with view.objects.open("file") as reader:
        with pytest.raises((InvalidInputError, ValueError)):
            reader.seek(-1)
        assert reader.read() == b"data"


@clause("O-25")
@pytest.mark.parametrize(
    "data", [b"", b"one\ntwo\n\nlast", b"\n\n", bytes(3 * MIB)], ids=["empty", "lines", "breaks", "zeros"]
)
def test_iterating_over_a_reader_gives_all_bytes(view, data):
    view.objects.put("file", data)
    with view.objects.open("file") as reader:
        assert b"".join(reader) == data


@clause("O-25", needs=("multipart",))
def test_a_large_object_is_read_from_beginning_to_end_and_from_anywhere(view, noise):
    data = noise(17 * MIB)
    view.objects.put("file", data)
    with view.objects.open("file") as reader:
        assert b"".join(iter(lambda: reader.read(5 * MIB), b"")) == data
    with view.objects.open("file") as reader:
        assert reader.read() == data
    with view.objects.open("file") as reader:
        for place in (PART - 5, 0, 2 * PART, 17 * MIB - 1, 4 * MIB - 1):
            reader.seek(place)
            assert reader.read(10) == data[place : place + 10]


@clause("O-25", needs=("multipart",))
def test_a_reader_that_reads_in_a_row_may_go_elsewhere_at_any_time(view, noise):
    data = noise(17 * MIB)
    view.objects.put("file", data)
    with view.objects.open("file") as reader:
        for place in (1, 13 * MIB, 5 * MIB):
            reader.seek(0)
            assert reader.read(PART) == data[:PART]
            reader.seek(place)
            assert reader.read(MIB) == data[place : place + MIB]
        assert reader.read() == data[6 * MIB :]


@clause("O-25")
def test_an_empty_object_is_read(view):
    view.objects.put("file", b"")
    with view.objects.open("file") as reader:
        assert reader.read() == b""
        assert reader.read(5) == b""
        assert reader.info.size == 0


@clause("O-25")
@pytest.mark.parametrize("mode", ["r", "w", "ab", "rb+", "", "xb"])
def test_another_mode_is_refused(view, mode):
    view.objects.put("file", b"data")
    with pytest.raises(InvalidInputError):
        view.objects.open("file", mode)
    assert view.objects.get("file").data == b"data"


@clause("O-25")
@pytest.mark.parametrize(
    "option", [{"if_absent": True}, {"if_match": "x"}, {"metadata": {"a": "b"}}, {"content_type": "text/css"}], ids=str
)
def test_what_is_for_writing_is_refused_when_reading(view, option):
    view.objects.put("file", b"data")
    with pytest.raises(InvalidInputError):
        view.objects.open("file", "rb", **option)


@clause("O-07", "O-25")
def test_opening_an_absent_object_to_read_is_not_found(view):
    with pytest.raises(NotFoundError):
        view.objects.open("file")
    with pytest.raises(NotFoundError):
        view.objects.open("file", "rb")
