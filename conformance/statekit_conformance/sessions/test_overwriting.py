"""Saves that do not merge, and updates that are applied until they are stored."""

from __future__ import annotations

import pytest

from statekit.errors import ConflictError, InvalidInputError
from statekit_conformance import clause


def stored(view, session):
    return dict(view.sessions.load(session.id))


@clause("S-10")
def test_a_rejecting_save_raises_and_writes_nothing_after_another_save(view, copies):
    first, second = copies({"a": 1})
    first["b"] = 1
    view.sessions.save(first)
    second["a"] = 2
    with pytest.raises(ConflictError):
        view.sessions.save(second, on_conflict="reject")
    assert stored(view, first) == {"a": 1, "b": 1}
    assert view.events[-2].outcome == "ConflictError"


@clause("S-10")
def test_a_rejecting_save_stores_where_nobody_else_saved(view):
    session = view.sessions.create({"a": 1})
    for value in (2, 3):
        session["a"] = value
        view.sessions.save(session, on_conflict="reject")
    assert stored(view, session) == {"a": 3}


@clause("S-10")
def test_another_requests_touch_is_no_conflict(view, subject, copies):
    touching, saving = copies({"a": 1})
    subject.clock.advance(3600)
    assert view.sessions.touch(touching) is True
    saving["a"] = 2
    view.sessions.save(saving, on_conflict="reject")
    assert stored(view, saving) == {"a": 2}


@clause("S-10")
def test_a_rejected_session_keeps_its_changes_and_may_be_merged_after_all(view, copies):
    first, second = copies({"a": 1})
    first["b"] = 1
    view.sessions.save(first)
    second["a"] = 2
    with pytest.raises(ConflictError):
        view.sessions.save(second, on_conflict="reject")
    assert second["a"] == 2
    view.sessions.save(second)
    assert stored(view, second) == {"a": 2, "b": 1}


@clause("S-10")
@pytest.mark.parametrize("saved", [False, True], ids=["only touched", "saved"])
def test_a_save_rejects_only_saves_also_past_the_expiry_it_knew(view, subject, copies, saved):
    late, busy = copies({"a": 1})
    subject.clock.advance(10 * 86_400)
    if saved:
        busy["b"] = 1
        view.sessions.save(busy)
    else:
        view.sessions.touch(busy)
    subject.clock.advance(10 * 86_400)
    late["a"] = 2
    if saved:
        with pytest.raises(ConflictError):
            view.sessions.save(late, on_conflict="reject")
        assert stored(view, late) == {"a": 1, "b": 1}
    else:
        view.sessions.save(late, on_conflict="reject")
        assert stored(view, late) == {"a": 2}


@clause("S-10", "E-13")
def test_of_many_rejecting_saves_at_once_one_wins(subject, together):
    view = subject.open(timeout=3600)
    identifier = view.sessions.create({"n": None}).id
    requests = [view.sessions.load(identifier) for _ in range(8)]

    def save(number, session):
        session["n"] = number
        view.sessions.save(session, on_conflict="reject")
        return number

    outcomes = together(
        [lambda number=number, session=session: save(number, session) for number, session in enumerate(requests)]
    )
    won = [outcome for outcome in outcomes if not isinstance(outcome, ConflictError)]
    assert len(won) == 1
    assert view.sessions.load(identifier)["n"] == won[0]


@clause("S-11")
def test_an_overwriting_save_stores_its_own_data_as_a_whole(view, copies):
    first, second = copies({"a": 1, "b": 1, "c": 1})
    first["a"] = 2
    first["new"] = 1
    del first["b"]
    view.sessions.save(first)
    second["c"] = 9
    view.sessions.save(second, on_conflict="overwrite")
    assert stored(view, second) == {"a": 1, "b": 1, "c": 9} == dict(second)


@clause("S-11")
def test_an_overwriting_save_also_deletes(view, copies):
    first, second = copies({"a": 1, "b": 1})
    first["a"] = 2
    view.sessions.save(first)
    del second["a"]
    view.sessions.save(second, on_conflict="overwrite")
    assert stored(view, second) == {"b": 1}


@clause("S-11")
def test_an_overwriting_save_counts_what_it_overwrote(view, copies):
    first, second = copies({"a": 1})
    first["a"] = 2
    view.sessions.save(first)
    second["a"] = 3
    view.sessions.save(second, on_conflict="overwrite")
    assert view.events[-1].conflicts == 1


@clause("S-08", "S-10", "S-11")
def test_another_way_to_meet_a_conflict_is_refused(view):
    session = view.sessions.create({"a": 1})
    session["a"] = 2
    with pytest.raises(InvalidInputError):
        view.sessions.save(session, on_conflict="ignore")
    assert stored(view, session) == {"a": 1}


# Update


@clause("S-13")
def test_update_returns_what_it_stored(view):
    identifier = view.sessions.create({"n": 1}).id
    session = view.sessions.update(identifier, lambda session: session.update(n=session["n"] + 1))
    assert dict(session) == {"n": 2} == dict(view.sessions.load(identifier))
    assert session.id == identifier


@clause("S-13", needs=("reopen",))
def test_update_applies_its_function_to_fresh_data_after_a_conflict(view, raw):
    session, (key,) = raw.made_by(lambda: view.sessions.create({"n": 5}))
    five = raw.contents()[key].value
    session["n"] = 0
    view.sessions.save(session)
    seen = []

    def add(session):
        if not seen:
            raw.replace(key, five)
            session["draft"] = "of the attempt that lost"
        seen.append(session["n"])
        session["n"] += 1

    after = view.sessions.update(session.id, add)
    assert seen == [0, 5]
    assert dict(after) == {"n": 6} == dict(view.sessions.load(session.id))


@clause("S-13", needs=("reopen",))
def test_an_update_that_changes_nothing_writes_nothing(view, raw):
    identifier = view.sessions.create({"n": 1}).id
    before = raw.contents()
    view.sessions.update(identifier, lambda _: None)
    assert raw.contents() == before


@clause("S-13")
def test_an_update_whose_function_fails_stores_nothing(view):
    identifier = view.sessions.create({"n": 1}).id

    def fail(session):
        session["n"] = 2
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        view.sessions.update(identifier, fail)
    assert dict(view.sessions.load(identifier)) == {"n": 1}


@clause("S-13", "E-13")
def test_updates_by_many_threads_lose_no_increment(subject, together):
    view = subject.open(timeout=3600)
    identifier = view.sessions.create({"n": 0}).id

    def add():
        for _ in range(6):
            view.sessions.update(identifier, lambda session: session.update(n=session["n"] + 1))

    assert together([add] * 6) == [None] * 6
    assert view.sessions.load(identifier)["n"] == 36
