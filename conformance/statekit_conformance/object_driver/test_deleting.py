"""Deletes of objects: of exactly what was expected."""

from __future__ import annotations

import pytest

from statekit.driver import ANY, Committed, Gone, Match, Refused
from statekit_conformance import clause
from statekit_conformance.threads import together


@clause("O-61")
@pytest.mark.parametrize("size", [0, 5, 300_000])
def test_a_delete_with_the_stored_version_deletes(objects_driver, size):
    key = objects_driver.key("known")
    version = objects_driver.put(key, b"x" * size)
    assert objects_driver.delete(key, expect=Match(version)) is Gone.DELETED
    assert objects_driver.stat(key) is None
    assert objects_driver.keys() == []


@clause("O-61")
def test_a_delete_with_another_version_is_refused(objects_driver):
    key = objects_driver.key("stale")
    stale = objects_driver.put(key, b"first")
    objects_driver.put(key, b"second")
    assert isinstance(objects_driver.delete(key, expect=Match(stale)), Refused)
    assert objects_driver.bytes_of(key) == b"second"


@clause("O-61")
def test_a_delete_of_an_absent_object_is_no_fault(objects_driver):
    key = objects_driver.key("gone")
    version = objects_driver.put(key, b"first")
    assert objects_driver.delete(objects_driver.key("never")) in (Gone.ABSENT, Gone.DELETED)
    objects_driver.delete(key)
    assert objects_driver.delete(key, expect=Match(version)) in (Gone.ABSENT, Refused(None), Refused())
    assert objects_driver.stat(key) is None


@clause("O-61")
def test_a_delete_that_expects_nothing_deletes_whatever_is_there(objects_driver):
    key = objects_driver.key("any")
    objects_driver.put(key, b"first")
    objects_driver.put(key, b"second")
    assert objects_driver.delete(key, expect=ANY) is Gone.DELETED
    assert objects_driver.read(key) is None


@clause("O-61")
def test_a_delete_leaves_its_neighbours(objects_driver):
    key, near = objects_driver.key("a"), [objects_driver.key(name) for name in ("a.", "a/b", "a/b/c", "ab")]
    for name in (key, *near):
        objects_driver.put(name, b"x")
    objects_driver.delete(key)
    assert sorted(objects_driver.keys()) == near  # in which order, other cases ask
    objects_driver.delete(objects_driver.key("a/b"))
    assert sorted(objects_driver.keys()) == [name for name in near if not name.endswith("a/b")]


@clause("O-61", "O-55")
def test_of_a_write_and_a_delete_of_one_version_exactly_one_succeeds(objects_driver):
    for number in range(8):
        key = objects_driver.key(f"round-{number}")
        expect = Match(objects_driver.put(key, b"old"))

        def act(thread, key=key, expect=expect):
            if thread % 2:
                return objects_driver.delete(key, expect=expect)
            return objects_driver.write(key, b"new-%d" % thread, expect=expect)

        answers = together(6, act)
        won = [answer for answer in answers if isinstance(answer, Committed) or answer is Gone.DELETED]
        assert len(won) == 1
        assert (objects_driver.stat(key) is None) == (won[0] is Gone.DELETED)
