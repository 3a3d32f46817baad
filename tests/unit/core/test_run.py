"""The two runners: children, clean-up, cancellation, background jobs, threads and forks."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from statekit._core.clock import SystemClock
from statekit._core.plan import (
    Await,
    Call,
    Drain,
    Join,
    Plan,
    Sleep,
    Spawn,
    Start,
    Stop,
    Work,
    clean_up,
    gather,
)
from statekit._core.run import AsyncRunner, Runner
from statekit.testing import FakeClock


def call(function: Callable[..., Any], *args: Any) -> Plan[Any]:
    return (yield Call(function, args, {}))


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Interrupts are noticed, even where this run was started in the background, which is to ignore them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Sync:
    """Runs a plan in this thread."""

    native = False

    def __init__(self, threads: int = 8) -> None:
        self.runner = Runner(FakeClock(), threads)

    def run(self, plan: Plan[Any]) -> Any:
        try:
            return self.runner.run(plan)
        finally:
            self.runner.close()

    def method(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function


class Threaded:
    """Runs a plan in a task, whose calls run in threads."""

    native = False

    def __init__(self, threads: int = 8) -> None:
        self.threads = threads

    def run(self, plan: Plan[Any]) -> Any:
        runner = AsyncRunner(FakeClock(), native=self.native, threads=self.threads)
        try:
            return asyncio.run(runner.run(plan))
        finally:
            runner.close()

    def method(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function


class Native(Threaded):
    """Runs a plan in a task, whose calls are awaited."""

    native = True

    def method(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def method(*args: Any) -> Any:
            await asyncio.sleep(0)
            return function(*args)

        return method


@pytest.fixture(params=[Sync, Threaded, Native])
def way(request: pytest.FixtureRequest) -> Any:
    return request.param()


@pytest.fixture(autouse=True)
def no_thread_is_left_behind() -> Any:
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before and thread.name.startswith("statekit")]
    assert left == []


class TestPlans:
    def test_the_result_of_an_effect_is_sent_in_and_the_plan_s_is_returned(self, way: Any) -> None:
        def plan() -> Plan[int]:
            one = yield from call(way.method(lambda: 1))
            two = yield Work(lambda: 2)
            yield Sleep(100.0)
            return one + two

        assert way.run(plan()) == 3

    def test_one_without_effects_returns(self, way: Any) -> None:
        def plan() -> Plan[str]:
            yield from ()
            return "done"

        assert way.run(plan()) == "done"

    def test_what_an_effect_raises_is_thrown_in(self, way: Any) -> None:
        def fail() -> None:
            raise OSError("no")

        def plan() -> Plan[str]:
            try:
                yield from call(way.method(fail))
            except OSError as error:
                return f"caught {error}"
            return "never"

        assert way.run(plan()) == "caught no"

    def test_what_the_plan_raises_leaves_it(self, way: Any) -> None:
        def plan() -> Plan[None]:
            yield from call(way.method(lambda: None))
            raise LookupError("mine")

        with pytest.raises(LookupError, match="mine"):
            way.run(plan())

    def test_stop_iteration_from_a_method_does_not_end_the_plan_quietly(self) -> None:
        def plan() -> Plan[str]:
            yield Work(lambda: next(iter(())))
            return "went on"

        with pytest.raises(RuntimeError):
            Sync().run(plan())

    def test_an_asynchronous_effect_in_a_synchronous_runner_says_so(self) -> None:
        async def nothing() -> None: ...

        def plan() -> Plan[None]:
            yield Await(nothing)

        with pytest.raises(TypeError, match="asynchronous"):
            Sync().run(plan())

    def test_an_asynchronous_effect_is_awaited(self) -> None:
        async def seven() -> int:
            await asyncio.sleep(0)
            return 7

        def plan() -> Plan[int]:
            return (yield Await(seven))

        assert Native().run(plan()) == 7
        assert Threaded().run(plan()) == 7


class TestChildren:
    def test_results_come_in_the_order_of_their_start(self, way: Any) -> None:
        slow = threading.Event()

        def child(number: int) -> Plan[int]:
            if number == 0 and not way.native:
                yield Work(slow.wait)
            yield from call(way.method(lambda: None))
            slow.set()
            return number

        assert way.run(gather((child(n) for n in range(5)), 4)) == [0, 1, 2, 3, 4]

    def test_of_none_and_of_one_need_no_children(self, way: Any) -> None:
        assert way.run(gather((), 4)) == []
        assert way.run(gather((call(way.method(lambda: 1)) for _ in range(1)), 4)) == [1]

    def test_at_most_the_limit_run_at_once(self, way: Any) -> None:
        running: list[int] = []
        most = []
        lock = threading.Lock()

        def work() -> None:
            with lock:
                running.append(1)
                most.append(len(running))
            time.sleep(0.005)
            with lock:
                running.pop()

        def child() -> Plan[None]:
            yield Work(work)

        way.run(gather((child() for _ in range(12)), 3))
        assert len(most) == 12
        assert max(most) <= 3

    def test_the_first_failure_is_raised_once_no_other_runs(self, way: Any) -> None:
        ended: list[int] = []

        def child(number: int) -> Plan[None]:
            try:
                yield from call(way.method(lambda: None))
                if number == 1:
                    raise OSError("second")
                yield from call(way.method(lambda: None))
            finally:
                ended.append(number)

        def plan() -> Plan[Any]:
            try:
                return (yield from gather((child(n) for n in range(3)), 3))
            except OSError as error:
                return (str(error), len(ended))

        assert way.run(plan()) == ("second", 3)

    def test_children_that_have_not_begun_never_do_after_a_failure(self, way: Any) -> None:
        begun: list[int] = []

        def child(number: int) -> Plan[None]:
            begun.append(number)
            yield from call(way.method(lambda: None))
            raise OSError

        def plan() -> Plan[None]:
            for number in range(50):
                yield Start(child(number), 2)
            yield Join()

        with pytest.raises(OSError):
            way.run(plan())
        assert len(begun) < 50

    def test_drain_waits_for_all_that_began_whatever_becomes_of_them(self, way: Any) -> None:
        gate = threading.Event()
        begun: list[int] = []
        ended: list[int] = []

        def child(number: int) -> Plan[None]:
            begun.append(number)
            try:
                yield Work(gate.wait)
                raise OSError
            finally:
                ended.append(number)

        def plan() -> Plan[bool]:
            yield Start(child(0), 4)
            yield Start(child(1), 4)
            yield Work(gate.set)
            yield Drain()
            return sorted(begun) == sorted(ended)

        assert way.run(plan())

    def test_none_is_left_running_when_the_plan_fails_without_draining(self, way: Any) -> None:
        going = threading.Event()
        ended = threading.Event()

        def work() -> None:
            going.set()
            time.sleep(0.02)
            ended.set()

        def child() -> Plan[None]:
            yield Work(work)

        def plan() -> Plan[None]:
            yield Start(child(), 4)
            yield Work(going.wait)
            raise OSError

        with pytest.raises(OSError):
            way.run(plan())
        assert ended.is_set()


class Cancelled(BaseException):
    """Stands in for whatever interrupts a plan that is stepped by hand."""


class TestCleaningUp:
    def test_runs_to_the_end_and_the_error_goes_on(self, way: Any) -> None:
        cleaned: list[str] = []

        def clean() -> Plan[None]:
            yield from call(way.method(lambda: cleaned.append("one")))
            yield from call(way.method(lambda: cleaned.append("two")))

        def plan() -> Plan[None]:
            try:
                yield from call(way.method(lambda: 1 / 0))
            except BaseException as error:
                yield from clean_up(error, clean)
                raise

        with pytest.raises(ZeroDivisionError):
            way.run(plan())
        assert cleaned == ["one", "two"]

    def test_begins_again_when_it_is_interrupted_itself(self) -> None:
        cleaned: list[str] = []

        def clean() -> Plan[None]:
            yield Call(cleaned.append, ("one",), {})
            cleaned.append("done")

        def plan() -> Plan[None]:
            try:
                yield Sleep(1)
            except BaseException as error:
                yield from clean_up(error, clean)
                raise

        running = plan()
        running.send(None)
        running.throw(OSError())
        assert isinstance(running.throw(Cancelled()), Call)
        with pytest.raises(Cancelled):
            running.send(None)
        assert cleaned == ["done"]

    def test_is_left_out_when_the_plan_is_dropped_for_good(self) -> None:
        def plan() -> Plan[None]:
            try:
                yield Sleep(1)
            except BaseException as error:
                yield from clean_up(error, lambda: call(print))
                raise

        running = plan()
        running.send(None)
        running.close()

    @pytest.mark.usefixtures("interruptible")
    def test_after_a_keyboard_interrupt_the_plan_cleans_up(self) -> None:
        cleaned: list[str] = []

        def interrupted() -> None:
            signal.raise_signal(signal.SIGINT)

        def plan() -> Plan[None]:
            try:
                yield Call(interrupted, (), {})
            except BaseException as error:
                yield from clean_up(error, lambda: call(cleaned.append, "cleaned"))
                raise

        with pytest.raises(KeyboardInterrupt):
            Sync().run(plan())
        assert cleaned == ["cleaned"]


def cleaning_plan(waits: Callable[[], Any], steps: list[str], *, forever: bool = True) -> Plan[None]:
    """A plan that is cancelled while it waits, and cleans up in two steps."""

    def clean() -> Plan[None]:
        for step in ("one", "two"):
            yield Await(lambda: asyncio.sleep(0.005))
            steps.append(step)

    try:
        yield Await(waits)
    except BaseException as error:
        yield from clean_up(error, clean)
        raise


class TestCancellation:
    def test_is_thrown_in_and_cleaning_up_goes_on(self) -> None:
        steps: list[str] = []

        async def main() -> None:
            runner = AsyncRunner(SystemClock(), native=True)
            task = asyncio.create_task(runner.run(cleaning_plan(asyncio.Event().wait, steps)))
            await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert task.cancelled()

        asyncio.run(main())
        assert steps == ["one", "two"]

    def test_again_and_again_does_not_disturb_cleaning_up(self) -> None:
        steps: list[str] = []

        async def main() -> None:
            runner = AsyncRunner(SystemClock(), native=True)
            task = asyncio.create_task(runner.run(cleaning_plan(asyncio.Event().wait, steps)))
            await asyncio.sleep(0.005)
            for _ in range(8):
                task.cancel()
                await asyncio.sleep(0.001)
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())
        assert steps == ["one", "two"]

    def test_during_the_cleaning_up_after_an_ordinary_error_does_not_cut_it_short(self) -> None:
        steps: list[str] = []

        async def fails() -> None:
            raise OSError

        async def main() -> None:
            runner = AsyncRunner(SystemClock(), native=True)
            task = asyncio.create_task(runner.run(cleaning_plan(fails, steps)))
            await asyncio.sleep(0.002)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())
        assert steps[-2:] == ["one", "two"]

    def test_by_a_timeout_within_a_timeout_reaches_the_right_one(self) -> None:
        steps: list[str] = []

        async def main() -> str:
            runner = AsyncRunner(SystemClock(), native=True)
            async with asyncio.timeout(5):
                try:
                    async with asyncio.timeout(0.005):
                        await runner.run(cleaning_plan(asyncio.Event().wait, steps))
                except TimeoutError:
                    return "inner"
            return "none"

        assert asyncio.run(main()) == "inner"
        assert steps == ["one", "two"]

    def test_in_a_task_group_cleans_up(self) -> None:
        steps: list[str] = []

        async def fails() -> None:
            await asyncio.sleep(0.002)
            raise OSError

        async def main() -> None:
            runner = AsyncRunner(SystemClock(), native=True)
            async with asyncio.TaskGroup() as group:
                group.create_task(runner.run(cleaning_plan(asyncio.Event().wait, steps)))
                group.create_task(fails())

        with pytest.raises(ExceptionGroup) as raised:
            asyncio.run(main())
        assert raised.group_contains(OSError)
        assert steps == ["one", "two"]

    def test_of_a_native_plan_cancels_its_children(self) -> None:
        cancelled: list[int] = []

        async def forever() -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(1)
                raise

        def child() -> Plan[None]:
            yield Call(forever, (), {})

        async def main() -> None:
            runner = AsyncRunner(SystemClock(), native=True)
            task = asyncio.create_task(runner.run(gather((child() for _ in range(3)), 3)))
            await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())
        assert cancelled == [1, 1, 1]

    def test_of_a_threaded_plan_waits_for_its_children(self) -> None:
        ended: list[int] = []

        def slow() -> None:
            time.sleep(0.02)
            ended.append(1)

        def child() -> Plan[None]:
            yield Call(slow, (), {})

        async def main() -> None:
            runner = AsyncRunner(SystemClock(), native=False, threads=4)
            task = asyncio.create_task(runner.run(gather((child() for _ in range(3)), 3)))
            await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert ended == [1, 1, 1]
            runner.close()

        asyncio.run(main())

    def test_a_coroutine_that_is_closed_ends_quietly(self) -> None:
        async def main() -> None:
            runner = AsyncRunner(SystemClock(), native=True)
            coroutine = runner.run(cleaning_plan(asyncio.Event().wait, []))
            coroutine.send(None)
            coroutine.close()

        asyncio.run(main())


class TestBackground:
    def test_a_job_outlives_the_plan_that_spawned_it_and_ends_when_it_is_stopped(self) -> None:
        clock = FakeClock()
        ticks: list[int] = []

        def ticking() -> Plan[None]:
            while True:
                yield Sleep(10)
                ticks.append(clock.now())

        def spawn() -> Plan[Any]:
            return (yield Spawn(ticking()))

        def stop(job: Any) -> Plan[None]:
            yield Stop(job)

        runner = Runner(clock)
        job = runner.run(spawn())
        while not ticks:
            clock.advance(10)
            time.sleep(0.001)
        runner.run(stop(job))
        count = len(ticks)
        clock.advance(100)
        assert len(ticks) == count
        assert job.failure is None

    def test_a_job_that_does_nothing_ends_well(self) -> None:
        def nothing() -> Plan[None]:
            yield from ()

        def spawn() -> Plan[Any]:
            job = yield Spawn(nothing())
            yield Stop(job)
            return job

        assert Runner(FakeClock()).run(spawn()).failure is None

    def test_a_job_that_fails_says_why(self) -> None:
        def failing() -> Plan[None]:
            yield Work(lambda: 1 / 0)

        def spawn() -> Plan[Any]:
            job = yield Spawn(failing())
            yield Stop(job)
            return job

        assert isinstance(Runner(FakeClock()).run(spawn()).failure, ZeroDivisionError)

        async def main() -> Any:
            def waiting() -> Plan[Any]:
                job = yield Spawn(failing())
                yield Await(lambda: asyncio.sleep(0.02))
                yield Stop(job)
                return job

            runner = AsyncRunner(SystemClock(), native=True)
            job = await runner.run(waiting())
            runner.close()
            return job.failure

        assert isinstance(asyncio.run(main()), ZeroDivisionError)

    def test_a_job_of_an_asynchronous_runner_is_stopped_in_its_sleep(self) -> None:
        ended: list[str] = []

        def sleeping() -> Plan[None]:
            try:
                yield Sleep(3600)
            finally:
                ended.append("ended")

        def spawn() -> Plan[Any]:
            job = yield Spawn(sleeping())
            yield Await(lambda: asyncio.sleep(0))
            yield Stop(job)
            return job

        async def main() -> Any:
            return await AsyncRunner(SystemClock(), native=True).run(spawn())

        assert asyncio.run(main()).failure is None
        assert ended == ["ended"]

    def test_a_job_can_stop_itself_without_waiting_for_itself(self) -> None:
        jobs: list[Any] = []

        def stopping() -> Plan[None]:
            while not jobs:
                yield Sleep(0)
            yield Stop(jobs[0])
            yield Sleep(3600)

        def spawn() -> Plan[Any]:
            return (yield Spawn(stopping()))

        clock = SystemClock()
        runner = Runner(clock)
        jobs.append(runner.run(spawn()))
        jobs[0]._thread.join(5)
        assert not jobs[0]._thread.is_alive()


class TestThreads:
    def test_many_threads_share_one_runner(self) -> None:
        runner = Runner(FakeClock(), 4)
        results: list[list[int]] = []

        def work() -> None:
            results.append(runner.run(gather((call(lambda n=n: n) for n in range(6)), 3)))

        threads = [threading.Thread(target=work) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        runner.close()
        assert results == [list(range(6))] * 10

    def test_closing_twice_is_closing_once(self) -> None:
        runner = Runner(FakeClock(), 4)
        runner.run(gather((call(lambda: None) for _ in range(3)), 3))
        runner.close()
        runner.close()

    def test_none_is_started_where_none_is_needed(self) -> None:
        before = threading.active_count()
        Runner(FakeClock()).run(call(lambda: None))
        assert threading.active_count() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_threads_of_its_own() -> None:
    runner = Runner(FakeClock(), 2)
    assert runner.run(gather((call(lambda n=n: n) for n in range(4)), 2)) == [0, 1, 2, 3]
    child = os.fork()
    if child == 0:
        same = runner.run(gather((call(lambda n=n: n) for n in range(4)), 2)) == [0, 1, 2, 3]
        os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert runner.run(gather((call(lambda n=n: n) for n in range(4)), 2)) == [0, 1, 2, 3]
    runner.close()
