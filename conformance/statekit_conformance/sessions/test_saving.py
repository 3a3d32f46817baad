"""Saving: overlapping requests lose nothing of each other's."""

from __future__ import annotations

from itertools import permutations

import pytest

from statekit_conformance import clause

MODES = ["merge", "reject", "overwrite"]


def stored(view, session):
    return dict(view.sessions.load(session.id))


# What is sent


@clause("S-05")
@pytest.mark.parametrize("mode", MODES)
def test_saving_an_unchanged_session_sends_nothing(view, mode):
    session = view.sessions.load(view.sessions.create({"a": [1, {"b": 2}]}).id)
    assert session["a"][1]["b"] == 2
    view.sessions.save(session, on_conflict=mode)
    assert view.events[-1].attempts == 0
    assert not session.modified


@clause("S-05")
def test_setting_an_equal_value_is_no_change(view):
    session = view.sessions.load(view.sessions.create({"a": {"x": [1]}, "b": {1, 2, 3}}).id)
    session["a"] = {"x": [1]}
    session["b"] = {3, 2, 1}
    view.sessions.save(session)
    assert view.events[-1].attempts == 0


@clause("S-05")
def test_a_key_that_was_taken_out_and_put_back_is_no_change(view):
    session = view.sessions.load(view.sessions.create({"a": 1, "b": 2}).id)
    session["a"] = session.pop("a")
    session["new"] = 1
    del session["new"]
    view.sessions.save(session)
    assert view.events[-1].attempts == 0


@clause("S-05")
@pytest.mark.parametrize(("before", "after"), [(1, True), (1, 1.0), ((1,), [1]), (0, False), ({1}, frozenset({1}))])
def test_another_type_of_an_equal_value_is_a_change(view, before, after):
    session = view.sessions.load(view.sessions.create({"a": before}).id)
    session["a"] = after
    view.sessions.save(session)
    assert type(stored(view, session)["a"]) is type(after)


@clause("S-05")
@pytest.mark.parametrize("mode", MODES)
def test_a_save_that_nobody_disturbs_is_one_request(view, mode):
    session = view.sessions.create({"a": 1})
    session["a"] = 2
    view.sessions.save(session, on_conflict=mode)
    assert view.events[-1].attempts == 1
    assert stored(view, session) == {"a": 2}


@clause("S-05")
def test_what_a_request_only_read_is_not_written_back(view, copies):
    slow, fast = copies({"seen": [1], "x": 0})
    assert slow["seen"] == [1]
    fast["seen"] = [1, 2]
    view.sessions.save(fast)
    slow["x"] = 1
    view.sessions.save(slow)
    assert stored(view, slow) == {"seen": [1, 2], "x": 1}


@clause("S-05")
def test_a_second_save_sends_nothing_more(view):
    session = view.sessions.create({"a": 1})
    session["a"] = 2
    view.sessions.save(session)
    view.sessions.save(session)
    assert view.events[-1].attempts == 0


# Changes inside values


NESTED = {
    "an appended element": ([1], lambda value: value.append(2), [1, 2]),
    "a changed element": ([1, 2], lambda value: value.__setitem__(0, 9), [9, 2]),
    "another order": ([2, 1], lambda value: value.sort(), [1, 2]),
    "a new key": ({}, lambda value: value.update(a=1), {"a": 1}),
    "a deleted key": ({"a": 1, "b": 2}, lambda value: value.pop("a"), {"b": 2}),
    "an element of a set": ({1}, lambda value: value.add(2), {1, 2}),
    "a removed element of a set": ({1, 2}, lambda value: value.discard(2), {1}),
    "deep inside": ({"a": [{"b": {1}}]}, lambda value: value["a"][0]["b"].add(2), {"a": [{"b": {1, 2}}]}),
    "a list in a tuple": (([],), lambda value: value[0].append(1), ([1],)),
    "emptied": ([1, 2], lambda value: value.clear(), []),
}


@clause("S-06")
@pytest.mark.parametrize(("before", "change", "after"), NESTED.values(), ids=NESTED)
def test_a_change_inside_a_nested_value_is_saved(view, before, change, after):
    import copy

    session = view.sessions.load(view.sessions.create({"value": copy.deepcopy(before), "other": 1}).id)
    change(session["value"])
    assert session.modified
    view.sessions.save(session)
    assert stored(view, session) == {"value": after, "other": 1}


@clause("S-06")
def test_a_change_inside_a_value_is_noticed_after_an_earlier_save(view):
    session = view.sessions.create({"cart": []})
    for item in range(3):
        session["cart"].append(item)
        view.sessions.save(session)
    assert stored(view, session) == {"cart": [0, 1, 2]}


@clause("S-06")
def test_a_change_inside_a_freshly_created_sessions_value_is_saved(view):
    session = view.sessions.create({"cart": {"items": []}})
    session["cart"]["items"].append("book")
    view.sessions.save(session)
    assert stored(view, session) == {"cart": {"items": ["book"]}}


# Two requests at once


@clause("S-07")
@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["first loaded, first saved", "first loaded, last saved"])
def test_saves_of_different_keys_both_survive(view, copies, order):
    requests = copies({"kept": "yes"})
    requests[0]["theme"] = "dark"
    requests[1]["cart"] = ["book"]
    for index in order:
        view.sessions.save(requests[index])
    assert stored(view, requests[0]) == {"kept": "yes", "theme": "dark", "cart": ["book"]}


@clause("S-07")
@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_a_change_a_deletion_and_a_new_key_all_survive(view, copies, order):
    requests = copies({"old": 1, "gone": 2}, count=3)
    requests[0]["old"] = 10
    del requests[1]["gone"]
    requests[2]["new"] = {"a": [1]}
    for index in order:
        view.sessions.save(requests[index])
    assert stored(view, requests[0]) == {"old": 10, "new": {"a": [1]}}


@clause("S-07")
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_changes_inside_different_values_both_survive(view, copies, order):
    requests = copies({"cart": [1], "seen": {1}})
    requests[0]["cart"].append(2)
    requests[1]["seen"].add(2)
    for index in order:
        view.sessions.save(requests[index])
    assert stored(view, requests[0]) == {"cart": [1, 2], "seen": {1, 2}}


@clause("S-07")
def test_clearing_a_session_leaves_what_another_request_added(view, copies):
    clearing, adding = copies({"a": 1, "b": 2})
    adding["flash"] = "saved"
    view.sessions.save(adding)
    clearing.clear()
    view.sessions.save(clearing)
    assert stored(view, clearing) == {"flash": "saved"}


@clause("S-07", "E-13")
def test_saves_by_many_threads_all_survive(subject, together):
    view = subject.open(timeout=3600)
    identifier = view.sessions.create({}).id

    def request(number):
        session = view.sessions.load(identifier)
        session[f"key {number}"] = [number]
        view.sessions.save(session)

    assert together([lambda number=number: request(number) for number in range(8)]) == [None] * 8
    assert dict(view.sessions.load(identifier)) == {f"key {number}": [number] for number in range(8)}


@clause("S-08")
def test_of_two_changes_of_one_key_the_later_save_wins(view, copies):
    first, second = copies({"theme": "light", "x": 1})
    first["theme"] = "dark"
    second["theme"] = "blue"
    view.sessions.save(first)
    assert view.events[-1].conflicts == 0
    view.sessions.save(second)
    assert view.events[-1].conflicts == 1
    assert stored(view, first) == {"theme": "blue", "x": 1}


@clause("S-08")
@pytest.mark.parametrize(
    ("one", "other", "left", "conflicts"),
    [
        ({"a": 2}, {"a": 3}, {"a": 3, "b": 1}, 1),
        ({"a": 2, "b": 2}, {"a": 3, "b": 3}, {"a": 3, "b": 3}, 2),
        ({"a": 2, "b": 2}, {"a": 3}, {"a": 3, "b": 2}, 1),
        ({"a": None}, {"a": 3}, {"a": 3, "b": 1}, 1),
        ({"a": 2}, {"a": None}, {"b": 1}, 1),
        ({"a": None}, {"a": None}, {"b": 1}, 0),
        ({"a": 2}, {"a": 2}, {"a": 2, "b": 1}, 0),
        ({"new": 1}, {"new": 2}, {"a": 1, "b": 1, "new": 2}, 1),
        ({"new": 1}, {"new": 1}, {"a": 1, "b": 1, "new": 1}, 0),
        ({"new": 1}, {"other": 1}, {"a": 1, "b": 1, "new": 1, "other": 1}, 0),
    ],
)
def test_the_event_counts_the_keys_that_both_changed(view, copies, one, other, left, conflicts):
    """None stands for a deleted key."""
    requests = copies({"a": 1, "b": 1})
    for session, changes in zip(requests, (one, other), strict=True):
        session.update({key: value for key, value in changes.items() if value is not None})
        for key in (key for key, value in changes.items() if value is None):
            del session[key]
        view.sessions.save(session)
    assert stored(view, requests[0]) == left
    assert view.events[-2].operation == "save"
    assert view.events[-2].conflicts == conflicts


@clause("S-08")
def test_a_nested_value_that_both_changed_is_the_later_ones_as_a_whole(view, copies):
    first, second = copies({"cart": {"a": 1}})
    first["cart"]["b"] = 2
    second["cart"]["c"] = 3
    view.sessions.save(first)
    view.sessions.save(second)
    assert view.events[-1].conflicts == 1
    assert stored(view, first) == {"cart": {"a": 1, "c": 3}}


@clause("S-09")
def test_after_a_save_the_session_holds_what_others_stored(view, copies):
    mine, theirs = copies({"a": 1, "changed": 1, "gone": 1, "same": [1]})
    assert mine["changed"] == 1
    theirs["changed"] = 2
    theirs["new"] = {"x": (1,)}
    del theirs["gone"]
    view.sessions.save(theirs)
    mine["a"] = 2
    view.sessions.save(mine)
    assert dict(mine) == {"a": 2, "changed": 2, "same": [1], "new": {"x": (1,)}} == stored(view, mine)
    assert not mine.modified


@clause("S-09")
def test_after_a_merge_the_next_save_is_one_request_again(view, copies):
    mine, theirs = copies({"a": 1})
    theirs["b"] = 1
    view.sessions.save(theirs)
    mine["a"] = 2
    view.sessions.save(mine)
    mine["a"] = 3
    view.sessions.save(mine)
    assert view.events[-1].attempts == 1
    assert stored(view, mine) == {"a": 3, "b": 1}


@clause("S-09")
def test_what_another_request_stored_is_not_this_ones_change(view, copies):
    mine, theirs = copies({"a": 1, "b": 1})
    theirs["b"] = 2
    view.sessions.save(theirs)
    mine["a"] = 2
    view.sessions.save(mine)
    theirs["b"] = 3
    view.sessions.save(theirs)
    mine["a"] = 4
    view.sessions.save(mine)
    assert view.events[-1].conflicts == 0
    assert stored(view, mine) == {"a": 4, "b": 3}


@clause("S-09")
def test_a_save_shows_the_new_expiry(view, subject):
    session = view.sessions.create({"a": 1})
    subject.clock.advance(3600)
    session["a"] = 2
    view.sessions.save(session)
    assert session.expires_at == view.sessions.load(session.id).expires_at
