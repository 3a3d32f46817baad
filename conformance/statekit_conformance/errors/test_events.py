"""Events: exactly one for every operation, with what it did and nothing about what it did it to."""

from __future__ import annotations

import logging

import pytest
from msgspec.structs import asdict

from statekit.driver import Fault
from statekit.errors import StateError
from statekit_conformance import clause

MIB = 1024 * 1024


def session_operations(view):
    session = view.sessions.create({"a": 1}, owner="ann")
    yield "create"
    held = view.sessions.load(session.id)
    yield "load"
    view.sessions.load("malformed")
    yield "load"
    view.sessions.save(held)
    yield "save"
    held["a"] = 2
    view.sessions.save(held)
    yield "save"
    view.sessions.touch(held)
    yield "touch"
    view.sessions.update(held.id, lambda copy: copy.update(b=1))
    yield "update"
    held = view.sessions.rotate(held)
    yield "rotate"
    (info,) = view.sessions.list("ann")
    yield "list"
    view.sessions.owner_mark("ann")
    yield "owner_mark"
    view.sessions.revoke(info.handle)
    yield "revoke"
    view.sessions.revoke_all("ann", keep=held.id)
    yield "revoke_all"
    view.sessions.destroy(held)
    yield "destroy"
    view.sessions.sweep()
    yield "sweep"


def object_operations(view):
    info = view.objects.put("file", b"data")
    yield "put"
    view.objects.get("file")
    yield "get"
    view.objects.stat("file")
    yield "stat"
    view.objects.exists("absent")
    yield "exists"
    view.objects.copy("file", "copy")
    yield "copy"
    list(view.objects.list())
    yield "list"
    list(view.objects.list("f", delimiter="/"))
    yield "list"
    with view.objects.open("file") as reader:
        reader.read()
    yield "read"
    with view.objects.open("other", "wb") as writer:
        writer.write(b"1")
        writer.write(b"2")
    yield "write"
    view.objects.open("other", "wb").abort()
    yield "write"
    view.objects.delete("file", if_match=info)
    yield "delete"
    view.objects.delete_many(["copy", "other", "absent"])
    yield "delete_many"
    view.objects.sweep()
    yield "sweep"


def check_one_event_each(view, operations, store, backend):
    seen = 0
    for name in operations(view):
        new, seen = view.events[seen:], len(view.events)
        assert [event.operation for event in new] == [name]
        (event,) = new
        assert (event.store, event.backend) == (store, backend)
        assert event.attempts >= 0
        assert event.seconds >= 0
        assert event.outcome in {"ok", "ConflictError"}


@clause("E-08", needs=("records",))
def test_every_operation_on_sessions_emits_one_event(view, subject):
    check_one_event_each(view, session_operations, "sessions", subject.site.settings.sessions.backend.name)


@clause("E-08", needs=("objects",))
def test_every_operation_on_objects_emits_one_event(view, subject):
    check_one_event_each(view, object_operations, "objects", subject.site.settings.objects.backend.name)


@clause("E-08", needs=("objects", "multipart"))
def test_a_transfer_in_parts_emits_one_event(view):
    data = bytes(17 * MIB)
    view.objects.put("file", data)
    view.objects.get("file")
    with view.objects.open("file") as reader:
        while reader.read(MIB):
            pass
    with view.objects.open("file", "wb") as writer:
        writer.write(data)
    assert [event.operation for event in view.events] == ["put", "get", "read", "write"]
    assert [event.size for event in view.events[:2]] == [len(data)] * 2
    assert view.events[2].size == view.events[3].size == len(data)
    assert all(event.attempts >= 3 for event in view.events)


@clause("E-08", needs=("objects",))
def test_an_iterator_that_fails_and_a_block_that_is_left_emit_one_event(view):
    def pieces():
        yield b"half"
        raise LookupError

    with pytest.raises(LookupError):
        view.objects.put("file", pieces())
    with pytest.raises(LookupError), view.objects.open("file", "wb"):
        raise LookupError
    assert [(event.operation, event.outcome) for event in view.events] == [
        ("put", "LookupError"),
        ("write", "LookupError"),
    ]


@clause("E-08", needs=("records", "objects"))
def test_a_check_and_a_sweep_of_everything_are_told_too(view):
    view.check()
    assert {(event.store, event.operation) for event in view.events} == {("state", "check")}
    view.events.clear()
    view.sweep()
    assert sorted((event.store, event.operation) for event in view.events) == [
        ("objects", "sweep"),
        ("sessions", "sweep"),
    ]


@clause("E-08", needs=("records", "objects", "reopen"))
def test_an_operation_that_is_retried_emits_one_event_that_counts_its_attempts(interposed):
    interposed.objects.refuse("stat", fault=Fault.BUSY, times=3)
    interposed.stored_objects.exists("file")
    (event,) = interposed.events
    assert (event.operation, event.outcome, event.attempts) == ("exists", "ok", 4)


@clause("E-08", needs=("records", "objects"))
def test_an_event_counts_the_bytes_of_the_payload(view):
    view.objects.put("file", bytes(1000))
    view.objects.get("file")
    view.objects.get("file", start=990)
    assert [event.size for event in view.events] == [1000, 1000, 10]
    session = view.sessions.create({"a": bytes(1000)})
    view.sessions.load(session.id)
    assert all(1000 <= event.size <= 1500 for event in view.events[3:])


@clause("E-08", needs=("records", "objects"))
def test_an_event_holds_numbers_and_names_and_nothing_else(view):
    view.sessions.create({"a": 1}, owner="ann")
    view.objects.put("file", b"x")
    for event in view.events:
        assert all(type(value) in {str, int, float} for value in asdict(event).values())


@clause("E-08", needs=("records", "objects", "reopen"))
def test_every_operation_is_logged_once_and_failures_of_the_engine_as_warnings(interposed, caplog):
    caplog.set_level(logging.DEBUG, logger="statekit")
    interposed.sessions.load("A" * 43)
    with pytest.raises(StateError):
        interposed.stored_objects.get("absent")
    interposed.objects.refuse(fault=Fault.DENIED)
    with pytest.raises(StateError):
        interposed.stored_objects.get("absent")
    levels = [record.levelno for record in caplog.records if record.name == "statekit"]
    assert levels == [logging.DEBUG, logging.DEBUG, logging.WARNING]


@clause("E-08", needs=("records",))
def test_events_of_many_threads_are_all_told(view, together):
    together([lambda: view.sessions.create({"a": 1})] * 8)
    assert [event.operation for event in view.events] == ["create"] * 8
