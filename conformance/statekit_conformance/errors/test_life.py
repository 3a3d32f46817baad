"""A state's life: opened, shared by threads, forked, closed; never pickled, and the same in both colours."""

from __future__ import annotations

import asyncio
import copy
import inspect
import os
import pickle
from dataclasses import replace

import pytest

from statekit.errors import ClosedError
from statekit.objects import (
    AsyncObjectReader,
    AsyncObjectStore,
    AsyncObjectWriter,
    ObjectReader,
    ObjectStore,
    ObjectWriter,
)
from statekit.sessions import AsyncSessionStore, SessionStore
from statekit.state import AsyncState, State
from statekit_conformance import clause
from statekit_conformance.forks import forked

IDENTIFIER = "A" * 43


# Closing


def writing(view):
    with view.objects.open("file", "wb") as file:
        file.write(b"x")


SESSION_USES = {
    "create": lambda view, _: view.sessions.create({"a": 1}),
    "load": lambda view, _: view.sessions.load(IDENTIFIER),
    "load of a malformed id": lambda view, _: view.sessions.load("malformed"),
    "save": lambda view, session: (session.update(a=2), view.sessions.save(session)),
    "save of nothing": lambda view, session: view.sessions.save(session),
    "update": lambda view, _: view.sessions.update(IDENTIFIER, dict),
    "touch": lambda view, session: view.sessions.touch(session),
    "rotate": lambda view, session: view.sessions.rotate(session),
    "destroy": lambda view, session: view.sessions.destroy(session),
    "list": lambda view, _: view.sessions.list("ann"),
    "revoke": lambda view, _: view.sessions.revoke("A" * 86),
    "revoke_all": lambda view, _: view.sessions.revoke_all("ann"),
    "owner_mark": lambda view, _: view.sessions.owner_mark("ann"),
    "sweep": lambda view, _: view.sessions.sweep(),
    "check": lambda view, _: view.check(),
    "sweep of everything": lambda view, _: view.sweep(),
}
OBJECT_USES = {
    "put": lambda view: view.objects.put("file", b"x"),
    "put of a generator": lambda view: view.objects.put("file", iter([b"x"])),
    "get": lambda view: view.objects.get("file"),
    "stat": lambda view: view.objects.stat("file"),
    "exists": lambda view: view.objects.exists("file"),
    "delete": lambda view: view.objects.delete("file"),
    "delete_many": lambda view: view.objects.delete_many(["file"]),
    "delete_many of none": lambda view: view.objects.delete_many([]),
    "copy": lambda view: view.objects.copy("file", "copy"),
    "list": lambda view: list(view.objects.list()),
    "open to read": lambda view: view.objects.open("file"),
    "open to write": writing,
    "sweep": lambda view: view.objects.sweep(),
}


@clause("E-09", needs=("records",))
@pytest.mark.parametrize("use", SESSION_USES.values(), ids=SESSION_USES)
def test_after_close_every_use_of_sessions_raises(view, use):
    session = view.sessions.create({"a": 1}, owner="ann")
    view.close()
    with pytest.raises(ClosedError):
        use(view, session)
    assert view.events[-1].attempts == 0


@clause("E-09", needs=("objects",))
@pytest.mark.parametrize("use", OBJECT_USES.values(), ids=OBJECT_USES)
def test_after_close_every_use_of_objects_raises(view, use):
    view.objects.put("file", b"x")
    view.close()
    with pytest.raises(ClosedError):
        use(view)
    assert view.events[-1].attempts == 0


@clause("E-09")
def test_a_state_may_be_closed_twice_and_without_ever_being_used(subject):
    for used in (False, True):
        view = subject.open()
        if used:
            view.check()
        for _ in range(3):
            view.close()


@clause("E-09", needs=("records", "objects", "reopen"))
def test_closing_one_state_leaves_others_open(subject):
    one, other = subject.open(), subject.open()
    session = other.sessions.create({"a": 1})
    one.sessions.create()
    one.close()
    session["a"] = 2
    other.sessions.save(session)
    other.objects.put("file", b"x")
    assert other.objects.get("file").data == b"x"


@clause("E-09", needs=("objects", "multipart"))
def test_a_reader_of_a_closed_state_raises(view):
    view.objects.put("file", bytes(17 * 1024 * 1024))
    with view.objects.open("file") as reader:
        reader.read(10)
        view.close()
        with pytest.raises(ClosedError):
            reader.read()


@clause("E-09", "O-24", needs=("objects", "reopen"))
def test_a_writer_of_a_closed_state_raises_and_publishes_nothing(subject, view):
    writer = view.objects.open("file", "wb")
    writer.write(b"x")
    view.close()
    with pytest.raises(ClosedError):
        writer.close()
    assert subject.open().objects.exists("file") is False


@clause("E-09", needs=("records", "reopen"))
def test_a_state_is_a_context_manager_that_closes_it(subject):
    if subject.colour == "sync":
        with subject.open().state as state:
            state.check()
        with pytest.raises(ClosedError):
            state.check()
    else:
        state = subject.open().state

        async def use():
            async with state:
                await state.check()
            with pytest.raises(ClosedError):
                await state.check()

        subject.site.loop.run(use())


# A client of the application's


class Client:
    """Stands for an SDK's client: nothing of it is statekit's to close."""

    closed = 0

    def close(self):
        self.closed += 1

    aclose = disconnect = shutdown = close

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@clause("E-10", needs=("records",))
def test_a_client_that_is_handed_in_reaches_the_backend_as_it_is_and_is_never_closed(subject):
    client, seen = Client(), []
    place = subject.site.settings.sessions

    def opened(native):
        def open_(opening):
            seen.append(opening.client)
            inner = replace(opening, client=None)
            return place.backend.aopen(inner) if native else place.backend.open(inner)

        return open_

    backend = replace(
        place.backend,
        open=opened(native=False) if place.backend.open else None,
        aopen=opened(native=True) if place.backend.aopen else None,
    )
    given = replace(place, backend=backend, client=client)
    settings = replace(subject.site.settings, namespace=subject.namespace, sessions=given, objects=given)
    if subject.colour == "sync":
        state = State(settings, clock=subject.clock)
        state.check()
        state.close()
        state.close()
    else:

        async def use():
            state = AsyncState(settings, clock=subject.clock)
            await state.check()
            await state.close()
            await state.close()

        subject.site.loop.run(use())
    assert len(seen) == 1
    assert seen[0] is client
    assert client.closed == 0


# Forking


def use_on_both_sides_of_a_fork(subject, identifier):
    """Use one state in this process and in a forked child at the same time; return what each of them saw."""
    state = subject.open().state
    run = (lambda call: call) if subject.colour == "sync" else subject.site.loop.run
    before = many_uses(state, run, identifier, "before")  # connections and threads that the child must not use
    reading, writing = os.pipe()

    def use_in_child():
        # An event loop does not survive a fork: the child begins its own.
        mine = (lambda call: call) if subject.colour == "sync" else asyncio.Runner().run
        os.write(writing, repr(many_uses(state, mine, identifier, "child")).encode())

    with forked(use_in_child) as status, os.fdopen(reading) as pipe:
        os.close(writing)
        parent = many_uses(state, run, identifier, "parent")
        answer = pipe.read()
        ended = status()
    after = many_uses(state, run, identifier, "parent again")
    return before, parent, answer, ended, after


def many_uses(state, run, identifier, name):
    """Return what came back wrong in a number of round trips."""
    wrong = []
    for number in range(15):
        key, data = f"{name}/{number}", f"{name} {number} ".encode() * 500
        run(state.objects.put(key, data))
        if run(state.objects.get(key)).data != data:
            wrong.append(key)
        run(
            state.sessions.update(
                identifier, lambda session: session.update({name: session.get(name, 0) + 1}), timeout=600
            )
        )
        made = run(state.sessions.create({"of": name, "n": number}))
        if dict(run(state.sessions.load(made.id))) != {"of": name, "n": number}:
            wrong.append(made.id)
    run(state.objects.delete_many([f"{name}/{number}" for number in range(8)]))  # side by side
    return wrong


@clause("E-11", needs=("records", "objects"))
def test_a_forked_child_and_its_parent_both_keep_working(subject, processes):
    if not hasattr(os, "fork"):
        pytest.skip("this platform does not fork")
    view = subject.open()
    session = view.sessions.create({"a": 1})
    ((before, parent, child, status, after),) = processes.run(use_on_both_sides_of_a_fork, session.id, count=1)
    assert (before, parent, child, status, after) == ([], [], "[]", 0, [])
    counted = {"before": 15, "parent": 15, "child": 15, "parent again": 15}
    assert dict(view.sessions.load(session.id)) == {"a": 1, **counted}


# Pickling


@clause("E-12")
@pytest.mark.parametrize("through", [pickle.dumps, copy.copy, copy.deepcopy], ids=["pickle", "copy", "deepcopy"])
def test_a_state_refuses_to_be_pickled_and_says_what_to_do(view, through):
    with pytest.raises(TypeError, match="open"):
        through(view.state)


@clause("E-12", needs=("records",))
def test_a_session_refuses_to_be_pickled_and_says_what_to_do(view):
    with pytest.raises(TypeError, match="load"):
        pickle.dumps(view.sessions.create({"a": 1}))


@clause("E-12")
@pytest.mark.parametrize("store", ["sessions", "objects"])
def test_a_store_is_not_pickled_either(view, store):
    with pytest.raises(TypeError):
        pickle.dumps(getattr(view.state, store))


# Threads


@clause("E-13", needs=("records", "objects"))
def test_stores_may_be_used_from_many_threads_at_once(subject, together):
    view = subject.open(timeout=3600)
    shared = view.sessions.create({"n": 0}, owner="ann")

    def work(number):
        for turn in range(6):
            data = f"{number} {turn} ".encode() * 200
            view.objects.put(f"{number}/{turn}", data, metadata={"of": str(number)})
            found = view.objects.get(f"{number}/{turn}")
            assert (found.data, dict(found.info.metadata)) == (data, {"of": str(number)})
            session = view.sessions.create({"of": number}, owner=f"owner {number}")
            view.sessions.update(shared.id, lambda copied: copied.update(n=copied["n"] + 1))
            session = view.sessions.rotate(session)
            assert dict(view.sessions.load(session.id)) == {"of": number}
            assert len(list(view.objects.list(f"{number}/"))) == turn + 1
            assert len(view.sessions.list(f"owner {number}")) == turn + 1
        return number

    assert together([lambda number=number: work(number) for number in range(6)]) == list(range(6))
    assert view.sessions.load(shared.id)["n"] == 36
    assert len(list(view.objects.list())) == 36


@clause("E-13", needs=("records",))
def test_a_state_that_is_first_used_by_many_threads_at_once_is_opened_once(subject, together):
    opened = []
    place = subject.site.settings.sessions

    def counted(function):
        return function and (lambda opening: opened.append(1) or function(opening))

    backend = replace(place.backend, open=counted(place.backend.open), aopen=counted(place.backend.aopen))
    settings = replace(subject.site.settings, sessions=replace(place, backend=backend), namespace=subject.namespace)
    if subject.colour == "sync":
        with State(settings, clock=subject.clock) as state:
            assert together([lambda: state.sessions.load(IDENTIFIER)] * 8) == [None] * 8
    else:

        async def use():
            async with AsyncState(settings, clock=subject.clock) as state:
                return await asyncio.gather(*(state.sessions.load(IDENTIFIER) for _ in range(8)))

        assert subject.site.loop.run(use()) == [None] * 8
    assert len(opened) == 1


# Twins

TWINS = [
    (SessionStore, AsyncSessionStore),
    (ObjectStore, AsyncObjectStore),
    (State, AsyncState),
    (ObjectWriter, AsyncObjectWriter),
]


def public(kind):
    return {name for name in dir(kind) if not name.startswith("_")}


@clause("E-14")
@pytest.mark.parametrize(("one", "other"), TWINS[:3], ids=lambda kind: kind.__name__)
def test_twins_have_the_same_methods_with_the_same_parameters(one, other):
    assert public(one) == public(other)
    for name in public(one):
        ours, theirs = getattr(one, name), getattr(other, name)
        if not inspect.isfunction(ours):
            continue
        mine, its = inspect.signature(ours).parameters, inspect.signature(theirs).parameters
        assert [(p.name, p.kind, p.default) for p in mine.values()] == [
            (p.name, p.kind, p.default) for p in its.values()
        ], name


@clause("E-14")
def test_the_asynchronous_twins_methods_are_awaited():
    for _, kind in TWINS:
        for name in public(kind):
            method = getattr(kind, name)
            if inspect.isfunction(method) and name != "list":
                assert inspect.iscoroutinefunction(method), f"{kind.__name__}.{name}"


@clause("E-14", "O-25")
@pytest.mark.parametrize("name", ["read", "seek", "tell", "close", "info"])
def test_the_asynchronous_reader_offers_what_the_clause_about_readers_names(name, view):
    view.objects.put("file", b"x")
    with view.objects.open("file") as reader:
        assert hasattr(reader, name)
    assert hasattr(AsyncObjectReader, "__aiter__")
    assert hasattr(ObjectReader, "__iter__")


@clause("E-14", needs=("records", "objects", "reopen"))
def test_what_one_colour_stored_the_other_reads(subject):
    one = State if subject.colour == "async" else AsyncState
    settings = replace(subject.site.settings, namespace=subject.namespace)
    view = subject.open()
    if one is State:
        if settings.sessions.backend.open is None:
            pytest.skip("the backend is asynchronous only")
        with State(settings, clock=subject.clock) as state:
            session = state.sessions.create({"a": (1, {2})}, owner="ann")
            state.objects.put("file", b"data", metadata={"a": "ü"})
    else:

        async def use():
            async with AsyncState(settings, clock=subject.clock) as state:
                made = await state.sessions.create({"a": (1, {2})}, owner="ann")
                await state.objects.put("file", b"data", metadata={"a": "ü"})
                return made

        session = subject.site.loop.run(use())
    assert dict(view.sessions.load(session.id)) == {"a": (1, {2})}
    assert len(view.sessions.list("ann")) == 1
    assert view.objects.get("file").data == b"data"
