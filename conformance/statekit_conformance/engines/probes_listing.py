"""Questions about listings and neighbouring keys, the same for every object store."""

from __future__ import annotations

from typing import Protocol

from statekit_conformance.engines.findings import NAMES, Probe, probe, require


class Store(Protocol):
    """What a site of any object store can do, by its vendor's SDK."""

    def put(self, key: str, data: bytes) -> object:
        """Put an object."""

    def create(self, key: str, data: bytes) -> bool:
        """Put an object if there is none; False if that was refused."""

    def get(self, key: str) -> bytes | None:
        """Read an object; None if it is not there."""

    def delete(self, key: str) -> None:
        """Delete an object."""

    def keys(self, prefix: str, *, page: int = 1000, after: str = "") -> list[str]:
        """List keys in pages of some size, after some key."""

    def level(self, prefix: str, *, page: int = 1000, after: str = "") -> tuple[list[str], list[str]]:
        """List keys and folded prefixes up to the next slash, in pages of some size, after some key."""


def names_of_every_kind_come_back(site: Store) -> str:
    """Odd keys and long ones."""
    names = ["odd/" + name for name in NAMES]
    names += ["odd/" + "s" * 255, "odd/" + "/".join(["t" * 199] * 4)]
    for name in names:
        site.put(name, name.encode())
    missing = [name for name in names if site.get(name) != name.encode()]
    require(not missing, f"not read back: {missing}")
    found = site.keys("odd/")
    require(sorted(found) == sorted(names), f"listed otherwise: {sorted(set(found) ^ set(names))}")
    return f"{len(names)} keys of every kind are read back and listed as they are"


def a_listing_is_sorted_by_bytes(site: Store) -> str:
    """Every name below one prefix, in one page."""
    expected = _fill(site, "sorted/")
    found = site.keys("sorted/")
    require(found == expected, f"listed {found}, which sorted by bytes is {expected}")
    return f"{len(expected)} keys are listed in the order of their bytes"


def a_listing_in_pages_is_complete(site: Store) -> str:
    """Every name, three a page."""
    expected = _fill(site, "paged/")
    found = site.keys("paged/", page=3)
    require(sorted(found) == sorted(expected), f"missing or twice: {_difference(found, expected)}")
    return f"{len(expected)} keys in pages of three, each once"


def a_listing_starts_after_any_key(site: Store) -> str:
    """Start after each of the names, and between them."""
    expected = _fill(site, "after/")
    for start in [*expected, "after/a", "after/a/b", "after/a/", "after/c"]:
        found = site.keys("after/", after=start)
        wanted = [key for key in expected if key.encode() > start.encode()]
        require(sorted(found) == sorted(wanted), f"after {start!r}: wrong about {_difference(found, wanted)}")
    return f"what is listed after each of {len(expected)} keys is all that follows it"


def a_listing_that_starts_after_a_key_folds_what_follows(site: Store) -> str:
    """Start after a key in the middle of what is folded: the rest of it is folded too."""
    for name in ("a", "b/1", "b/2", "c", "d/1"):
        site.put(f"later/{name}", b"x")
    keys, folders = site.level("later/", after="later/b/1")
    require(
        (keys, folders) == (["later/c"], ["later/b/", "later/d/"]),
        f"after b/1 it lists {keys} and {folders}",
    )
    return "what follows the key is folded, also where the key itself lies below the same prefix"


def a_delimiter_folds_what_lies_below_it(site: Store) -> str:
    """One level of the names."""
    expected = _fill(site, "folded/")
    keys, folders = map(set, site.level("folded/"))
    below = {key for key in expected if "/" in key.removeprefix("folded/")}
    require(keys == set(expected) - below, f"wrong keys: {sorted(keys ^ (set(expected) - below))}")
    wanted = {"/".join(key.split("/")[:2]) + "/" for key in below}
    require(folders == wanted, f"folded into {sorted(folders)}, not {sorted(wanted)}")
    return f"{len(keys)} keys beside {len(folders)} folded prefixes"


def a_folded_listing_in_pages_is_complete(site: Store) -> str:
    """The names and one that XML cannot hold, one a page: cursors are made of them."""
    expected = [*_fill(site, "steps/"), "steps/\uffff"]
    site.put(expected[-1], b"x")
    below = {key for key in expected if "/" in key.removeprefix("steps/")}
    plain = sorted(set(expected) - below)
    wanted = sorted({"/".join(key.split("/")[:2]) + "/" for key in below})
    keys, folders = site.level("steps/", page=1)
    require(sorted(keys) == plain, f"wrong keys: {_difference(keys, plain)}")
    require(sorted(folders) == wanted, f"wrong prefixes: {_difference(folders, wanted)}")
    return f"{len(keys)} keys beside {len(folders)} folded prefixes, one a page, each once"


def a_key_and_keys_below_it_both_exist(site: Store) -> str:
    """`n` beside `n/x`, put in both orders, then each deleted."""
    for first, second in (("n", "n/x"), ("m/x", "m")):
        site.put(first, b"1")
        site.put(second, b"2")
        require(
            (site.get(first), site.get(second)) == (b"1", b"2"),
            f"{first!r} and {second!r} are not both there",
        )
        site.delete(first)
        require(
            (site.get(first), site.get(second)) == (None, b"2"),
            f"deleting {first!r} did more or less than that",
        )
    return "a key and keys below it exist side by side and are deleted apart"


def a_key_can_be_created_beside_keys_below_it(site: Store) -> str:
    """Create `p` while `p/x` exists, and `q` after `q/x` is gone."""
    site.put("p/x", b"1")
    beside = site.create("p", b"2")
    site.put("q/x", b"1")
    site.delete("q/x")
    after = site.create("q", b"2")
    require(
        beside,
        f"a put if absent of a free key is refused while a key below it exists (after it is gone: {after})",
    )
    require(after, "a put if absent of a free key is refused after the last key below it was deleted")
    return "a put if absent takes no notice of keys below"


def _fill(site: Store, prefix: str) -> list[str]:
    names = [prefix + name for name in NAMES]
    for name in names:
        site.put(name, b"x")
    return sorted(names, key=str.encode)


def _difference(found: list[str], wanted: list[str]) -> list[str]:
    twice = {key for key in found if found.count(key) > 1}
    return sorted(set(found) ^ set(wanted) | twice)


PROBES: tuple[Probe[Store], ...] = (
    probe("objects.keys", names_of_every_kind_come_back),
    probe("objects.listing_order", a_listing_is_sorted_by_bytes),
    probe("objects.listing_complete", a_listing_in_pages_is_complete),
    probe("objects.start_after", a_listing_starts_after_any_key),
    probe("objects.start_after_folds", a_listing_that_starts_after_a_key_folds_what_follows),
    probe("objects.delimiter", a_delimiter_folds_what_lies_below_it),
    probe("objects.delimiter_pages", a_folded_listing_in_pages_is_complete),
    probe("objects.slash_neighbours", a_key_and_keys_below_it_both_exist),
    probe("objects.slash_neighbours_if_absent", a_key_can_be_created_beside_keys_below_it),
)
