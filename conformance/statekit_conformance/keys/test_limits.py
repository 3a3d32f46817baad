"""Limits: the same on every backend, exact to the byte, and enforced before anything is sent."""

from __future__ import annotations

import pytest

from statekit.errors import InvalidInputError, LimitExceededError
from statekit_conformance import clause


def of_size(size, entries=1):
    """Return metadata of this many bytes in this many entries."""
    keys = [f"k{number:02}" for number in range(entries)]
    values = ["v" * ((size - 3 * entries) // entries) for _ in keys]
    values[-1] += "v" * (size - 3 * entries - sum(map(len, values)))
    return dict(zip(keys, values, strict=True))


def bytes_of(metadata):
    return sum(len(key) + len(value.encode()) for key, value in metadata.items())


FULL = {
    "one entry": of_size(1024),
    "24 entries": of_size(1024, 24),
    "24 entries in another script": {f"k{number:02}": "é" * 19 for number in range(23)} | {"k23": "é" * 39},
    "24 entries that have to be encoded": {f"k{number:02}": "a" * 37 + "  " for number in range(24)},
    "emoji": {"k": "😀" * 255 + "abc"},
    "controls": {"k": "\0" * 1023},
}


@clause("K-05")
@pytest.mark.parametrize("metadata", FULL.values(), ids=FULL)
def test_metadata_of_1_kib_in_24_entries_is_stored(view, metadata):
    assert bytes_of(metadata) in range(1000, 1025)
    assert len(metadata) <= 24
    headers = {"content_type": "t" * 255, "cache_control": "c" * 255, "content_disposition": "d" * 255}
    view.objects.put("file", b"x", metadata=metadata, **headers)
    info = view.objects.get("file").info
    assert dict(info.metadata) == metadata
    assert {name: getattr(info, name) for name in headers} == headers
    view.objects.copy("file", "copy")
    assert dict(view.objects.stat("copy").metadata) == metadata


@clause("K-05")
@pytest.mark.parametrize(
    "metadata",
    [
        of_size(1025),
        of_size(1025, 24),
        of_size(500, 25),
        {f"k{n}": "" for n in range(25)},
        {"k": "é" * 512},
        {"k": "x" * 10**6},
    ],
    ids=["1025 bytes", "1025 bytes in 24", "25 entries", "25 empty entries", "1025 bytes of UTF-8", "a megabyte"],
)
def test_more_metadata_is_refused_before_anything_is_sent(view, metadata):
    with pytest.raises(LimitExceededError):
        view.objects.put("file", b"x", metadata=metadata)
    with pytest.raises(LimitExceededError):
        view.objects.open("file", "wb", metadata=metadata)
    assert all(event.attempts == 0 for event in view.events)
    assert view.objects.exists("file") is False


@clause("K-05")
def test_metadata_that_would_not_come_back_is_refused_before_anything_is_sent(view):
    refused = [
        {"": "x"},
        {"Upper": "x"},
        {"ä": "x"},
        {"a b": "x"},
        {"a.b": "x"},
        {"-a": "x"},
        {"a:b": "x"},
        {"k\n": "x"},
        {"x" * 65: "x"},
        {"statekit-a": "x"},
        {"a": "\ud800"},
        {"a": 1},
        {"a": None},
        {"a": b"x"},
        {1: "x"},
    ]
    assert [metadata for metadata in refused if is_accepted(view, metadata=metadata)] == []
    assert all(event.attempts == 0 for event in view.events)


def is_accepted(view, **options):
    """Whether either way to store an object with these options is not refused."""
    accepted = False
    for use in (lambda: view.objects.put("file", b"x", **options), lambda: view.objects.open("file", "wb", **options)):
        try:
            use()
        except InvalidInputError:
            continue
        accepted = True
    return accepted


HEADERS = pytest.mark.parametrize("name", ["content_type", "cache_control", "content_disposition"])


@clause("K-06")
@HEADERS
@pytest.mark.parametrize("value", ["x", "x" * 255, "a b  c", "".join(map(chr, range(0x21, 0x7F)))])
def test_a_header_of_printable_ascii_comes_back(view, name, value):
    view.objects.put("file", b"x", **{name: value})
    assert getattr(view.objects.stat("file"), name) == value


@clause("K-06")
@HEADERS
def test_another_header_is_refused_before_anything_is_sent(view, name):
    refused = ["", " ", " x", "x ", "é", "日本", "a\nb", "a\r\nX-Other: 1", "a\0", "a\tb", "\x7f", "\ud800", 7, b"x"]
    assert [value for value in refused if is_accepted(view, **{name: value})] == []
    assert all(event.attempts == 0 for event in view.events)


@clause("K-06")
@HEADERS
def test_a_longer_header_is_refused_before_anything_is_sent(view, name):
    with pytest.raises(LimitExceededError):
        view.objects.put("file", b"x", **{name: "x" * 256})
    assert view.events[-1].attempts == 0


# Owners and labels


@clause("K-07")
@pytest.mark.parametrize("owner", ["a", "o" * 256, "é" * 128, "😀" * 64, " ", "\n", "\0", "../..", "a/b", "*"])
def test_an_owner_of_1_to_256_bytes_is_accepted(view, owner):
    mark = view.sessions.owner_mark(owner)
    session = view.sessions.create(owner=owner, since=mark)
    assert view.sessions.load(session.id).owner == owner
    assert len(view.sessions.list(owner)) == 1
    assert view.sessions.revoke_all(owner) == 1


@clause("K-07")
@pytest.mark.parametrize(
    "owner", ["", "o" * 257, "é" * 129, "x" * 10**6, "\ud800", 7, b"ann", ["ann"]], ids=lambda o: repr(o)[:12]
)
def test_another_owner_is_refused_before_anything_is_sent(view, owner):
    guest = view.sessions.create()
    uses = [
        lambda: view.sessions.create(owner=owner),
        lambda: view.sessions.rotate(guest, owner=owner),
        lambda: view.sessions.list(owner),
        lambda: view.sessions.owner_mark(owner),
        lambda: view.sessions.revoke_all(owner),
    ]
    for use in uses:
        with pytest.raises(InvalidInputError):
            use()
    assert [event.attempts for event in view.events[1:]] == [0] * len(uses)
    assert view.sessions.load(guest.id) is not None


@clause("K-07")
@pytest.mark.parametrize("label", ["", "l" * 200, "é" * 100, "\0\n", "😀" * 50])
def test_a_label_of_up_to_200_bytes_comes_back(view, label):
    session = view.sessions.create(owner="ann", label=label)
    assert view.sessions.load(session.id).label == label
    assert [info.label for info in view.sessions.list("ann")] == [label]


@clause("K-07")
@pytest.mark.parametrize("label", ["l" * 201, "é" * 101, "\ud800", 7, b"phone"], ids=lambda label: repr(label)[:12])
def test_another_label_is_refused_before_anything_is_sent(view, label):
    guest = view.sessions.create()
    with pytest.raises(InvalidInputError):
        view.sessions.create(owner="ann", label=label)
    with pytest.raises(InvalidInputError):
        view.sessions.rotate(guest, owner="ann", label=label)
    assert [event.attempts for event in view.events[1:]] == [0, 0]
    assert view.sessions.list("ann") == []
