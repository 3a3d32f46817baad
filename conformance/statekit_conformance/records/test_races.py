"""Races: one winner, whoever asks and from wherever."""

from __future__ import annotations

import pytest

from statekit.driver import ABSENT, Committed, Match, Refused
from statekit_conformance import clause
from statekit_conformance.threads import together

THREADS = 16
ROUNDS = 12


@clause("R-03", "R-01", "R-22")
def test_of_many_creates_at_once_exactly_one_commits(records):
    for number in range(ROUNDS):
        key = records.key(f"round-{number}")
        answers = together(THREADS, lambda thread, key=key: records.write(key, b"%d" % thread, expect=ABSENT))
        assert_one_winner(records, key, answers)


@clause("R-03", "R-02", "R-22")
def test_of_many_writes_of_one_version_exactly_one_commits(records):
    key = records.key("contended")
    seen = records.create(key, b"start")
    for _ in range(ROUNDS):
        expect = Match(seen.version)
        answers = together(THREADS, lambda thread, e=expect: records.write(key, b"%d" % thread, expect=e))
        seen = assert_one_winner(records, key, answers)


@clause("R-03", "R-08")
def test_of_many_large_writes_of_one_version_exactly_one_commits(records):
    key = records.key("large")
    seen = records.create(key, b"start")
    for _ in range(4):
        expect = Match(seen.version)
        answers = together(8, lambda thread, e=expect: records.write(key, b"%d" % thread * 300_000, expect=e))
        seen = assert_one_winner(records, key, answers)


@clause("R-03", "R-04")
def test_a_counter_by_compare_and_set_loses_nothing(records):
    key = records.key("counter")
    records.create(key, b"0")

    def count(_):
        return [incremented(records, key) for _ in range(5)]

    versions = [version for thread in together(8, count) for version in thread]
    assert records.read(key).value == b"40"
    assert len(set(versions)) == 40


def incremented(records, key):
    """Add one, however often it takes, and return the version."""
    while True:
        seen = records.read(key)
        answer = records.write(key, b"%d" % (int(seen.value) + 1), expect=Match(seen.version))
        if isinstance(answer, Committed):
            return answer.version


def creations(subject, prefix, rounds):
    """Try to create the same records as other processes, and say which of them were ours."""
    records = subject.records()
    value = b"%d" % subject.index
    keys = [f"{prefix}-{number}" for number in range(rounds)]
    return [isinstance(records.write(key, value, expect=ABSENT), Committed) for key in keys]


@clause("R-03.1")
def test_of_creates_from_several_processes_exactly_one_commits(processes, records):
    answers = processes.run(creations, records.key("round"), 40, count=4)
    for number, won in enumerate(zip(*answers, strict=True)):
        assert sum(won) == 1, f"round {number}"
        assert records.read(records.key(f"round-{number}")).value == b"%d" % won.index(True)


def increments(subject, key, times):
    """Count together with other processes, in two threads of each."""
    records = subject.records()
    together(2, lambda _: [incremented(records, key) for _ in range(times)])


@clause("R-03.1")
def test_a_counter_of_several_processes_loses_nothing(processes, records):
    key = records.key("counter")
    records.create(key, b"0")
    processes.run(increments, key, 10, count=4)
    assert records.read(key).value == b"80"


def assert_one_winner(records, key, answers):
    """One write committed, its value is stored, and the others were refused. Return the record."""
    won = [number for number, answer in enumerate(answers) if isinstance(answer, Committed)]
    assert len(won) == 1
    assert sum(isinstance(answer, Refused) for answer in answers) == len(answers) - 1
    stored = records.read(key)
    assert stored.version == answers[won[0]].version
    assert stored.value.startswith(b"%d" % won[0])
    return stored


@clause("R-22", "R-06")
@pytest.mark.parametrize("fresh", [True, False], ids=["first use", "in use"])
def test_a_driver_may_be_called_from_many_threads_at_once(records, fresh):
    if not fresh:
        records.entries()

    def live(thread):
        key = records.key(f"{thread}")
        for number in range(5):
            made = records.create(key, b"%d" % number)
            records.write(key, b"%d!" % number, expect=Match(made.version))
            assert records.read(key).value == b"%d!" % number
            records.delete(key)
        return records.read(key)

    assert together(THREADS, live) == [None] * THREADS
