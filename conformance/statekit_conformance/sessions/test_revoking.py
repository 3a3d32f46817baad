"""Logging out everywhere: nobody is left behind, but the one that is to stay."""

from __future__ import annotations

import pytest

from statekit.errors import ConflictError, InvalidInputError, SessionGoneError
from statekit_conformance import clause

DAY = 86_400


def alive(view, *sessions):
    return [view.sessions.load(session.id) is not None for session in sessions]


# Revoking all


@clause("S-24")
def test_revoke_all_ends_every_session_of_the_owner_and_of_nobody_else(view):
    hers = [view.sessions.create({"n": number}, owner="ann") for number in range(3)]
    hers.append(view.sessions.rotate(view.sessions.create(owner="ann")))
    his, nobodys = view.sessions.create(owner="bob"), view.sessions.create()
    assert view.sessions.revoke_all("ann") == 4
    assert not any(alive(view, *hers))
    assert all(alive(view, his, nobodys))
    assert view.sessions.list("ann") == []
    assert len(view.sessions.list("bob")) == 1


@clause("S-24")
def test_after_a_revoke_all_the_owner_can_log_in_again(view):
    view.sessions.create(owner="ann")
    view.sessions.revoke_all("ann")
    session = view.sessions.create({"a": 1}, owner="ann")
    assert alive(view, session) == [True]
    assert len(view.sessions.list("ann")) == 1


@clause("S-24")
def test_revoking_all_of_nobodys_sessions_is_success(view):
    assert view.sessions.revoke_all("nobody") == 0
    assert view.sessions.revoke_all("nobody") == 0


@clause("S-24")
def test_revoke_all_works_more_than_once(view):
    for _ in range(3):
        session = view.sessions.create(owner="ann")
        assert view.sessions.revoke_all("ann") == 1
        assert alive(view, session) == [False]


@clause("S-24")
def test_revoke_all_reaches_sessions_that_were_touched_past_the_idle_timeout(view, subject):
    session = view.sessions.create(owner="ann")
    for _ in range(5):
        subject.clock.advance(10 * DAY)
        view.sessions.touch(session)
    view.sessions.sweep()
    assert view.sessions.revoke_all("ann") == 1
    assert alive(view, session) == [False]


@clause("S-24")
def test_revoke_all_reaches_a_session_until_the_end_of_its_lifetime(view, subject):
    session = view.sessions.create(owner="ann")
    for _ in range(8):
        subject.clock.advance(11 * DAY)
        view.sessions.touch(session)
        view.sessions.sweep()
    assert alive(view, session) == [True]
    assert view.sessions.revoke_all("ann") == 1
    assert alive(view, session) == [False]


@clause("S-24", needs=("reopen",))
def test_what_a_crashed_revoke_all_left_is_deleted_by_the_next_operation(view, interposed):
    sessions = [view.sessions.create(owner="ann") for _ in range(3)]
    interposed.records.refuse("delete", times=1000)
    with pytest.raises(Exception, match="reached"):
        interposed.sessions.revoke_all("ann", timeout=1)
    assert view.sessions.list("ann") == []
    assert not any(alive(view, *sessions))


@clause("S-24", needs=("reopen",))
@pytest.mark.parametrize("skip", [0, 1, 2], ids=["before its record", "before its owner's record", "at the switch"])
def test_a_rotation_in_progress_does_not_survive_a_revoke_all(view, interposed, skip):
    session = view.sessions.create(owner="ann")
    ended = []
    interposed.at_records.before("write", lambda: ended.append(view.sessions.revoke_all("ann")), skip=skip)
    with pytest.raises(SessionGoneError):
        interposed.sessions.rotate(interposed.sessions.load(session.id))
    assert ended
    assert alive(view, session) == [False]
    assert view.sessions.list("ann") == []


@clause("S-24", needs=("reopen",))
@pytest.mark.parametrize("skip", [0, 1, 2], ids=["before its record", "before its owner's record", "at the switch"])
def test_a_login_by_rotation_in_progress_is_revoked_or_listed_but_never_lost(view, interposed, skip):
    guest = view.sessions.create({"a": 1})
    interposed.at_records.before("write", lambda: view.sessions.revoke_all("ann"), skip=skip)
    try:
        login = interposed.sessions.rotate(interposed.sessions.load(guest.id), owner="ann")
    except SessionGoneError:
        assert view.sessions.list("ann") == []
    else:
        assert alive(view, login) == [len(view.sessions.list("ann")) == 1]


@clause("S-24", "S-26", needs=("reopen",))
def test_a_login_in_progress_is_refused_if_its_mark_is_older(view, interposed, raw):
    mark = view.sessions.owner_mark("ann")
    interposed.at_records.before("write", lambda: view.sessions.revoke_all("ann"), skip=1)

    def log_in():
        with pytest.raises(ConflictError):
            interposed.sessions.create(owner="ann", since=mark)

    _, made = raw.made_by(log_in)
    assert view.sessions.list("ann") == []
    assert len(made) == 1, "the owner's record, and no session"


@clause("S-24", "S-26", "E-13")
def test_no_login_that_began_before_a_revoke_all_survives_it(subject, together):
    view = subject.open(timeout=3600)
    for _ in range(4):
        marks = [view.sessions.owner_mark("ann") for _ in range(5)]
        logins = [lambda mark=mark: view.sessions.create(owner="ann", since=mark) for mark in marks]
        *outcomes, _ = together([*logins, lambda: view.sessions.revoke_all("ann")])
        made = [outcome for outcome in outcomes if not isinstance(outcome, ConflictError)]
        assert not any(alive(view, *made))
        assert view.sessions.list("ann") == []


@clause("S-24", "E-13")
def test_no_rotation_carries_a_session_over_a_revoke_all(subject, together):
    view = subject.open(timeout=3600)

    def rotate(session):
        ids = [session.id]
        for _ in range(20):
            try:
                session = view.sessions.rotate(session)
            except SessionGoneError:
                break
            ids.append(session.id)
        return ids

    for _ in range(3):
        sessions = [view.sessions.create({"n": number}, owner="ann") for number in range(3)]
        rotations = [lambda session=session: rotate(session) for session in sessions]
        *chains, _ = together([*rotations, lambda: view.sessions.revoke_all("ann")])
        assert [identifier for ids in chains for identifier in ids if view.sessions.load(identifier)] == []
        assert view.sessions.list("ann") == []


def rotate_until_gone(subject, identifier):
    view = subject.open(timeout=3600)
    session, ids = view.sessions.load(identifier), [identifier]
    subject.report("rotating")
    while session is not None:
        try:
            session = view.sessions.rotate(session)
        except SessionGoneError:
            break
        ids.append(session.id)
    return ids


@clause("S-24")
def test_revoke_all_ends_what_other_processes_are_rotating(subject, processes):
    view = subject.open(timeout=3600)
    sessions = [view.sessions.create(owner="ann") for _ in range(2)]
    children = [processes.start(rotate_until_gone, session.id)[0] for session in sessions]
    for child in children:
        assert child.receive() == "rotating"
    view.sessions.revoke_all("ann")
    ids = [identifier for child in children for identifier in child.receive()]
    assert [identifier for identifier in ids if view.sessions.load(identifier)] == []
    assert view.sessions.list("ann") == []


# Keeping one


@clause("S-25")
@pytest.mark.parametrize("by", [lambda session: session, lambda session: session.id], ids=["session", "id"])
def test_revoke_all_keeps_the_session_it_is_told_to_keep(view, by):
    kept, *others = [view.sessions.create({"n": number}, owner="ann") for number in range(3)]
    assert view.sessions.revoke_all("ann", keep=by(kept)) == 2
    assert alive(view, kept, *others) == [True, False, False]
    assert len(view.sessions.list("ann")) == 1


@clause("S-25")
@pytest.mark.parametrize("by", [lambda session: session, lambda session: session.id], ids=["session", "id"])
def test_a_session_that_was_rotated_before_is_kept(view, by):
    first, other = view.sessions.create(owner="ann"), view.sessions.create(owner="ann")
    kept = view.sessions.rotate(view.sessions.rotate(first))
    view.sessions.revoke_all("ann", keep=by(kept))
    assert alive(view, kept, other) == [True, False]


@clause("S-25")
@pytest.mark.parametrize("by", [lambda session: session, lambda session: session.id], ids=["session", "id"])
def test_a_session_that_another_request_has_just_rotated_is_kept(view, by):
    known, other = view.sessions.create(owner="ann"), view.sessions.create(owner="ann")
    kept = view.sessions.rotate(view.sessions.load(known.id))
    view.sessions.revoke_all("ann", keep=by(known))
    assert alive(view, kept, other) == [True, False]


@clause("S-25", needs=("reopen",))
@pytest.mark.parametrize("skip", [0, 1, 2], ids=["before its record", "before its owner's record", "at the switch"])
@pytest.mark.parametrize("by", [lambda session: session, lambda session: session.id], ids=["session", "id"])
def test_a_session_is_kept_in_the_middle_of_its_rotation(view, interposed, by, skip):
    known, other = view.sessions.create(owner="ann"), view.sessions.create(owner="ann")
    interposed.at_records.before("write", lambda: view.sessions.revoke_all("ann", keep=by(known)), skip=skip)
    kept = interposed.sessions.rotate(interposed.sessions.load(known.id))
    assert alive(view, kept, other) == [True, False]
    assert len(view.sessions.list("ann")) == 1


@clause("S-25", "E-13")
def test_a_session_that_is_rotated_over_and_over_is_kept(subject, together):
    view = subject.open(timeout=3600)
    for _ in range(3):
        kept = view.sessions.create({"kept": True}, owner="ann")
        others = [view.sessions.create(owner="ann") for _ in range(3)]

        def rotate(session=kept):
            for _ in range(6):
                session = view.sessions.rotate(session)
            return session

        last, _ = together([rotate, lambda kept=kept: view.sessions.revoke_all("ann", keep=kept)])
        assert alive(view, last) == [True]
        assert not any(alive(view, *others))
        assert len(view.sessions.list("ann")) == 1
        view.sessions.revoke_all("ann")


@clause("S-25")
def test_telling_it_to_keep_somebody_elses_session_keeps_none_of_the_owners(view):
    hers, his = view.sessions.create(owner="ann"), view.sessions.create(owner="bob")
    view.sessions.revoke_all("ann", keep=his)
    assert alive(view, hers, his) == [False, True]


@clause("S-25")
@pytest.mark.parametrize("keep", ["A" * 43, "no session", ""])
def test_telling_it_to_keep_what_never_was_keeps_nothing(view, keep):
    session = view.sessions.create(owner="ann")
    view.sessions.revoke_all("ann", keep=keep)
    assert alive(view, session) == [False]


@clause("S-25")
def test_a_kept_session_is_listed_under_its_handle_and_can_be_revoked(view):
    kept = view.sessions.create(owner="ann", label="kept")
    view.sessions.create(owner="ann")
    view.sessions.revoke_all("ann", keep=kept)
    (info,) = view.sessions.list("ann")
    assert info.label == "kept"
    assert view.sessions.revoke(info.handle) is True
    assert alive(view, kept) == [False]


# Marks


@clause("S-26", needs=("reopen",))
@pytest.mark.parametrize("known", [False, True], ids=["first login", "another login"])
def test_a_login_whose_password_was_checked_before_a_revoke_all_is_refused(view, raw, known):
    if known:
        view.sessions.create(owner="ann")
    mark = view.sessions.owner_mark("ann")
    view.sessions.revoke_all("ann")
    before = raw.keys()
    with pytest.raises(ConflictError):
        view.sessions.create({"a": 1}, owner="ann", since=mark)
    assert raw.keys() == before
    assert view.sessions.list("ann") == []


@clause("S-26")
def test_a_login_that_took_most_of_an_hour_is_refused_all_the_same(view, subject):
    mark = view.sessions.owner_mark("ann")
    view.sessions.revoke_all("ann")
    subject.clock.advance(3599)
    view.sessions.sweep()
    with pytest.raises(ConflictError):
        view.sessions.create(owner="ann", since=mark)


@clause("S-26")
@pytest.mark.parametrize("known", [False, True], ids=["first login", "another login"])
def test_a_login_whose_mark_is_fresh_succeeds(view, known):
    if known:
        view.sessions.create(owner="ann")
    mark = view.sessions.owner_mark("ann")
    view.sessions.create(owner="ann")
    assert alive(view, view.sessions.create(owner="ann", since=mark)) == [True]


@clause("S-26")
def test_a_mark_taken_after_a_revoke_all_is_fresh(view):
    view.sessions.revoke_all("ann")
    mark = view.sessions.owner_mark("ann")
    assert alive(view, view.sessions.create(owner="ann", since=mark)) == [True]


@clause("S-26")
def test_every_revoke_all_makes_every_older_mark_stale(view):
    marks = []
    for _ in range(3):
        marks.append(view.sessions.owner_mark("ann"))
        view.sessions.revoke_all("ann")
    assert len(set(marks)) == 3
    for mark in marks:
        with pytest.raises(ConflictError):
            view.sessions.create(owner="ann", since=mark)


@clause("S-26")
def test_a_revoke_all_that_keeps_a_session_makes_marks_stale_too(view):
    kept = view.sessions.create(owner="ann")
    mark = view.sessions.owner_mark("ann")
    view.sessions.revoke_all("ann", keep=kept)
    with pytest.raises(ConflictError):
        view.sessions.create(owner="ann", since=mark)
    assert alive(view, kept) == [True]


@clause("S-26")
def test_a_mark_holds_for_its_owner_only(view):
    mark = view.sessions.owner_mark("ann")
    view.sessions.revoke_all("bob")
    assert alive(view, view.sessions.create(owner="ann", since=mark)) == [True]


@clause("S-26", needs=("reopen",))
def test_taking_a_mark_stores_nothing(view, raw):
    view.sessions.owner_mark("ann")
    assert raw.keys() == set()


@clause("S-26")
def test_a_mark_without_an_owner_is_refused_before_anything_is_sent(view):
    with pytest.raises(InvalidInputError):
        view.sessions.create(since="")
    assert view.events[-1].attempts == 0


@clause("S-26")
def test_a_login_by_rotation_with_a_mark_from_before_a_revoke_all_is_refused(view):
    mark = view.sessions.owner_mark("ann")
    visitor = view.sessions.create({"cart": 1})
    view.sessions.revoke_all("ann")
    with pytest.raises(ConflictError):
        view.sessions.rotate(visitor, owner="ann", since=mark)
    assert view.sessions.list("ann") == []
    assert view.sessions.load(visitor.id) is not None
    fresh = view.sessions.rotate(visitor, owner="ann", since=view.sessions.owner_mark("ann"))
    assert fresh.owner == "ann"
