"""Copies: of a pinned version, with metadata of their own, under a condition on their target."""

from __future__ import annotations

import pytest

from statekit.driver import ABSENT, UNSEEN, Committed, Match, Meta, Refused
from statekit_conformance import clause
from statekit_conformance.drivers import write_id
from statekit_conformance.threads import meanwhile, together


@clause("O-59")
@pytest.mark.parametrize("size", [0, 10, 300_000, 8 * 1024 * 1024])
def test_a_copy_stores_the_sources_bytes_with_the_given_metadata(objects_driver, size):
    source, target = objects_driver.key("source"), objects_driver.key("target")
    meta = Meta("text/plain", None, None, {"a": "b"}, write_id(), "-")
    version = objects_driver.put(source, b"x" * size, meta=Meta("image/png", "no-store", None, {"c": "d"}, write_id()))
    before = objects_driver.stat(source)
    answer = objects_driver.copy(source, target, pinned=version, meta=meta)
    assert isinstance(answer, Committed)
    found = objects_driver.stat(target)
    assert (found.version, found.size, found.meta) == (answer.version, size, meta)
    assert objects_driver.bytes_of(target) == b"x" * size
    assert objects_driver.stat(source) == before


@clause("O-59")
def test_a_copy_does_not_follow_its_source(objects_driver):
    source, target = objects_driver.key("source"), objects_driver.key("target")
    objects_driver.copy(source, target, pinned=objects_driver.put(source, b"first" * 20_000))
    objects_driver.put(source, b"second")
    objects_driver.delete(source)
    assert objects_driver.bytes_of(target) == b"first" * 20_000


@clause("O-59")
def test_a_copy_of_another_version_than_the_pinned_one_is_none(objects_driver):
    source, target = objects_driver.key("source"), objects_driver.key("target")
    stale = objects_driver.put(source, b"first")
    objects_driver.put(source, b"second")
    assert objects_driver.copy(source, target, pinned=stale) is None
    assert objects_driver.stat(target) is None


@clause("O-59")
def test_a_copy_of_a_source_that_is_gone_is_none(objects_driver):
    source, target = objects_driver.key("source"), objects_driver.key("target")
    version = objects_driver.put(source, b"first")
    objects_driver.delete(source)
    objects_driver.put(target, b"kept")
    assert objects_driver.copy(source, target, pinned=version) is None
    assert objects_driver.bytes_of(target) == b"kept"


@clause("O-60")
def test_a_copy_that_expects_absence_is_refused_where_the_target_is(objects_driver):
    source, target = objects_driver.key("source"), objects_driver.key("target")
    version = objects_driver.put(source, b"source")
    assert isinstance(objects_driver.copy(source, target, pinned=version, expect=ABSENT), Committed)
    before = objects_driver.stat(target)
    answer = objects_driver.copy(source, target, pinned=version, expect=ABSENT)
    assert_refusal_speaks_of(answer, target)
    assert objects_driver.stat(target) == before


@clause("O-60")
def test_a_copy_that_expects_a_version_of_the_target_commits_exactly_if_it_holds(objects_driver):
    source, target = objects_driver.key("source"), objects_driver.key("target")
    version = objects_driver.put(source, b"source")
    stale = objects_driver.put(target, b"first")
    current = objects_driver.put(target, b"second")
    answer = objects_driver.copy(source, target, pinned=version, expect=Match(stale))
    assert_refusal_speaks_of(answer, target)
    assert objects_driver.bytes_of(target) == b"second"
    assert isinstance(objects_driver.copy(source, target, pinned=version, expect=Match(current)), Committed)
    assert objects_driver.bytes_of(target) == b"source"


@clause("O-60")
def test_a_copy_that_expects_a_version_of_an_absent_target_is_refused(objects_driver):
    source, target = objects_driver.key("source"), objects_driver.key("target")
    version = objects_driver.put(source, b"source")
    assert isinstance(objects_driver.copy(source, target, pinned=version, expect=Match(version)), Refused)
    assert objects_driver.stat(target) is None


@clause("O-60", "O-58")
def test_a_copy_onto_itself_replaces_the_metadata(objects_driver):
    key = objects_driver.key("self")
    version = objects_driver.put(key, b"bytes", meta=Meta(user={"a": "b"}, write_id=write_id()))
    meta = Meta(user={"c": "d"}, write_id=write_id())
    assert isinstance(objects_driver.copy(key, key, pinned=version, meta=meta, expect=Match(version)), Committed)
    assert objects_driver.stat(key).meta == meta
    assert objects_driver.bytes_of(key) == b"bytes"


@clause("O-60")
@pytest.mark.parametrize("create", [True, False], ids=["absent", "version"])
def test_of_many_copies_under_one_expectation_exactly_one_commits(objects_driver, create):
    sources = [objects_driver.key(f"source-{number}") for number in range(8)]
    versions = [objects_driver.put(key, b"%d" % number) for number, key in enumerate(sources)]
    for attempt in range(5):
        target = objects_driver.key(f"target-{attempt}")
        expect = ABSENT if create else Match(objects_driver.put(target, b"before"))

        def copy(thread, target=target, expect=expect):
            return objects_driver.copy(sources[thread], target, pinned=versions[thread], expect=expect)

        answers = together(8, copy)
        won = [thread for thread, answer in enumerate(answers) if isinstance(answer, Committed)]
        assert len(won) == 1
        assert objects_driver.bytes_of(target) == b"%d" % won[0]


@clause("O-60", "O-55", takes=("objects.copy_beside_puts",))
def test_of_copies_and_writes_under_one_expectation_exactly_one_commits(objects_driver):
    source = objects_driver.key("source")
    pinned = objects_driver.put(source, b"copied")
    for attempt in range(5):
        target = objects_driver.key(f"target-{attempt}")
        expect = Match(objects_driver.put(target, b"before"))

        def change(thread, target=target, expect=expect):
            if thread % 2:
                return objects_driver.write(target, b"%d" % thread, expect=expect)
            return objects_driver.copy(source, target, pinned=pinned, expect=expect)

        answers = together(8, change)
        won = [thread for thread, answer in enumerate(answers) if isinstance(answer, Committed)]
        assert len(won) == 1
        assert objects_driver.bytes_of(target) == (b"%d" % won[0] if won[0] % 2 else b"copied")


@clause("O-59")
def test_a_copy_of_what_is_being_overwritten_is_the_pinned_version_or_none(objects_driver):
    source, target = objects_driver.key("source"), objects_driver.key("target")
    written = {objects_driver.put(source, b"0" * 100_000): b"0"}

    def overwrite(ended):
        number = 0
        while not ended.is_set():
            number = (number + 1) % 10
            data = b"%d" % number * (100_000 + number)
            written[objects_driver.put(source, data)] = b"%d" % number

    copies = []
    with meanwhile(overwrite):
        for _ in range(30):
            pinned = objects_driver.stat(source).version
            if objects_driver.copy(source, target, pinned=pinned) is not None:
                copies.append((pinned, objects_driver.bytes_of(target)))
    for pinned, data in copies:  # only now has the writer been told of all of its versions
        assert set(data) == set(written[pinned])
        assert len(data) == 100_000 + int(written[pinned])


def assert_refusal_speaks_of(answer, key):
    """A refusal is about the target."""
    assert isinstance(answer, Refused)
    assert answer.current is UNSEEN or answer.current.key == key
