"""Versions: another one after each write, and never again."""

from __future__ import annotations

from statekit.driver import Committed, Match, Refused
from statekit_conformance import clause


@clause("R-04")
def test_every_write_gives_a_new_version(records):
    key = records.key("counted")
    versions = [records.create(key, b"same").version]
    for _ in range(30):
        answer = records.write(key, b"same", expect=Match(versions[-1]))
        assert isinstance(answer, Committed)
        versions.append(answer.version)
    assert len(set(versions)) == len(versions)
    assert records.read(key).version == versions[-1]


@clause("R-04")
def test_a_version_never_recurs_across_deletion_and_re_creation(records):
    key, versions = records.key("reborn"), []
    for _ in range(15):
        versions.append(records.create(key, b"same").version)
        versions.append(records.write(key, b"same", expect=Match(versions[-1])).version)
        records.delete(key, expect=Match(versions[-1]))
    assert len(set(versions)) == len(versions)


@clause("R-04", "R-05")
def test_a_version_from_before_a_deletion_is_refused_after_the_re_creation(records):
    key = records.key("stale")
    old = records.create(key, b"same").version
    records.delete(key)
    new = records.create(key, b"same")
    assert isinstance(records.write(key, b"late", expect=Match(old)), Refused)
    assert isinstance(records.delete(key, expect=Match(old)), Refused)
    assert records.read(key) == new


@clause("R-04", needs=("reopen",))
def test_a_version_never_recurs_across_reopening(records):
    key, versions = records.key("reopened"), []
    for _ in range(5):
        opening = records.another()
        versions.append(opening.create(key, b"same").version)
        opening.delete(key)
    assert len(set(versions)) == len(versions)


def versions_made(subject, key):
    """Create and delete a record a few times in a process of its own."""
    records, versions = subject.records(), []
    for _ in range(5):
        versions.append(records.create(f"{key}-{subject.index}", b"same").version)
        records.delete(f"{key}-{subject.index}")
    return versions


@clause("R-04")
def test_a_version_never_recurs_across_processes(processes, records):
    first = processes.run(versions_made, records.key("elsewhere"), count=2)
    second = processes.run(versions_made, records.key("elsewhere"), count=2)
    for number in range(2):
        versions = first[number] + second[number]
        assert len(set(versions)) == len(versions)
