"""Keys: what differs is different."""

from __future__ import annotations

from statekit_conformance import clause

LONGEST = 200
ODD = (
    *("a", "A", "aa", "a/", "a//", "a/a", "/a", "//a", "a.", ".a", "a..a"),
    *(".", "..", "a/.", "a/..", "./a", "../a", "a-", "-a", "a_", "_a", "-"),
    *("_", "/", "0", "00", "01", "1", "1.0", "con", "NUL", "a.lock", "index"),
    *("null", "AbC", "aBc", "abc", "ABC", "a-b", "a_b", "a.b", "a/b", "ab"),
)


def stored_and_read(records, keys):
    """Store a different value under each key, then read all of them."""
    for number, key in enumerate(keys):
        records.create(key, b"%d" % number)
    return {key: records.read(key).value for key in keys}


@clause("R-18", "K-10")
def test_keys_that_differ_are_different_records(records):
    keys = [records.key(name) for name in ODD]
    found = stored_and_read(records, keys)
    assert found == {key: b"%d" % number for number, key in enumerate(keys)}
    assert {entry.key for entry in records.entries()} == set(keys)


@clause("R-18", "K-10")
def test_deleting_one_of_many_odd_keys_leaves_the_others(records):
    keys = [records.key(name) for name in ODD]
    stored_and_read(records, keys)
    while keys:
        records.delete(keys.pop())
        assert {entry.key for entry in records.entries()} == set(keys)


@clause("R-18", "K-10")
def test_keys_of_200_characters_are_distinct(records):
    room = LONGEST - len(records.key(""))
    stem = "x" * (room - 2)
    names = ["ax" + stem, "bx" + stem, stem + "xa", stem + "xb", stem + "xA", stem + "x", stem + "//", stem + ".."]
    keys = [records.key(name) for name in names]
    assert max(map(len, keys)) == LONGEST
    assert stored_and_read(records, keys) == {key: b"%d" % number for number, key in enumerate(keys)}
    assert {entry.key for entry in records.entries()} == set(keys)


@clause("K-10")
def test_every_character_of_the_alphabet_makes_a_key(records):
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/"
    keys = [records.key(character) for character in alphabet]
    assert len(set(stored_and_read(records, keys).values())) == len(alphabet)
