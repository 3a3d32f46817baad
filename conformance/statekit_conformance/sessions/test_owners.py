"""Owners: the list of devices, ending one of them, and logging out everywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from statekit.errors import SessionGoneError
from statekit.types import SessionPolicy
from statekit_conformance import clause

DAY = 86_400


def moment(clock):
    return datetime.fromtimestamp(clock.now() / 1000, UTC)


def alive(view, *sessions):
    return [view.sessions.load(session.id) is not None for session in sessions]


# Listing


@clause("S-22")
def test_a_list_shows_each_of_an_owners_sessions_once_with_label_and_times(view, subject):
    began = moment(subject.clock)
    view.sessions.create({"a": 1}, owner="ann", label="phone")
    subject.clock.advance(3600)
    view.sessions.create({"a": 2}, owner="ann", label="laptop")
    view.sessions.create({"a": 3}, owner="bob", label="tablet")
    view.sessions.create({"a": 4})
    infos = {info.label: info for info in view.sessions.list("ann")}
    assert sorted(infos) == ["laptop", "phone"]
    phone, laptop = infos["phone"], infos["laptop"]
    hour, idle = timedelta(hours=1), timedelta(days=14)
    assert (phone.created_at, phone.last_seen, phone.expires_at) == (began, began, began + idle)
    assert (laptop.created_at, laptop.last_seen) == (began + hour, began + hour)
    assert laptop.expires_at == began + hour + idle
    assert not phone.corrupt
    assert phone.handle != laptop.handle


@clause("S-22")
def test_a_list_tells_when_a_session_was_last_seen_to_the_touch_interval(view, subject):
    session = view.sessions.create({"a": 1}, owner="ann")
    for _ in range(5):
        subject.clock.advance(50)
        view.sessions.touch(session)
    seen = moment(subject.clock)
    subject.clock.advance(7200)
    (info,) = view.sessions.list("ann")
    assert seen - timedelta(seconds=60) <= info.last_seen <= seen
    session["a"] = 2
    view.sessions.save(session)
    (info,) = view.sessions.list("ann")
    assert info.last_seen == moment(subject.clock)


@clause("S-22")
def test_a_list_shows_no_ids(view):
    sessions = [view.sessions.create(owner="ann", label="phone") for _ in range(3)]
    sessions[0] = view.sessions.rotate(sessions[0])
    shown = repr(view.sessions.list("ann"))
    assert not any(session.id in shown for session in sessions)


@clause("S-22")
def test_a_handle_logs_nobody_in(view):
    view.sessions.create(owner="ann")
    (info,) = view.sessions.list("ann")
    assert view.sessions.load(info.handle) is None
    assert view.sessions.load(info.handle[:43]) is None
    assert view.sessions.load(info.handle[-43:]) is None


@clause("S-22", needs=("reopen",))
def test_an_unknown_owner_has_no_sessions(view, raw):
    assert view.sessions.list("nobody") == []
    assert raw.keys() == set()


@clause("S-22")
def test_a_list_leaves_out_what_is_gone(view, subject):
    view.sessions.create(owner="ann", label="idle")
    subject.clock.advance(8 * DAY)
    ended = view.sessions.create(owner="ann", label="ended")
    view.sessions.create(owner="ann", label="kept")
    view.sessions.destroy(ended)
    subject.clock.advance(7 * DAY)
    assert [info.label for info in view.sessions.list("ann")] == ["kept"]


@clause("S-22")
def test_a_rotated_session_is_listed_once_under_the_same_handle(view):
    session = view.sessions.create(owner="ann", label="phone")
    (before,) = view.sessions.list("ann")
    for _ in range(3):
        session = view.sessions.rotate(session)
        (after,) = view.sessions.list("ann")
        assert (after.handle, after.label, after.created_at) == (before.handle, "phone", before.created_at)


@clause("S-22")
def test_a_session_knows_under_which_handle_it_is_listed(view):
    visitor = view.sessions.create()
    assert visitor.handle is None
    session = view.sessions.rotate(visitor, owner="ann", label="this one")
    for _ in range(2):
        view.sessions.create(owner="ann")
        for seen in (session, view.sessions.load(session.id)):
            assert [info.label for info in view.sessions.list("ann") if info.handle == seen.handle] == ["this one"]
        session = view.sessions.rotate(session)


@clause("S-22", needs=("reopen",))
def test_a_session_is_listed_once_in_the_middle_of_its_rotation(view, interposed):
    session = view.sessions.create(owner="ann", label="phone")
    seen = []
    interposed.at_records.before("write", lambda: seen.extend(view.sessions.list("ann")), skip=2)
    interposed.sessions.rotate(interposed.sessions.load(session.id))
    assert [info.label for info in seen] == ["phone"]


@clause("S-22", needs=("reopen",))
def test_a_session_that_is_rotated_while_it_is_listed_is_not_missing(view, interposed):
    session = view.sessions.create(owner="ann", label="phone")
    interposed.at_records.before("read", lambda: view.sessions.rotate(session), skip=1)
    assert [info.label for info in interposed.sessions.list("ann")] == ["phone"]


@clause("S-22")
def test_owners_that_look_alike_have_lists_of_their_own(view):
    owners = ["ann", "Ann", "ann ", "a\u00e9", "ae\u0301", "ann\u200b", "ann/bob", "ann\n", "0", "00"]
    for owner in owners:
        view.sessions.create(owner=owner, label=f"of {owners.index(owner)}")
    for owner in owners:
        assert [info.label for info in view.sessions.list(owner)] == [f"of {owners.index(owner)}"]


# Revoking one


@clause("S-23")
def test_revoke_ends_the_one_session_that_its_handle_names(view):
    phone, laptop = (view.sessions.create(owner="ann", label=label) for label in ("phone", "laptop"))
    handles = {info.label: info.handle for info in view.sessions.list("ann")}
    assert view.sessions.revoke(handles["phone"]) is True
    assert alive(view, phone, laptop) == [False, True]
    assert [info.label for info in view.sessions.list("ann")] == ["laptop"]
    assert view.sessions.revoke(handles["phone"]) is False
    assert alive(view, laptop) == [True]


@clause("S-23")
def test_revoke_ends_a_session_that_was_rotated_since(view):
    session = view.sessions.create(owner="ann")
    (info,) = view.sessions.list("ann")
    for _ in range(2):
        session = view.sessions.rotate(session)
    assert view.sessions.revoke(info.handle) is True
    assert alive(view, session) == [False]


@clause("S-23")
def test_revoke_leaves_an_epoch_alone(view):
    view.sessions.create(owner="ann")
    (info,) = view.sessions.list("ann")
    mark = view.sessions.owner_mark("ann")
    view.sessions.revoke(info.handle)
    assert alive(view, view.sessions.create(owner="ann", since=mark)) == [True]


@clause("S-23", needs=("reopen",))
@pytest.mark.parametrize("handle", ["", "no handle", "A" * 86, "A" * 85, "é" * 86, "A" * 86 + "\n", "%" * 86])
def test_a_handle_that_names_nothing_revokes_nothing(view, raw, handle):
    session = view.sessions.create(owner="ann")
    before = raw.contents()
    assert view.sessions.revoke(handle) is False
    assert raw.contents() == before
    assert alive(view, session) == [True]


@clause("S-23", "E-13")
def test_a_revocation_that_races_with_a_rotation_leaves_neither_id_alive(subject, together):
    view = subject.open(timeout=3600)
    for _ in range(8):
        session = view.sessions.create(owner="ann")
        (info,) = view.sessions.list("ann")
        rotated, _ = together(
            [
                lambda session=session: view.sessions.rotate(session),
                lambda info=info: view.sessions.revoke(info.handle),
            ]
        )
        assert alive(view, session) == [False]
        if not isinstance(rotated, SessionGoneError):
            assert alive(view, rotated) == [False]
        assert view.sessions.list("ann") == []


# How many


@pytest.fixture
def three(subject):
    """Return an opening whose owners may have three sessions."""
    return subject.open(policy=SessionPolicy(sessions_per_owner=3), timeout=3600)


def logins(view, clock, count, owner="ann"):
    made = []
    for number in range(count):
        made.append(view.sessions.create({"n": number}, owner=owner))
        clock.advance(1)
    return made


@clause("S-27")
def test_a_login_too_many_ends_the_oldest(three, subject):
    sessions = logins(three, subject.clock, 5)
    assert alive(three, *sessions) == [False, False, True, True, True]
    assert len(three.sessions.list("ann")) == 3


@clause("S-27")
def test_other_owners_and_sessions_without_owner_do_not_count(three, subject):
    hers = logins(three, subject.clock, 3)
    his = logins(three, subject.clock, 3, owner="bob")
    nobodys = [three.sessions.create() for _ in range(4)]
    assert all(alive(three, *hers, *his, *nobodys))


@clause("S-27")
def test_one_session_per_owner_is_the_latest_login(subject):
    view = subject.open(policy=SessionPolicy(sessions_per_owner=1))
    first = view.sessions.create(owner="ann")
    second = view.sessions.create(owner="ann")
    assert alive(view, first, second) == [False, True]


@clause("S-27")
@pytest.mark.parametrize("end", ["destroyed", "revoked", "expired"])
def test_sessions_that_are_gone_do_not_count(three, subject, end):
    sessions = logins(three, subject.clock, 3)
    if end == "destroyed":
        three.sessions.destroy(sessions[1])
    elif end == "revoked":
        handles = {info.created_at: info.handle for info in three.sessions.list("ann")}
        three.sessions.revoke(handles[sessions[1].created_at])
    else:
        subject.clock.advance(10 * DAY)
        for kept in (sessions[0], sessions[2]):
            three.sessions.touch(kept)
        subject.clock.advance(10 * DAY)
    new = three.sessions.create(owner="ann")
    assert alive(three, *sessions, new) == [True, False, True, True]


@clause("S-27")
def test_a_session_that_was_only_touched_counts(three, subject):
    sessions = logins(three, subject.clock, 3)
    for _ in range(3):
        subject.clock.advance(10 * DAY)
        for session in sessions:
            three.sessions.touch(session)
    new = three.sessions.create(owner="ann")
    assert alive(three, *sessions, new) == [False, True, True, True]


@clause("S-27")
def test_a_rotated_session_counts_once_and_keeps_its_age(three, subject):
    first, second, third = logins(three, subject.clock, 3)
    first = three.sessions.rotate(three.sessions.rotate(first))
    second = three.sessions.rotate(second)
    assert all(alive(three, first, second, third))
    new = three.sessions.create(owner="ann")
    assert alive(three, first, second, third, new) == [False, True, True, True]


@clause("S-27")
def test_a_login_by_rotation_counts_like_any_other(three, subject):
    sessions = logins(three, subject.clock, 3)
    login = three.sessions.rotate(three.sessions.create(), owner="ann")
    assert alive(three, *sessions, login) == [False, True, True, True]


@clause("S-27", "E-13")
def test_logins_at_once_never_leave_more_than_allowed(three, together):
    made = together([lambda: three.sessions.create(owner="ann")] * 6)
    assert alive(three, *made).count(True) == 3
    assert len(three.sessions.list("ann")) == 3
