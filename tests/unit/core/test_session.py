"""The session that an application holds: a dict that knows what changed."""

from __future__ import annotations

import copy
import pickle
from collections.abc import MutableMapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from msgspec import Raw, structs

from statekit._core.codec import encode
from statekit._core.envelope import Stored
from statekit._core.sessions.forms import Live
from statekit._core.sessions.session import Cell, Changes, Session
from statekit.driver import Record
from statekit.errors import CorruptDataError, InvalidInputError, UnserialisableError

quick = settings(database=None, deadline=None, max_examples=60)

NOW = 1_800_000_000_000


def loaded(data: dict[str, Any] | None = None) -> Session:
    """A session as it comes from the store."""
    live = Live(NOW, NOW + 10**9, NOW, "u", "phone", b"", b"", encoded(data or {}))
    return Session("id", Cell(bytes(32), Stored(Record(b"", "v", NOW + 10**6), bytes(12), b"", b""), live))


def encoded(data: dict[str, Any]) -> dict[str, Raw]:
    return {key: Raw(encode(value)) for key, value in data.items()}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
keys = st.sampled_from(["a", "b", "c", "d", ""])


class BehavesLikeADict(RuleBasedStateMachine):
    """Whatever is done to a session and to a dict, they are equal."""

    names: Bundle[str] = Bundle("names")

    @initialize(data=st.dictionaries(keys, values))
    def begin(self, data: dict[str, Any]) -> None:
        self.dict = copy.deepcopy(data)
        self.stored = copy.deepcopy(data)
        self.session = loaded(data)

    @rule(key=keys, value=values)
    def set(self, key: str, value: Any) -> None:
        self.dict[key] = copy.deepcopy(value)
        self.session[key] = copy.deepcopy(value)

    @rule(key=keys)
    def delete(self, key: str) -> None:
        there = key in self.dict
        if there:
            del self.dict[key]
            del self.session[key]
        else:
            with pytest.raises(KeyError):
                del self.session[key]

    @rule(key=keys)
    def get(self, key: str) -> None:
        assert self.session.get(key, "no") == self.dict.get(key, "no")
        if key not in self.dict:
            with pytest.raises(KeyError):
                self.session[key]

    @rule(key=keys, value=values)
    def set_default(self, key: str, value: Any) -> None:
        one, other = copy.deepcopy(value), copy.deepcopy(value)
        assert self.session.setdefault(key, one) == self.dict.setdefault(key, other)

    @rule(key=keys)
    def pop(self, key: str) -> None:
        assert self.session.pop(key, "no") == self.dict.pop(key, "no")

    @rule(more=st.dictionaries(keys, values))
    def update(self, more: dict[str, Any]) -> None:
        self.dict.update(copy.deepcopy(more))
        self.session.update(copy.deepcopy(more))

    @rule()
    def clear(self) -> None:
        self.dict.clear()
        self.session.clear()

    @rule(key=keys)
    def mutate(self, key: str) -> None:
        for held in (self.dict, self.session):
            if isinstance(held.get(key), list):
                held[key].append(1)

    @rule()
    def look_at_everything(self) -> None:
        assert dict(self.session.items()) == self.dict
        assert sorted(self.session.values(), key=repr) == sorted(self.dict.values(), key=repr)

    @invariant()
    def equal(self) -> None:
        assert self.session == self.dict
        assert self.dict == self.session
        assert len(self.session) == len(self.dict)
        assert set(self.session) == set(self.dict)
        assert bool(self.session) == bool(self.dict)
        assert all((key in self.session) == (key in self.dict) for key in "abcd")

    @invariant()
    def what_changed_makes_what_it_is_of_what_was_stored(self) -> None:
        assert self.session.changes().applied_to(encoded(self.stored)) == encoded(self.dict)

    @invariant()
    def modified_says_whether_anything_changed(self) -> None:
        same = {k: encode(v) for k, v in self.stored.items()} == {k: encode(v) for k, v in self.dict.items()}
        assert self.session.modified is not same


TestBehavesLikeADict = BehavesLikeADict.TestCase
TestBehavesLikeADict.settings = settings(database=None, deadline=None, max_examples=60, stateful_step_count=25)


class TestLooking:
    def test_at_a_value_decodes_it_once(self) -> None:
        session = loaded({"list": [1]})
        assert session["list"] is session["list"]

    def test_does_not_change_anything(self) -> None:
        session = loaded({"a": [1], "b": {"c": Decimal("1.10")}, "d": {1, 2, 3}})
        assert dict(session)
        assert not session.modified

    def test_at_one_key_decodes_no_other(self) -> None:
        session = loaded({"a": 1})
        session._encoded = {**session.cell.live.data, "broken": Raw(b"\xc1")}
        assert session["a"] == 1
        with pytest.raises(CorruptDataError):
            session["broken"]

    def test_at_another_key_while_iterating(self) -> None:
        session = loaded({"old": 1})
        session["new"] = 2
        assert [(key, session["old"]) for key in session if key == "new"] == [("new", 1)]

    def test_at_what_is_not_there_is_a_key_error(self) -> None:
        with pytest.raises(KeyError, match="'x'"):
            loaded()["x"]


def saved(session: Session, changes: Changes) -> None:
    """Let a save of these changes end."""
    cell = session.cell
    live = structs.replace(cell.live, data=changes.applied_to(cell.live.data))
    session.rebase(Cell(cell.sid, cell.stored, live), changes)


class TestAfterASave:
    def test_what_it_deleted_is_gone_and_no_change_any_more(self) -> None:
        session = loaded({"a": 1, "b": 2})
        del session["a"]
        saved(session, session.changes())
        assert dict(session) == {"b": 2}
        assert not session.modified

    def test_what_it_deleted_and_was_set_again_meanwhile_is_set(self) -> None:
        session = loaded({"a": 1})
        del session["a"]
        changes = session.changes()
        session["a"] = 2
        saved(session, changes)
        assert dict(session) == {"a": 2}
        assert session.changes() == Changes(encoded({"a": 2}), set())

    def test_what_was_deleted_meanwhile_is_still_to_be_deleted(self) -> None:
        session = loaded({"a": 1, "b": 2})
        session["b"] = 3
        changes = session.changes()
        del session["a"]
        del session["b"]
        saved(session, changes)
        assert dict(session) == {}
        assert session.changes() == Changes({}, {"a", "b"})


class TestChanging:
    def test_a_nested_value_is_noticed(self) -> None:
        session = loaded({"cart": {"items": [1]}})
        session["cart"]["items"].append(2)
        assert list(session.changes().changed) == ["cart"]

    def test_and_changing_it_back_is_no_change(self) -> None:
        session = loaded({"cart": [1]})
        session["cart"].append(2)
        session["cart"].pop()
        assert not session.modified

    def test_setting_an_equal_value_is_no_change(self) -> None:
        session = loaded({"a": {"x": 1}})
        session["a"] = {"x": 1}
        assert not session.modified

    def test_setting_an_equal_value_of_another_type_is_one(self) -> None:
        session = loaded({"a": 1})
        session["a"] = True
        assert session.modified

    def test_deleting_what_was_never_stored_is_no_change(self) -> None:
        session = loaded()
        session["a"] = 1
        del session["a"]
        assert session.changes() == Changes({}, set())

    def test_deleting_and_setting_again_is_setting(self) -> None:
        session = loaded({"a": 1})
        del session["a"]
        session["a"] = 2
        assert session.changes() == Changes(encoded({"a": 2}), set())

    @pytest.mark.parametrize("key", [1, None, b"a", ("a",)])
    def test_a_key_is_a_str(self, key: Any) -> None:
        with pytest.raises(InvalidInputError):
            loaded()[key] = 1

    def test_a_value_that_would_not_come_back_is_found_when_it_is_compared(self) -> None:
        session = loaded()
        session["a"] = {"b": [object()]}
        with pytest.raises(UnserialisableError, match="a"):
            session.changes()


class TestItself:
    def test_is_a_mutable_mapping(self) -> None:
        assert isinstance(loaded(), MutableMapping)

    def test_shows_no_id_no_key_and_no_value(self) -> None:
        session = loaded({"secret-key": "secret-value"})
        for text in (repr(session), str(session), f"{session}"):
            assert text == "<Session 1 keys>"

    def test_does_not_pickle_and_says_what_to_do(self) -> None:
        for copying in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="pass its id"):
                copying(loaded())

    def test_is_not_hashable(self) -> None:
        with pytest.raises(TypeError):
            hash(loaded())

    def test_equals_one_with_the_same_id_and_data(self) -> None:
        one, other = loaded({"a": 1}), loaded({"a": 1})
        assert one == other
        other._id = "other"
        assert one != other
        assert one != 1

    def test_tells_whose_it_is_and_its_times(self) -> None:
        session = loaded()
        assert (session.id, session.owner, session.label) == ("id", "u", "phone")
        assert session.created_at == datetime.fromtimestamp(NOW / 1000, UTC)
        assert session.expires_at == datetime.fromtimestamp((NOW + 10**6) / 1000, UTC)


@quick
@given(
    data=st.dictionaries(keys, values),
    mine=st.dictionaries(keys, values | st.just(...)),
    theirs=st.dictionaries(keys, values | st.just(...)),
)
def test_changes_replayed_onto_others_changes_keep_both_sides(
    data: dict[str, Any], mine: dict[str, Any], theirs: dict[str, Any]
) -> None:
    def apply(change: dict[str, Any], to: Any) -> None:
        for key, value in change.items():
            if value is ...:
                to.pop(key, None)
            else:
                to[key] = value

    session, other = loaded(data), loaded(data)
    apply(mine, session)
    apply(theirs, other)
    merged = session.changes().applied_to(encoded(dict(other)))
    expected = dict(other)
    apply(
        {key: mine[key] for key in mine if key in session.changes().changed or key in session.changes().deleted},
        expected,
    )
    assert merged == encoded(expected)
