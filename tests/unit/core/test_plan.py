"""Plans: effects side by side, and cleaning up."""

from __future__ import annotations

import pytest

from statekit._core.plan import Call, Join, Plan, Sleep, Start, clean_up, gather


def plan_of(value: int) -> Plan[int]:
    yield Sleep(0)
    return value


def test_gathering_none_yields_nothing() -> None:
    with pytest.raises(StopIteration) as ended:
        gather((), 4).send(None)
    assert ended.value.value == []


def test_gathering_one_runs_it_in_place() -> None:
    gathered = gather([plan_of(1)], 4)
    assert gathered.send(None) == Sleep(0)
    with pytest.raises(StopIteration) as ended:
        gathered.send(None)
    assert ended.value.value == [1]


def test_gathering_several_starts_them_and_joins() -> None:
    plans = [plan_of(n) for n in range(3)]
    gathered = gather(plans, 2)
    assert gathered.send(None) == Start(plans[0], 2)
    assert gathered.send(None) == Start(plans[1], 2)
    assert gathered.send(None) == Start(plans[2], 2)
    assert gathered.send(None) == Join()
    with pytest.raises(StopIteration) as ended:
        gathered.send([0, 1, 2])
    assert ended.value.value == [0, 1, 2]
    for plan in plans:
        plan.close()


def test_gathering_takes_plans_as_it_starts_them() -> None:
    made: list[int] = []

    def make():
        for n in range(4):
            made.append(n)
            yield plan_of(n)

    gathered = gather(make(), 2)
    gathered.send(None)
    assert made == [0, 1]
    gathered.close()


class Interrupted(BaseException):
    """Not an Exception."""


def cleaning(log: list[str], error: BaseException | None) -> Plan[None]:
    def clean() -> Plan[None]:
        log.append("begins")
        yield Call(print, (), {})
        log.append("ends")

    yield from clean_up(error, clean)


def test_cleaning_up_runs_once() -> None:
    log: list[str] = []
    plan = cleaning(log, OSError())
    plan.send(None)
    with pytest.raises(StopIteration):
        plan.send(None)
    assert log == ["begins", "ends"]


def test_cleaning_up_that_fails_is_not_repeated() -> None:
    log: list[str] = []
    plan = cleaning(log, OSError())
    plan.send(None)
    with pytest.raises(LookupError):
        plan.throw(LookupError())
    assert log == ["begins"]


def test_cleaning_up_that_is_interrupted_is_repeated_and_the_interruption_goes_on() -> None:
    log: list[str] = []
    plan = cleaning(log, OSError())
    plan.send(None)
    plan.throw(Interrupted())
    with pytest.raises(Interrupted):
        plan.send(None)
    assert log == ["begins", "begins", "ends"]


def test_a_dropped_plan_cleans_nothing_up() -> None:
    log: list[str] = []
    with pytest.raises(StopIteration):
        cleaning(log, GeneratorExit()).send(None)
    assert log == []


def test_cleaning_up_without_an_error_is_cleaning_up() -> None:
    log: list[str] = []
    plan = cleaning(log, None)
    plan.send(None)
    plan.close()
    assert log == ["begins"]
