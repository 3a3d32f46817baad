"""Reads of objects: never stale, of one version, and byte for byte."""

from __future__ import annotations

import pytest

from statekit.driver import Chunk, Match, Meta, Refused
from statekit_conformance import clause
from statekit_conformance.drivers import write_id
from statekit_conformance.threads import meanwhile, together

MIB = 1024 * 1024
LIMIT = 8 * MIB


@clause("O-51")
def test_a_key_that_was_never_written_is_nothing(objects_driver):
    key = objects_driver.key("never")
    assert objects_driver.stat(key) is None
    assert objects_driver.read(key) is None
    assert objects_driver.read(key, start=5, length=1) is None


@clause("O-51")
def test_stat_and_read_see_every_acknowledged_change(objects_driver):
    key = objects_driver.key("followed")
    for number in range(12):
        version = objects_driver.put(key, b"x" * number)
        assert (objects_driver.stat(key).version, objects_driver.stat(key).size) == (version, number)
        assert objects_driver.bytes_of(key) == b"x" * number
        objects_driver.delete(key)
        assert objects_driver.stat(key) is None
        assert objects_driver.read(key) is None


@clause("O-51", needs=("reopen",))
def test_another_opening_sees_every_acknowledged_change(objects_driver):
    key, openings = objects_driver.key("shared"), (objects_driver, objects_driver.another())
    for number, writer in enumerate(openings * 2):
        data = b"%d" % number
        version = writer.put(key, data)
        for reader in openings:
            assert (reader.bytes_of(key), reader.stat(key).version) == (data, version)
    openings[1].delete(key)
    for reader in openings:
        assert (reader.read(key), reader.stat(key)) == (None, None)


def bytes_read(subject, key):
    """Read an object in a process of its own."""
    return subject.objects_driver().bytes_of(key)


@clause("O-51")
def test_another_process_sees_every_acknowledged_write(processes, objects_driver):
    key = objects_driver.key("far")
    objects_driver.put(key, b"far" * 50_000)
    assert processes.run(bytes_read, key, count=2) == [b"far" * 50_000] * 2


@clause("O-51")
def test_no_thread_reads_less_than_what_was_acknowledged_before(objects_driver):
    key, acknowledged = objects_driver.key("growing"), [0]
    objects_driver.put(key, b"0")

    def write(ended):
        number = 0
        while not ended.is_set():
            number += 1
            objects_driver.put(key, b"%d" % number)
            acknowledged[0] = number

    def read(_):
        for _ in range(15):
            least = acknowledged[0]
            assert int(objects_driver.bytes_of(key)) >= least

    with meanwhile(write):
        together(6, read)


@clause("O-52")
def test_bytes_version_size_and_metadata_are_of_one_version(objects_driver):
    key, written, seen = objects_driver.key("moment"), {}, []

    def write(ended):
        number = 0
        while not ended.is_set():
            number += 1
            size = 200_000 if number % 3 == 0 else 10 + number % 7
            meta = Meta(user={"number": str(number)}, content_type=f"x/{number}", write_id=write_id())
            version = objects_driver.put(key, (b"%d" % (number % 10)) * size, meta=meta)
            written[version] = (number, size)

    def read(_):
        seen.extend(objects_driver.read(key) for _ in range(25))

    objects_driver.put(key, b"", meta=Meta(user={"number": "0"}, content_type="x/0", write_id=write_id()))
    with meanwhile(write):
        together(6, read)
    for chunk in seen:
        number, size = written.get(chunk.stat.version, (0, 0))
        assert (chunk.stat.size, len(chunk.data)) == (size, size)
        assert set(chunk.data) <= set(b"%d" % (number % 10))
        assert chunk.stat.meta.user == {"number": str(number)}
        assert chunk.stat.meta.content_type == f"x/{number}"


@clause("O-52", "O-51")
def test_a_chunk_describes_the_object_as_stat_does(objects_driver):
    key = objects_driver.key("described")
    meta = Meta("text/plain", "no-store", 'inline; filename="a b"', {"a": "b"}, write_id(), "-")
    objects_driver.put(key, b"0123456789", meta=meta)
    stat = objects_driver.stat(key)
    assert (stat.key, stat.size, stat.meta) == (key, 10, meta)
    seen = objects_driver.read(key, start=3, length=4).stat
    assert (seen.key, seen.version, seen.size, seen.modified_at, seen.meta) == (
        stat.key,
        stat.version,
        stat.size,
        stat.modified_at,
        stat.meta,
    )
    assert seen.crc32c in (None, stat.crc32c)  # not every engine says it with a part of the content


@clause("O-53")
def test_a_read_that_expects_the_stored_version_is_answered(objects_driver):
    key = objects_driver.key("pinned")
    version = objects_driver.put(key, b"0123456789")
    assert objects_driver.read(key, expect=Match(version)).data == b"0123456789"
    assert objects_driver.read(key, start=8, length=8, expect=Match(version)).data == b"89"


@clause("O-53")
def test_a_read_that_expects_another_version_is_refused(objects_driver):
    key = objects_driver.key("stale")
    stale = objects_driver.put(key, b"first, and longer")
    objects_driver.put(key, b"second")
    for start in (0, 3, 6, 100):
        assert isinstance(objects_driver.read(key, start=start, length=5, expect=Match(stale)), Refused)


@clause("O-53")
def test_a_pinned_read_of_an_absent_object_gives_no_bytes(objects_driver):
    key = objects_driver.key("gone")
    version = objects_driver.put(key, b"first")
    objects_driver.delete(key)
    assert not isinstance(objects_driver.read(key, expect=Match(version)), Chunk)


@clause("O-54")
@pytest.mark.parametrize("start", [10, 11, 1_000_000])
def test_a_read_at_or_beyond_the_end_gives_no_bytes_and_the_stat(objects_driver, start):
    key = objects_driver.key("short")
    version = objects_driver.put(key, b"0123456789")
    for expect in ({}, {"expect": Match(version)}):
        chunk = objects_driver.read(key, start=start, length=5, **expect)
        assert (chunk.data, chunk.stat) == (b"", objects_driver.stat(key))


@clause("O-54", "O-71")
def test_a_read_of_an_empty_object_gives_no_bytes_and_the_stat(objects_driver):
    key = objects_driver.key("empty")
    objects_driver.put(key, b"")
    for start in (0, 1):
        chunk = objects_driver.read(key, start=start, length=1)
        assert (chunk.data, chunk.stat.size) == (b"", 0)


@clause("O-52", "O-54")
def test_every_range_is_what_was_asked_for_and_no_more_than_there_is(objects_driver):
    key, data = objects_driver.key("ranges"), bytes(range(40))
    objects_driver.put(key, data)
    for start in (0, 1, 20, 38, 39, 40):
        for length in (1, 2, 19, 40, LIMIT):
            assert objects_driver.read(key, start=start, length=length).data == data[start : start + length]


@clause("O-71")
@pytest.mark.parametrize("size", [0, 1, 32 * 1024, 32 * 1024 + 1, 256 * 1024, MIB + 3, LIMIT - 1, LIMIT])
def test_an_object_of_any_size_in_one_write_comes_back(objects_driver, size):
    key, data = objects_driver.key("size"), (bytes(range(256)) * (size // 256 + 1))[:size]
    objects_driver.put(key, data)
    assert objects_driver.stat(key).size == size
    chunk = objects_driver.read(key, start=0, length=LIMIT)
    assert chunk.stat.size == size
    assert chunk.data == data
    if size > 2:
        assert objects_driver.read(key, start=size - 2, length=LIMIT).data == data[-2:]


@clause("O-71")
@pytest.mark.parametrize(
    "data",
    [b"\x00" * 5, b"\r\n\r\n", b"0\r\n\r\n", b"\xff\xfe", b"aws-chunked"],
    ids=["nul", "crlf", "chunk", "bom", "text"],
)
def test_bytes_of_any_kind_come_back(objects_driver, data):
    key = objects_driver.key("kind")
    objects_driver.put(key, data)
    assert objects_driver.bytes_of(key) == data


@clause("O-71")
def test_a_view_into_a_larger_buffer_is_written_as_it_is(objects_driver):
    key, buffer = objects_driver.key("view"), bytearray(b"....0123456789....")
    objects_driver.write(key, memoryview(buffer)[4:14])
    buffer[:] = b"x" * len(buffer)
    assert objects_driver.bytes_of(key) == b"0123456789"
