"""Keys of objects: up to 1,000 bytes of UTF-8, and what differs is different."""

from __future__ import annotations

from statekit_conformance import clause

LONGEST = 1_000


def stored_and_read(objects_driver, keys):
    for number, key in enumerate(keys):
        objects_driver.put(key, b"%d" % number)
    return {key: objects_driver.bytes_of(key) for key in keys}


@clause("K-11")
def test_keys_of_1000_bytes_are_stored_and_distinct(objects_driver):
    room = LONGEST - len(objects_driver.key(""))
    segments = ("s" * 249 + "/") * 3
    stem = segments + "x" * (room - len(segments) - 1)
    keys = [objects_driver.key(stem + last) for last in "abA"]
    assert {len(key.encode()) for key in keys} == {LONGEST}
    assert stored_and_read(objects_driver, keys) == {key: b"%d" % number for number, key in enumerate(keys)}
    assert sorted(objects_driver.keys()) == sorted(keys)


@clause("K-11")
def test_long_keys_of_wide_characters_are_stored_and_distinct(objects_driver):
    room = LONGEST - len(objects_driver.key("")) - 8
    wide = "/".join("é" * 120 for _ in range(4))[: room // 2 - 8]
    keys = [objects_driver.key(wide + last) for last in ("😀", "😁", "é", "e\u0301")]
    assert max(len(key.encode()) for key in keys) <= LONGEST
    assert stored_and_read(objects_driver, keys) == {key: b"%d" % number for number, key in enumerate(keys)}


@clause("K-11")
def test_keys_that_differ_in_case_form_or_last_character_are_distinct(objects_driver):
    names = [
        "a",
        "A",
        "a.",
        "a ",
        "a/b",
        "a/B",
        "é",
        "e\u0301",
        "ﬁ",
        "fi",
        "a%2Fb",
        "a+b",
        "a b",
        "\uff41",
        "ß",
        "ss",
        "…",
        "...",
    ]
    keys = [objects_driver.key(f"n{name}" if name == "..." else name) for name in names]
    assert stored_and_read(objects_driver, keys) == {key: b"%d" % number for number, key in enumerate(keys)}
    assert sorted(objects_driver.keys()) == sorted(keys)


@clause("K-11", "O-62")
def test_a_key_and_keys_below_it_are_distinct(objects_driver):
    keys = [objects_driver.key(name) for name in ("a", "a/b", "a/b/c", "a/b/c/d", "a/bc")]
    assert stored_and_read(objects_driver, keys[::-1]) == {key: b"%d" % (4 - n) for n, key in enumerate(keys)}
    assert objects_driver.keys() == keys
