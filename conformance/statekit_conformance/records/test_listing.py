"""Listings: everything that is there throughout, nothing from elsewhere, and an end."""

from __future__ import annotations

import itertools

import pytest

from statekit.driver import Match
from statekit.testing import FakeClock
from statekit_conformance import clause
from statekit_conformance.threads import meanwhile, together

NOW = FakeClock().now()
HOUR = 3_600_000
PAGES = 10_000


def filled(records, names, **options):
    """Store a record under each name, several at once, and return the keys."""
    keys = [records.key(name) for name in names]
    together(8, lambda thread: [records.create(key, b"value", **options) for key in keys[thread::8]])
    return keys


def pages_of(records, prefix, limit):
    """Return the pages of a listing, which must end."""
    pages = [records.page(prefix, limit=limit)]
    while pages[-1].cursor is not None:
        assert len(pages) < PAGES, "the listing does not end"
        pages.append(records.page(prefix, cursor=pages[-1].cursor, limit=limit))
    return pages


@clause("R-17")
def test_a_listing_of_nothing_is_empty_and_ends(records):
    assert records.entries() == []
    assert records.entries(records.key("none/")) == []


@clause("R-17")
@pytest.mark.parametrize("limit", [1, 7, 60, 61, 1000])
def test_a_listing_shows_every_record_in_pages_of_any_size(records, limit):
    keys = filled(records, [f"{number:03}" for number in range(60)])
    pages = pages_of(records, records.key(""), limit)
    assert {entry.key for page in pages for entry in page.items} == set(keys)
    assert all(len(page.items) <= limit for page in pages)


@clause("R-17")
def test_a_listing_of_more_than_a_thousand_records_is_complete(records):
    keys = filled(records, [f"{number:04}" for number in range(1_100)])
    assert {entry.key for entry in records.entries(limit=1000)} == set(keys)


@clause("R-17")
def test_a_listing_of_large_records_is_complete(records):
    """Engines end a page early by bytes, too, and may then answer with an empty one."""
    keys = [records.key(f"{number:02}") for number in range(12)]
    for key in keys:
        records.create(key, bytes(320 * 1024))
    assert {entry.key for entry in records.entries(limit=5)} == set(keys)


@clause("R-17")
def test_a_listing_shows_only_keys_under_its_prefix(records):
    names = ["a/1", "a/2", "a", "ab", "a-b", "a.b", "a_b", "aXb", "A/1", "b/a/1", "a/", "a/x/y"]
    filled(records, names)
    for prefix in ("a/", "a", "a_", "a.", "a-", "A", "A/", "a/x", "b", "c", ""):
        expected = {records.key(name) for name in names if name.startswith(prefix)}
        assert {entry.key for entry in records.entries(records.key(prefix))} == expected, prefix


@clause("R-17", "R-15")
def test_an_entry_is_what_a_read_gives(records):
    """What has expired is listed, too: a sweep would not find it otherwise."""
    keys = set()
    for number, expires_at in enumerate((None, NOW - HOUR, NOW + HOUR)):
        key = records.key(f"{number}")
        made = records.create(key, b"value", expires_at=expires_at)
        if expires_at:
            records.touch(key, seen=made, expires_at=expires_at + 1)
        keys.add(key)
    entries = records.entries()
    assert {entry.key for entry in entries} == keys
    for entry in entries:
        record = records.read(entry.key)
        assert (entry.version, entry.expires_at, entry.stamp) == (record.version, record.expires_at, record.stamp)


@clause("R-17")
def test_what_is_present_throughout_is_seen_while_others_come_and_go(records):
    keys = filled(records, [f"stays-{number:03}" for number in range(60)])

    def churn(ended):
        for number in itertools.cycle(range(30)):
            if ended.is_set():
                return
            key = records.key(f"stays-{number:03}-not")
            made = records.write(key, b"value")
            records.delete(key, expect=Match(made.version))

    with meanwhile(churn):
        for limit in (3, 10, 25):
            seen = {entry.key for page in pages_of(records, records.key(""), limit) for entry in page.items}
            assert seen >= set(keys)


@clause("R-17")
def test_what_is_rewritten_and_touched_during_a_listing_is_seen(records):
    keys = filled(records, [f"{number:02}" for number in range(40)], expires_at=NOW + HOUR)

    def change(ended):
        for key in itertools.cycle(keys):
            if ended.is_set():
                return
            seen = records.read(key)
            records.touch(key, seen=seen, expires_at=seen.expires_at + 1)
            records.write(key, b"new", expect=Match(seen.version), expires_at=NOW + HOUR)

    with meanwhile(change):
        for limit in (1, 9, 20):
            seen = {entry.key for page in pages_of(records, records.key(""), limit) for entry in page.items}
            assert seen == set(keys)


@clause("R-17")
def test_deleting_what_is_listed_while_it_is_listed_misses_nothing(records):
    """A sweep does this."""
    keys = filled(records, [f"{number:02}" for number in range(50)])
    swept, cursor = set(), None
    for _ in range(PAGES):
        page = records.page(records.key(""), cursor=cursor, limit=7)
        for entry in page.items:
            records.delete(entry.key, expect=entry)
            swept.add(entry.key)
        cursor = page.cursor
        if cursor is None:
            break
    assert swept == set(keys)
    assert records.entries() == []
