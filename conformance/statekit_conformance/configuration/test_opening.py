"""Opening: without input or output, and what does not work is found at the first call or by check."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

import statekit
from statekit.driver import AsyncDrivers, Drivers, Fault
from statekit.errors import (
    BackendError,
    ClosedError,
    DeniedError,
    MisconfiguredError,
    StateError,
    ThrottledError,
    TimedOutError,
    UnavailableError,
    UnsupportedError,
)
from statekit.state import AsyncState, State
from statekit_conformance import clause
from statekit_conformance.errors.interposing import Interposed
from statekit_conformance.subject import StoreView

IDENTIFIER = "A" * 43
OUTSIDE = ("open", "os.mkdir", "os.listdir", "os.scandir", "sqlite3.connect", "subprocess.Popen", "urllib.Request")


class Watch:
    """Notes what reaches for the world outside of this process, while it is told to."""

    watching = False
    seen: list[str]

    def __init__(self):
        self.seen = []
        sys.addaudithook(self._note)

    def _note(self, event, _):
        if self.watching and (event in OUTSIDE or event.startswith("socket.")):
            self.seen.append(event)


@pytest.fixture(scope="session")
def watch():
    """Return what notes this: a hook of this kind cannot be taken away again, so there is one."""
    return Watch()


@pytest.fixture
def interposed(subject):
    """Return an opening whose requests fail as they are told to."""
    opened = Interposed(subject)
    yield opened
    opened.close()


@clause("P-01", needs=("reopen",))
def test_opening_and_closing_reach_for_nothing_outside(subject, watch):
    subject.open().close()  # what is imported, is imported now
    watch.seen.clear()
    watch.watching = True
    try:
        view = subject.open()
        view.close()
    finally:
        watch.watching = False
    assert watch.seen == []


@clause("P-01")
def test_the_watch_would_see_the_first_use(subject, watch, tmp_path):
    watch.seen.clear()
    watch.watching = True
    try:
        (tmp_path / "file").write_text("x")
    finally:
        watch.watching = False
    assert "open" in watch.seen


@clause("P-01", needs=("records",))
def test_opening_opens_no_backend_and_the_first_use_opens_it_once(subject):
    opened = []
    place = subject.site.settings.sessions

    def counted(function):
        return function and (lambda opening: opened.append(opening.scheme) or function(opening))

    backend = replace(place.backend, open=counted(place.backend.open), aopen=counted(place.backend.aopen))
    given = replace(place, backend=backend)
    settings = replace(subject.site.settings, sessions=given, objects=given, namespace=subject.namespace)
    kind = State if subject.colour == "sync" else AsyncState
    view = StoreView(kind(settings, clock=subject.clock), [], subject.site)
    assert opened == []
    for _ in range(3):
        view.check()
    assert opened == [place.scheme]
    view.close()
    with pytest.raises(ClosedError):
        view.check()
    assert opened == [place.scheme]


@clause("P-01", "P-11", needs=("reopen", "server"))
def test_an_engine_that_does_not_answer_is_found_by_check_and_not_before(subject, server):
    with server.paused():
        view = subject.open(timeout=1, attempt_timeout=0.3)
        with pytest.raises(BackendError):
            view.check()
        with pytest.raises(BackendError):
            view.sessions.load(IDENTIFIER)
    assert subject.open().sessions.load(IDENTIFIER) is None


ERRORS = {
    Fault.UNREACHED: UnavailableError,
    Fault.THROTTLED: ThrottledError,
    Fault.TIMED_OUT: TimedOutError,
    Fault.DENIED: DeniedError,
    Fault.MISCONFIGURED: MisconfiguredError,
    Fault.UNKNOWN: BackendError,
}


@clause("P-01", "P-11", needs=("records", "objects", "reopen"))
@pytest.mark.parametrize("store", ["records", "objects"])
@pytest.mark.parametrize("fault", ERRORS, ids=lambda fault: fault.name)
def test_check_raises_what_is_wrong_with_either_store(interposed, store, fault):
    getattr(interposed, store).refuse(fault=fault, times=1_000_000)
    with pytest.raises(ERRORS[fault]) as caught:
        interposed.view.check(timeout=2)
    assert caught.value.op == "state.check"


@clause("P-11", needs=("records", "objects", "reopen"))
def test_check_makes_a_round_trip_to_each_store(interposed):
    assert interposed.records.calls == interposed.objects.calls == []
    warnings = interposed.view.check()
    assert isinstance(warnings, tuple)
    assert interposed.records.calls
    assert interposed.objects.calls


@clause("P-11")
def test_check_returns_what_people_should_know(subject):
    warnings = subject.open().check()
    assert isinstance(warnings, tuple)
    assert all(isinstance(text, str) and text for text in warnings)


@clause("P-11")
def test_check_stores_nothing(subject, view_of_all):
    subject.open().check()
    assert view_of_all() == []


@pytest.fixture
def view_of_all(subject):
    """Return what lists everything below the namespace."""

    def everything():
        found = []
        if subject.site.settings.sessions.backend.records:
            found += subject.records().entries()
        if subject.site.settings.objects.backend.objects:
            found += subject.objects_driver().keys()
        return found

    return everything


# What is not offered


def without(subject, store):
    """Open the target with a backend that offers one store less."""
    fields = {}
    for name in ("sessions", "objects"):
        place = getattr(subject.site.settings, name)
        fields[name] = replace(place, backend=lesser(place.backend, store))
    settings = replace(subject.site.settings, namespace=subject.namespace, **fields)
    kind = State if subject.colour == "sync" else AsyncState
    return StoreView(kind(settings, clock=subject.clock), [], subject.site)


def lesser(backend, store):
    def cut(function):
        def opened(opening):
            drivers = function(opening)
            assert isinstance(drivers, Drivers | AsyncDrivers)
            return replace(drivers, **{store: None})

        return function and opened

    return replace(backend, open=cut(backend.open), aopen=cut(backend.aopen), **{store: False})


SESSION_USES = {
    "create": lambda view: view.sessions.create({"a": 1}),
    "load": lambda view: view.sessions.load(IDENTIFIER),
    "update": lambda view: view.sessions.update(IDENTIFIER, dict),
    "destroy": lambda view: view.sessions.destroy(IDENTIFIER),
    "list": lambda view: view.sessions.list("ann"),
    "revoke": lambda view: view.sessions.revoke("A" * 86),
    "revoke_all": lambda view: view.sessions.revoke_all("ann"),
    "owner_mark": lambda view: view.sessions.owner_mark("ann"),
    "sweep": lambda view: view.sessions.sweep(),
}
OBJECT_USES = {
    "put": lambda view: view.objects.put("file", b"x"),
    "get": lambda view: view.objects.get("file"),
    "stat": lambda view: view.objects.stat("file"),
    "exists": lambda view: view.objects.exists("file"),
    "delete": lambda view: view.objects.delete("file"),
    "delete_many": lambda view: view.objects.delete_many(["file"]),
    "copy": lambda view: view.objects.copy("file", "copy"),
    "list": lambda view: list(view.objects.list()),
    "open": lambda view: view.objects.open("file"),
    "sweep": lambda view: view.objects.sweep(),
}


@clause("P-09", needs=("objects",))
@pytest.mark.parametrize("use", SESSION_USES.values(), ids=SESSION_USES)
def test_sessions_of_a_backend_without_records_are_unsupported_when_they_are_used(subject, use):
    view = without(subject, "records")
    with pytest.raises(UnsupportedError) as caught:
        use(view)
    assert (caught.value.store, caught.value.backend) == ("sessions", subject.site.settings.sessions.backend.name)
    view.objects.put("file", b"x")
    view.check()
    view.sweep()
    view.close()


@clause("P-09", needs=("records",))
@pytest.mark.parametrize("use", OBJECT_USES.values(), ids=OBJECT_USES)
def test_objects_of_a_backend_without_objects_are_unsupported_when_they_are_used(subject, use):
    view = without(subject, "objects")
    with pytest.raises(UnsupportedError) as caught:
        use(view)
    assert (caught.value.store, caught.value.backend) == ("objects", subject.site.settings.objects.backend.name)
    view.sessions.create({"a": 1})
    view.check()
    view.sweep()
    view.close()


@clause("P-09")
@pytest.mark.parametrize("store", ["sessions", "objects"])
def test_a_store_that_was_given_no_url_is_unsupported_and_nowhere_else(subject, bare, opening, store):
    """A store never moves to a local disk because its URL is missing."""
    index = 0 if store == "sessions" else 1
    made = opening(**{store: subject.site.urls[index]}, clock=subject.clock)
    view = StoreView(made, [], subject.site)
    use = OBJECT_USES["get"] if store == "sessions" else SESSION_USES["load"]
    with pytest.raises(UnsupportedError):
        use(view)
    view.close()
    assert list(bare.iterdir()) == []


@clause("P-01", "P-09")
def test_a_state_is_opened_by_url_with_every_setting(subject, bare, opening):
    sessions, objects = subject.site.urls
    events = []
    state = opening(
        sessions=sessions,
        objects=objects,
        namespace=subject.namespace,
        policy=statekit.SessionPolicy(sessions_per_owner=1),
        timeout=subject.site.timeout,
        attempt_timeout=subject.site.timeout,
        clock=subject.clock,
        on_event=events.append,
    )
    view = StoreView(state, events, subject.site)
    if subject.site.settings.sessions.backend.records:
        first, second = (view.sessions.create({"a": 1}, owner="ann") for _ in range(2))
        assert [view.sessions.load(one.id) is not None for one in (first, second)] == [False, True]
    if subject.site.settings.objects.backend.objects:
        view.objects.put("file", b"x")
        assert subject.open().objects.exists("file") in {True, False}
    assert events
    assert all(event.outcome == "ok" for event in events)
    view.close()
    with pytest.raises(StateError):
        view.check()
