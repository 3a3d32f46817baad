"""Races of object writes: one winner, whoever asks and from wherever."""

from __future__ import annotations

import pytest

from statekit.driver import ABSENT, Committed, Match, Refused
from statekit_conformance import clause
from statekit_conformance.threads import together

THREADS = 16
ROUNDS = 8


@clause("O-55")
@pytest.mark.parametrize("size", [1, 100_000], ids=["small", "large"])
def test_of_many_creates_at_once_exactly_one_commits(objects_driver, size):
    for number in range(ROUNDS):
        key = objects_driver.key(f"round-{number}")

        def create(thread, key=key):
            return objects_driver.write(key, bytes([thread]) * size, expect=ABSENT)

        assert_one_winner(objects_driver, key, together(THREADS, create))


@clause("O-55")
def test_of_many_writes_of_one_version_exactly_one_commits(objects_driver):
    key = objects_driver.key("contended")
    version = objects_driver.put(key, b"start")
    for number in range(ROUNDS):
        expect = Match(version)

        def write(thread, number=number, expect=expect):
            return objects_driver.write(key, bytes([thread]) * (number + 1), expect=expect)

        version = assert_one_winner(objects_driver, key, together(THREADS, write))


@clause("O-55")
def test_a_counter_by_compare_and_set_loses_nothing(objects_driver):
    key = objects_driver.key("counter")
    objects_driver.put(key, b"0")
    together(6, lambda _: [increment(objects_driver, key) for _ in range(4)])
    assert objects_driver.bytes_of(key) == b"24"


def increment(objects_driver, key):
    """Add one, however often it takes."""
    while True:
        chunk = objects_driver.read(key)
        data = b"%d" % (int(chunk.data) + 1)
        if isinstance(objects_driver.write(key, data, expect=Match(chunk.stat.version)), Committed):
            return


def creations(subject, prefix, rounds):
    """Try to create the same objects as other processes, and say which of them were ours."""
    driver = subject.objects_driver()
    keys = [f"{prefix}-{number}" for number in range(rounds)]
    return [isinstance(driver.write(key, b"%d" % subject.index, expect=ABSENT), Committed) for key in keys]


@clause("O-55.1")
def test_of_creates_from_several_processes_exactly_one_commits(processes, objects_driver):
    answers = processes.run(creations, objects_driver.key("round"), 25, count=4)
    for number, won in enumerate(zip(*answers, strict=True)):
        assert sum(won) == 1, f"round {number}"
        assert objects_driver.bytes_of(objects_driver.key(f"round-{number}")) == b"%d" % won.index(True)


def increments(subject, key, times):
    """Count together with other processes."""
    driver = subject.objects_driver()
    for _ in range(times):
        increment(driver, key)


@clause("O-55.1")
def test_a_counter_of_several_processes_loses_nothing(processes, objects_driver):
    key = objects_driver.key("counter")
    objects_driver.put(key, b"0")
    processes.run(increments, key, 8, count=3)
    assert objects_driver.bytes_of(key) == b"24"


@clause("O-51", "O-55")
@pytest.mark.parametrize("fresh", [True, False], ids=["first use", "in use"])
def test_a_driver_may_be_called_from_many_threads_at_once(objects_driver, fresh):
    if not fresh:
        objects_driver.keys()

    def live(thread):
        key = objects_driver.key(f"{thread}")
        for number in range(4):
            version = objects_driver.put(key, b"%d" % number, expect=ABSENT)
            objects_driver.put(key, b"%d" % number * 50_000, expect=Match(version))
            assert objects_driver.bytes_of(key) == b"%d" % number * 50_000
            objects_driver.delete(key)
        return objects_driver.stat(key)

    assert together(THREADS, live) == [None] * THREADS


def assert_one_winner(objects_driver, key, answers):
    """One write committed, its bytes are stored, and the others were refused. Return the version."""
    won = [number for number, answer in enumerate(answers) if isinstance(answer, Committed)]
    assert len(won) == 1
    assert sum(isinstance(answer, Refused) for answer in answers) == len(answers) - 1
    chunk = objects_driver.read(key)
    assert chunk.stat.version == answers[won[0]].version
    assert set(chunk.data) == {won[0]}
    return chunk.stat.version
