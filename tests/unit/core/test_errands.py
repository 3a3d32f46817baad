"""Errands: plans that are begun ahead of their need, in both runners, and through a fork."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from statekit._core.plan import Begin, Call, Collect, Drop, Errand, Plan, Work
from statekit._core.run import AsyncRunner, Runner
from statekit.testing import FakeClock


def begin(plan: Callable[[], Plan[Any]]) -> Plan[Errand]:
    return (yield Begin(plan))


def collect(errand: Errand) -> Plan[Any]:
    return (yield Collect(errand))


def drop(errand: Errand) -> Plan[None]:
    yield Drop(errand)


def fails() -> Plan[None]:
    yield Work(lambda: None)
    raise LookupError("mine")


def answers(number: int) -> Plan[int]:
    return (yield Work(lambda: number))


class InThreads:
    """Two plans of one synchronous runner, one after the other."""

    def __init__(self) -> None:
        self.runner = Runner(FakeClock(), 2)

    def run(self, begun: Callable[[], Plan[Any]], then: Callable[[Errand], Plan[Any]]) -> Any:
        return self.runner.run(then(self.runner.run(begin(begun))))

    def close(self) -> None:
        self.runner.close()


class InTasks:
    """The same of an asynchronous one."""

    native = False

    def run(self, begun: Callable[[], Plan[Any]], then: Callable[[Errand], Plan[Any]]) -> Any:
        async def main() -> Any:
            runner = AsyncRunner(FakeClock(), native=self.native, threads=2)
            try:
                return await runner.run(then(await runner.run(begin(begun))))
            finally:
                runner.close()

        return asyncio.run(main())

    def close(self) -> None:
        """Nothing is left open."""


class Natively(InTasks):
    native = True


@pytest.fixture(params=[InThreads, InTasks, Natively])
def way(request: pytest.FixtureRequest) -> Iterator[Any]:
    way = request.param()
    yield way
    way.close()


@pytest.fixture(autouse=True)
def no_thread_is_left_behind() -> Any:
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before and thread.name.startswith("statekit")]
    assert left == []


class Gate:
    """Occupies threads until it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.passed = 0

    def plan(self) -> Plan[int]:
        yield Work(self.opened.wait)
        self.passed += 1
        return self.passed


def test_another_plan_collects_the_result(way: Any) -> None:
    assert way.run(lambda: answers(7), collect) == 7


def test_what_it_raised_is_raised_in_whoever_collects_it(way: Any) -> None:
    def collected(errand: Errand) -> Plan[str]:
        try:
            yield Collect(errand)
        except LookupError as error:
            return str(error)
        return "never"

    assert way.run(fails, collected) == "mine"


def test_what_it_raised_is_nobody_s_once_it_is_dropped(way: Any) -> None:
    assert way.run(fails, drop) is None


def test_one_that_no_thread_has_begun_is_done_by_whoever_collects_it() -> None:
    runner, gate = Runner(FakeClock(), 1), Gate()
    blocking = runner.run(begin(gate.plan))
    waiting = runner.run(begin(lambda: answers(2)))
    assert runner.run(collect(waiting)) == 2
    gate.opened.set()
    assert runner.run(collect(blocking)) == 1
    runner.close()


def test_one_that_no_thread_has_begun_never_begins_once_it_is_dropped() -> None:
    runner, gate, begun = Runner(FakeClock(), 1), Gate(), []
    blocking = runner.run(begin(gate.plan))
    runner.run(drop(runner.run(begin(lambda: (yield Work(lambda: begun.append(1)))))))
    gate.opened.set()
    runner.run(collect(blocking))
    runner.close()
    assert begun == []


@pytest.mark.parametrize("way", [InThreads, InTasks])
def test_dropping_waits_for_what_a_thread_has_begun(way: Any) -> None:
    gate, began = Gate(), threading.Event()

    def blocked() -> Plan[int]:
        yield Work(began.set)
        return (yield from gate.plan())

    def opened_meanwhile(errand: Errand) -> Plan[int]:
        yield Work(began.wait)
        threading.Timer(0.01, gate.opened.set).start()
        yield Drop(errand)
        return gate.passed

    ways = way()
    assert ways.run(blocked, opened_meanwhile) == 1
    ways.close()


def test_dropping_cancels_what_is_awaited() -> None:
    ended: list[str] = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async def main() -> None:
        runner = AsyncRunner(FakeClock(), native=True)
        errand = await runner.run(begin(lambda: (yield Call(forever, (), {}))))
        await asyncio.sleep(0)
        await runner.run(drop(errand))
        assert ended == ["cancelled"]

    asyncio.run(main())


def test_whoever_is_cancelled_while_collecting_leaves_the_errand_to_be_dropped() -> None:
    async def main() -> None:
        runner = AsyncRunner(FakeClock(), native=True)
        errand = await runner.run(begin(lambda: (yield Call(asyncio.Event().wait, (), {}))))
        collecting = asyncio.create_task(runner.run(collect(errand)))
        await asyncio.sleep(0)
        collecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await collecting
        await runner.run(drop(errand))
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_one_that_fails_and_is_forgotten_is_no_complaint() -> None:
    complaints: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
        runner = AsyncRunner(FakeClock(), native=True)
        await runner.run(begin(lambda: fails()))
        await asyncio.sleep(0.001)
        runner.close()

    asyncio.run(main())
    gc.collect()
    assert complaints == []


def test_a_thread_of_statekit_s_never_waits_for_another_one() -> None:
    """The garbage collector may close a forgotten reader in the very thread that reads ahead for it."""
    runner, errands = Runner(FakeClock(), 1), []
    ready = threading.Event()

    def drops_itself() -> Plan[str]:
        yield Work(ready.wait)
        yield Drop(errands[0])
        return "done"

    errands.append(runner.run(begin(drops_itself)))
    ready.set()
    runner.close()
    assert runner.run(collect(errands[0])) == "done"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_does_anew_what_its_parent_began_and_waits_for_nothing_of_it() -> None:
    parent, runner, gate = os.getpid(), Runner(FakeClock(), 1), threading.Event()

    def whose() -> Plan[bool]:
        return (yield Work(lambda: os.getpid() == parent and gate.wait()))

    errands = [runner.run(begin(whose)) for _ in range(2)]
    child = os.fork()
    if child == 0:
        right = runner.run(collect(errands[0])) is False
        runner.run(drop(errands[1]))
        os._exit(0 if right else 1)
    assert os.waitpid(child, 0)[1] == 0
    gate.set()
    assert [runner.run(collect(errand)) for errand in errands] == [True, True]
    runner.close()
