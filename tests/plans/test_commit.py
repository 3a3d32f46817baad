"""P1, the conditional write that knows whether it happened, branch by branch."""

from __future__ import annotations

import pytest

from statekit._core.commit import Lost, commit
from statekit._core.envelope import LINEAGE, Stored, decode, encode
from statekit._core.ids import text_of
from statekit.driver import ABSENT, UNSEEN, Committed, Failure, Fault, Match, Record, Refused
from statekit.errors import (
    BackendError,
    CorruptDataError,
    DeniedError,
    IndeterminateError,
    StateError,
    ThrottledError,
    UnavailableError,
)
from statekit.testing import FakeClock
from tests.plans.by_hand import DRIVER, KEY, ByHand, an_operation, written

ONE, TWO, THREE = (bytes([n]) * 12 for n in (1, 2, 3))


def stored(own: bytes, *before: bytes, version: str = "v", body: bytes = b"body") -> Stored:
    lineage = b"".join(before)
    return decode(Record(encode(body, write_id=own, lineage=lineage, sealed=False), version, 10**13))


def record(own: bytes, *before: bytes, version: str = "v") -> Record:
    return stored(own, *before, version=version).record


BASE = stored(ONE, version="v1")


def committing(base: Stored | None = BASE, *, clock: FakeClock | None = None, absent_is_lost: bool = False) -> ByHand:
    op = an_operation(clock)
    plan = commit(op, DRIVER, KEY, base, b"new", expires_at=10**13, absent_is_lost=absent_is_lost)
    return ByHand(plan, clock)


def replaced(plan: ByHand, by: bytes = TWO) -> Record:
    """What is stored after another write replaced this plan's."""
    own = decode(written(plan))
    return record(by, own.write_id, *chunks(own.lineage), version="v-other")


def chunks(lineage: bytes) -> list[bytes]:
    return [lineage[at : at + 12] for at in range(0, len(lineage), 12)]


class TestWhatIsSent:
    def test_a_write_over_a_base_expects_its_version_and_continues_its_lineage(self) -> None:
        plan = committing(stored(ONE, TWO, THREE, version="v1"))
        assert plan.asks == "write"
        assert plan.kwargs["expect"] == Match("v1")
        assert chunks(written_stored(plan).lineage) == [ONE, TWO, THREE]

    def test_a_write_over_nothing_expects_absence_and_has_no_lineage(self) -> None:
        plan = committing(None)
        assert plan.kwargs["expect"] is ABSENT
        assert written_stored(plan).lineage == b""

    def test_the_lineage_ends_after_16(self) -> None:
        before = [bytes([9, n] * 6) for n in range(LINEAGE)]
        plan = committing(stored(ONE, *before, version="v1"))
        assert chunks(written_stored(plan).lineage) == [ONE, *before[: LINEAGE - 1]]

    def test_the_write_id_is_in_the_value_and_beside_it(self) -> None:
        plan = committing()
        assert text_of(written_stored(plan).write_id) == plan.kwargs["write_id"]
        assert len(plan.kwargs["write_id"]) == 16

    def test_each_commit_draws_its_own_write_id(self) -> None:
        assert committing().kwargs["write_id"] != committing().kwargs["write_id"]


def written_stored(plan: ByHand) -> Stored:
    return decode(written(plan))


class TestAnswers:
    def test_committed_is_committed_in_one_request(self) -> None:
        plan = committing()
        value = plan.args[1]
        plan.answer(Committed("v2"))
        assert plan.result.record == Record(value, "v2", 10**13)
        assert plan.result.body == b"new"

    def test_a_refusal_without_any_doubt_is_lost_and_carries_what_is_there(self) -> None:
        plan = committing().answer(Refused(record(TWO, ONE, version="v2")))
        assert isinstance(plan.result, Lost)
        assert plan.result.current.record.version == "v2"

    def test_a_refusal_because_nothing_is_there_is_lost_without_another_request(self) -> None:
        plan = committing().answer(Refused(None))
        assert plan.result == Lost(None)

    def test_a_refusal_that_does_not_say_what_is_there_costs_a_read(self) -> None:
        plan = committing().answer(Refused(UNSEEN))
        assert plan.asks == "read"
        assert plan.args == (KEY,)
        plan.answer(record(TWO, ONE, version="v2"))
        assert plan.result.current.write_id == TWO

    def test_a_refusal_that_carries_our_own_write_id_is_committed(self) -> None:
        plan = committing()
        plan.answer(Refused(written(plan)))
        assert plan.result.record.version == "v-own"

    def test_a_refusal_whose_lineage_has_our_own_write_id_is_committed(self) -> None:
        """A proxy sent it twice, another writer came between, and the second answer is all that we saw."""
        plan = committing()
        plan.answer(Refused(replaced(plan)))
        assert isinstance(plan.result, Stored)
        assert plan.result.body == b"new"

    def test_a_faulty_read_after_a_refusal_is_not_indeterminate(self) -> None:
        plan = committing().answer(Refused(UNSEEN))
        with pytest.raises(DeniedError):
            plan.meet(Fault.DENIED)


class TestFaultsThatProveNonApplication:
    @pytest.mark.parametrize("fault", [Fault.UNREACHED, Fault.BUSY, Fault.THROTTLED])
    def test_the_same_request_is_sent_again_after_a_pause(self, fault: Fault) -> None:
        plan = committing()
        first = (plan.args, {**plan.kwargs, "timeout": None})
        plan.meet(fault)
        assert (plan.args, {**plan.kwargs, "timeout": None}) == first
        assert len(plan.slept) == 1
        plan.answer(Committed("v2"))
        assert plan.result.record.version == "v2"

    @pytest.mark.parametrize("fault", [Fault.UNREACHED, Fault.BUSY, Fault.THROTTLED])
    def test_a_refusal_after_one_is_lost_for_certain(self, fault: Fault) -> None:
        plan = committing().meet(fault).answer(Refused(record(TWO, ONE, version="v2")))
        assert isinstance(plan.result, Lost)

    @pytest.mark.parametrize("fault", [Fault.DENIED, Fault.MISCONFIGURED, Fault.REJECTED])
    def test_what_nobody_can_mend_by_waiting_is_raised_at_once(self, fault: Fault) -> None:
        plan = committing()
        with pytest.raises(BackendError) as raised:
            plan.meet(fault)
        assert raised.value.fault is fault
        assert not isinstance(raised.value, IndeterminateError)
        assert plan.slept == []

    def test_at_the_deadline_it_is_known_not_to_be_applied(self) -> None:
        clock = FakeClock()
        plan = committing(clock=clock)
        with pytest.raises(UnavailableError) as raised:
            for _ in range(100):
                plan.meet(Fault.UNREACHED)
        assert not isinstance(raised.value, IndeterminateError)


UNKNOWN = [Fault.LOST, Fault.TIMED_OUT]


@pytest.mark.parametrize("fault", UNKNOWN)
class TestAfterAnUnknownAttempt:
    def test_it_looks_at_what_is_stored(self, fault: Fault) -> None:
        assert committing().meet(fault).asks == "read"

    def test_a_our_own_id_on_top_is_committed(self, fault: Fault) -> None:
        plan = committing()
        mine = written(plan, "v2")
        plan.meet(fault).answer(mine)
        assert plan.result.record.version == "v2"

    def test_a_our_own_id_in_the_lineage_is_committed_with_a_version_that_is_stale(self, fault: Fault) -> None:
        plan = committing()
        later = replaced(plan)
        plan.meet(fault).answer(later)
        assert isinstance(plan.result, Stored)
        assert plan.result.record.version != later.version

    def test_b_the_base_is_still_there_so_the_same_is_sent_again(self, fault: Fault) -> None:
        plan = committing()
        first = (plan.args, {**plan.kwargs, "timeout": None})
        plan.meet(fault).answer(BASE.record)
        assert plan.asks == "write"
        assert (plan.args, {**plan.kwargs, "timeout": None}) == first

    def test_b_nothing_is_there_and_nothing_was_so_the_same_is_sent_again(self, fault: Fault) -> None:
        plan = committing(None)
        first = plan.args
        plan.meet(fault).answer(None)
        assert plan.asks == "write"
        assert plan.args == first

    def test_b_the_second_attempt_may_be_refused_because_the_first_arrived(self, fault: Fault) -> None:
        plan = committing()
        mine = written(plan, "v2")
        plan.meet(fault).answer(BASE.record).answer(Refused(mine))
        assert plan.result.record.version == "v2"

    def test_b_until_the_time_is_over_and_then_nobody_knows(self, fault: Fault) -> None:
        clock = FakeClock()
        plan = committing(clock=clock)
        with pytest.raises(IndeterminateError) as raised:
            for _ in range(100):
                plan.meet(fault).answer(BASE.record)
        assert raised.value.fault is fault
        assert clock.monotonic() <= 10

    def test_c_the_base_was_replaced_by_another_write_so_it_is_lost_for_ever(self, fault: Fault) -> None:
        plan = committing().meet(fault).answer(record(TWO, ONE, version="v2"))
        assert isinstance(plan.result, Lost)

    def test_c_also_when_more_writes_followed(self, fault: Fault) -> None:
        plan = committing().meet(fault).answer(record(THREE, TWO, ONE, version="v3"))
        assert isinstance(plan.result, Lost)

    def test_d_another_one_created_it_so_it_is_lost_for_ever(self, fault: Fault) -> None:
        plan = committing(None).meet(fault).answer(record(TWO, version="v2"))
        assert isinstance(plan.result, Lost)

    def test_d_not_if_the_lineage_is_full(self, fault: Fault) -> None:
        full = [bytes([7, n] * 6) for n in range(LINEAGE)]
        plan = committing(None).meet(fault)
        with pytest.raises(IndeterminateError):
            plan.answer(record(TWO, *full, version="v9"))

    def test_d_if_the_lineage_is_one_short_of_full(self, fault: Fault) -> None:
        nearly = [bytes([7, n] * 6) for n in range(LINEAGE - 1)]
        plan = committing(None).meet(fault).answer(record(TWO, *nearly, version="v9"))
        assert isinstance(plan.result, Lost)

    def test_e_more_writes_came_after_than_the_lineage_holds(self, fault: Fault) -> None:
        full = [bytes([7, n] * 6) for n in range(LINEAGE)]
        plan = committing().meet(fault)
        with pytest.raises(IndeterminateError):
            plan.answer(record(TWO, *full, version="v9"))

    def test_e_the_record_is_gone(self, fault: Fault) -> None:
        plan = committing().meet(fault)
        with pytest.raises(IndeterminateError):
            plan.answer(None)

    def test_e_a_session_that_is_gone_is_lost_either_way(self, fault: Fault) -> None:
        plan = committing(absent_is_lost=True).meet(fault).answer(None)
        assert plan.result == Lost(None)

    def test_what_keeps_us_from_looking_leaves_it_unknown(self, fault: Fault) -> None:
        plan = committing().meet(fault)
        with pytest.raises(IndeterminateError) as raised:
            plan.meet(Fault.DENIED)
        assert isinstance(raised.value.__cause__, DeniedError | UnavailableError | BackendError)

    def test_a_later_fault_that_proves_non_application_proves_it_for_its_own_attempt_only(self, fault: Fault) -> None:
        clock = FakeClock()
        plan = committing(clock=clock).meet(fault).answer(BASE.record)
        with pytest.raises(IndeterminateError):
            plan.meet(Fault.DENIED)

    def test_looking_is_itself_repeated(self, fault: Fault) -> None:
        plan = committing().meet(fault).meet(Fault.UNREACHED)
        assert plan.asks == "read"

    def test_a_stored_record_that_cannot_be_read_leaves_it_unknown(self, fault: Fault) -> None:
        plan = committing().meet(fault)
        with pytest.raises(IndeterminateError):
            plan.answer(Record(b"garbage", "v2", None))


class TestWhatNoTableNames:
    def test_an_unknown_fault_is_settled_by_looking(self) -> None:
        plan = committing()
        mine = written(plan, "v2")
        assert plan.meet(Fault.UNKNOWN).asks == "read"
        plan.answer(mine)
        assert plan.result.record.version == "v2"

    def test_but_not_sent_again(self) -> None:
        plan = committing().meet(Fault.UNKNOWN)
        with pytest.raises(IndeterminateError):
            plan.answer(BASE.record)

    def test_an_answer_that_cannot_be_read_says_nothing_about_the_write(self) -> None:
        plan = committing()
        mine = written(plan, "v2")
        plan.meet(Fault.CORRUPT)
        assert plan.asks == "read"
        plan.answer(mine)
        assert plan.result.record.version == "v2"

    def test_nor_does_it_where_nothing_can_be_found_out(self) -> None:
        plan = committing().meet(Fault.CORRUPT)
        with pytest.raises(IndeterminateError):
            plan.answer(BASE.record)

    def test_a_refusal_with_a_record_that_cannot_be_read_is_corrupt_data(self) -> None:
        plan = committing()
        with pytest.raises(CorruptDataError):
            plan.answer(Refused(Record(b"garbage", "v2", None)))


class TestTime:
    def test_an_engine_that_asks_to_wait_is_waited_for(self) -> None:
        clock = FakeClock()
        plan = committing(clock=clock).meet(Failure(Fault.THROTTLED, retry_after=3.0))
        assert plan.slept[0] >= 3.0
        plan.answer(Committed("v2"))
        assert plan.result is not None

    def test_an_engine_that_asks_to_wait_for_longer_than_there_is_time_is_not_waited_for(self) -> None:
        clock = FakeClock()
        plan = committing(clock=clock)
        with pytest.raises(ThrottledError) as raised:
            plan.meet(Failure(Fault.THROTTLED, retry_after=11.0))
        assert plan.slept == []
        assert raised.value.retry_after == 11.0

    def test_each_attempt_is_given_the_time_that_is_left(self) -> None:
        clock = FakeClock()
        plan = committing(clock=clock)
        assert plan.kwargs["timeout"] == pytest.approx(10.0)
        clock.advance(4)
        plan.meet(Fault.LOST)
        assert plan.kwargs["timeout"] == pytest.approx(6.0, abs=0.001)

    def test_pauses_grow_and_stay_within_the_time(self) -> None:
        clock = FakeClock()
        plan = committing(clock=clock)
        with pytest.raises(StateError):
            for _ in range(1000):
                plan.meet(Fault.UNREACHED)
        assert sum(plan.slept) < 10
        assert max(plan.slept) <= 2.0
        assert len(plan.slept) > 5
