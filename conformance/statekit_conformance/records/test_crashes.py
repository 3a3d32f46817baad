"""Crashes: of a client at any moment, and of the engine."""

from __future__ import annotations

from statekit.driver import Match
from statekit_conformance import clause

SIZE = 40_000


def overwriting(subject, key):
    """Overwrite a record for ever, saying each time when it is acknowledged."""
    records = subject.records()
    key = f"{key}-{subject.index}"
    version, number = records.create(key, value_of(0)).version, 0
    while True:
        subject.report(number)
        number += 1
        version = records.once(
            "write", key, value_of(number), expect=Match(version), expires_at=None, write_id=f"{number:016}"
        ).version


def value_of(number):
    return b"%08d" % number * (SIZE // 8)


def number_of(value):
    """Return the one number that a value is made of."""
    assert len(value) == SIZE
    pieces = {value[start : start + 8] for start in range(0, SIZE, 8)}
    assert len(pieces) == 1, "a mixture of two values"
    return int(pieces.pop())


@clause("R-20")
def test_a_client_killed_while_it_writes_leaves_the_old_record_or_the_new_one(processes, records):
    for attempt in range(3):
        key = records.key(f"attempt-{attempt}")
        children = processes.start(overwriting, key, count=2)
        for child in children:
            for _ in range(5 + attempt):
                child.receive()
        for child in children:
            child.kill()
        for index, child in enumerate(children):
            acknowledged = max(child.rest(), default=4 + attempt)
            assert number_of(records.read(f"{key}-{index}").value) in (acknowledged, acknowledged + 1)


@clause("R-20", "R-03.1")
def test_a_killed_client_leaves_nothing_locked(processes, records):
    (child,) = processes.start(overwriting, records.key("left"))
    for _ in range(3):
        child.receive()
    child.kill()
    seen = records.read(records.key("left-0"))
    assert records.write(records.key("left-0"), b"mine", expect=Match(seen.version)).version


@clause("R-19")
def test_an_acknowledged_write_survives_the_engine_being_killed(engine, processes, records):
    for attempt in range(2):
        key = records.key(f"kill-{attempt}")
        children = processes.start(overwriting, key, count=3)
        for child in children:
            for _ in range(8):
                child.receive()
        engine.kill()
        for child in children:
            child.kill()  # one that was not reached goes on as soon as the engine is back
        engine.restart()
        afterwards = records.another()
        for index, child in enumerate(children):
            acknowledged = max(child.rest(), default=7)
            assert number_of(afterwards.read(f"{key}-{index}").value) in (acknowledged, acknowledged + 1)


def written_and_deleted(subject, key):
    """Touch one record and delete another; then go on until killed."""
    records = subject.records()
    seen = records.create(f"{key}-touched", b"touched", expires_at=2_000_000_000_000)
    records.touch(f"{key}-touched", seen=seen, expires_at=3_000_000_000_000)
    gone = records.create(f"{key}-gone", b"gone")
    records.delete(f"{key}-gone", expect=Match(gone.version))
    subject.report("done")
    return overwriting(subject, f"{key}-more")


@clause("R-19")
def test_acknowledged_touches_and_deletes_survive_the_engine_being_killed(engine, processes, records):
    key = records.key("kept")
    (child,) = processes.start(written_and_deleted, key)
    assert child.receive() == "done"
    engine.kill()
    engine.restart()
    afterwards = records.another()
    assert afterwards.read(f"{key}-touched").expires_at == 3_000_000_000_000
    assert afterwards.read(f"{key}-gone") is None
    assert {entry.key for entry in afterwards.entries(f"{key}-")} >= {f"{key}-touched"}
