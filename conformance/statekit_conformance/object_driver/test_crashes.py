"""Crashes: of a client at any moment, and of the engine."""

from __future__ import annotations

from statekit.driver import Committed, Match
from statekit_conformance import clause

SIZE = 600_000
PART = 8 * 1024 * 1024


def data_of(number, size=SIZE):
    return b"%08d" % number * (size // 8)


def number_of(data, size=SIZE):
    """Return the one number that an object is made of."""
    assert len(data) == size
    assert data == data[:8] * (size // 8), "a mixture of two objects"
    return int(data[:8])


def overwriting(subject, key):
    """Overwrite an object for ever, saying each time when it is acknowledged."""
    driver = subject.objects_driver()
    key, number = f"{key}-{subject.index}", 0
    driver.put(key, data_of(0))
    while True:
        subject.report(number)
        number += 1
        driver.put(key, data_of(number))


@clause("O-56")
def test_a_client_killed_while_it_writes_leaves_the_old_object_or_the_new_one(processes, objects_driver):
    for attempt in range(3):
        key = objects_driver.key(f"attempt-{attempt}")
        children = processes.start(overwriting, key, count=2)
        for child in children:
            for _ in range(3 + attempt):
                child.receive()
        for child in children:
            child.kill()
        for index, child in enumerate(children):
            acknowledged = max(child.rest(), default=2 + attempt)
            found = number_of(objects_driver.bytes_of(f"{key}-{index}"))
            assert found in (acknowledged, acknowledged + 1)


def finishing(subject, key):
    """Replace an object by uploads in parts for ever."""
    multipart, number = subject.objects_driver().multipart, 0
    while True:
        upload = multipart.begin(key)
        parts = [multipart.part(upload, n + 1, data_of(number, size)) for n, size in enumerate((PART, SIZE))]
        multipart.finish(upload, parts, data_of(number, PART + SIZE))
        subject.report(number)
        number += 1


@clause("O-56", "O-66", needs=("multipart",))
def test_a_client_killed_during_an_upload_in_parts_leaves_the_old_object_or_the_new_one(processes, objects_driver):
    for attempt in range(2):
        key = objects_driver.key(f"attempt-{attempt}")
        (child,) = processes.start(finishing, key)
        for _ in range(1 + attempt):
            child.receive()
        child.kill()
        acknowledged = max(child.rest(), default=attempt)
        data = objects_driver.bytes_of(key) + objects_driver.read(key, start=PART).data
        assert number_of(data, PART + SIZE) in (acknowledged, acknowledged + 1)
    for upload in objects_driver.multipart.uploads():
        objects_driver.multipart.abort(upload)
    assert objects_driver.keys() == [objects_driver.key("attempt-0"), objects_driver.key("attempt-1")]


@clause("O-56")
def test_a_killed_client_leaves_nothing_locked(processes, objects_driver):
    (child,) = processes.start(overwriting, objects_driver.key("left"))
    child.receive()
    child.kill()
    version = objects_driver.stat(objects_driver.key("left-0")).version
    assert isinstance(objects_driver.write(objects_driver.key("left-0"), b"mine", expect=Match(version)), Committed)


@clause("O-69")
def test_an_acknowledged_object_survives_the_engine_being_killed(engine, processes, objects_driver):
    for attempt in range(2):
        key = objects_driver.key(f"kill-{attempt}")
        children = processes.start(overwriting, key, count=2)
        for child in children:
            for _ in range(4):
                child.receive()
        engine.kill()
        for child in children:
            child.kill()  # one that was not reached goes on as soon as the engine is back
        engine.restart()
        afterwards = objects_driver.another()
        for index, child in enumerate(children):
            acknowledged = max(child.rest(), default=3)
            assert number_of(afterwards.bytes_of(f"{key}-{index}")) in (acknowledged, acknowledged + 1)
        assert afterwards.keys(f"{key}-") == [f"{key}-0", f"{key}-1"]


def copied_and_deleted(subject, key):
    """Copy one object and delete another; then go on until killed."""
    driver = subject.objects_driver()
    driver.copy(f"{key}-source", f"{key}-copy", pinned=driver.put(f"{key}-source", b"source" * 9_000))
    driver.delete(f"{key}-gone", expect=Match(driver.put(f"{key}-gone", b"gone")))
    subject.report("done")
    return overwriting(subject, f"{key}-more")


@clause("O-69")
def test_acknowledged_copies_and_deletes_survive_the_engine_being_killed(engine, processes, objects_driver):
    key = objects_driver.key("kept")
    (child,) = processes.start(copied_and_deleted, key)
    assert child.receive() == "done"
    engine.kill()
    engine.restart()
    afterwards = objects_driver.another()
    assert afterwards.bytes_of(f"{key}-copy") == b"source" * 9_000
    assert afterwards.stat(f"{key}-gone") is None


def finished(subject, key):
    """Finish an upload in parts, and begin another; then go on until killed."""
    multipart = subject.objects_driver().multipart
    upload = multipart.begin(key)
    parts = [multipart.part(upload, 1, data_of(1, PART)), multipart.part(upload, 2, data_of(1))]
    multipart.finish(upload, parts, data_of(1, PART + SIZE))
    multipart.begin(f"{key}-begun")
    subject.report("done")
    return overwriting(subject, f"{key}-more")


@clause("O-69", "O-68", needs=("multipart",))
def test_finished_and_begun_uploads_survive_the_engine_being_killed(engine, processes, objects_driver):
    key = objects_driver.key("finished")
    (child,) = processes.start(finished, key)
    assert child.receive() == "done"
    engine.kill()
    engine.restart()
    afterwards = objects_driver.another()
    assert afterwards.bytes_of(key) + afterwards.read(key, start=PART).data == data_of(1, PART + SIZE)
    assert [upload.key for upload in afterwards.multipart.uploads(f"{key}-")] == [f"{key}-begun"]
