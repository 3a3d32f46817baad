"""Namespaces and openings: the same store, seen from elsewhere."""

from __future__ import annotations

import pytest

from statekit.errors import SessionGoneError
from statekit_conformance import clause


@pytest.fixture(params=["x", ".x", "-x", "0"])
def neighbours(request, subject):
    """Return openings of two namespaces, one of which begins with the other."""
    return subject.open(), subject.open(namespace=subject.namespace + request.param)


@clause("S-28", needs=("reopen",))
def test_a_session_is_unknown_in_another_namespace(neighbours):
    ours, theirs = neighbours
    session = ours.sessions.create({"a": 1}, owner="ann")
    assert theirs.sessions.load(session.id) is None
    assert theirs.sessions.destroy(session.id) is False
    with pytest.raises(SessionGoneError):
        theirs.sessions.update(session.id, lambda copy: copy.update(a=2))
    session["a"] = 2
    with pytest.raises(SessionGoneError):
        theirs.sessions.save(session)
    with pytest.raises(SessionGoneError):
        theirs.sessions.rotate(session)
    assert dict(ours.sessions.load(session.id)) == {"a": 1}


@clause("S-28", needs=("reopen",))
def test_an_owner_has_other_sessions_in_another_namespace(neighbours):
    ours, theirs = neighbours
    mine, other = ours.sessions.create(owner="ann", label="ours"), theirs.sessions.create(owner="ann", label="theirs")
    (info,) = ours.sessions.list("ann")
    assert info.label == "ours"
    assert theirs.sessions.revoke(info.handle) is False
    mark = ours.sessions.owner_mark("ann")
    assert theirs.sessions.revoke_all("ann", keep=mine) == 1
    assert ours.sessions.owner_mark("ann") == mark
    assert ours.sessions.load(mine.id) is not None
    assert theirs.sessions.load(other.id) is None


@clause("S-28", needs=("reopen",))
def test_a_sweep_stays_in_its_namespace(neighbours, subject):
    ours, theirs = neighbours
    ours.sessions.create({"a": 1})
    theirs.sessions.create({"a": 1})
    subject.clock.advance(30 * 86_400)
    assert ours.sessions.sweep().records == 1
    assert theirs.sessions.sweep().records == 1


@clause("S-28", needs=("reopen",))
def test_the_empty_namespace_is_one_of_its_own(subject):
    ours, bare = subject.open(), subject.open(namespace="")
    session = ours.sessions.create({"a": 1}, owner="ann")
    assert bare.sessions.load(session.id) is None
    assert bare.sessions.destroy(session.id) is False
    assert bare.sessions.load(f"{subject.namespace}/{session.id}") is None
    made = bare.sessions.create({"a": 2})
    assert ours.sessions.load(made.id) is None
    assert bare.sessions.destroy(made) is True


@clause("S-37")
def test_a_session_loads_through_another_opening(subject):
    one, other = subject.open(), subject.open()
    session = one.sessions.create({"a": 1}, owner="ann", label="phone")
    found = other.sessions.load(session.id)
    assert (dict(found), found.owner, found.label) == ({"a": 1}, "ann", "phone")
    assert (found.created_at, found.expires_at) == (session.created_at, session.expires_at)
    found["a"] = 2
    other.sessions.save(found)
    assert one.sessions.load(session.id)["a"] == 2
    assert [info.label for info in other.sessions.list("ann")] == ["phone"]


@clause("S-37")
def test_a_session_loads_after_the_opening_that_made_it_was_closed(subject):
    first = subject.open()
    session = first.sessions.create({"a": 1})
    session["a"] = 2
    first.sessions.save(session)
    first.close()
    assert dict(subject.open().sessions.load(session.id)) == {"a": 2}


@clause("S-20", "S-37")
def test_a_session_destroyed_through_one_opening_is_gone_to_the_others(subject):
    one, other = subject.open(), subject.open()
    session = one.sessions.create({"a": 1})
    copy = other.sessions.load(session.id)
    one.sessions.destroy(session)
    copy["a"] = 2
    with pytest.raises(SessionGoneError):
        other.sessions.save(copy)
    assert other.sessions.load(session.id) is None


@clause("S-37")
def test_a_session_may_be_saved_through_another_opening_than_it_was_loaded(subject):
    one, other = subject.open(), subject.open()
    session = one.sessions.create({"a": 1})
    session["a"] = 2
    other.sessions.save(session)
    assert one.sessions.load(session.id)["a"] == 2


def load_and_save(subject, identifier):
    view = subject.open(timeout=3600)
    session = view.sessions.load(identifier)
    session[f"process {subject.index}"] = dict(session)["kind"]
    view.sessions.save(session)
    return sorted(dict(session))


@clause("S-07", "S-37")
def test_saves_by_many_processes_all_survive(view, processes):
    kind = (1, frozenset({2}))
    identifier = view.sessions.create({"kind": kind}).id
    processes.run(load_and_save, identifier, count=3)
    assert dict(view.sessions.load(identifier)) == {"kind": kind} | {f"process {n}": kind for n in range(3)}


def add_many(subject, identifier):
    view = subject.open(timeout=3600)
    for _ in range(10):
        view.sessions.update(identifier, lambda session: session.update(n=session["n"] + 1))


@clause("S-13")
def test_updates_by_many_processes_lose_no_increment(view, processes):
    identifier = view.sessions.create({"n": 0}).id
    processes.run(add_many, identifier, count=3)
    assert view.sessions.load(identifier)["n"] == 30
