"""Conditional writes of objects: what holds, what is refused, and that a refusal changes nothing."""

from __future__ import annotations

import pytest

from statekit.driver import ABSENT, ANY, UNSEEN, Committed, Match, Meta, Refused
from statekit_conformance import clause
from statekit_conformance.drivers import write_id
from statekit_conformance.records.foreign import malformed, resembling


@clause("O-55")
def test_a_write_that_expects_absence_stores_where_nothing_is_stored(objects_driver):
    key = objects_driver.key("new")
    answer = objects_driver.write(key, b"first", expect=ABSENT)
    assert isinstance(answer, Committed)
    assert objects_driver.bytes_of(key) == b"first"
    assert objects_driver.stat(key).version == answer.version


@clause("O-55")
@pytest.mark.parametrize("again", [b"first", b"second"], ids=["same bytes", "other bytes"])
def test_a_write_that_expects_absence_is_refused_where_an_object_is_stored(objects_driver, again):
    key = objects_driver.key("taken")
    objects_driver.put(key, b"first")
    before = objects_driver.stat(key)
    assert_refusal_shows(objects_driver.write(key, again, expect=ABSENT), before)
    assert objects_driver.stat(key) == before


@clause("O-55")
def test_a_write_that_expects_absence_stores_again_after_a_delete(objects_driver):
    key = objects_driver.key("again")
    objects_driver.put(key, b"first")
    objects_driver.delete(key)
    assert isinstance(objects_driver.write(key, b"second", expect=ABSENT), Committed)
    assert objects_driver.bytes_of(key) == b"second"


@clause("O-55")
def test_a_write_that_expects_the_stored_version_replaces_the_object(objects_driver):
    key = objects_driver.key("known")
    version = objects_driver.put(key, b"first")
    answer = objects_driver.write(key, b"second", expect=Match(version))
    assert isinstance(answer, Committed)
    assert answer.version != version
    assert objects_driver.bytes_of(key) == b"second"


@clause("O-55", "O-70")
def test_a_write_that_expects_a_stale_version_is_refused(objects_driver):
    key = objects_driver.key("stale")
    stale = objects_driver.put(key, b"first")
    objects_driver.put(key, b"second")
    before = objects_driver.stat(key)
    assert_refusal_shows(objects_driver.write(key, b"third", expect=Match(stale)), before)
    assert objects_driver.bytes_of(key) == b"second"


@clause("O-72", "O-55")
def test_a_write_is_applied_once(objects_driver):
    """One that its driver sent twice would leave another version than the one that it returned, or a refusal."""
    key = objects_driver.key("once")
    version = objects_driver.put(key, b"0")
    for number in range(1, 20):
        answer = objects_driver.write(key, b"%d" % number, expect=Match(version))
        assert isinstance(answer, Committed)
        version = answer.version
        assert objects_driver.stat(key).version == version


@clause("O-55")
@pytest.mark.parametrize("size", [64 * 1024, 1024 * 1024 + 1, 8 * 1024 * 1024])
def test_a_condition_holds_for_large_objects_too(objects_driver, size):
    key = objects_driver.key("large")
    version = objects_driver.put(key, b"first")
    for expect in (ABSENT, Match(f"{version}x")):
        assert_refusal_shows(objects_driver.write(key, bytes(size), expect=expect), objects_driver.stat(key))
    assert objects_driver.bytes_of(key) == b"first"


@clause("O-55", "O-70")
def test_a_write_that_expects_a_version_is_refused_where_nothing_is_stored(objects_driver):
    key = objects_driver.key("gone")
    gone = objects_driver.put(key, b"first")
    objects_driver.delete(key)
    answer = objects_driver.write(key, b"second", expect=Match(gone))
    assert isinstance(answer, Refused)
    assert answer.current in (None, UNSEEN)
    assert objects_driver.stat(key) is None


@clause("O-55")
def test_a_write_that_expects_nothing_replaces_whatever_is_there(objects_driver):
    key = objects_driver.key("any")
    versions = [objects_driver.put(key, b"%d" % number, expect=ANY) for number in range(10)]
    assert len(set(versions)) == 10
    assert objects_driver.stat(key).version == versions[-1]


@clause("O-70")
@pytest.mark.parametrize("stored", [True, False], ids=["stored", "absent"])
def test_malformed_versions_are_refusals_and_change_nothing(objects_driver, stored):
    key, meta = objects_driver.key("odd"), Meta(write_id=write_id())
    if stored:
        objects_driver.put(key, b"first", meta=meta)
    before = objects_driver.stat(key)
    for version in malformed():
        expect = Match(version)
        assert isinstance(objects_driver.write(key, b"second", expect=expect), Refused), version
        if stored:
            assert isinstance(objects_driver.delete(key, expect=expect), Refused), version
            assert isinstance(objects_driver.read(key, expect=expect), Refused), version
    assert objects_driver.stat(key) == before


@clause("O-70", takes=("objects.copy_conditional", "objects.copy_pinned"))
@pytest.mark.parametrize("stored", [True, False], ids=["stored", "absent"])
def test_a_copy_that_names_a_malformed_version_is_refused_and_changes_nothing(objects_driver, stored):
    key, source = objects_driver.key("odd"), objects_driver.key("source")
    pinned = objects_driver.put(source, b"source")
    if stored:
        objects_driver.put(key, b"first")
    before = objects_driver.stat(key)
    for version in malformed():
        copied = objects_driver.copy(source, key, pinned=pinned, expect=Match(version))
        assert isinstance(copied, Refused), version
        assert objects_driver.copy(source, objects_driver.key("copy"), pinned=version) is None, version
    assert objects_driver.stat(key) == before
    assert objects_driver.stat(objects_driver.key("copy")) is None


@clause("O-55", "O-70")
def test_a_text_that_resembles_the_version_is_not_the_version(objects_driver):
    key = objects_driver.key("alike")
    version = objects_driver.put(key, b"first")
    for other in resembling(version):
        assert isinstance(objects_driver.write(key, b"second", expect=Match(other)), Refused), other
        assert isinstance(objects_driver.read(key, expect=Match(other)), Refused), other
        assert isinstance(objects_driver.delete(key, expect=Match(other)), Refused), other
    assert objects_driver.stat(key).version == version


@clause("O-70")
def test_another_objects_version_is_refused(objects_driver):
    key, other = objects_driver.key("mine"), objects_driver.put(objects_driver.key("theirs"), b"other")
    version = objects_driver.put(key, b"mine")
    assert isinstance(objects_driver.write(key, b"new", expect=Match(other)), Refused)
    assert isinstance(objects_driver.delete(key, expect=Match(other)), Refused)
    assert objects_driver.stat(key).version == version


def assert_refusal_shows(answer, stat):
    """A refusal shows what is stored, or says that it has not seen it."""
    assert isinstance(answer, Refused)
    shown = answer.current
    assert shown is UNSEEN or (shown.version, shown.size) == (stat.version, stat.size)
