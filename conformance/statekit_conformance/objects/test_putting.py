"""Putting and getting: bytes of any size and from any source, with what is known about them."""

from __future__ import annotations

import io
import random
from datetime import UTC, datetime, timedelta

import pytest
from google_crc32c import value as crc32c_of

from statekit.errors import InvalidInputError, NotFoundError, StateError, UnsupportedError
from statekit_conformance import clause

MIB = 1024 * 1024
PART = 8 * MIB
SMALL = [0, 1, PART - 1, PART]
LARGE = [PART + 1, 17 * MIB]


def stored_whole(view, key, data):
    found = view.objects.get(key)
    info = found.info
    return found.data == data and (info.key, info.size) == (key, len(data)) and info.crc32c in (None, crc32c_of(data))


@clause("O-01", "O-21")
@pytest.mark.parametrize("size", SMALL)
def test_an_object_of_one_request_comes_back_as_it_was_put(view, noise, size):
    data = noise(size)
    info = view.objects.put("a/file", data)
    assert stored_whole(view, "a/file", data)
    assert (info.key, info.size, info.crc32c) == ("a/file", size, crc32c_of(data))
    assert view.objects.get("a/file").info.version == info.version == view.objects.stat("a/file").version


@clause("O-01", "O-21", needs=("multipart",))
@pytest.mark.parametrize("size", LARGE)
def test_an_object_of_several_parts_comes_back_as_it_was_put(view, noise, size):
    data = noise(size)
    info = view.objects.put("a/file", data)
    assert stored_whole(view, "a/file", data)
    assert (info.size, info.crc32c) == (size, crc32c_of(data))
    assert view.objects.stat("a/file").version == info.version


@clause("O-01", needs=("reopen",))
def test_what_does_not_fit_one_request_is_refused_where_parts_are_not_offered(subject, interposed, noise):
    driver = interposed.at_objects
    for method in ("begin", "part", "finish", "abort", "uploads", "parts"):
        driver.hide(method)
    interposed.stored_objects.put("fits", noise(PART))
    with pytest.raises(UnsupportedError):
        interposed.stored_objects.put("large", noise(PART + 1))
    with pytest.raises(UnsupportedError), interposed.stored_objects.open("large", "wb") as file:
        file.write(noise(PART + 1))
    assert subject.open().objects.exists("large") is False


class Pipe:
    """A binary file that cannot seek and gives a few bytes at a time."""

    def __init__(self, data):
        self._rest = io.BytesIO(data)

    def read(self, size=-1):
        return self._rest.read(min(size, 1000) if size > 0 else 1000)

    def seekable(self):
        return False


def standing(data):
    file = io.BytesIO(b"before" + data)
    file.seek(6)
    return file


def ragged(data):
    """Give bytes in pieces of all sizes, empty ones included."""
    sizes = random.Random(2)
    at = 0
    yield b""
    while at < len(data):
        size = sizes.choice([0, 1, 7, 4096, 65536, 300_000])
        yield data[at : at + size]
        at += size
    yield b""


SOURCES = {
    "bytes": lambda data: data,
    "a bytearray": bytearray,
    "a memoryview": memoryview,
    "a slice of a memoryview": lambda data: memoryview(b"xx" + data)[2:],
    "a memoryview of words": lambda data: memoryview(data).cast("I"),
    "a file": io.BytesIO,
    "a file from where it stands": standing,
    "a pipe": Pipe,
    "a generator": ragged,
    "a list": lambda data: [data[:10], data[10:]],
    "a tuple of memoryviews": lambda data: (memoryview(data),),
}


@clause("O-01")
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_a_put_takes_bytes_from_any_source(view, noise, source):
    data = noise(1_000_000)
    view.objects.put("file", source(data))
    assert stored_whole(view, "file", data)


@clause("O-01", needs=("multipart",))
@pytest.mark.parametrize("source", ["a file from where it stands", "a generator"])
def test_a_put_takes_many_parts_from_a_source_that_is_read_once(view, noise, source):
    data = noise(17 * MIB, seed=3)
    view.objects.put("file", SOURCES[source](data))
    assert stored_whole(view, "file", data)


@clause("O-01")
@pytest.mark.parametrize("source", [bytearray, io.BytesIO, Pipe, list, lambda _: iter([b"", b""])], ids=range(5))
def test_a_source_without_bytes_makes_an_empty_object(view, source):
    view.objects.put("empty", source(b""))
    assert stored_whole(view, "empty", b"")


@clause("O-01")
def test_a_put_takes_a_path(view, noise, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(noise(1_000_000))
    view.objects.put("file", path)
    assert stored_whole(view, "file", noise(1_000_000))
    path.unlink()
    with pytest.raises(OSError, match="file"):
        view.objects.put("other", path)
    assert view.objects.exists("other") is False


@clause("O-01", needs=("multipart",))
def test_a_put_takes_a_large_path_in_parts(view, noise, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(noise(PART + 1))
    view.objects.put("file", path)
    assert stored_whole(view, "file", noise(PART + 1))


@clause("O-01")
def test_a_put_closes_no_file_of_the_applications(view):
    file = io.BytesIO(b"data")
    view.objects.put("file", file)
    assert not file.closed


async def arriving(data):
    for piece in ragged(data):
        yield piece


@clause("O-01", "E-14")
def test_an_asynchronous_iterator_is_taken_by_asynchronous_stores_and_refused_by_others(view, subject, noise):
    data = noise(1_000_000)
    if subject.colour == "async":
        view.objects.put("file", arriving(data))
        assert stored_whole(view, "file", data)
    else:
        with pytest.raises((InvalidInputError, TypeError)):
            view.objects.put("file", arriving(data))
        assert view.objects.exists("file") is False


@clause("O-01", "E-14", needs=("multipart",))
def test_a_long_asynchronous_iterator_is_taken_in_parts(view, subject, noise):
    data = noise(PART + 1)
    if subject.colour == "async":
        view.objects.put("file", arriving(data))
        assert stored_whole(view, "file", data)


@clause("O-01")
@pytest.mark.parametrize(
    "data",
    ["text", 7, None, ["text"], [b"bytes", "text"], [1, 2], io.StringIO("text"), object()],
    ids=lambda data: repr(data)[:20],
)
def test_what_gives_no_bytes_is_refused_and_stores_nothing(view, data):
    with pytest.raises(InvalidInputError):
        view.objects.put("file", data)
    assert view.objects.exists("file") is False


# What is known about an object


HEADERS = {
    "content_type": 'text/html; charset="utf-8"',
    "cache_control": "public, max-age=3600, immutable",
    "content_disposition": "attachment; filename*=UTF-8''na%C3%AFve.txt",
}
METADATA = {
    "plain": "value",
    "empty": "",
    "accents": "naïve café",
    "japanese": "日本語",
    "emoji": "😀🏳️\u200d🌈",
    "combining": "e\u0301 and \u00e9",
    "spaces": "  two  in  the  middle  ",
    "tab": "\t",
    "lines": "one\r\ntwo\n",
    "null": "\0",
    "controls": "\x01\x7f\x85",
    "encoded-word": "=?utf-8?q?x?=",
    "looks-encoded": "=b64=dmFsdWU",
    "percent": "100%25 %",
    "quotes": "\"'`\\",
    "separators": "a:b;c,d=e&f",
    "bidi": "\u202eabc",
    "with_underscore": "_",
    "0digit": "0",
    "x" * 64: "a long key",
}


@clause("O-02")
@pytest.mark.parametrize("size", [0, 10, PART])
def test_headers_and_metadata_come_back_as_they_went_in(view, noise, size):
    info = view.objects.put("file", noise(size), metadata=METADATA, **HEADERS)
    for seen in (info, view.objects.stat("file"), view.objects.get("file").info):
        assert dict(seen.metadata) == METADATA
        assert {name: getattr(seen, name) for name in HEADERS} == HEADERS
    with view.objects.open("file") as file:
        assert dict(file.info.metadata) == METADATA
        assert file.info.content_type == HEADERS["content_type"]


@clause("O-02", needs=("multipart",))
@pytest.mark.parametrize("way", ["put", "open"])
def test_headers_and_metadata_come_back_for_objects_in_parts(view, noise, way):
    if way == "put":
        view.objects.put("file", noise(PART + 1), metadata=METADATA, **HEADERS)
    else:
        with view.objects.open("file", "wb", metadata=METADATA, **HEADERS) as file:
            file.write(noise(PART + 1))
    info = view.objects.stat("file")
    assert dict(info.metadata) == METADATA
    assert {name: getattr(info, name) for name in HEADERS} == HEADERS


@clause("O-02")
def test_headers_and_metadata_come_back_for_a_small_object_that_was_written_as_a_file(view):
    with view.objects.open("file", "wb", metadata=METADATA, **HEADERS) as file:
        file.write(b"data")
    info = view.objects.get("file").info
    assert dict(info.metadata) == METADATA
    assert {name: getattr(info, name) for name in HEADERS} == HEADERS


@clause("O-02")
@pytest.mark.parametrize("name", HEADERS)
def test_each_header_may_be_given_alone(view, name):
    view.objects.put("file", b"x", **{name: HEADERS[name]})
    info = view.objects.stat("file")
    assert {other: getattr(info, other) for other in HEADERS} == dict.fromkeys(HEADERS) | {name: HEADERS[name]}


@clause("O-02")
def test_nothing_that_was_not_given_comes_back(view):
    view.objects.put("file", b"x")
    info = view.objects.stat("file")
    assert {name: getattr(info, name) for name in HEADERS} == dict.fromkeys(HEADERS)
    assert dict(info.metadata) == {}


@clause("O-02")
def test_an_overwrite_replaces_all_that_was_known(view):
    view.objects.put("file", b"x", metadata={"a": "1", "b": "2"}, **HEADERS)
    view.objects.put("file", b"x", metadata={"b": "3"}, content_type="text/plain")
    info = view.objects.stat("file")
    assert dict(info.metadata) == {"b": "3"}
    assert (info.content_type, info.cache_control, info.content_disposition) == ("text/plain", None, None)


@clause("O-01", "E-13")
def test_bytes_and_what_is_known_about_them_are_of_one_version(subject, together, noise):
    view = subject.open(timeout=3600)
    contents = {str(seed): noise(100_000 + seed, seed) for seed in range(3)}
    view.objects.put("file", contents["0"], metadata={"of": "0"})

    def write(name):
        for _ in range(5):
            view.objects.put("file", contents[name], metadata={"of": name})

    def read():
        for _ in range(10):
            found = view.objects.get("file")
            assert found.data == contents[found.info.metadata["of"]]
            assert found.info.size == len(found.data)

    assert together([lambda: write("1"), lambda: write("2"), read, read]) == [None] * 4


@clause("O-01")
def test_an_objects_time_is_about_when_it_was_put(view, subject):
    info = view.objects.put("file", b"x")
    now = datetime.fromtimestamp(subject.clock.now() / 1000, UTC)
    for seen in (info, view.objects.stat("file")):
        assert seen.modified_at.tzinfo is UTC
        assert abs(seen.modified_at - now) < timedelta(minutes=2)


# Versions and absence


@clause("O-06")
@pytest.mark.parametrize("change", [b"", b"other", b"contenu", b"content\0", b"Content"])
def test_the_version_changes_with_the_content(view, change):
    before = view.objects.put("file", b"content").version
    after = view.objects.put("file", change).version
    assert before != after == view.objects.stat("file").version


@clause("O-06", needs=("multipart",))
def test_the_version_changes_with_the_content_of_large_objects(view, noise):
    before = view.objects.put("file", noise(PART + 1)).version
    after = view.objects.put("file", noise(PART) + b"!").version
    assert before != after == view.objects.stat("file").version


@clause("O-06")
def test_reading_changes_no_version(view):
    version = view.objects.put("file", b"x").version
    view.objects.get("file")
    view.objects.stat("file")
    list(view.objects.list())
    view.objects.copy("file", "copy")
    assert view.objects.stat("file").version == version


@clause("O-07")
@pytest.mark.parametrize("deleted", [False, True], ids=["never stored", "deleted"])
def test_an_absent_object_is_not_found(view, deleted):
    if deleted:
        view.objects.put("file", b"x")
        view.objects.delete("file")
    view.objects.put("file/below", b"x")
    view.objects.put("file2", b"x")
    for use in (view.objects.get, view.objects.stat, view.objects.open):
        with pytest.raises(NotFoundError):
            use("file")
    with pytest.raises(NotFoundError):
        view.objects.get("file", start=5, length=0)
    assert view.objects.exists("file") is False
    assert view.objects.exists("file2") is True


@clause("O-07")
def test_absence_is_a_lookup_error_too(view):
    with pytest.raises(LookupError):
        view.objects.get("file")
    assert issubclass(NotFoundError, StateError)


@clause("O-20")
def test_a_key_and_keys_below_it_exist_side_by_side(view):
    keys = ["a", "a/b", "a/b/c", "a/b/c/d", "a.b", "a b"]
    for key in reversed(keys):
        view.objects.put(key, key.encode())
    for key in keys:
        assert view.objects.get(key).data == key.encode()
    assert sorted(info.key for info in view.objects.list("a")) == sorted(keys)
    view.objects.put("a", b"again")
    assert view.objects.delete("a/b") is True
    left = [info.key for info in view.objects.list("a")]
    assert left == ["a", "a b", "a.b", "a/b/c", "a/b/c/d"]
    assert view.objects.get("a").data == b"again"
    view.objects.delete("a")
    assert view.objects.get("a/b/c").data == b"a/b/c"


@clause("O-20", needs=("multipart",), takes=("objects.slash_neighbours_in_parts",))
def test_a_large_object_and_keys_below_it_exist_side_by_side(view, noise):
    view.objects.put("a/b", b"below")
    view.objects.put("a", noise(PART + 1))
    view.objects.put("a/b/c", b"further below")
    assert stored_whole(view, "a", noise(PART + 1))
    assert view.objects.get("a/b").data == b"below"


# Elsewhere


@clause("O-23", needs=("reopen",))
@pytest.mark.parametrize("suffix", ["x", ".x", "-x", "0"])
def test_objects_of_one_namespace_are_not_seen_or_changed_from_another(subject, suffix):
    ours, theirs = subject.open(), subject.open(namespace=subject.namespace + suffix)
    ours.objects.put("a/file", b"ours")
    assert theirs.objects.exists("a/file") is False
    assert list(theirs.objects.list()) == []
    assert theirs.objects.delete("a/file") is False
    assert theirs.objects.delete_many(["a/file"]) == {"a/file": False}
    with pytest.raises(NotFoundError):
        theirs.objects.copy("a/file", "copy")
    theirs.objects.put("a/file", b"theirs", if_absent=True)
    theirs.objects.put("b", b"theirs")
    assert [info.key for info in ours.objects.list()] == ["a/file"]
    assert [info.key for info in theirs.objects.list()] == ["a/file", "b"]
    assert ours.objects.get("a/file").data == b"ours"
    assert theirs.objects.delete("a/file") is True
    assert ours.objects.exists("a/file") is True


@clause("O-23", needs=("reopen",))
def test_no_key_reaches_into_another_namespace(subject):
    ours, theirs = subject.open(), subject.open(namespace=f"{subject.namespace}x")
    ours.objects.put("file", b"ours")
    for key in (f"{subject.namespace}/file", f"x/{subject.namespace}/file"):
        assert theirs.objects.exists(key) is False
        assert ours.objects.exists(key) is False


@clause("O-23", needs=("reopen",))
def test_without_a_namespace_the_store_is_seen_as_it_is(subject):
    ours, bare = subject.open(), subject.open(namespace="")
    ours.objects.put("file", b"ours")
    assert bare.objects.get(f"{subject.namespace}/file").data == b"ours"
    assert [info.key for info in bare.objects.list(f"{subject.namespace}/")] == [f"{subject.namespace}/file"]


@clause("O-27")
def test_an_object_is_read_through_another_opening(subject):
    one, other = subject.open(), subject.open()
    version = one.objects.put("file", b"data", metadata={"a": "ü"}).version
    found = other.objects.get("file")
    assert (found.data, dict(found.info.metadata), found.info.version) == (b"data", {"a": "ü"}, version)
    other.objects.put("file", b"new", if_match=version)
    assert one.objects.get("file").data == b"new"
    one.objects.put("file", b"newer")
    assert other.objects.get("file").data == b"newer"
    assert [info.key for info in other.objects.list()] == ["file"]


@clause("O-27", needs=("multipart",))
def test_an_object_is_read_after_the_opening_that_put_it_was_closed(subject, noise):
    first = subject.open()
    first.objects.put("small", b"data")
    first.objects.put("large", noise(PART + 1))
    first.close()
    later = subject.open()
    assert later.objects.get("small").data == b"data"
    assert stored_whole(later, "large", noise(PART + 1))


def put_one(subject):
    view = subject.open()
    view.objects.put(f"of {subject.index}", bytes((subject.index,)) * 1000)
    return view.objects.get("shared").data


@clause("O-27")
def test_objects_are_shared_by_processes(view, processes):
    view.objects.put("shared", b"data")
    assert processes.run(put_one, count=2) == [b"data"] * 2
    assert [view.objects.get(f"of {number}").data[:1] for number in range(2)] == [b"\0", b"\1"]
