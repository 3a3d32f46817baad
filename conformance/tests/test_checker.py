"""The checker gives the right verdict on known histories, agrees with brute force, and shows why."""

import doctest
import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statekit_conformance import checker
from statekit_conformance.checker import (
    Counter,
    CreateOnce,
    DeterministicModel,
    Model,
    ObjectRegister,
    Register,
    Report,
    SessionRegister,
    Verdict,
    check,
    timeline,
)
from statekit_conformance.history import Answered, Failed, Operation, Refused, Unknown
from statekit_conformance.linearizability import simulate
from statekit_conformance.linearizability import timeline as timeline_module
from statekit_conformance.linearizability.plan import plan
from statekit_conformance.linearizability.search import Budget, frontier, search

processes = itertools.count()


def did(action: str, outcome: Any, *, at: tuple[int, int | None], key: str = "k", **arguments: Any) -> Operation:
    return Operation(f"p{next(processes)}", key, action, arguments, at[0], at[1], outcome)


def lost(action: str, *, at: int, key: str = "k", **arguments: Any) -> Operation:
    return did(action, Unknown(), at=(at, None), key=key, **arguments)


def version(name: str) -> Answered:
    return Answered({"version": name})


def value(name: str, version_name: str) -> Answered:
    return Answered({"value": name, "version": version_name})


def data(name: str, version_name: str) -> Answered:
    return Answered({"data": name, "version": version_name})


def verdict(model: Model[Any], *operations: Operation) -> str:
    return check(operations, model).verdict


class TestRegister:
    model = Register()

    def test_no_operations_are_fine(self):
        assert verdict(self.model) == "ok"

    def test_a_read_sees_the_write_before_it(self):
        write = did("write", version("v1"), at=(0, 1), value="a")
        assert verdict(self.model, write, did("read", value("a", "v1"), at=(2, 3))) == "ok"
        assert verdict(self.model, write, did("read", Answered(None), at=(2, 3))) == "illegal"

    def test_a_read_may_or_may_not_see_a_write_that_overlaps_it(self):
        write = did("write", version("v1"), at=(0, 5), value="a")
        assert verdict(self.model, write, did("read", value("a", "v1"), at=(1, 2))) == "ok"
        assert verdict(self.model, write, did("read", Answered(None), at=(1, 2))) == "ok"

    def test_equal_times_overlap(self):
        write = did("write", version("v1"), at=(0, 5), value="a")
        assert verdict(self.model, write, did("read", Answered(None), at=(5, 6))) == "ok"
        assert verdict(self.model, write, did("read", Answered(None), at=(6, 6))) == "illegal"

    def test_a_stale_read_is_illegal(self):
        report = check(
            [
                did("write", version("v1"), at=(0, 1), value="a"),
                did("write", version("v2"), at=(2, 3), value="b"),
                did("read", value("a", "v1"), at=(4, 5)),
            ],
            self.model,
        )
        assert report.verdict == "illegal"
        assert report.counterexample.culprit.action == "read"
        assert report.counterexample.states == ("'b' under 'v2'",)

    def test_a_lost_update_is_illegal(self):
        write = did("write", version("v1"), at=(0, 1), value="a")
        first = did("cas", version("v2"), at=(2, 9), value="b", expect="v1")
        second = did("cas", version("v3"), at=(2, 9), value="c", expect="v1")
        refused = did("cas", Refused("conflict", {"version": "v2"}), at=(2, 9), value="c", expect="v1")
        assert verdict(self.model, write, first, second) == "illegal"
        assert verdict(self.model, write, first, refused) == "ok"

    def test_a_refusal_of_the_version_that_is_stored_is_illegal(self):
        write = did("write", version("v1"), at=(0, 1), value="a")
        assert verdict(self.model, write, did("cas", Refused(), at=(2, 3), value="b", expect="v1")) == "illegal"

    def test_a_refusal_must_show_what_is_stored(self):
        write = did("write", version("v1"), at=(0, 1), value="a")
        wrong = did("cas", Refused("conflict", {"version": "v9"}), at=(2, 3), value="b", expect="v0")
        assert verdict(self.model, write, wrong) == "illegal"

    def test_a_creation_needs_absence(self):
        first = did("cas", version("v1"), at=(0, 1), value="a", expect=None)
        assert verdict(self.model, first) == "ok"
        assert verdict(self.model, first, did("cas", version("v2"), at=(2, 3), value="b", expect=None)) == "illegal"
        assert verdict(self.model, first, did("cas", Refused(), at=(2, 3), value="b", expect=None)) == "ok"

    def test_a_version_never_recurs(self):
        writes = [did("write", version(v), at=(t, t + 1), value=t) for t, v in ((0, "v1"), (2, "v2"), (4, "v1"))]
        assert verdict(self.model, *writes) == "illegal"
        assert verdict(self.model, *writes[:2]) == "ok"

    def test_an_unknown_write_gets_no_version_that_was_given_already(self):
        history = [
            lost("write", at=0, value="a"),
            did("read", value("a", "v1"), at=(1, 2)),
            did("write", version("v2"), at=(3, 4), value="b"),
            lost("write", at=5, value="a"),
        ]
        assert verdict(self.model, *history, did("read", value("a", "v3"), at=(6, 7))) == "ok"
        assert verdict(self.model, *history, did("read", value("a", "v1"), at=(6, 7))) == "illegal"

    def test_an_unknown_write_may_be_seen_late(self):
        history = [
            lost("write", at=0, value="late"),
            did("write", version("v1"), at=(1, 2), value="a"),
            did("read", value("a", "v1"), at=(3, 4)),
            did("read", value("late", "v2"), at=(5, 6)),
        ]
        assert verdict(self.model, *history) == "ok"

    def test_an_unknown_write_may_never_take_effect(self):
        write = did("write", version("v1"), at=(1, 2), value="a")
        assert (
            verdict(self.model, lost("write", at=0, value="x"), write, did("read", value("a", "v1"), at=(3, 4))) == "ok"
        )

    def test_an_unknown_write_is_not_seen_before_its_start(self):
        assert (
            verdict(self.model, did("read", value("x", "v1"), at=(0, 1)), lost("write", at=2, value="x")) == "illegal"
        )

    def test_an_unknown_write_once_seen_is_never_unseen(self):
        report = check(
            [
                did("write", version("v1"), at=(0, 1), value="a"),
                lost("write", at=2, value="x"),
                did("read", value("x", "v2"), at=(3, 4)),
                did("read", value("a", "v1"), at=(5, 6)),
            ],
            self.model,
        )
        assert report.verdict == "illegal"
        assert report.counterexample.culprit.started == 5
        assert len(report.counterexample.operations) == 4

    def test_an_unknown_write_takes_effect_at_most_once(self):
        history = [
            lost("cas", at=0, value="x", expect=None),
            did("read", value("x", "v1"), at=(1, 2)),
            did("cas", version("v2"), at=(3, 4), value="b", expect="v1"),
            did("read", value("x", "v3"), at=(5, 6)),
        ]
        assert verdict(self.model, *history[:3]) == "ok"
        assert verdict(self.model, *history) == "illegal"

    def test_an_unknown_write_may_be_known_only_by_the_version_that_replaced_it(self):
        unknown = lost("cas", at=0, value="x", expect=None)
        assert verdict(self.model, unknown, did("cas", version("v2"), at=(3, 4), value="b", expect="v1")) == "ok"

    def test_a_failed_write_has_no_effect(self):
        write = did("write", version("v1"), at=(0, 1), value="a")
        failed = did("write", Failed("throttled"), at=(2, 3), value="b")
        assert verdict(self.model, write, failed, did("read", value("a", "v1"), at=(4, 5))) == "ok"
        assert verdict(self.model, write, failed, did("read", value("b", "v2"), at=(4, 5))) == "illegal"

    def test_versions_may_be_left_out(self):
        write = did("write", Answered(), at=(0, 1), value="a")
        assert verdict(self.model, write, did("read", Answered({"value": "a"}), at=(2, 3))) == "ok"
        assert verdict(self.model, write, did("read", Answered({"value": "b"}), at=(2, 3))) == "illegal"

    def test_an_action_it_does_not_know_is_an_error(self):
        with pytest.raises(ValueError, match="read, write and cas"):
            verdict(self.model, did("erase", Answered(), at=(0, 1)))


class TestObjectRegister:
    model = ObjectRegister()

    def test_conditions_are_honoured(self):
        put = did("put", version("v1"), at=(0, 1), data="a", if_absent=True)
        assert verdict(self.model, put, did("put", version("v2"), at=(2, 3), data="b", if_match="v1")) == "ok"
        assert verdict(self.model, put, did("put", version("v2"), at=(2, 3), data="b", if_match="v0")) == "illegal"
        assert verdict(self.model, put, did("put", version("v2"), at=(2, 3), data="b", if_absent=True)) == "illegal"
        assert verdict(self.model, put, did("put", Refused("exists"), at=(2, 3), data="b", if_absent=True)) == "ok"

    def test_one_of_two_deletes_deleted_it(self):
        put = did("put", version("v1"), at=(0, 1), data="a")
        deleted = did("delete", Answered("deleted"), at=(2, 5))
        assert verdict(self.model, put, deleted, did("delete", Answered("absent"), at=(2, 5))) == "ok"
        assert verdict(self.model, put, deleted, did("delete", Answered("deleted"), at=(2, 5))) == "illegal"

    @pytest.mark.parametrize("stored", [True, False])
    def test_a_delete_that_answers_gone_may_or_may_not_have_deleted(self, stored):
        put = did("put", version("v1"), at=(0, 1), data="a")
        gone = did("delete", Answered("gone"), at=(2, 3), if_match="v1")
        before = [put] if stored else []
        assert verdict(self.model, *before, gone, did("get", Answered(None), at=(4, 5))) == "ok"
        assert verdict(self.model, *before, gone, did("get", data("a", "v1"), at=(4, 5))) == "illegal"

    def test_a_conditional_delete_of_another_version_is_refused(self):
        put = did("put", version("v1"), at=(0, 1), data="a")
        assert verdict(self.model, put, did("delete", Refused(), at=(2, 3), if_match="v0")) == "ok"
        assert verdict(self.model, put, did("delete", Answered("deleted"), at=(2, 3), if_match="v0")) == "illegal"

    def test_an_unknown_delete_may_land_late(self):
        put = did("put", version("v1"), at=(1, 2), data="a")
        seen = did("get", data("a", "v1"), at=(3, 4))
        gone = did("get", Answered(None), at=(5, 6))
        assert verdict(self.model, lost("delete", at=0), put, seen, gone) == "ok"
        assert verdict(self.model, put, seen, gone) == "illegal"
        assert verdict(self.model, lost("delete", at=0, if_match="v0"), put, seen, gone) == "illegal"

    def test_a_version_never_recurs_even_after_a_delete(self):
        history = [
            did("put", version("v1"), at=(0, 1), data="a"),
            did("delete", Answered("deleted"), at=(2, 3)),
            did("put", version("v1"), at=(4, 5), data="a"),
        ]
        assert verdict(self.model, *history) == "illegal"
        assert verdict(ObjectRegister(recur=True), *history) == "ok"

    def test_a_version_that_may_recur_still_names_one_content(self):
        history = [
            did("put", version("v1"), at=(0, 1), data="a"),
            did("put", version("v1"), at=(2, 3), data="b"),
        ]
        assert verdict(ObjectRegister(recur=True), *history) == "illegal"

    def test_an_unknown_put_of_content_seen_before_has_its_version_where_versions_recur(self):
        history = [
            did("put", version("v1"), at=(0, 1), data="a"),
            did("put", version("v2"), at=(2, 3), data="b"),
            lost("put", at=4, data="a"),
            did("get", data("a", "v1"), at=(5, 6)),
        ]
        assert verdict(ObjectRegister(recur=True), *history) == "ok"
        assert verdict(self.model, *history) == "illegal"

    def test_unknown_puts_of_contents_that_nobody_got_are_told_apart_by_versions_that_recur(self):
        history = [
            did("put", version("v1"), at=(0, 1), data="a"),
            did("put", version("v2"), at=(2, 3), data="b"),
            did("delete", Answered("deleted"), at=(4, 5)),
            lost("put", at=6, data="a"),
            lost("put", at=7, data="b"),
        ]
        conditional = did("put", version("v3"), at=(8, 9), data="c", if_match="v2")
        assert verdict(ObjectRegister(recur=True), *history, conditional) == "ok"
        assert verdict(ObjectRegister(recur=True), *history[:-1], conditional) == "illegal"

    def test_nonsense_is_an_error(self):
        with pytest.raises(ValueError, match="gone"):
            verdict(self.model, did("delete", Answered(), at=(0, 1)))
        with pytest.raises(ValueError, match="get, put and delete"):
            verdict(self.model, did("read", Answered(), at=(0, 1)))


class TestCreateOnce:
    model = CreateOnce()

    def test_there_is_one_winner(self):
        won = did("create", Answered(), at=(0, 5), value="a")
        assert verdict(self.model, won, did("create", Refused("exists"), at=(0, 5), value="b")) == "ok"
        assert verdict(self.model, won, did("create", Answered(), at=(0, 5), value="b")) == "illegal"

    def test_there_is_a_winner(self):
        losers = [did("create", Refused("exists"), at=(0, 5), value=v) for v in "ab"]
        assert verdict(self.model, *losers) == "illegal"
        assert verdict(self.model, *losers, lost("create", at=1, value="c")) == "ok"

    def test_it_can_be_won_again_after_a_delete(self):
        won = did("create", Answered(), at=(0, 1), value="a")
        again = did("create", Answered(), at=(4, 5), value="b")
        assert verdict(self.model, won, did("delete", Answered("deleted"), at=(2, 3)), again) == "ok"
        assert verdict(self.model, won, did("delete", Answered("absent"), at=(2, 3)), again) == "illegal"
        assert verdict(self.model, won, lost("delete", at=2), again) == "ok"

    def test_what_is_read_is_what_the_winner_wrote(self):
        won = did("create", Answered(), at=(0, 1), value="a")
        assert verdict(self.model, won, did("read", Answered("a"), at=(2, 3))) == "ok"
        assert verdict(self.model, won, did("read", Answered("b"), at=(2, 3))) == "illegal"

    def test_nonsense_is_an_error(self):
        with pytest.raises(ValueError, match="gone"):
            verdict(self.model, did("delete", Answered(), at=(0, 1)))
        with pytest.raises(ValueError, match="create, read and delete"):
            verdict(self.model, did("write", Answered(), at=(0, 1)))


class TestCounter:
    model = Counter()

    def test_every_increment_counts(self):
        increments = [did("increment", Answered(), at=(0, 5)) for _ in range(3)]
        assert verdict(self.model, *increments, did("read", Answered(3), at=(6, 7))) == "ok"
        assert verdict(self.model, *increments, did("read", Answered(2), at=(6, 7))) == "illegal"

    def test_two_increments_do_not_answer_the_same(self):
        one, two = (did("increment", Answered(n), at=(0, 5)) for n in (1, 2))
        assert verdict(self.model, one, two) == "ok"
        assert verdict(self.model, one, one) == "illegal"

    def test_unknown_increments_count_at_most_once_each(self):
        unknown = [lost("increment", at=0), lost("increment", at=1)]
        reads = [did("read", Answered(n), at=(10 * n, 10 * n + 1)) for n in range(4)]
        assert verdict(self.model, *unknown, *reads[:3]) == "ok"
        assert verdict(self.model, *unknown, reads[2]) == "ok"
        assert verdict(self.model, *unknown, *reads) == "illegal"

    def test_an_increment_that_was_refused_does_not_count(self):
        refused = did("increment", Refused(), at=(0, 1))
        assert verdict(self.model, refused, did("read", Answered(0), at=(2, 3))) == "ok"
        assert verdict(self.model, refused, did("read", Answered(1), at=(2, 3))) == "illegal"

    def test_an_action_it_does_not_know_is_an_error(self):
        with pytest.raises(ValueError, match="read and increment"):
            verdict(self.model, did("add", Answered(), at=(0, 1)))


class TestSessionRegister:
    model = SessionRegister()
    created = did("create", Answered({"id": "A"}), at=(0, 1), data={"n": 0})

    def test_saves_merge(self):
        one = did("save", Answered(), at=(2, 5), id="A", changed={"a": 1})
        two = did("save", Answered(), at=(2, 5), id="A", changed={"b": 2}, deleted=["n"])
        assert (
            verdict(self.model, self.created, one, two, did("load", Answered({"a": 1, "b": 2}), at=(6, 7), id="A"))
            == "ok"
        )
        assert (
            verdict(self.model, self.created, one, two, did("load", Answered({"b": 2}), at=(6, 7), id="A")) == "illegal"
        )

    def test_a_save_answers_what_it_stored(self):
        save = did("save", Answered({"n": 0, "a": 1}), at=(2, 3), id="A", changed={"a": 1})
        assert verdict(self.model, self.created, save) == "ok"
        assert verdict(self.model, save) == "illegal"
        assert verdict(self.model, self.created, replace(save, outcome=Answered({"a": 1}))) == "illegal"

    def test_a_destroyed_session_stays_destroyed(self):
        destroyed = did("destroy", Answered(), at=(2, 3), id="A")
        report = check([self.created, destroyed, did("load", Answered({"n": 0}), at=(4, 5), id="A")], self.model)
        assert report.verdict == "illegal"
        assert report.counterexample.states == ("no session any more",)
        assert verdict(self.model, self.created, destroyed, did("load", Answered(None), at=(4, 5), id="A")) == "ok"

    def test_a_save_after_the_end_answers_gone(self):
        destroyed = did("destroy", Answered(), at=(2, 3), id="A")
        save = did("save", Refused("gone"), at=(4, 5), id="A", changed={"a": 1})
        assert verdict(self.model, self.created, destroyed, save) == "ok"
        assert verdict(self.model, self.created, save) == "illegal"
        assert verdict(self.model, self.created, destroyed, replace(save, outcome=Answered())) == "illegal"

    def test_an_unknown_save_does_not_resurrect(self):
        history = [
            self.created,
            lost("save", at=2, id="A", changed={"a": 1}),
            did("destroy", Answered(), at=(3, 4), id="A"),
        ]
        assert verdict(self.model, *history, did("load", Answered({"n": 0, "a": 1}), at=(3, 9), id="A")) == "ok"
        assert verdict(self.model, *history, did("load", Answered({"n": 0, "a": 1}), at=(5, 9), id="A")) == "illegal"

    def test_a_rotated_id_is_gone_and_no_save_is_lost(self):
        save = did("save", Answered(), at=(2, 9), id="A", changed={"a": 1})
        rotated = did("rotate", Answered({"id": "B"}), at=(3, 9), id="A")
        assert (
            verdict(
                self.model, self.created, save, rotated, did("load", Answered({"n": 0, "a": 1}), at=(10, 11), id="B")
            )
            == "ok"
        )
        assert (
            verdict(self.model, self.created, save, rotated, did("load", Answered({"n": 0}), at=(10, 11), id="B"))
            == "illegal"
        )
        assert (
            verdict(self.model, self.created, save, rotated, did("load", Answered(None), at=(10, 11), id="A")) == "ok"
        )
        assert (
            verdict(self.model, self.created, save, rotated, did("touch", Answered(), at=(10, 11), id="A")) == "illegal"
        )

    def test_a_rotation_of_unknown_outcome_leaves_the_old_id_or_none_that_is_known(self):
        history = [self.created, lost("rotate", at=2, id="A")]
        dead = did("load", Answered(None), at=(3, 4), id="A")
        alive = did("load", Answered({"n": 0}), at=(5, 6), id="A")
        assert verdict(self.model, *history, alive) == "ok"
        assert verdict(self.model, *history, dead) == "ok"
        assert verdict(self.model, *history, dead, alive) == "illegal"

    def test_destroying_the_old_id_ends_its_successor(self):
        history = [
            self.created,
            did("rotate", Answered({"id": "B"}), at=(2, 3), id="A"),
            did("destroy", Answered(), at=(4, 5), id="A"),
        ]
        assert verdict(self.model, *history, did("load", Answered(None), at=(6, 7), id="B")) == "ok"
        assert verdict(self.model, *history, did("load", Answered({"n": 0}), at=(6, 7), id="B")) == "illegal"

    def test_ids_may_be_left_out(self):
        created = did("create", Answered(), at=(0, 1), data={"n": 0})
        assert verdict(self.model, created, did("load", Answered({"n": 0}), at=(2, 3))) == "ok"
        assert (
            verdict(self.model, created, did("destroy", Answered(), at=(2, 3)), did("touch", Answered(), at=(4, 5)))
            == "illegal"
        )
        assert verdict(self.model, lost("create", at=0, data={}), did("load", Answered({}), at=(2, 3))) == "ok"

    def test_a_login_is_created_once(self):
        assert verdict(self.model, self.created, did("create", Answered({"id": "B"}), at=(2, 3), data={})) == "illegal"
        assert verdict(self.model, self.created, lost("create", at=2, data={})) == "ok"

    def test_an_action_it_does_not_know_is_an_error(self):
        with pytest.raises(ValueError, match="knows no"):
            verdict(self.model, did("put", Answered(), at=(0, 1)))


class Queue(DeterministicModel[tuple[int, ...]]):
    """A model with nothing but the two methods that are required."""

    def initial(self) -> tuple[int, ...]:
        return ()

    def apply(self, state: tuple[int, ...], operation: Operation) -> tuple[bool, tuple[int, ...]]:
        if operation.action == "push":
            return True, (*state, operation.arguments["item"])
        unknown = isinstance(operation.outcome, Unknown)
        expected = state[0] if state else None
        return unknown or operation.outcome == Answered(expected), state[1:]


class TestAModelOfOnesOwn:
    def test_needs_only_two_methods(self):
        pushes = [did("push", Answered(), at=(t, t + 5), item=t) for t in (0, 1)]
        pops = [did("pop", Answered(item), at=(10 + item, 20)) for item in (1, 0)]
        assert verdict(Queue(), *pushes, *pops) == "ok"
        assert (
            verdict(Queue(), *pushes, did("pop", Answered(1), at=(10, 11)), did("pop", Answered(1), at=(10, 11)))
            == "illegal"
        )

    def test_is_described_by_its_states(self):
        report = check([did("push", Answered(), at=(0, 1), item=7), did("pop", Answered(8), at=(2, 3))], Queue())
        assert "the store then holds (7,)" in str(report)

    def test_may_have_operations_of_unknown_outcome(self):
        push = lost("push", at=0, item=7)
        assert verdict(Queue(), push, lost("pop", at=1), did("pop", Answered(7), at=(5, 6))) == "ok"
        assert (
            verdict(Queue(), push, did("pop", Answered(7), at=(2, 3)), did("pop", Answered(7), at=(5, 6))) == "illegal"
        )


def unlimited() -> Budget:
    return Budget(1.0, 10**6, clock=lambda: 0.0)


def possible(operations: Sequence[Operation], model: Model[Any]) -> bool:
    """Try every order, the slow and obvious way."""

    def explore(state: Any, rest: tuple[Operation, ...]) -> Iterator[bool]:
        known = [o for o in rest if not isinstance(o.outcome, Unknown)]
        if not known:
            yield True
        for operation in rest:
            if all(operation.started <= other.ended for other in known):
                remaining = tuple(o for o in rest if o is not operation)
                for after in model.step(state, operation):
                    yield from explore(after, remaining)

    return any(explore(model.initial(), tuple(operations)))


ANSWERS = st.sampled_from(["v1", "v2", "v3"])
VALUES = st.sampled_from(["a", "b"])
VERSIONS = st.one_of(ANSWERS.map(version), st.just(Unknown()), st.just(Refused()))
SHOWN = {
    "value": st.one_of(st.just(Answered(None)), st.builds(value, VALUES, ANSWERS)),
    "data": st.one_of(st.just(Answered(None)), st.builds(data, VALUES, ANSWERS)),
}
DATA = st.dictionaries(VALUES, st.integers(1, 2), max_size=2)
IDS = st.sampled_from(["A", "B"])
NAMED = st.one_of(IDS.map(lambda name: Answered({"id": name})), st.just(Unknown()))
DONE = st.one_of(st.just(Answered()), st.just(Refused("gone")), st.just(Unknown()))
DELETED = st.one_of(st.sampled_from(["deleted", "absent", "gone"]).map(Answered), st.just(Unknown()))
CONDITIONS = st.one_of(st.just({}), st.just({"if_absent": True}), st.builds(lambda v: {"if_match": v}, ANSWERS))


def calls(action: str, outcomes: st.SearchStrategy[Any], **arguments: st.SearchStrategy[Any]) -> Any:
    return st.tuples(st.just(action), st.fixed_dictionaries(arguments), outcomes)


VOCABULARIES = {
    "register": (
        Register(),
        st.one_of(
            calls("read", SHOWN["value"]),
            calls("write", VERSIONS.filter(lambda o: not isinstance(o, Refused)), value=VALUES),
            calls("cas", VERSIONS, value=VALUES, expect=st.one_of(st.none(), ANSWERS)),
        ),
    ),
    "object": (
        ObjectRegister(),
        st.one_of(
            calls("get", SHOWN["data"]),
            st.tuples(st.just("put"), st.builds(lambda c, d: {**c, "data": d}, CONDITIONS, VALUES), VERSIONS),
            st.tuples(st.just("delete"), CONDITIONS.filter(lambda c: "if_absent" not in c), DELETED),
        ),
    ),
    "create once": (
        CreateOnce(),
        st.one_of(
            calls("read", st.one_of(st.none(), VALUES).map(Answered)),
            calls("create", st.sampled_from([Answered(), Refused("exists"), Unknown()]), value=st.sampled_from("abc")),
            calls("delete", DELETED),
        ),
    ),
    "counter": (
        Counter(),
        st.one_of(
            calls("read", st.integers(0, 4).map(Answered)),
            calls(
                "increment", st.sampled_from([Answered(), Unknown(), Answered(2), Answered(3)]), by=st.integers(1, 2)
            ),
        ),
    ),
    "session": (
        SessionRegister(),
        st.one_of(
            calls("create", NAMED, data=DATA),
            calls("load", st.one_of(st.none(), DATA).map(Answered), id=IDS),
            calls("save", DONE, id=IDS, changed=DATA),
            calls("rotate", NAMED, id=IDS),
            calls("destroy", st.sampled_from([Answered(), Unknown()]), id=IDS),
        ),
    ),
}
VOCABULARIES["object whose versions recur"] = (ObjectRegister(recur=True), VOCABULARIES["object"][1])


@st.composite
def small_histories(draw: Any, vocabulary: Any) -> list[Operation]:
    history = []
    for action, arguments, outcome in draw(st.lists(vocabulary, min_size=1, max_size=7)):
        start = draw(st.integers(0, 12))
        end = start + draw(st.integers(0, 6))
        history.append(did(action, outcome, at=(start, end), **arguments))
    return history


@pytest.mark.parametrize("name", VOCABULARIES)
def test_the_verdict_on_any_small_history_is_that_of_brute_force(name):
    model, vocabulary = VOCABULARIES[name]

    @settings(max_examples=300, database=None, deadline=None)
    @given(small_histories(vocabulary))
    def agrees(history: list[Operation]) -> None:
        report = check(history, model)
        assert report.verdict == ("ok" if possible(history, model.prepare(history)) else "illegal")
        if report.counterexample is not None:
            assert not possible(report.counterexample.operations, model.prepare(history))
            assert report.counterexample.culprit in report.counterexample.operations

    agrees()


@pytest.mark.parametrize("name", VOCABULARIES)
def test_what_the_shrinker_relies_on_is_what_brute_force_says(name):
    model, vocabulary = VOCABULARIES[name]

    @settings(max_examples=100, database=None, deadline=None)
    @given(small_histories(vocabulary), st.integers(0, 7), st.sets(st.integers(0, 6)))
    def agrees(history: list[Operation], cut: int, spare: set[int]) -> None:
        prepared = model.prepare(history)
        coarse, known = prepared.abstract(), plan(history, prepared).known
        unknown = [o for o in history if isinstance(o.outcome, Unknown)]
        seeds = frontier(history, coarse, unlimited(), known[cut:])
        late = search([*known[cut:], *unknown], coarse, unlimited(), seeds=seeds).verdict
        assert (bool(seeds) and late == "ok") == possible(history, prepared)

        optional = [o for n, o in enumerate(known) if n in spare and not prepared.observes(o)]
        needed = [o for o in history if all(o is not other for other in optional)]
        some = search(needed, coarse, unlimited(), optional=optional).verdict
        subsets = itertools.chain.from_iterable(
            itertools.combinations(optional, size) for size in range(len(optional) + 1)
        )
        assert (some == "ok") == any(possible([*needed, *subset], prepared) for subset in subsets)

    agrees()


STORES = {
    "register": (simulate.Registers, Register()),
    "register of blind writes": (partial(simulate.Registers, blind=1.0), Register()),
    "object": (simulate.Objects, ObjectRegister()),
    "create once": (simulate.Creating, CreateOnce()),
    "counter": (simulate.Counting, Counter()),
    "counter that tells nothing": (partial(simulate.Counting, told=0.0), Counter()),
    "session": (partial(simulate.Sessions, life=30), SessionRegister()),
}


@pytest.mark.parametrize("name", STORES)
@pytest.mark.parametrize("unknown", [0.0, 0.1, 0.4])
def test_what_really_happened_is_possible(name, unknown):
    store, model = STORES[name]
    for seed in range(20):
        history = simulate.simulate(store, operations=60, clients=5, keys=2, unknown=unknown, seed=seed)
        report = check(history, model)
        assert report.verdict == "ok", report


@pytest.mark.parametrize("name", STORES)
def test_a_corrupted_answer_is_noticed_where_brute_force_notices_it(name):
    store, model = STORES[name]
    seen = set()
    for seed in range(60):
        history = list(simulate.simulate(store, operations=7, clients=3, unknown=0.2, seed=seed))
        chance = random.Random(seed)
        victim = chance.randrange(len(history))
        donors = [o.outcome for o in history if o.action == history[victim].action]
        history[victim] = replace(history[victim], outcome=chance.choice([*donors, Unknown()]))
        expected = "ok" if possible(history, model.prepare(history)) else "illegal"
        assert verdict(model, *history) == expected
        seen.add(expected)
    assert "ok" in seen


@pytest.mark.parametrize("name", STORES)
def test_the_order_found_is_an_explanation(name):
    store, model = STORES[name]
    history = simulate.simulate(store, operations=80, clients=4, unknown=0.1, seed=3)
    prepared = model.prepare(history)
    order = search(history, prepared.abstract(), unlimited()).order
    assert {id(o) for o in plan(history, prepared).known} <= {id(o) for o in order}
    latest = 0
    states = {prepared.initial()}
    for operation in order:
        latest = max(latest, operation.started)
        assert isinstance(operation.outcome, Unknown) or operation.ended >= latest
        states = {after for state in states for after in prepared.step(state, operation)}
    assert states


def corrupted(store: Any, *, operations: int) -> list[Operation]:
    history = list(simulate.simulate(store, operations=operations, clients=6, unknown=0.03, seed=5))
    reads = [n for n, o in enumerate(history) if o.action == "read" and isinstance(o.outcome, Answered)]
    late, early = reads[len(reads) * 3 // 4], reads[len(reads) // 4]
    history[late] = replace(history[late], outcome=history[early].outcome)
    return history


class TestShrinking:
    def test_a_bad_history_becomes_small(self):
        report = check(corrupted(simulate.Registers, operations=300), Register())
        example = report.counterexample
        assert report.verdict == "illegal"
        assert example.minimal
        assert len(example.operations) <= 4
        assert example.before > 0
        assert len(example.operations) + example.before + example.left_out == 300

    def test_no_operation_shown_can_be_left_out(self):
        report = check(corrupted(simulate.Registers, operations=40), Register())
        example = report.counterexample
        model = Register().prepare(example.operations)
        assert not possible(example.operations, model)
        assert possible([o for o in example.operations if o is not example.culprit], model)

    def test_what_would_have_explained_it_is_not_left_out(self):
        writes = [did("write", version(f"v{n}"), at=(n, n), value=n) for n in range(8)]
        report = check([*writes, did("read", value(3, "v3"), at=(20, 21))], Register())
        assert [o.arguments.get("value") for o in report.counterexample.operations] in (
            [[3, later, None] for later in range(4, 8)]
        )

    def test_observations_that_say_nothing_are_left_out(self):
        write = did("write", version("v1"), at=(0, 1), value="a")
        reads = [did("read", value("a", "v1"), at=(2, 3)) for _ in range(10)]
        report = check([write, *reads, did("read", Answered(None), at=(4, 5))], Register())
        assert len(report.counterexample.operations) == 2
        assert report.counterexample.left_out == 10

    def test_what_started_after_the_contradiction_is_left_out(self):
        bad = did("read", value("z", "v1"), at=(0, 1))
        later = [did("write", version(f"v{n}"), at=(n, n), value=n) for n in range(5, 9)]
        assert check([bad, *later], Register()).counterexample.operations == (bad,)

    def test_time_may_run_out(self):
        ticks = itertools.count()
        history = corrupted(simulate.Registers, operations=120)
        report = check(history, Register(), time_limit=1e9, shrink_limit=3.0, clock=lambda: float(next(ticks)))
        assert report.verdict == "illegal"
        assert not report.counterexample.minimal
        assert "time ran out" in str(report)

    def test_the_smallest_of_several_is_shown(self):
        writes = [did("write", version("v1"), at=(n, n), value=n, key="big") for n in (0, 1)]
        bad = did("read", value("z", "v1"), at=(0, 1), key="small")
        report = check([*writes, bad], Register())
        assert set(report.illegal) == {"big", "small"}
        assert report.counterexample.operations == (bad,)


class TestLimits:
    def test_time_that_runs_out_gives_no_verdict(self):
        ticks = itertools.count()
        history = simulate.simulate(simulate.Registers, operations=300, seed=1)
        report = check(history, Register(), time_limit=1.0, clock=lambda: float(next(ticks)))
        assert report.verdict is Verdict.UNKNOWN
        assert report.undecided == ("k0",)
        assert "no verdict" in str(report)

    def test_configurations_that_run_out_give_no_verdict(self):
        history = simulate.simulate(simulate.Registers, operations=300, seed=1)
        assert check(history, Register(), most_configurations=10).verdict is Verdict.UNKNOWN

    def test_a_key_that_is_illegal_outweighs_one_that_is_undecided(self):
        history = simulate.simulate(simulate.Registers, operations=300, seed=1)
        bad = did("read", value("z", "v1"), at=(0, 1), key="bad")
        report = check([*history, bad], Register(), most_configurations=10)
        assert report.verdict is Verdict.ILLEGAL
        assert report.illegal == ("bad",)
        assert report.undecided == ("k0",)

    def test_many_unknown_operations_that_nobody_saw_cost_little(self):
        unknown = [lost("write", at=n, value=f"x{n}") for n in range(200)]
        history = corrupted(simulate.Registers, operations=100)
        moved = [replace(o, key="k0") for o in unknown]
        report = check([*history, *moved], Register(), most_configurations=50_000)
        assert report.verdict is Verdict.ILLEGAL


class TestReport:
    def stale(self) -> Report:
        history = [
            Operation("w0", "k", "write", {"value": "a"}, 0, 1000, version("v1")),
            Operation("w1", "k", "write", {"value": "b"}, 2000, 3000, version("v2")),
            Operation("w2", "k", "read", {}, 4000, 5500, value("a", "v1")),
            Operation("w3", "k", "write", {"value": "c"}, 4100, None, Unknown()),
        ]
        return check(history, Register())

    def test_a_counterexample_is_drawn(self):
        assert timeline(self.stale().counterexample).splitlines() == [
            "key 'k': no order of these 3 operations explains every answer",
            "(1 more operation is not shown: they only observe, or do not help, whether they took effect or not)",
            "",
            "  w0 |---|                  0.0 .. 1.0 us           write(value='a') -> {'version': 'v1'}",
            "  w1         |---|          2.0 .. 3.0 us           write(value='b') -> {'version': 'v2'}",
            "x w2                 |---|  4.0 .. 5.5 us           read() -> {'value': 'a', 'version': 'v1'}",
            "",
            "cannot be placed: w2 read() -> {'value': 'a', 'version': 'v1'}",
            "whatever the order of the others, the store then holds 'b' under 'v2'",
        ]

    def test_the_report_says_how_much_was_checked(self):
        assert str(self.stale()).startswith("illegal: 4 operations in ")

    def test_outcomes_are_described(self):
        describe = timeline_module.describe
        assert describe(lost("write", at=0, value=1)) == "write(value=1) -> ?"
        assert describe(did("cas", Refused("conflict"), at=(0, 1))) == "cas() refused: conflict"
        assert describe(did("cas", Refused("conflict", {"version": "v"}), at=(0, 1))).endswith("{'version': 'v'}")
        assert describe(did("cas", Failed(), at=(0, 1))) == "cas() failed"
        assert describe(did("cas", Failed("throttled"), at=(0, 1))) == "cas() failed: throttled"


@pytest.mark.parametrize("module", [checker, timeline_module])
def test_the_examples_in_the_documentation_work(module: ModuleType):
    results = doctest.testmod(module)
    assert results.attempted
    assert not results.failed
