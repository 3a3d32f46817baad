"""Listings of objects: complete, once each, in the order of their UTF-8 bytes."""

from __future__ import annotations

import itertools

import pytest

from statekit_conformance import clause
from statekit_conformance.threads import meanwhile, together

ODD = (
    *("a", "a!", "a-b", "a.b", "a/b", "a/b/c", "a0", "aa", "B", "b c", "b+c"),
    *("b%20c", "b&c=d", "d/e/f", "d/e-f", "d/f", "é", "e\u0301", "ﬁ", "\ue000", "\uffff", "😀"),
    *("z", "zz/zz", "#", "?", "~", "[x]", "*", "'", '"', "a:b", "<x>"),
)

IN_PAGES = clause(takes=("objects.delimiter_pages",))


def filled(objects_driver, names):
    """Store an object under each name, several at once, and return the keys."""
    keys = [objects_driver.key(name) for name in names]
    together(8, lambda thread: [objects_driver.put(key, key.encode()) for key in keys[thread::8]])
    return keys


def in_order(keys):
    return sorted(keys, key=lambda key: key.encode())


def folded(keys, prefix):
    """Return what a delimiter leaves of keys: those without a slash after the prefix, and the prefixes of others."""
    plain, prefixes = [], []
    for key in in_order(keys):
        rest = key[len(prefix) :]
        if "/" in rest:
            prefixes.append(prefix + rest[: rest.index("/") + 1])
        else:
            plain.append(key)
    return plain, list(dict.fromkeys(prefixes))


@clause("O-62")
def test_a_listing_of_nothing_is_empty_and_ends(objects_driver):
    assert objects_driver.keys() == []


@clause("O-62", "K-11")
@pytest.mark.parametrize("limit", [1, 2, 10, 1000])
def test_a_listing_holds_each_key_once_in_order(objects_driver, limit):
    keys = filled(objects_driver, ODD)
    assert objects_driver.keys(limit=limit) == in_order(keys)


@clause("O-62")
def test_a_listing_of_more_than_a_thousand_objects_is_complete(objects_driver):
    keys = filled(objects_driver, [f"{number % 7}/{number:04}" for number in range(1_050)])
    assert objects_driver.keys() == in_order(keys)


@clause("O-62")
def test_no_page_holds_more_than_was_asked_for(objects_driver):
    filled(objects_driver, [f"{folder}/{number}" for folder in "abcde" for number in range(4)])
    for page in objects_driver.pages(limit=3):
        assert len(page.items) <= 3
    for page in objects_driver.pages(limit=2, delimiter="/"):
        assert len(page.items) + len(page.prefixes) <= 2


@clause("O-62")
def test_a_listing_holds_only_keys_under_its_prefix(objects_driver):
    keys = filled(objects_driver, ODD)
    for prefix in ("a", "a/", "a/b", "a/b/", "A", "b", "b%", "é", "e", "*", "[", "zz", "nothing", ""):
        start = objects_driver.key(prefix)
        expected = [key for key in in_order(keys) if key.startswith(start)]
        assert objects_driver.keys(start) == expected, prefix


@clause("O-62")
def test_a_listed_object_has_its_key_version_and_size(objects_driver):
    versions = {
        objects_driver.key(f"{size}"): objects_driver.put(objects_driver.key(f"{size}"), b"x" * size)
        for size in (0, 7, 90_000)
    }
    for stat in objects_driver.page(objects_driver.key("")).items:
        assert stat.version == versions[stat.key]
        assert stat.key.endswith(f"/{stat.size}")
        assert stat.modified_at > 0


@clause("O-62")
def test_what_is_present_throughout_is_listed_while_others_come_and_go(objects_driver):
    keys = filled(objects_driver, [f"stays-{number:02}" for number in range(40)])

    def churn(ended):
        for number in itertools.cycle(range(40)):
            if ended.is_set():
                return
            key = objects_driver.key(f"stays-{number:02}.not")
            objects_driver.put(key, b"x")
            objects_driver.delete(key)

    with meanwhile(churn):
        for limit in (3, 10, 25):
            found = objects_driver.keys(limit=limit)
            assert [key for key in found if not key.endswith(".not")] == keys
            assert found == in_order(set(found))


@clause("O-62", "O-61")
def test_deleting_what_is_listed_while_it_is_listed_misses_nothing(objects_driver):
    keys = filled(objects_driver, [f"{number:02}" for number in range(30)])
    seen, cursor = [], None
    while True:
        page = objects_driver.page(objects_driver.key(""), cursor=cursor, limit=7)
        for stat in page.items:
            objects_driver.delete(stat.key)
            seen.append(stat.key)
        cursor = page.cursor
        if cursor is None:
            break
    assert seen == keys
    assert objects_driver.keys() == []


@clause("O-63")
@pytest.mark.parametrize("limit", [*(pytest.param(limit, marks=IN_PAGES) for limit in (1, 2, 3)), 1000])
@pytest.mark.parametrize("prefix", ["", "a", "a/", "d/", "d/e", "z", "zz/"])
def test_keys_behind_the_delimiter_are_folded_each_prefix_once(objects_driver, prefix, limit):
    keys = [key for key in filled(objects_driver, ODD) if key.startswith(objects_driver.key(prefix))]
    pages = objects_driver.pages(objects_driver.key(prefix), delimiter="/", limit=limit)
    plain = [stat.key for page in pages for stat in page.items]
    prefixes = [name for page in pages for name in page.prefixes]
    assert (plain, prefixes) == folded(keys, objects_driver.key(prefix))


@clause("O-63", "O-62")
def test_folded_prefixes_stand_in_their_place(objects_driver):
    """Across pages, keys and folded prefixes together are in order."""
    filled(objects_driver, ["a", "b/1", "b/2", "c", "d/1", "e", "f/1", "f/2", "f/3", "g"])
    last = b""
    for page in objects_driver.pages(delimiter="/", limit=2):
        lines = [line.encode() for line in (*[stat.key for stat in page.items], *page.prefixes)]
        assert all(line > last for line in lines)
        last = max([last, *lines])


@clause("O-64")
@pytest.mark.parametrize("limit", [1, 5, 1000])
def test_a_listing_with_start_after_holds_only_later_keys(objects_driver, limit):
    keys = in_order(filled(objects_driver, ODD))
    for start in (*ODD[::3], "a/", "a/b/", "c", "nothing", "\U0010ffff", "!"):
        after = objects_driver.key(start)
        expected = [key for key in keys if key.encode() > after.encode()]
        assert objects_driver.keys(start_after=after, limit=limit) == expected, start


@clause("O-64")
def test_start_after_a_key_outside_the_prefix_cuts_nothing_or_all(objects_driver):
    keys = filled(objects_driver, ["b/1", "b/2", "c/1"])
    prefix = objects_driver.key("b/")
    assert objects_driver.keys(prefix, start_after=objects_driver.key("a")) == keys[:2]
    assert objects_driver.keys(prefix, start_after=objects_driver.key("c")) == []


@clause("O-64", "O-63", takes=("objects.start_after_folds",))
def test_start_after_and_a_delimiter_go_together(objects_driver):
    filled(objects_driver, ["a", "b/1", "b/2", "c", "d/1"])
    pages = objects_driver.pages(delimiter="/", start_after=objects_driver.key("b/1"))
    assert [stat.key for page in pages for stat in page.items] == [objects_driver.key("c")]
    assert [name for page in pages for name in page.prefixes] == [objects_driver.key("b/"), objects_driver.key("d/")]
