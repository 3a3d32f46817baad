"""Destroyed, expired and rotated sessions are gone: nothing brings them back, and ending them again is success."""

from __future__ import annotations

import pytest

from statekit.errors import SessionGoneError
from statekit_conformance import clause

DAY = 86_400


def destroyed(view, session, clock):
    view.sessions.destroy(session.id)
    clock.advance(3600)


def expired(view, session, clock):
    clock.advance(14 * DAY)


def at_its_lifetimes_end(view, session, clock):
    for _ in range(9):
        clock.advance(10 * DAY)
        copy = view.sessions.load(session.id)
        if copy is not None:
            view.sessions.touch(copy)


def rotated(view, session, clock):
    view.sessions.rotate(view.sessions.load(session.id))
    clock.advance(61)


def rotated_long_ago(view, session, clock):
    view.sessions.rotate(view.sessions.load(session.id))
    clock.advance(3600)


def revoked(view, session, clock):
    assert view.sessions.revoke_all("ann") == 1
    clock.advance(3600)


def swept(view, session, clock):
    clock.advance(15 * DAY)
    view.sessions.sweep()


def change(session):
    session["late"] = True


USES = {
    "a merging save": lambda view, session: view.sessions.save(session),
    "a rejecting save": lambda view, session: view.sessions.save(session, on_conflict="reject"),
    "an overwriting save": lambda view, session: view.sessions.save(session, on_conflict="overwrite"),
    "an update": lambda view, session: view.sessions.update(session.id, change),
    "a rotation": lambda view, session: view.sessions.rotate(session),
}


@pytest.fixture(
    params=[destroyed, expired, at_its_lifetimes_end, rotated, rotated_long_ago, revoked, swept],
    ids=lambda end: end.__name__,
)
def gone(request, view, subject):
    """Return a session that was in use when it ended."""
    session = view.sessions.create({"a": 1}, owner="ann")
    session = view.sessions.load(session.id)
    request.param(view, session, subject.clock)
    return session


@clause("S-12", needs=("reopen",))
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_request_that_ends_after_the_session_brings_nothing_back(view, raw, gone, use):
    gone["late"] = True
    before = raw.contents()
    with pytest.raises(SessionGoneError):
        use(view, gone)
    assert view.sessions.load(gone.id) is None
    assert set(raw.contents()) <= set(before)
    assert all(record == before[key] for key, record in raw.contents().items() if "/s/" in key)


@clause("S-12", needs=("reopen",))
def test_touching_a_session_that_is_gone_creates_nothing(view, raw, gone):
    before = raw.contents()
    with pytest.raises(SessionGoneError):
        view.sessions.touch(gone)
    assert raw.contents() == before
    assert view.sessions.load(gone.id) is None


@clause("S-12", needs=("reopen",))
def test_saving_an_unchanged_session_that_is_gone_raises_once_it_would_be_touched(view, raw, gone):
    before = raw.contents()
    with pytest.raises(SessionGoneError):
        view.sessions.save(gone)
    assert raw.contents() == before


@clause("S-12")
@pytest.mark.parametrize("identifier", ["A" * 43, "no session", ""])
def test_updating_an_id_that_never_was_raises_and_calls_nothing(view, identifier):
    calls = []
    with pytest.raises(SessionGoneError):
        view.sessions.update(identifier, calls.append)
    assert calls == []


@clause("S-12", needs=("reopen",))
def test_a_session_destroyed_while_update_runs_stays_destroyed(view, raw):
    session, (key,) = raw.made_by(lambda: view.sessions.create({"n": 1}))

    def add(copy):
        raw.driver.delete(key)
        copy["n"] += 1

    with pytest.raises(SessionGoneError):
        view.sessions.update(session.id, add)
    assert raw.keys() == set()


@clause("S-12", "E-13")
def test_saves_that_race_with_a_logout_never_bring_the_session_back(subject, together):
    view = subject.open(timeout=3600)
    for _ in range(8):
        identifier = view.sessions.create({"n": 0}).id
        copies = [view.sessions.load(identifier) for _ in range(3)]
        for number, copy in enumerate(copies):
            copy[f"key {number}"] = number

        saves = [lambda copy=copy: view.sessions.save(copy) for copy in copies]
        *saved, ended = together([*saves, lambda identifier=identifier: view.sessions.destroy(identifier)])
        assert ended is True
        assert all(outcome is None or isinstance(outcome, SessionGoneError) for outcome in saved)
        assert view.sessions.load(identifier) is None


@clause("S-20")
@pytest.mark.parametrize("by", [lambda session: session, lambda session: session.id], ids=["session", "id"])
def test_destroy_says_whether_there_was_a_session(view, by):
    session = view.sessions.create({"a": 1})
    assert view.sessions.destroy(by(session)) is True
    assert view.sessions.load(session.id) is None
    assert view.sessions.destroy(by(session)) is False


@clause("S-20")
def test_destroying_an_unknown_session_is_success(view):
    assert view.sessions.destroy("A" * 43) is False


@clause("S-20")
def test_destroying_an_expired_session_is_success_and_finds_none(view, subject):
    session = view.sessions.create({"a": 1})
    subject.clock.advance(14 * DAY)
    assert view.sessions.destroy(session) is False


@clause("S-20")
def test_destroying_a_session_ends_no_other(view):
    one, other = view.sessions.create({"a": 1}, owner="ann"), view.sessions.create({"a": 2}, owner="ann")
    view.sessions.destroy(one)
    assert dict(view.sessions.load(other.id)) == {"a": 2}


@clause("S-20")
def test_a_session_that_another_request_just_saved_is_destroyed_all_the_same(view):
    session = view.sessions.create({"a": 1})
    copy = view.sessions.load(session.id)
    copy["a"] = 2
    view.sessions.save(copy)
    assert view.sessions.destroy(session) is True
    assert view.sessions.load(session.id) is None


@clause("S-20", needs=("reopen",))
def test_a_session_that_is_saved_while_it_is_destroyed_is_destroyed_all_the_same(view, interposed):
    session = view.sessions.create({"a": 1})
    copy = view.sessions.load(session.id)
    copy["a"] = 2
    interposed.at_records.before("delete", lambda: view.sessions.save(copy))
    assert interposed.sessions.destroy(session.id) is True
    assert view.sessions.load(session.id) is None


@clause("S-20", "E-13")
def test_of_many_logouts_at_once_some_find_the_session_and_none_fails(view, together):
    identifier = view.sessions.create({"a": 1}).id
    outcomes = together([lambda: view.sessions.destroy(identifier)] * 6)
    assert True in outcomes
    assert set(outcomes) <= {True, False}
    assert view.sessions.load(identifier) is None


@clause("S-21")
@pytest.mark.parametrize("times", [1, 2, 3])
def test_destroying_an_id_that_was_rotated_ends_what_it_became(view, times):
    first = session = view.sessions.create({"a": 1})
    for _ in range(times):
        session = view.sessions.rotate(session)
    assert view.sessions.destroy(first.id) is True
    assert view.sessions.load(session.id) is None


@clause("S-21")
def test_a_logout_that_took_up_to_a_minute_still_follows_the_rotation(view, subject):
    old = view.sessions.create({"a": 1}, owner="ann")
    new = view.sessions.rotate(old)
    subject.clock.advance(59.999)
    assert view.sessions.destroy(old) is True
    assert view.sessions.load(new.id) is None
    assert view.sessions.list("ann") == []


@clause("S-21")
def test_a_logout_that_may_take_longer_follows_the_rotation_as_long(subject):
    view = subject.open(timeout=600)
    old = view.sessions.create({"a": 1})
    new = view.sessions.rotate(old)
    subject.clock.advance(599)
    assert view.sessions.destroy(old) is True
    assert view.sessions.load(new.id) is None


@clause("S-21")
def test_destroying_a_rotated_id_twice_finds_nothing_the_second_time(view):
    old = view.sessions.create({"a": 1})
    view.sessions.rotate(old)
    assert view.sessions.destroy(old) is True
    assert view.sessions.destroy(old) is False


@clause("S-21", "E-13")
@pytest.mark.parametrize("owner", [None, "ann"])
def test_a_logout_that_races_with_a_rotation_leaves_neither_id_alive(subject, together, owner):
    view = subject.open(timeout=3600)
    for _ in range(10):
        old = view.sessions.create({"a": 1}, owner=owner)
        copy = view.sessions.load(old.id)
        rotated, ended = together(
            [lambda copy=copy: view.sessions.rotate(copy), lambda old=old: view.sessions.destroy(old.id)]
        )
        assert ended is True
        assert view.sessions.load(old.id) is None
        if not isinstance(rotated, SessionGoneError):
            assert view.sessions.load(rotated.id) is None
    if owner is not None:
        assert view.sessions.list(owner) == []
