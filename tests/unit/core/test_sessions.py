"""Session stores over the memory backend and faulty drivers."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statekit._core.limits import SESSION_BYTES
from statekit._core.sessions.forms import encode_form
from statekit.backends.memory.records import MemoryRecords
from statekit.driver import Fault, Record
from statekit.errors import (
    ConflictError,
    CorruptDataError,
    InvalidInputError,
    LimitExceededError,
    SessionGoneError,
    UnavailableError,
    UnserialisableError,
)
from statekit.state import State
from statekit.testing import FakeClock, FaultyDriver
from statekit.types import SessionPolicy
from tests.plans.states import Heard, async_state_of, state_of

UNKNOWN_ID = "A" * 43


class Store:
    """A state, and what stands behind it."""

    def __init__(self, **options: Any) -> None:
        self.memory = MemoryRecords()
        self.driver = FaultyDriver(self.memory)
        self.clock = FakeClock()
        self.heard = Heard()
        self.state: State = state_of(records=self.driver, clock=self.clock, heard=self.heard, **options)
        self.sessions = self.state.sessions

    def damage(self, kind: str, value: bytes = b"damaged") -> None:
        """Damage every record of a kind: ``s`` or ``o``."""
        for key, record in self.memory._records.items():
            if f"/{kind}/" in key:
                self.memory._records[key] = Record(value, record.version, record.expires_at)

    def calls_of(self, function: Any) -> list[str]:
        self.driver.calls.clear()
        function()
        return list(self.driver.calls)


@pytest.fixture
def store() -> Store:
    return Store()


class TestRoundTrips:
    def test_a_create_without_owner_is_one_request(self, store: Store) -> None:
        assert store.calls_of(store.sessions.create) == ["write"]

    def test_a_create_with_an_owner_is_three(self, store: Store) -> None:
        assert store.calls_of(lambda: store.sessions.create(owner="u")) == ["write", "read", "write"]

    def test_a_load_is_one_request(self, store: Store) -> None:
        session = store.sessions.create(owner="u")
        assert store.calls_of(lambda: store.sessions.load(session.id)) == ["read"]

    @pytest.mark.parametrize(
        "identifier", ["", "x", "A" * 42, "A" * 44, "A" * 42 + "B", "é" * 43, None, 7, b"A" * 43, "A" * 42 + "\n"]
    )
    def test_a_load_of_a_malformed_id_is_none(self, store: Store, identifier: Any) -> None:
        assert store.calls_of(lambda: store.sessions.load(identifier)) == []
        assert store.sessions.load(identifier) is None

    def test_a_save_that_nobody_disturbs_is_one_request(self, store: Store) -> None:
        session = store.sessions.create()
        session["a"] = 1
        assert store.calls_of(lambda: store.sessions.save(session)) == ["write"]
        session["a"] = 2
        assert store.calls_of(lambda: store.sessions.save(session)) == ["write"]

    def test_a_save_that_meets_a_conflict_is_two_where_the_engine_says_what_is_there(self, store: Store) -> None:
        session = store.sessions.create()
        store.sessions.update(session.id, lambda s: s.update(b=1))
        session["a"] = 1
        assert store.calls_of(lambda: store.sessions.save(session)) == ["write", "write"]


class TestMerging:
    def test_keeps_what_both_sides_changed(self, store: Store) -> None:
        one = store.sessions.create({"a": 0, "b": 0, "c": 0})
        other = store.sessions.load(one.id)
        assert other is not None
        one["a"] = 1
        del one["c"]
        other["b"] = 2
        store.sessions.save(other)
        store.sessions.save(one)
        assert store.sessions.load(one.id) == {"a": 1, "b": 2}
        assert one == {"a": 1, "b": 2}
        assert not one.modified

    def test_of_the_same_key_lets_the_later_save_win_and_counts_it(self, store: Store) -> None:
        one = store.sessions.create({"a": 0})
        other = store.sessions.load(one.id)
        assert other is not None
        one["a"], other["a"] = 1, 2
        store.sessions.save(other)
        store.sessions.save(one)
        assert store.heard.last.conflicts == 1
        assert store.sessions.load(one.id) == {"a": 1}

    def test_to_the_same_value_is_no_conflict(self, store: Store) -> None:
        one = store.sessions.create({"a": 0})
        other = store.sessions.load(one.id)
        assert other is not None
        one["a"] = other["a"] = 1
        store.sessions.save(other)
        store.sessions.save(one)
        assert store.heard.last.conflicts == 0

    def test_of_a_deletion_and_a_change_lets_the_later_save_win(self, store: Store) -> None:
        one = store.sessions.create({"a": 0})
        other = store.sessions.load(one.id)
        assert other is not None
        del one["a"]
        other["a"] = 2
        store.sessions.save(other)
        store.sessions.save(one)
        assert store.heard.last.conflicts == 1
        assert store.sessions.load(one.id) == {}

    def test_leaves_nested_values_of_the_application_alone_where_they_are_its_own(self, store: Store) -> None:
        session = store.sessions.create({"cart": [1]})
        cart = session["cart"]
        cart.append(2)
        store.sessions.save(session)
        cart.append(3)
        store.sessions.save(session)
        assert store.sessions.load(session.id) == {"cart": [1, 2, 3]}

    def test_shows_what_others_changed(self, store: Store) -> None:
        session = store.sessions.create({"seen": 1, "mine": 1})
        assert session["seen"] == 1
        store.sessions.update(session.id, lambda s: s.update(seen=2))
        session["mine"] = 2
        store.sessions.save(session)
        assert session == {"seen": 2, "mine": 2}

    def test_goes_on_for_as_many_saves_as_come_first(self, store: Store) -> None:
        session = store.sessions.create({"n": 0})
        stale = store.sessions.load(session.id)
        assert stale is not None
        for n in range(1, 20):
            session["n"] = n
            store.sessions.save(session)
        stale["late"] = True
        store.sessions.save(stale)
        assert store.sessions.load(session.id) == {"n": 19, "late": True}


class TestRejectingAndOverwriting:
    def test_rejecting_writes_nothing_if_somebody_saved_in_between(self, store: Store) -> None:
        session = store.sessions.create()
        store.sessions.update(session.id, lambda s: s.update(b=1))
        session["a"] = 1
        with pytest.raises(ConflictError) as raised:
            store.sessions.save(session, on_conflict="reject")
        assert raised.value.clause == "S-10"
        assert store.sessions.load(session.id) == {"b": 1}
        assert session.modified

    def test_rejecting_after_an_expiry_that_another_one_moved_is_no_conflict(self, store: Store) -> None:
        session = store.sessions.create()
        other = store.sessions.load(session.id)
        assert other is not None
        store.clock.advance(13 * 86_400)
        store.sessions.touch(other)
        store.clock.advance(2 * 86_400)
        session["a"] = 1
        store.sessions.save(session, on_conflict="reject")
        assert store.sessions.load(session.id) == {"a": 1}

    def test_rejecting_never_waits(self, store: Store) -> None:
        session = store.sessions.create()
        store.sessions.update(session.id, lambda s: s.update(b=1))
        session["a"] = 1
        before = store.clock.now()
        with pytest.raises(ConflictError):
            store.sessions.save(session, on_conflict="reject")
        assert store.clock.now() == before

    def test_overwriting_stores_the_whole_session(self, store: Store) -> None:
        session = store.sessions.create({"a": 1, "b": 1})
        store.sessions.update(session.id, lambda s: s.update(b=2, c=3))
        session["a"] = 2
        store.sessions.save(session, on_conflict="overwrite")
        assert store.sessions.load(session.id) == {"a": 2, "b": 1}

    def test_overwriting_what_is_gone_is_session_gone(self, store: Store) -> None:
        session = store.sessions.create()
        store.sessions.destroy(session)
        session["a"] = 1
        with pytest.raises(SessionGoneError):
            store.sessions.save(session, on_conflict="overwrite")

    def test_any_other_way_is_invalid(self, store: Store) -> None:
        with pytest.raises(InvalidInputError, match="merge, reject or overwrite"):
            store.sessions.save(store.sessions.create(), on_conflict="ignore")  # type: ignore[arg-type]


class TestUpdating:
    def test_counts_every_increment(self, store: Store) -> None:
        session = store.sessions.create({"n": 0})
        disturbances = iter(range(3))

        def increment(data: Any) -> None:
            data["n"] += 1
            if next(disturbances, None) is not None:
                store.sessions.update(session.id, increment)

        store.sessions.update(session.id, increment)
        assert store.sessions.load(session.id) == {"n": 4}

    def test_returns_what_was_stored(self, store: Store) -> None:
        session = store.sessions.create({"n": 1})
        assert store.sessions.update(session.id, lambda s: s.update(n=2)) == {"n": 2}

    def test_without_a_change_writes_nothing(self, store: Store) -> None:
        session = store.sessions.create({"n": 1})
        assert store.calls_of(lambda: store.sessions.update(session.id, len)) == ["read"]

    @pytest.mark.parametrize("identifier", [UNKNOWN_ID, "malformed"])
    def test_of_what_is_not_there_is_session_gone(self, store: Store, identifier: str) -> None:
        with pytest.raises(SessionGoneError):
            store.sessions.update(identifier, lambda _: None)

    def test_passes_on_what_the_function_raises_and_writes_nothing(self, store: Store) -> None:
        session = store.sessions.create({"n": 1})

        def fail(data: Any) -> None:
            data["n"] = 2
            raise LookupError("mine")

        with pytest.raises(LookupError, match="mine"):
            store.sessions.update(session.id, fail)
        assert store.sessions.load(session.id) == {"n": 1}

    def test_by_a_coroutine_function_is_refused(self, store: Store) -> None:
        async def change(data: Any) -> None:
            data["n"] = 2

        session = store.sessions.create()
        with pytest.raises(InvalidInputError, match="ordinary"):
            store.sessions.update(session.id, change)


class TestLimits:
    @pytest.mark.parametrize("size", [SESSION_BYTES - 1, SESSION_BYTES])
    def test_up_to_256_kib_are_stored(self, store: Store, size: int) -> None:
        session = store.sessions.create({"k": b"x" * (size - OVERHEAD)})
        assert len(encode_form(session.cell.live.data)) == size
        assert size < store.heard.last.size < size + 100  # with what is stored beside the data
        assert store.sessions.load(session.id) == session

    def test_one_byte_more_is_refused_and_nothing_is_sent(self, store: Store) -> None:
        with pytest.raises(LimitExceededError):
            store.sessions.create({"k": b"x" * (SESSION_BYTES + 1 - OVERHEAD)})
        assert store.driver.calls == []

    def test_also_by_save_rotate_and_update(self, store: Store) -> None:
        session = store.sessions.create()
        big = b"x" * SESSION_BYTES
        session["k"] = big
        store.driver.calls.clear()
        for refused in (store.sessions.save, store.sessions.rotate):
            with pytest.raises(LimitExceededError):
                refused(session)
        assert store.driver.calls == []
        with pytest.raises(LimitExceededError):
            store.sessions.update(session.id, lambda s: s.update(k=big))
        assert "write" not in store.driver.calls

    def test_a_merge_that_grows_over_the_limit_is_refused_and_writes_nothing(self, store: Store) -> None:
        session = store.sessions.create()
        store.sessions.update(session.id, lambda s: s.update(theirs=b"x" * (SESSION_BYTES // 2)))
        session["mine"] = b"y" * (SESSION_BYTES // 2)
        with pytest.raises(LimitExceededError):
            store.sessions.save(session)
        loaded = store.sessions.load(session.id)
        assert loaded is not None
        assert set(loaded) == {"theirs"}

    def test_a_value_that_would_not_come_back_is_refused_and_nothing_is_sent(self, store: Store) -> None:
        with pytest.raises(UnserialisableError):
            store.sessions.create({"a": object()})
        session = store.sessions.create()
        session["a"] = object()
        store.driver.calls.clear()
        for refused in (store.sessions.save, store.sessions.rotate):
            with pytest.raises(UnserialisableError):
                refused(session)
        assert store.driver.calls == []

    @pytest.mark.parametrize(
        ("options", "error"),
        [
            ({"owner": ""}, InvalidInputError),
            ({"owner": "x" * 257}, LimitExceededError),
            ({"label": "x" * 201}, LimitExceededError),
            ({"since": ""}, InvalidInputError),
            ({"data": {1: 2}}, InvalidInputError),
        ],
    )
    def test_a_create_out_of_bounds_is_refused_and_nothing_is_sent(
        self, store: Store, options: dict[str, Any], error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            store.sessions.create(**options)
        assert store.driver.calls == []


OVERHEAD = 1 + 2 + 5
"""Of a map with one key of one letter, whose value is bytes of more than 65,535."""


class TestCreating:
    def test_after_a_lost_reply_draws_another_id(self, store: Store) -> None:
        store.driver.lose_reply("write")
        session = store.sessions.create({"a": 1})
        assert store.sessions.load(session.id) == {"a": 1}
        assert len(store.memory._records) == 2

    def test_that_cannot_register_leaves_nothing_to_load(self, store: Store) -> None:
        store.driver.refuse("write", fault=Fault.DENIED, skip=1)
        with pytest.raises(Exception, match="credentials"):
            store.sessions.create(owner="u")
        assert store.memory._records == {}

    def test_that_is_refused_by_its_mark_leaves_nothing_to_load(self, store: Store) -> None:
        mark = store.sessions.owner_mark("u")
        store.sessions.revoke_all("u")
        with pytest.raises(ConflictError) as raised:
            store.sessions.create(owner="u", since=mark)
        assert raised.value.clause == "S-26"
        assert [key for key in store.memory._records if "/s/" in key] == []

    def test_with_a_mark_taken_after_the_revocation_succeeds(self, store: Store) -> None:
        store.sessions.revoke_all("u")
        mark = store.sessions.owner_mark("u")
        assert store.sessions.create(owner="u", since=mark).owner == "u"

    def test_needs_an_owner_for_a_mark(self, store: Store) -> None:
        with pytest.raises(InvalidInputError, match="owner"):
            store.sessions.create(since="")


class TestRotating:
    def test_gives_a_new_id_with_the_same_data_unsaved_changes_included(self, store: Store) -> None:
        old = store.sessions.create({"a": 1, "b": 1}, owner="u", label="phone")
        old["a"] = 2
        del old["b"]
        new = store.sessions.rotate(old)
        assert new.id != old.id
        assert new == {"a": 2}
        assert store.sessions.load(new.id) == {"a": 2}
        assert store.sessions.load(old.id) is None
        assert (new.owner, new.label, new.created_at) == ("u", "phone", old.created_at)

    def test_can_bind_to_an_owner(self, store: Store) -> None:
        login = store.sessions.rotate(store.sessions.create(), owner="u", label="phone")
        assert (login.owner, login.label) == ("u", "phone")
        assert [info.label for info in store.sessions.list("u")] == ["phone"]

    def test_can_change_the_label(self, store: Store) -> None:
        session = store.sessions.create(owner="u", label="phone")
        assert store.sessions.rotate(session, label="tablet").label == "tablet"
        [info] = store.sessions.list("u")
        assert info.label == "tablet"

    def test_cannot_change_the_owner(self, store: Store) -> None:
        session = store.sessions.create(owner="u")
        with pytest.raises(InvalidInputError, match="another owner"):
            store.sessions.rotate(session, owner="v")

    def test_of_what_is_gone_is_session_gone_and_leaves_nothing(self, store: Store) -> None:
        session = store.sessions.create()
        store.sessions.destroy(session)
        with pytest.raises(SessionGoneError):
            store.sessions.rotate(session)
        assert store.memory._records == {}

    def test_of_what_was_revoked_is_session_gone_and_leaves_nothing(self, store: Store) -> None:
        session = store.sessions.create(owner="u")
        store.driver.lose_reply("read")
        store.sessions.revoke_all("u")
        with pytest.raises(SessionGoneError):
            store.sessions.rotate(session)

    def test_the_handle_stays_the_same(self, store: Store) -> None:
        session = store.sessions.create(owner="u")
        [before] = store.sessions.list("u")
        store.sessions.rotate(session)
        [after] = store.sessions.list("u")
        assert after.handle == before.handle

    def test_many_times_leaves_one_entry(self, store: Store) -> None:
        session = store.sessions.create(owner="u")
        for _ in range(10):
            session = store.sessions.rotate(session)
        assert len(store.sessions.list("u")) == 1
        assert store.sessions.revoke_all("u") == 1

    def test_a_failed_one_leaves_the_old_id_working_and_nothing_else(self, store: Store) -> None:
        session = store.sessions.create()
        store.driver.refuse("write", fault=Fault.DENIED, skip=1)
        with pytest.raises(Exception, match="credentials"):
            store.sessions.rotate(session)
        assert store.sessions.load(session.id) is not None
        assert len(store.memory._records) == 1


class TestOwners:
    def test_the_list_shows_each_session_once_and_no_id(self, store: Store) -> None:
        sessions = [store.sessions.create(owner="u", label=str(n)) for n in range(3)]
        store.sessions.create(owner="v")
        store.sessions.rotate(sessions[0])
        infos = store.sessions.list("u")
        assert sorted(info.label or "" for info in infos) == ["0", "1", "2"]
        assert not any(session.id in repr(infos) for session in sessions)

    def test_a_handle_ends_one_session_also_after_a_rotation(self, store: Store) -> None:
        session = store.sessions.create(owner="u")
        other = store.sessions.create(owner="u")
        new = store.sessions.rotate(session)
        assert new.handle == session.handle
        assert store.sessions.revoke(session.handle or "") is True
        assert store.sessions.load(new.id) is None
        assert store.sessions.load(other.id) is not None

    @pytest.mark.parametrize("handle", ["", "x", "é", "A" * 86, "A" * 85, None, 7])
    def test_a_handle_that_names_nothing_ends_nothing(self, store: Store, handle: Any) -> None:
        session = store.sessions.create(owner="u")
        assert store.sessions.revoke(handle) is False
        assert store.sessions.load(session.id) is not None

    def test_revoke_all_can_keep_a_session_by_its_id(self, store: Store) -> None:
        one, other = store.sessions.create(owner="u"), store.sessions.create(owner="u")
        assert store.sessions.revoke_all("u", keep=one.id) == 1
        assert store.sessions.load(one.id) is not None
        assert store.sessions.load(other.id) is None

    def test_revoke_all_keeps_a_session_by_the_id_that_it_had_before_a_rotation(self, store: Store) -> None:
        old = store.sessions.create(owner="u")
        new = store.sessions.rotate(old)
        store.sessions.revoke_all("u", keep=old.id)
        assert store.sessions.load(new.id) is not None
        store.sessions.revoke_all("u", keep=old)
        assert store.sessions.load(new.id) is not None

    def test_revoke_all_keeps_nothing_for_an_id_that_is_not_there(self, store: Store) -> None:
        session = store.sessions.create(owner="u")
        assert store.sessions.revoke_all("u", keep=UNKNOWN_ID) == 1
        assert store.sessions.load(session.id) is None

    def test_one_too_many_ends_the_oldest(self) -> None:
        store = Store(policy=SessionPolicy(sessions_per_owner=3))
        made = []
        for _ in range(4):
            made.append(store.sessions.create(owner="u"))
            store.clock.advance(1)
        assert [store.sessions.load(session.id) is not None for session in made] == [False, True, True, True]

    def test_sessions_that_are_gone_do_not_count(self) -> None:
        store = Store(policy=SessionPolicy(sessions_per_owner=3))
        made = [store.sessions.create(owner="u") for _ in range(3)]
        store.sessions.destroy(made[1])
        made.append(store.sessions.create(owner="u"))
        assert [store.sessions.load(session.id) is not None for session in made] == [True, False, True, True]

    def test_sessions_that_are_idle_go_before_older_ones_in_use(self) -> None:
        store = Store(policy=SessionPolicy(sessions_per_owner=2))
        busy = store.sessions.create(owner="u")
        store.clock.advance(1)
        store.sessions.create(owner="u")
        store.clock.advance(13 * 86_400)
        store.sessions.touch(busy)
        store.clock.advance(2 * 86_400)
        store.sessions.create(owner="u")
        assert store.sessions.load(busy.id) is not None
        assert len(store.sessions.list("u")) == 2

    def test_a_session_that_cannot_be_read_is_listed_and_can_be_revoked(self, store: Store) -> None:
        store.sessions.create(owner="u")
        store.damage("s")
        [info] = store.sessions.list("u")
        assert info.corrupt
        assert store.sessions.revoke(info.handle) is True
        assert store.sessions.list("u") == []

    def test_a_session_that_cannot_be_read_does_not_keep_its_owner_from_anything(self) -> None:
        store = Store(policy=SessionPolicy(sessions_per_owner=1))
        store.sessions.create(owner="u")
        store.damage("s")
        fresh = store.sessions.create(owner="u")
        assert store.sessions.load(fresh.id) is not None
        store.damage("s")
        assert store.sessions.revoke_all("u") == 1
        assert store.sessions.create(owner="u").owner == "u"

    def test_an_owner_s_record_that_cannot_be_read_is_corrupt_data(self, store: Store) -> None:
        store.sessions.create(owner="u")
        store.damage("o")
        for failing in (store.sessions.list, store.sessions.revoke_all, store.sessions.owner_mark):
            with pytest.raises(CorruptDataError):
                failing("u")

    def test_revoking_survives_lost_replies_everywhere(self) -> None:
        for skip in range(8):
            store = Store()
            session = store.sessions.create(owner="u")
            store.driver.lose_reply(skip=skip)
            assert store.sessions.revoke_all("u") >= 0
            assert store.sessions.load(session.id) is None


class TestCorruption:
    def test_is_never_absence(self, store: Store) -> None:
        session = store.sessions.create()
        store.damage("s")
        with pytest.raises(CorruptDataError) as raised:
            store.sessions.load(session.id)
        assert (raised.value.op, raised.value.clause) == ("sessions.load", "S-30")

    @pytest.mark.parametrize("value", [b"", b"\x00", b"\x01" * 19, b"\x01" * 400])
    def test_of_any_kind_is_noticed(self, store: Store, value: bytes) -> None:
        session = store.sessions.create()
        store.damage("s", value)
        with pytest.raises(CorruptDataError):
            store.sessions.load(session.id)

    def test_does_not_stop_a_sweep(self, store: Store) -> None:
        store.sessions.create()
        store.damage("s")
        store.clock.advance(15 * 86_400)
        assert store.sessions.sweep().records == 1


class TestOutages:
    def test_are_never_absence(self, store: Store) -> None:
        session = store.sessions.create()
        store.driver.refuse("read", times=1000)
        with pytest.raises(UnavailableError):
            store.sessions.load(session.id)

    @pytest.mark.parametrize("skip", range(6))
    def test_a_lost_reply_anywhere_changes_nothing_for_the_application(self, skip: int) -> None:
        store = Store()
        store.driver.lose_reply(skip=skip)
        session = store.sessions.create({"n": 0}, owner="u")
        session["n"] = 1
        store.sessions.save(session)
        new = store.sessions.rotate(session)
        store.sessions.update(new.id, lambda s: s.update(n=s["n"] + 1))
        assert store.sessions.load(new.id) == {"n": 2}
        assert store.sessions.load(session.id) is None

    @pytest.mark.parametrize("method", ["write", "delete", "touch"])
    @pytest.mark.parametrize("skip", range(4))
    def test_a_request_that_a_proxy_doubles_changes_nothing_either(self, method: str, skip: int) -> None:
        store = Store()
        store.driver.double(method, skip=skip)
        session = store.sessions.create({"n": 0}, owner="u")
        session["n"] = 1
        store.sessions.save(session)
        store.clock.advance(100)
        store.sessions.touch(session)
        new = store.sessions.rotate(session)
        assert store.sessions.load(new.id) == {"n": 1}
        assert store.sessions.destroy(new) is True
        assert store.sessions.load(new.id) is None

    def test_an_operation_takes_no_longer_than_its_timeout(self, store: Store) -> None:
        store.driver.reset(times=10_000)
        before = store.clock.monotonic()
        with pytest.raises(UnavailableError):
            store.sessions.load(UNKNOWN_ID, timeout=3)
        assert store.clock.monotonic() - before <= 3


CHANGES = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 9) | st.none(), max_size=4)


@settings(database=None, deadline=None, max_examples=80)
@given(
    first=st.lists(CHANGES, max_size=3), second=st.lists(CHANGES, max_size=3), order=st.randoms(use_true_random=False)
)
def test_any_interleaving_of_two_writers_keeps_what_only_one_of_them_changed(
    first: list[dict[str, Any]], second: list[dict[str, Any]], order: Any
) -> None:
    store = Store()
    start = dict.fromkeys("abcdef", 0)
    one = store.sessions.create(start)
    other = store.sessions.load(one.id)
    assert other is not None
    steps = [(one, change) for change in first] + [(other, change) for change in second]
    order.shuffle(steps)
    last: dict[str, Any] = {}
    for session, changes in steps:
        for key, value in changes.items():
            if value is None:
                session.pop(key, None)
            else:
                session[key] = value
        changed = {*session.changes().changed, *session.changes().deleted}
        last.update({key: session.get(key) for key in changed})
        store.sessions.save(session)
        if changed:
            assert store.sessions.load(one.id) == dict(session)
    found = store.sessions.load(one.id)
    assert found is not None
    for key in "abcdef":
        assert found.get(key) == last.get(key, start[key])


@pytest.mark.parametrize("native", [False, True])
def test_the_asynchronous_store_does_the_same(native: bool) -> None:
    async def main() -> None:
        memory = MemoryRecords()
        async with async_state_of(records=memory, native=native) as state:
            session = await state.sessions.create({"a": 1}, owner="u", label="x")
            session["a"] = 2
            await state.sessions.save(session)
            new = await state.sessions.rotate(session)
            assert await state.sessions.load(session.id) is None
            assert await state.sessions.load(new.id) == {"a": 2}
            assert (await state.sessions.update(new.id, lambda s: s.update(b=3))) == {"a": 2, "b": 3}
            assert await state.sessions.touch(new) is False
            [info] = await state.sessions.list("u")
            assert info.label == "x"
            assert await state.sessions.revoke(info.handle) is True
            assert await state.sessions.revoke_all("u") == 0
            assert await state.sessions.owner_mark("u")
            assert await state.sessions.destroy(new) is False
            assert (await state.sessions.sweep()).records == 0

    asyncio.run(main())


def test_two_namespaces_do_not_see_each_other() -> None:
    memory = MemoryRecords()
    one, other = (state_of(records=memory, namespace=name) for name in ("one", "other"))
    session = one.sessions.create(owner="u")
    assert other.sessions.load(session.id) is None
    assert other.sessions.list("u") == []
    assert other.sessions.revoke_all("u") == 0
    assert one.sessions.load(session.id) is not None
    assert all(key.startswith(("one/", "other/")) for key in memory._records)


def test_no_stored_key_or_value_contains_an_id_or_an_owner() -> None:
    store = Store()
    session = store.sessions.create({"a": 1}, owner="ada@example.org")
    new = store.sessions.rotate(session)
    for key, record in store.memory._records.items():
        for secret in (session.id, new.id):
            assert secret not in key
            assert secret.encode() not in record.value
        assert "ada@example.org" not in key


def test_ids_are_of_256_bits_and_do_not_repeat() -> None:
    store = Store()
    ids = [store.sessions.create().id for _ in range(50)]
    assert len(set(ids)) == 50
    assert all(len(identifier) == 43 for identifier in ids)
    assert len(set(itertools.chain.from_iterable(ids))) > 50
