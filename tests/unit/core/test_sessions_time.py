"""Every rule of time: idle timeout, lifetime, touch interval, and the exact millisecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from statekit.backends.memory.records import MemoryRecords
from statekit.errors import SessionGoneError
from statekit.state import State
from statekit.testing import FakeClock, FaultyDriver
from statekit.types import SessionPolicy
from tests.plans.states import state_of

POLICY = SessionPolicy(
    idle_timeout=timedelta(minutes=10), lifetime=timedelta(minutes=30), touch_interval=timedelta(minutes=1)
)
MINUTE = 60.0
MS = 0.001


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1_800_000_000_000)


@pytest.fixture
def records() -> FaultyDriver:
    return FaultyDriver(MemoryRecords())


@pytest.fixture
def state(clock: FakeClock, records: FaultyDriver) -> State:
    return state_of(records=records, clock=clock, policy=POLICY)


def at(millis: int) -> datetime:
    return datetime.fromtimestamp(millis / 1000, UTC)


class TestIdle:
    def test_a_session_loads_until_the_last_millisecond_before_its_expiry(self, state: State, clock: FakeClock) -> None:
        session = state.sessions.create()
        clock.advance(10 * MINUTE - MS)
        assert state.sessions.load(session.id) is not None
        clock.advance(MS)
        assert state.sessions.load(session.id) is None

    def test_a_save_extends_it(self, state: State, clock: FakeClock) -> None:
        session = state.sessions.create()
        clock.advance(9 * MINUTE)
        session["a"] = 1
        state.sessions.save(session)
        clock.advance(10 * MINUTE - MS)
        assert state.sessions.load(session.id) is not None

    def test_a_load_does_not_extend_it(self, state: State, clock: FakeClock) -> None:
        session = state.sessions.create()
        clock.advance(9 * MINUTE)
        state.sessions.load(session.id)
        clock.advance(1 * MINUTE)
        assert state.sessions.load(session.id) is None

    def test_an_expired_session_cannot_be_saved_touched_updated_or_rotated(
        self, state: State, clock: FakeClock
    ) -> None:
        session = state.sessions.create({"a": 1})
        clock.advance(10 * MINUTE)
        session["a"] = 2
        with pytest.raises(SessionGoneError):
            state.sessions.save(session)
        with pytest.raises(SessionGoneError):
            state.sessions.touch(session)
        with pytest.raises(SessionGoneError):
            state.sessions.update(session.id, lambda s: s.update(a=3))
        with pytest.raises(SessionGoneError):
            state.sessions.rotate(session)
        assert state.sessions.load(session.id) is None

    def test_destroying_an_expired_session_says_that_there_was_none(self, state: State, clock: FakeClock) -> None:
        session = state.sessions.create()
        clock.advance(10 * MINUTE)
        assert state.sessions.destroy(session) is False

    def test_a_request_that_holds_an_old_expiry_can_save_what_another_one_touched(
        self, state: State, clock: FakeClock
    ) -> None:
        session = state.sessions.create()
        other = state.sessions.load(session.id)
        assert other is not None
        clock.advance(9 * MINUTE)
        state.sessions.touch(other)
        clock.advance(2 * MINUTE)
        session["late"] = True
        state.sessions.save(session)
        assert state.sessions.load(session.id) == {"late": True}

    def test_a_save_never_shortens_what_was_seen(self, clock: FakeClock, records: FaultyDriver) -> None:
        long = state_of(records=records, clock=clock, policy=SessionPolicy())
        short = state_of(records=records, clock=clock, policy=POLICY)
        session = long.sessions.create()
        other = short.sessions.load(session.id)
        assert other is not None
        other["a"] = 1
        short.sessions.save(other)
        found = long.sessions.load(session.id)
        assert found is not None
        assert found.expires_at == session.expires_at


class TestLifetime:
    def test_it_is_over_however_busy_the_session_is(self, state: State, clock: FakeClock) -> None:
        session = state.sessions.create({"n": 0})
        for n in range(1, 30):
            clock.advance(1 * MINUTE)
            session["n"] = n
            state.sessions.save(session)
        clock.advance(1 * MINUTE - MS)
        assert state.sessions.load(session.id) == {"n": 29}
        clock.advance(MS)
        assert state.sessions.load(session.id) is None

    def test_a_rotation_does_not_prolong_it(self, state: State, clock: FakeClock) -> None:
        session = state.sessions.create(owner="u")
        for _ in range(4):
            clock.advance(7 * MINUTE)
            session = state.sessions.rotate(session)
        clock.advance(2 * MINUTE - MS)
        assert state.sessions.load(session.id) is not None
        clock.advance(MS)
        assert state.sessions.load(session.id) is None

    def test_a_login_by_rotation_begins_a_new_one(self, state: State, clock: FakeClock) -> None:
        session = state.sessions.create()
        clock.advance(9 * MINUTE)
        login = state.sessions.rotate(session, owner="u")
        assert login.created_at == at(clock.now())
        for _ in range(4):
            clock.advance(7 * MINUTE)
            state.sessions.touch(login)
        clock.advance(2 * MINUTE - MS)
        assert state.sessions.load(login.id) is not None
        clock.advance(MS)
        assert state.sessions.load(login.id) is None

    def test_the_expiry_shown_is_never_after_it(self, state: State, clock: FakeClock) -> None:
        session = state.sessions.create()
        end = clock.now() + 30 * 60_000
        for _ in range(3):
            clock.advance(8 * MINUTE)
            state.sessions.touch(session)
        assert session.expires_at == at(end)
        clock.advance(2 * MINUTE)
        assert state.sessions.touch(session) is False


class TestTouch:
    def test_within_the_interval_nothing_is_sent(self, state: State, clock: FakeClock, records: FaultyDriver) -> None:
        session = state.sessions.create()
        before = len(records.calls)
        clock.advance(1 * MINUTE - MS)
        assert state.sessions.touch(session) is False
        assert len(records.calls) == before

    def test_at_the_interval_the_expiry_moves(self, state: State, clock: FakeClock, records: FaultyDriver) -> None:
        session = state.sessions.create()
        clock.advance(1 * MINUTE)
        assert state.sessions.touch(session) is True
        assert records.calls[-1] == "touch"
        assert session.expires_at == at(clock.now() + 10 * 60_000)

    def test_again_within_the_interval_nothing_is_sent(self, state: State, clock: FakeClock) -> None:
        session = state.sessions.create()
        clock.advance(1 * MINUTE)
        assert state.sessions.touch(session) is True
        clock.advance(1 * MINUTE - MS)
        assert state.sessions.touch(session) is False
        clock.advance(MS)
        assert state.sessions.touch(session) is True

    def test_by_another_request_within_the_interval_it_asks_and_writes_nothing(
        self, state: State, clock: FakeClock, records: FaultyDriver
    ) -> None:
        session = state.sessions.create()
        other = state.sessions.load(session.id)
        assert other is not None
        clock.advance(1 * MINUTE)
        state.sessions.touch(session)
        records.calls.clear()
        assert state.sessions.touch(other) is True
        assert records.calls == ["touch"]
        assert other.expires_at == session.expires_at

    def test_a_save_without_changes_is_a_touch(self, state: State, clock: FakeClock, records: FaultyDriver) -> None:
        session = state.sessions.create()
        records.calls.clear()
        state.sessions.save(session)
        assert records.calls == []
        clock.advance(1 * MINUTE)
        state.sessions.save(session)
        assert records.calls == ["touch"]

    def test_after_which_a_save_costs_one_request(self, state: State, clock: FakeClock, records: FaultyDriver) -> None:
        session = state.sessions.create()
        clock.advance(1 * MINUTE)
        state.sessions.touch(session)
        records.calls.clear()
        session["a"] = 1
        state.sessions.save(session)
        assert records.calls == ["write"]

    def test_without_an_interval_every_touch_that_moves_is_sent(self, clock: FakeClock, records: FaultyDriver) -> None:
        eager = state_of(records=records, clock=clock, policy=SessionPolicy(touch_interval=timedelta(0)))
        session = eager.sessions.create()
        assert eager.sessions.touch(session) is False
        clock.advance(MS)
        assert eager.sessions.touch(session) is True

    def test_an_operation_that_began_before_the_expiry_may_land_after_it(
        self, state: State, clock: FakeClock, records: FaultyDriver
    ) -> None:
        session = state.sessions.create()
        clock.advance(10 * MINUTE - MS)
        records.refuse("touch")  # the pause before the next attempt takes it over the expiry
        assert state.sessions.touch(session) is True
        assert state.sessions.load(session.id) is not None


class TestOwners:
    def test_the_list_tells_when_each_was_last_seen(self, state: State, clock: FakeClock) -> None:
        login = clock.now()
        session = state.sessions.create(owner="u", label="phone")
        clock.advance(5 * MINUTE)
        state.sessions.touch(session)
        touched = clock.now()
        clock.advance(1 * MINUTE)
        [info] = state.sessions.list("u")
        assert (info.created_at, info.last_seen, info.label) == (at(login), at(touched), "phone")
        assert info.expires_at == at(touched + 10 * 60_000)

    def test_last_seen_is_right_near_the_end_of_the_lifetime(self, state: State, clock: FakeClock) -> None:
        session = state.sessions.create(owner="u")
        for _ in range(4):
            clock.advance(7 * MINUTE)
            session["at"] = clock.now()
            state.sessions.save(session)
        [info] = state.sessions.list("u")
        assert info.last_seen == at(clock.now())

    def test_an_expired_session_is_not_listed(self, state: State, clock: FakeClock) -> None:
        state.sessions.create(owner="u")
        clock.advance(10 * MINUTE - MS)
        assert len(state.sessions.list("u")) == 1
        clock.advance(MS)
        assert state.sessions.list("u") == []

    def test_a_revocation_that_died_halfway_is_finished_hours_later(
        self, state: State, clock: FakeClock, records: FaultyDriver
    ) -> None:
        keeper = state_of(records=records, clock=clock)
        session = keeper.sessions.create(owner="u")
        records.refuse("delete", fault=records_denied(), times=1)
        with pytest.raises(Exception, match="credentials"):
            keeper.sessions.revoke_all("u")
        assert keeper.sessions.load(session.id) is not None
        clock.advance(5 * 3600)
        keeper.sessions.revoke_all("u")
        assert keeper.sessions.load(session.id) is None

    def test_a_moved_marker_ends_the_new_session_for_a_minute(self, state: State, clock: FakeClock) -> None:
        old = state.sessions.create()
        new = state.sessions.rotate(old)
        clock.advance(MINUTE - MS)
        assert state.sessions.destroy(old.id) is True
        assert state.sessions.load(new.id) is None

    def test_after_the_minute_the_old_id_is_nothing(self, state: State, clock: FakeClock) -> None:
        old = state.sessions.create()
        new = state.sessions.rotate(old)
        clock.advance(MINUTE)
        assert state.sessions.destroy(old.id) is False
        assert state.sessions.load(new.id) is not None


def records_denied():
    from statekit.driver import Fault

    return Fault.DENIED


class TestSweep:
    def test_deletes_what_expired_an_hour_ago_and_nothing_younger(self, state: State, clock: FakeClock) -> None:
        state.sessions.create()
        clock.advance(10 * MINUTE + 3600 - MS)
        assert state.sessions.sweep().records == 0
        clock.advance(MS)
        assert state.sessions.sweep().records == 1
        assert state.sessions.sweep().records == 0

    def test_deletes_an_owner_s_record_an_hour_after_its_last_session_and_another_one(
        self, state: State, clock: FakeClock
    ) -> None:
        session = state.sessions.create(owner="u")
        state.sessions.destroy(session)
        clock.advance(30 * MINUTE + 3600 + 3600 - MS)
        assert state.sessions.sweep().records == 0
        clock.advance(MS)
        assert state.sessions.sweep().records == 1

    def test_spares_what_was_touched_since(self, state: State, clock: FakeClock) -> None:
        session = state.sessions.create()
        clock.advance(9 * MINUTE)
        state.sessions.touch(session)
        clock.advance(9 * MINUTE)
        assert state.sessions.sweep().records == 0
        assert state.sessions.load(session.id) is not None


@pytest.mark.parametrize("timeout", [float("inf"), 1e12, 86_400.0])
def test_any_long_timeout_serves_every_operation(state: State, timeout: float) -> None:
    session = state.sessions.create({"a": 1}, owner="u", timeout=timeout)
    session["a"] = 2
    state.sessions.save(session, timeout=timeout)
    session = state.sessions.rotate(session, timeout=timeout)
    state.sessions.touch(session, timeout=timeout)
    assert state.sessions.update(session.id, lambda s: s.update(a=3), timeout=timeout)["a"] == 3
    assert state.sessions.revoke_all("u", timeout=timeout) == 1
