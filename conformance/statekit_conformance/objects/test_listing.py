"""Listing: every key once, in the order of its bytes, however many there are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from statekit.errors import InvalidInputError, InvalidKeyError
from statekit.types import ObjectInfo, Prefix
from statekit_conformance import clause

ORDERED = [
    " ",
    "!",
    "-",
    "0",
    "00",
    "1",
    "10",
    "2",
    "A",
    "Z",
    "_",
    "a",
    "a ",
    "a!",
    "a-b",
    "a.b",
    "a/b",
    "a/b-c",
    "a/b/c",
    "a0",
    "aa",
    "b",
    "z",
    "~",
    "\u00a0",
    "ä",
    "é",
    "ÿ",
    "Ā",
    "e\u0301".replace("e", "\u0400"),
    "中",
    "\ud7ff",
    "\ue000",
    "\uff5e",
    "\ufffd",
    "\uffff",
    "\U00010000",
    "😀",
    "\U0010ffff",
]
"""Keys in the order of their UTF-8 bytes, which is not that of UTF-16 from the 32nd on."""


@pytest.fixture
def tree(view):
    """Return an opening with a few folders."""
    for key in ("photos/2020/a", "photos/2020/b", "photos/2021/a", "photos/c", "photos-old/a", "photos.txt", "readme"):
        view.objects.put(key, key.encode())
    return view


def shown(items):
    return [f"{item.key} …" if isinstance(item, Prefix) else item.key for item in items]


@clause("O-17")
def test_a_listing_of_nothing_is_empty(view):
    assert list(view.objects.list()) == []
    assert list(view.objects.list("a/b")) == []
    assert list(view.objects.list(delimiter="/")) == []


@clause("O-17", "K-01")
def test_keys_are_listed_in_the_order_of_their_bytes(view):
    assert [key.encode() for key in ORDERED] == sorted(key.encode() for key in ORDERED)
    for key in reversed(ORDERED):
        view.objects.put(key, b"")
    assert shown(view.objects.list()) == ORDERED


@clause("O-17")
def test_a_line_of_a_listing_describes_the_object(view):
    info = view.objects.put("a/file", b"data", metadata={"a": "b"}, content_type="text/css")
    (line,) = view.objects.list()
    assert isinstance(line, ObjectInfo)
    assert (line.key, line.version, line.size) == ("a/file", info.version, 4)
    assert dict(line.metadata) == {}
    assert (line.content_type, line.cache_control, line.content_disposition) == (None, None, None)


@clause("O-17")
def test_a_listing_shows_every_change_that_came_before_it(view):
    for number in range(5):
        view.objects.put(f"file {number}", b"")
        assert len(list(view.objects.list())) == number + 1
    view.objects.delete("file 2")
    assert shown(view.objects.list()) == ["file 0", "file 1", "file 3", "file 4"]
    view.objects.put("file 0", b"changed")
    assert next(iter(view.objects.list())).size == 7


@clause("O-17", "K-04")
@pytest.mark.parametrize(
    ("prefix", "keys"),
    [
        ("photos", ["photos-old/a", "photos.txt", "photos/2020/a", "photos/2020/b", "photos/2021/a", "photos/c"]),
        ("photos/", ["photos/2020/a", "photos/2020/b", "photos/2021/a", "photos/c"]),
        ("photos/202", ["photos/2020/a", "photos/2020/b", "photos/2021/a"]),
        ("photos/2020/a", ["photos/2020/a"]),
        ("photos/2020/a/", []),
        ("photos/2020/ab", []),
        ("Photos", []),
        ("readme", ["readme"]),
        ("x", []),
    ],
)
def test_a_listing_holds_the_keys_that_begin_with_its_prefix(tree, prefix, keys):
    assert shown(tree.objects.list(prefix)) == keys


@clause("O-18")
@pytest.mark.parametrize(
    ("prefix", "lines"),
    [
        ("", ["photos-old/ …", "photos.txt", "photos/ …", "readme"]),
        ("photos", ["photos-old/ …", "photos.txt", "photos/ …"]),
        ("photos/", ["photos/2020/ …", "photos/2021/ …", "photos/c"]),
        ("photos/2", ["photos/2020/ …", "photos/2021/ …"]),
        ("photos/2020", ["photos/2020/ …"]),
        ("photos/2020/", ["photos/2020/a", "photos/2020/b"]),
        ("photos/2020/a", ["photos/2020/a"]),
        ("photos-", ["photos-old/ …"]),
        ("x", []),
    ],
)
def test_a_delimiter_folds_each_folder_once_in_its_place(tree, prefix, lines):
    assert shown(tree.objects.list(prefix, delimiter="/")) == lines


@clause("O-18", "O-20")
def test_a_key_and_the_folder_of_its_name_are_two_lines(view):
    for key in ("a", "a/b", "a/c", "a/c/d", "a!"):
        view.objects.put(key, b"")
    assert shown(view.objects.list(delimiter="/")) == ["a", "a!", "a/ …"]
    assert shown(view.objects.list("a/", delimiter="/")) == ["a/b", "a/c", "a/c/ …"]


@clause("O-18")
@pytest.mark.parametrize("delimiter", ["", "-", "//", "ph", "\\", "é"])
def test_another_delimiter_is_refused(tree, delimiter):
    with pytest.raises(InvalidInputError):
        list(tree.objects.list(delimiter=delimiter))


@clause("O-18")
def test_folders_are_folded_in_any_script(view):
    for key in ("é/a", "é/b", "😀/a", "\uffff/a", "日本/語/a"):
        view.objects.put(key, b"")
    assert shown(view.objects.list(delimiter="/")) == ["é/ …", "日本/ …", "\uffff/ …", "😀/ …"]
    assert shown(view.objects.list("日本/", delimiter="/")) == ["日本/語/ …"]


@clause("O-19")
@pytest.mark.parametrize(
    ("prefix", "start_after", "keys"),
    [
        ("", "photos/2021/a", ["photos/c", "readme"]),
        ("", "photos/2021", ["photos/2021/a", "photos/c", "readme"]),
        ("", "photos/", ["photos/2020/a", "photos/2020/b", "photos/2021/a", "photos/c", "readme"]),
        ("", "readme", []),
        ("", "zzz", []),
        ("", "😀", []),
        ("photos/", "a", ["photos/2020/a", "photos/2020/b", "photos/2021/a", "photos/c"]),
        ("photos/", "photos/2020/a", ["photos/2020/b", "photos/2021/a", "photos/c"]),
        ("photos/", "readme", []),
        ("photos/2020/", "photos/2020/b", []),
    ],
)
def test_a_listing_with_start_after_holds_only_later_keys(tree, prefix, start_after, keys):
    assert shown(tree.objects.list(prefix, start_after=start_after)) == keys


@clause("O-19")
def test_every_key_is_where_a_listing_may_go_on(view):
    for key in ORDERED:
        view.objects.put(key, b"")
    for number in (0, 5, 16, 24, 31, 32, 33, 36, 37, 38):
        assert shown(view.objects.list(start_after=ORDERED[number])) == ORDERED[number + 1 :]


@clause("O-18", "O-19")
def test_a_listing_of_folders_goes_on_after_a_key(tree):
    assert shown(tree.objects.list(delimiter="/", start_after="photos.txt")) == ["photos/ …", "readme"]
    assert shown(tree.objects.list("photos/", delimiter="/", start_after="photos/2021/a")) == ["photos/c"]
    assert shown(tree.objects.list(delimiter="/", start_after="photos0")) == ["readme"]


@clause("O-17", "O-18", "O-19")
def test_a_listing_has_no_end_but_the_last_key(view):
    keys = sorted(f"{'many' if number % 2 else 'more'}/{number:04}" for number in range(1060))
    keys += ["z/😀", "z/\uffff"]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: view.objects.put(key, b""), keys))
    keys.sort(key=str.encode)
    assert shown(view.objects.list()) == keys
    assert shown(view.objects.list(start_after=keys[20])) == keys[21:]
    assert shown(view.objects.list(delimiter="/")) == ["many/ …", "more/ …", "z/ …"]
    assert shown(view.objects.list("many/", delimiter="/")) == [key for key in keys if key.startswith("many/")]

    listing = iter(view.objects.list())
    seen = [next(listing).key]
    view.objects.delete_many([*keys[1:40], *keys[1010:1020]])
    for new in ("many", "mz", "zz"):
        view.objects.put(new, b"")
    seen += [info.key for info in listing]
    stayed = [key for key in keys if key not in {*keys[1:40], *keys[1010:1020]}]
    assert len(set(seen)) == len(seen)
    assert seen == sorted(seen, key=str.encode)
    assert [key for key in seen if key in set(stayed)] == stayed


# What is statekit's own


@clause("O-26", needs=("reopen",))
@pytest.mark.parametrize("key", [".statekit", ".statekit/a", ".statekit/a/b"])
def test_a_key_under_the_reserved_prefix_is_refused_everywhere(view, raw, key):
    view.objects.put("file", b"x")
    uses = [
        lambda: view.objects.put(key, b"x"),
        lambda: view.objects.get(key),
        lambda: view.objects.stat(key),
        lambda: view.objects.exists(key),
        lambda: view.objects.delete(key),
        lambda: view.objects.delete_many(["file", key]),
        lambda: view.objects.copy("file", key),
        lambda: view.objects.copy(key, "file"),
        lambda: view.objects.open(key),
        lambda: view.objects.open(key, "wb"),
        lambda: list(view.objects.list(f"{key}/")),
    ]
    sent = sum(event.attempts for event in view.events)
    for use in uses:
        with pytest.raises(InvalidKeyError):
            use()
    assert sum(event.attempts for event in view.events) == sent
    assert raw.keys() == ["file"]


@clause("O-26")
@pytest.mark.parametrize("key", [".statekitx", ".statekit.d/a", ".Statekit", "a/.statekit", "a/.statekit/b", ".state"])
def test_a_key_that_only_looks_reserved_is_the_applications(view, key):
    view.objects.put(key, b"x")
    assert shown(view.objects.list()) == [key]


@clause("O-26", needs=("reopen",))
def test_what_statekit_keeps_for_itself_is_never_listed(view, raw):
    for key in (".statekit/a", ".statekit/b/c", ".statekit"):
        raw.driver.put(raw.prefix + key, b"its own")
    for key in (".state", ".statekitx", "a"):
        view.objects.put(key, b"")
    assert shown(view.objects.list()) == [".state", ".statekitx", "a"]
    assert shown(view.objects.list(".state")) == [".state", ".statekitx"]
    assert shown(view.objects.list(".statekit")) == [".statekitx"]
    assert shown(view.objects.list(delimiter="/")) == [".state", ".statekitx", "a"]
