"""Errors: they say where they come from, survive pickling, and give nothing away."""

from __future__ import annotations

import copy
import logging
import pickle

import pytest

from statekit import errors
from statekit.driver import Fault
from statekit.errors import BackendError, ConflictError, StateError
from statekit_conformance import clause

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, StateError)]


def facts(error):
    return type(error), error.args, str(error), {name: getattr(error, name, None) for name in NAMES}


NAMES = ("op", "store", "backend", "key", "clause", "fault", "retryable", "retry_after", "current")


@clause("E-02")
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    "through", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy], ids=["pickle", "copy", "deepcopy"]
)
def test_every_error_survives_pickling_and_copying(kind, through):
    error = kind("what was attempted", clause="S-01")
    error.op, error.store, error.backend, error.key = "sessions.save", "sessions", "some", "key:12345678"
    if isinstance(error, BackendError):
        error.fault, error.retry_after = Fault.THROTTLED, 1.5
    if isinstance(error, ConflictError):
        error.current = "v7"
    assert facts(through(error)) == facts(error)


@clause("E-02")
def test_every_error_has_one_root_and_no_two_meanings():
    for kind in KINDS:
        assert issubclass(kind, StateError)
        assert not issubclass(kind, OSError), "an engine's failure would be taken for a file's"
    assert not issubclass(errors.ConflictError, errors.BackendError)
    assert not issubclass(errors.NotFoundError, errors.BackendError)
    assert issubclass(errors.IndeterminateError, errors.BackendError)


def stale(view):
    session = view.sessions.create({"a": 1})
    other = view.sessions.load(session.id)
    other["a"] = 2
    view.sessions.save(other)
    session["a"] = 3
    return session


def gone(view):
    session = view.sessions.create({"a": 1})
    view.sessions.destroy(session)
    session["a"] = 2
    return session


SESSION_ERRORS = {
    "save ConflictError": lambda view: view.sessions.save(stale(view), on_conflict="reject"),
    "save SessionGoneError": lambda view: view.sessions.save(gone(view)),
    "update SessionGoneError": lambda view: view.sessions.update("A" * 43, dict),
    "rotate SessionGoneError": lambda view: view.sessions.rotate(gone(view)),
    "create UnserialisableError": lambda view: view.sessions.create({"a": object()}),
    "create LimitExceededError": lambda view: view.sessions.create({"a": bytes(300_000)}),
    "create InvalidInputError": lambda view: view.sessions.create(owner=""),
    "list InvalidInputError": lambda view: view.sessions.list(""),
    "owner_mark LimitExceededError": lambda view: view.sessions.owner_mark("o" * 257),
    "revoke_all InvalidInputError": lambda view: view.sessions.revoke_all(""),
}
OBJECT_ERRORS = {
    "get NotFoundError": lambda view: view.objects.get("absent"),
    "stat NotFoundError": lambda view: view.objects.stat("absent"),
    "copy NotFoundError": lambda view: view.objects.copy("absent", "target"),
    "read NotFoundError": lambda view: view.objects.open("absent"),
    "put ConflictError": lambda view: view.objects.put("absent", b"", if_match="x"),
    "write ConflictError": lambda view: write(view, if_match="x"),
    "put InvalidKeyError": lambda view: view.objects.put("/", b""),
    "get InvalidKeyError": lambda view: view.objects.get(""),
    "stat InvalidKeyError": lambda view: view.objects.stat(""),
    "exists InvalidKeyError": lambda view: view.objects.exists(".."),
    "delete InvalidKeyError": lambda view: view.objects.delete("a//b"),
    "delete_many InvalidKeyError": lambda view: view.objects.delete_many(["/"]),
    "copy InvalidKeyError": lambda view: view.objects.copy("/", "a"),
    "list InvalidKeyError": lambda view: list(view.objects.list("//")),
    "list InvalidInputError": lambda view: list(view.objects.list(delimiter="-")),
    "read InvalidKeyError": lambda view: view.objects.open("/"),
    "write InvalidKeyError": lambda view: view.objects.open("/", "wb"),
    "write LimitExceededError": lambda view: view.objects.open("a", "wb", metadata={"a": "x" * 2000}),
    "put LimitExceededError": lambda view: view.objects.put("a", b"", content_type="x" * 300),
    "put InvalidInputError": lambda view: view.objects.put("a", "text"),
    "get InvalidInputError": lambda view: view.objects.get("a", start=-1),
}


def write(view, **options):
    with view.objects.open("absent", "wb", **options) as file:
        file.write(b"x")


def check_named(view, name, use, store):
    operation, kind = name.split()
    with pytest.raises(StateError) as caught:
        use(view)
    error = caught.value
    assert type(error).__name__ == kind
    assert error.op == f"{store}.{operation}"
    assert (error.store, error.backend) == (store, view.events[-1].backend)
    assert facts(pickle.loads(pickle.dumps(error))) == facts(error)
    assert (view.events[-1].operation, view.events[-1].outcome) == (operation, kind)


@clause("E-02", "E-08", needs=("records",))
@pytest.mark.parametrize(("name", "use"), SESSION_ERRORS.items(), ids=SESSION_ERRORS)
def test_an_error_about_sessions_names_operation_store_and_backend(view, name, use):
    check_named(view, name, use, "sessions")


@clause("E-02", "E-08", needs=("objects",))
@pytest.mark.parametrize(("name", "use"), OBJECT_ERRORS.items(), ids=OBJECT_ERRORS)
def test_an_error_about_objects_names_operation_store_and_backend(view, name, use):
    check_named(view, name, use, "objects")


@clause("E-02", needs=("records", "objects", "reopen"))
@pytest.mark.parametrize("fault", [Fault.DENIED, Fault.MISCONFIGURED, Fault.REJECTED, Fault.THROTTLED, Fault.UNKNOWN])
def test_an_error_of_the_engine_keeps_its_fault_and_what_it_came_from(interposed, subject, fault):
    interposed.records.refuse("read", fault=fault, retry_after=3.5, times=1000)
    with pytest.raises(BackendError) as caught:
        interposed.sessions.load("A" * 43, timeout=1)
    error = caught.value
    assert (error.op, error.store, error.backend) == ("sessions.load", "sessions", subject.backend.name)
    assert (error.fault, error.retry_after) == (fault, 3.5)
    assert error.__cause__ is not None
    assert facts(pickle.loads(pickle.dumps(error))) == facts(error)


# Nothing is given away


SECRETS = {
    "value": "hunter2 p@ssword",
    "owner": "ann@example.org",
    "key": "secret-folder/plan.pdf",
    "metadata": "secret-metadata",
    "label": "secret-phone",
    "ring": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXMtcyE=",
}


@pytest.fixture
def logged(caplog):
    """Return what was logged at any level."""
    caplog.set_level(logging.DEBUG, logger="statekit")
    return caplog


def given_away(texts, *more):
    words = [*SECRETS.values(), *more]
    return sorted({word for word in words for text in texts if word in text})


@clause("E-03", needs=("records", "reopen"))
def test_no_message_event_or_repr_about_sessions_gives_anything_away(subject, logged):
    view = subject.open(keys=(SECRETS["ring"],))
    session = view.sessions.create({"password": SECRETS["value"]}, owner=SECRETS["owner"], label=SECRETS["label"])
    copies = [view.sessions.load(session.id) for _ in range(2)]
    for number, copied in enumerate(copies):
        copied["password"] = f"{SECRETS['value']}{number}"
    view.sessions.save(copies[0])
    raised = []
    for use in (
        lambda: view.sessions.save(copies[1], on_conflict="reject"),
        lambda: view.sessions.create({"password": SECRETS["value"] + "\ud800"}),
        lambda: view.sessions.create({"password": {SECRETS["value"]: object()}}),
        lambda: view.sessions.create({SECRETS["value"]: object()}),
        lambda: view.sessions.create({"a": SECRETS["value"] * 30_000}),
        lambda: view.sessions.create(owner=SECRETS["owner"] * 30),
        lambda: view.sessions.create(owner="a", label=SECRETS["label"] * 30),
        lambda: view.sessions.create(owner=SECRETS["owner"], since="0" * 24),
        lambda: view.sessions.rotate(session, owner=f"not {SECRETS['owner']}"),
        lambda: (view.sessions.destroy(session), view.sessions.save(copies[1])),
        lambda: view.sessions.update(session.id, dict),
        lambda: subject.open(keys=("other" + SECRETS["ring"],)),
    ):
        with pytest.raises(StateError) as caught:
            use()
        raised.append(caught.value)
    view.sessions.list(SECRETS["owner"])
    view.sessions.revoke_all(SECRETS["owner"])
    texts = [text for error in raised for text in (str(error), repr(error), repr(vars(error)))]
    texts += [repr(event) for event in view.events] + [record.getMessage() for record in logged.records]
    texts += [repr(thing) for thing in (view.state, view.state.sessions, session, copies)]
    assert given_away(texts, session.id, *(copied.id for copied in copies)) == []


class SaidTooMuch(Exception):  # noqa: N818
    """As SDKs' exceptions do."""


@clause("E-03", needs=("records", "objects", "reopen"))
def test_what_an_sdk_says_stays_in_its_own_exception(interposed, logged):
    def fails():
        raise SaidTooMuch(f"no route to user:{SECRETS['value']}@db")

    raised = []
    for driver, method, use in (
        (interposed.at_records, "read", lambda: interposed.sessions.owner_mark("a")),
        (interposed.at_objects, "stat", lambda: interposed.stored_objects.exists("a")),
    ):
        driver.before(method, fails)
        with pytest.raises(StateError) as caught:
            use()
        raised.append(caught.value)
    texts = [text for error in raised for text in (str(error), repr(error), repr(vars(error)))]
    texts += [repr(event) for event in interposed.events] + [record.getMessage() for record in logged.records]
    assert given_away(texts) == []
    assert all(isinstance(error.__cause__, SaidTooMuch) for error in raised)


@clause("E-03", needs=("objects",))
def test_no_message_event_or_repr_about_objects_gives_anything_away(view, logged):
    key = SECRETS["key"]
    info = view.objects.put(key, SECRETS["value"].encode(), metadata={"a": SECRETS["metadata"]})
    with view.objects.open(key) as reader:
        readers = [repr(reader), repr(getattr(reader, "raw", None))]
    raised = []
    for use in (
        lambda: view.objects.get(f"{key}.absent"),
        lambda: view.objects.stat(f"{key}.absent"),
        lambda: view.objects.open(f"{key}.absent"),
        lambda: view.objects.copy(f"{key}.absent", key),
        lambda: view.objects.put(key, b"", if_absent=True),
        lambda: view.objects.put(key, b"", if_match="x"),
        lambda: view.objects.delete(key, if_match="x"),
        lambda: view.objects.put(f"{key}/", b""),
        lambda: list(view.objects.list(f"{key}//")),
        lambda: list(view.objects.list(start_after=f"{key}//")),
        lambda: view.objects.delete_many([f"{key}/"]),
        lambda: view.objects.put(key, SECRETS["value"]),
        lambda: view.objects.put(key, b"", metadata={"a": SECRETS["metadata"] * 100}),
        lambda: view.objects.put(key, b"", metadata={SECRETS["metadata"] + "\n": "x"}),
        lambda: view.objects.put(key, b"", content_type=SECRETS["metadata"] + "\n"),
    ):
        with pytest.raises(StateError) as caught:
            use()
        raised.append(caught.value)
    found = view.objects.get(key)
    texts = [text for error in raised for text in (str(error), repr(error), repr(vars(error)))]
    texts += [repr(event) for event in view.events] + [record.getMessage() for record in logged.records]
    texts += [repr(thing) for thing in (view.state, view.state.objects)] + readers
    assert given_away(texts) == []
    assert SECRETS["value"] not in repr(found)
    assert info.key == key


@clause("E-03")
def test_the_settings_of_a_state_do_not_show_its_keys(subject):
    from dataclasses import replace

    settings = replace(subject.site.settings, keys=(SECRETS["ring"],))
    assert SECRETS["ring"] not in repr(settings)


@clause("E-03", needs=("objects",))
def test_the_key_that_an_error_carries_looks_nothing_up(view):
    with pytest.raises(StateError) as caught:
        view.objects.get(SECRETS["key"])
    shown = caught.value.key
    assert shown
    assert not any(part in shown for part in ("secret", "folder", "plan", "pdf"))
    with pytest.raises(StateError) as other:
        view.objects.get(SECRETS["key"] + "x")
    assert other.value.key != shown, "two keys are told apart in a log"
