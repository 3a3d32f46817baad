"""Rotation: a new id for the same session, and the old one is worth nothing from then on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from statekit.errors import InvalidInputError, SessionGoneError
from statekit.types import SessionPolicy
from statekit_conformance import clause

DAY = 86_400


@clause("S-18")
@pytest.mark.parametrize("owner", [None, "ann"])
def test_a_rotated_session_has_a_new_id_and_is_otherwise_the_same(view, subject, owner):
    old = view.sessions.create({"a": [1, {2}], "b": (3,)}, owner=owner, label="phone")
    subject.clock.advance(5 * DAY)
    new = view.sessions.rotate(old)
    assert new.id != old.id
    assert view.sessions.load(old.id) is None
    found = view.sessions.load(new.id)
    assert dict(found) == {"a": [1, {2}], "b": (3,)} == dict(new)
    assert (found.owner, found.label, found.created_at) == (owner, "phone", old.created_at)


@clause("S-18")
def test_an_id_from_before_a_rotation_is_dead_to_every_use(view):
    old = view.sessions.create({"a": 1})
    copy = view.sessions.load(old.id)
    new = view.sessions.rotate(old)
    copy["a"] = 2
    with pytest.raises(SessionGoneError):
        view.sessions.save(copy)
    with pytest.raises(SessionGoneError):
        view.sessions.update(old.id, lambda session: session.update(a=3))
    with pytest.raises(SessionGoneError):
        view.sessions.rotate(copy)
    assert dict(view.sessions.load(new.id)) == {"a": 1}


@clause("S-18")
def test_a_rotation_stores_the_changes_that_were_not_saved(view):
    old = view.sessions.create({"kept": 1, "changed": [1], "gone": 2})
    old["changed"].append(2)
    old["new"] = {"x"}
    del old["gone"]
    new = view.sessions.rotate(old)
    assert dict(view.sessions.load(new.id)) == {"kept": 1, "changed": [1, 2], "new": {"x"}} == dict(new)
    assert not new.modified


@clause("S-18")
def test_a_rotated_session_can_be_used_like_any_other(view, subject):
    session = view.sessions.create({"n": 0})
    for number in range(4):
        session = view.sessions.rotate(session)
        session["n"] += 1
        view.sessions.save(session)
        subject.clock.advance(120)
        view.sessions.touch(session)
        assert view.sessions.load(session.id)["n"] == number + 1


@clause("S-18")
def test_each_rotation_gives_another_id(view):
    session = view.sessions.create()
    ids = {session.id}
    for _ in range(5):
        session = view.sessions.rotate(session)
        ids.add(session.id)
    assert len(ids) == 6
    assert [view.sessions.load(identifier) is not None for identifier in ids].count(True) == 1


@clause("S-18")
def test_a_rotation_keeps_the_lifetime(subject):
    policy = SessionPolicy(idle_timeout=timedelta(days=1), lifetime=timedelta(days=1))
    view = subject.open(policy=policy)
    old = view.sessions.create({"a": 1})
    subject.clock.advance(DAY / 2)
    new = view.sessions.rotate(old)
    assert new.expires_at == old.created_at + timedelta(days=1)
    subject.clock.advance(DAY / 2 - 0.001)
    assert view.sessions.load(new.id) is not None
    subject.clock.advance(0.001)
    assert view.sessions.load(new.id) is None


@clause("S-18", needs=("reopen",))
def test_what_a_rotation_leaves_behind_is_no_session_and_is_swept(view, subject, raw):
    old = view.sessions.create({"a": 1})
    new = view.sessions.rotate(old)
    assert len(raw.keys()) == 2
    view.sessions.destroy(new)
    subject.clock.advance(2 * 3600)
    assert view.sessions.load(old.id) is None
    view.sessions.sweep()
    assert raw.keys() == set()


@clause("S-18", "S-24")
def test_a_session_without_owner_is_bound_by_a_login(view, subject):
    guest = view.sessions.create({"cart": [1]})
    subject.clock.advance(10 * DAY)
    login = view.sessions.rotate(guest, owner="ann", label="phone")
    assert (login.owner, login.label, dict(login)) == ("ann", "phone", {"cart": [1]})
    assert login.created_at == guest.created_at + timedelta(days=10)
    (info,) = view.sessions.list("ann")
    assert info.label == "phone"
    assert view.sessions.revoke_all("ann") == 1
    assert view.sessions.load(login.id) is None


@clause("S-18")
def test_a_login_begins_a_lifetime_of_its_own(view, subject):
    guest = view.sessions.create()
    for _ in range(8):
        subject.clock.advance(10 * DAY)
        view.sessions.touch(guest)
    login = view.sessions.rotate(guest, owner="ann")
    for _ in range(8):
        subject.clock.advance(10 * DAY)
        view.sessions.touch(login)
    assert view.sessions.load(login.id) is not None


@clause("S-18")
def test_rotating_under_the_same_owner_keeps_the_login(view):
    old = view.sessions.create({"a": 1}, owner="ann", label="phone")
    (before,) = view.sessions.list("ann")
    new = view.sessions.rotate(old, owner="ann")
    assert (new.owner, new.label) == ("ann", "phone")
    assert [info.handle for info in view.sessions.list("ann")] == [before.handle]


@clause("S-18")
def test_rotating_with_a_label_gives_the_login_that_label(view):
    old = view.sessions.create({"a": 1}, owner="ann", label="phone")
    assert view.sessions.rotate(old, label="other").label == "other"
    assert [info.label for info in view.sessions.list("ann")] == ["other"]


@clause("S-18")
def test_rotating_under_another_owner_is_refused_and_changes_nothing(view):
    session = view.sessions.create({"a": 1}, owner="ann")
    with pytest.raises(InvalidInputError):
        view.sessions.rotate(session, owner="bob")
    assert view.sessions.load(session.id) is not None
    assert view.sessions.list("bob") == []


@clause("S-18")
def test_a_copy_from_before_a_login_is_not_rotated_to_another_owner(view):
    guest = view.sessions.create({"a": 1})
    late = view.sessions.load(guest.id)
    login = view.sessions.rotate(guest, owner="ann")
    with pytest.raises(SessionGoneError):
        view.sessions.rotate(late, owner="bob")
    assert view.sessions.list("bob") == []
    assert view.sessions.load(login.id).owner == "ann"


@clause("S-19")
def test_what_another_request_saved_before_the_rotation_is_in_the_new_session(view):
    old = view.sessions.create({"a": 1, "gone": 1})
    copy = view.sessions.load(old.id)
    copy["b"] = [2]
    del copy["gone"]
    view.sessions.save(copy)
    old["c"] = 3
    new = view.sessions.rotate(old)
    assert dict(view.sessions.load(new.id)) == {"a": 1, "b": [2], "c": 3} == dict(new)


@clause("S-19", needs=("reopen",))
@pytest.mark.parametrize("owner", [None, "ann"])
@pytest.mark.parametrize("moment", ["copied", "enrolled"])
def test_a_save_in_the_middle_of_a_rotation_is_in_the_new_session(view, interposed, owner, moment):
    old = view.sessions.create({"a": 1, "b": 1}, owner=owner)
    copy = view.sessions.load(old.id)
    copy["a"] = 2
    del copy["b"]
    copy["late"] = True
    writes_before_the_switch = 1 if owner is None else 2
    skip = 0 if moment == "copied" else writes_before_the_switch
    interposed.at_records.before("write", lambda: view.sessions.save(copy), skip=skip)
    new = interposed.sessions.rotate(interposed.sessions.load(old.id))
    assert dict(view.sessions.load(new.id)) == {"a": 2, "late": True} == dict(new)
    assert view.sessions.load(old.id) is None


@clause("S-19", needs=("reopen",))
def test_a_save_in_the_middle_of_a_rotation_gives_way_to_the_rotations_own_changes(view, interposed):
    old = view.sessions.create({"role": "guest", "seen": 0})
    copy = view.sessions.load(old.id)
    copy["role"] = "stale"
    copy["seen"] = 1
    interposed.at_records.before("write", lambda: view.sessions.save(copy), skip=1)
    rotating = interposed.sessions.load(old.id)
    rotating["role"] = "admin"
    new = interposed.sessions.rotate(rotating)
    assert dict(view.sessions.load(new.id)) == {"role": "admin", "seen": 1}


@clause("S-18", "S-12", needs=("reopen",))
@pytest.mark.parametrize("owner", [None, "ann"])
def test_a_logout_in_the_middle_of_a_rotation_leaves_neither_id(view, interposed, raw, owner):
    old = view.sessions.create({"a": 1}, owner=owner)
    skip = 1 if owner is None else 2
    interposed.at_records.before("write", lambda: view.sessions.destroy(old.id), skip=skip)
    with pytest.raises(SessionGoneError):
        interposed.sessions.rotate(interposed.sessions.load(old.id))
    assert view.sessions.load(old.id) is None
    if owner is None:
        assert raw.keys() == set()
    else:
        assert view.sessions.list(owner) == []


@clause("S-19", "E-13")
@pytest.mark.parametrize("owner", [None, "ann"])
def test_updates_that_race_with_a_rotation_are_all_in_the_new_session(subject, together, owner):
    view = subject.open(timeout=3600)
    for _ in range(4):
        old = view.sessions.create({"n": 0}, owner=owner)

        def add(identifier=old.id):
            done = 0
            for _ in range(8):
                try:
                    view.sessions.update(identifier, lambda session: session.update(n=session["n"] + 1))
                except SessionGoneError:
                    break
                done += 1
            return done

        new, *counts = together([lambda old=old: view.sessions.rotate(old), add, add, add])
        assert view.sessions.load(old.id) is None
        assert view.sessions.load(new.id)["n"] == sum(counts)


@clause("S-18", "E-13")
@pytest.mark.parametrize("owner", [None, "ann"])
def test_of_many_rotations_at_once_one_gives_the_only_living_id(subject, together, owner):
    view = subject.open(timeout=3600)
    for _ in range(4):
        old = view.sessions.create({"a": 1}, owner=owner)
        copies = [view.sessions.load(old.id) for _ in range(4)]
        outcomes = together([lambda copy=copy: view.sessions.rotate(copy) for copy in copies])
        new = [outcome for outcome in outcomes if not isinstance(outcome, SessionGoneError)]
        assert len(new) == 1
        assert view.sessions.load(old.id) is None
        assert dict(view.sessions.load(new[0].id)) == {"a": 1}
        if owner is not None:
            assert len(view.sessions.list(owner)) == 1
            view.sessions.revoke_all(owner)


def rotate_once(subject, identifier):
    view = subject.open(timeout=3600)
    session = view.sessions.load(identifier)
    if session is None:
        return None
    try:
        return view.sessions.rotate(session).id
    except SessionGoneError:
        return None


@clause("S-18")
def test_of_rotations_by_many_processes_one_gives_the_only_living_id(view, processes):
    old = view.sessions.create({"a": 1}, owner="ann")
    ids = [identifier for identifier in processes.run(rotate_once, old.id, count=3) if identifier is not None]
    assert [view.sessions.load(identifier) is not None for identifier in ids].count(True) == 1
    assert view.sessions.load(old.id) is None
