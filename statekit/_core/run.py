"""The two runners: the only place that knows threads, ``await`` and sleeping.

Both send an effect's result into the plan, throw into it what the effect raised, cancellation included, and go on with
whatever the plan then does to clean up. The asynchronous runner shields that from further cancellation; the plan's own
timeouts bound it.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from .clock import Clock
from .plan import Await, Begin, Call, Collect, Drain, Drop, Effect, Join, Plan, Sleep, Spawn, Start, Stop, Work

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future, ThreadPoolExecutor

__all__ = ["AsyncRunner", "Runner"]

T = TypeVar("T")


_POOLS: Final[weakref.WeakSet[_Pool]] = weakref.WeakSet()
_OURS: Final = threading.local()


def _mark_as_ours() -> None:
    _OURS.thread = True


class _Pool:
    """statekit's own threads, started when first needed; a forked child starts its own."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self.forget()
        _POOLS.add(self)

    def forget(self) -> None:
        """Begin anew without the parent's threads, which a forked child does not have."""
        self._lock = threading.Lock()
        self._executor: ThreadPoolExecutor | None = None

    def submit(self, function: Callable[..., T], *args: Any) -> Future[T]:
        """Run a function in a thread."""
        return self.executor().submit(function, *args)

    def executor(self) -> ThreadPoolExecutor:
        """Return the threads."""
        with self._lock:
            if self._executor is None:
                from concurrent.futures import ThreadPoolExecutor

                self._executor = ThreadPoolExecutor(self._threads, "statekit", initializer=_mark_as_ours)
            return self._executor

    def close(self) -> None:
        """Let the threads end once they have done what they began."""
        with self._lock:
            if self._executor is not None:
                self._executor.shutdown(wait=True)
                self._executor = None


def _forget_all() -> None:
    for pool in list(_POOLS):
        pool.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


class Runner:
    """Runs plans in the calling thread; children run in statekit's threads.

    Args:
        clock: What to wait by.
        threads: How many children may run at once, of all plans together.
    """

    def __init__(self, clock: Clock, threads: int = 8) -> None:
        self._clock = clock
        self._pool = _Pool(threads)

    def run(self, plan: Plan[T]) -> T:
        """Run a plan to its end and return its result."""
        crew: _Crew | None = None
        try:
            effect = plan.send(None)
            while True:
                try:
                    if type(effect) is Call:
                        result = effect.method(*effect.args, **effect.kwargs)
                    elif isinstance(effect, Start | Join | Drain):
                        crew = crew or _Crew(self)
                        result = crew.perform(effect)
                    else:
                        result = self._perform(effect)
                except BaseException as exc:  # noqa: BLE001 - the plan decides, cancellation included
                    effect = plan.throw(exc)
                else:
                    effect = plan.send(result)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # a generator's result has the plan's type
        finally:
            if crew is not None:
                crew.drain()

    def _perform(self, effect: Effect) -> Any:  # noqa: PLR0911 - one for each effect
        match effect:
            case Work(function):
                return function()
            case Sleep(seconds):
                return self._clock.sleep(seconds)
            case Begin(plan):
                return _ThreadErrand(self, plan)
            case Collect(errand):
                return cast("_ThreadErrand", errand).collect()
            case Drop(errand):
                return cast("_ThreadErrand", errand).drop()
            case Spawn(plan):
                return _ThreadJob(self, self._clock, plan)
            case Stop(job):
                return cast("_ThreadJob", job).end()
            case _:
                message = f"{type(effect).__name__} needs an asynchronous store"
                raise TypeError(message)

    def submit(self, plan: Plan[T]) -> Future[T]:
        """Run a child in a thread."""
        return self._pool.submit(self.run, plan)

    def close(self) -> None:
        """Let the threads end."""
        self._pool.close()


class _Crew:
    """The children of one plan in threads."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._children: list[Future[Any]] = []

    def perform(self, effect: Start | Join | Drain) -> Any:
        match effect:
            case Start(plan, limit):
                self._await_room(limit)
                self._children.append(self._runner.submit(plan))
                return None
            case Join():
                self._await_room(1)
                children, self._children = self._children, []
                return [child.result() for child in children]
            case Drain():
                return self.drain()

    def _await_room(self, limit: int) -> None:
        """Wait until fewer than ``limit`` run; raise what one of them raised once none runs any more."""
        from concurrent.futures import FIRST_COMPLETED, wait

        while True:
            running = [child for child in self._children if not child.done()]
            failed = next((child for child in self._children if child.done() and child.exception()), None)
            if failed is not None:
                self.drain()
                failed.result()
            if len(running) < limit:
                return
            wait(running, return_when=FIRST_COMPLETED)

    def drain(self) -> None:
        """Drop the children that have not begun and wait for the others."""
        from concurrent.futures import wait

        running = [child for child in self._children if not child.cancel()]
        self._children = []
        wait(running)


class _ThreadErrand:
    """A plan in one of statekit's threads that its beginner does not wait for."""

    def __init__(self, runner: Runner, plan: Callable[[], Plan[Any]]) -> None:
        self._runner, self._plan = runner, plan
        self._process = os.getpid()
        self._future = runner.submit(plan())

    def collect(self) -> Any:
        """Return the result. What no thread has begun, or none of this process's, is done in this one."""
        if self._process != os.getpid() or self._future.cancel():
            return self._runner.run(self._plan())
        return self._future.result()

    def drop(self) -> None:
        """Keep it from beginning, or wait for its end.

        One of statekit's threads does not wait: the garbage collector may have chosen it to close a forgotten reader,
        and it might be the one that is waited for.
        """
        from concurrent.futures import wait

        if self._process == os.getpid() and not self._future.cancel() and not hasattr(_OURS, "thread"):
            wait((self._future,))


class _ThreadJob:
    """A background plan in a daemon thread of its own, so that it never keeps a process from ending."""

    failure: BaseException | None = None

    def __init__(self, runner: Runner, clock: Clock, plan: Plan[None]) -> None:
        self._runner, self._clock, self._plan = runner, clock, plan
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="statekit-background", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._runner.run(self._interruptible())
        except BaseException as exc:  # noqa: BLE001 - kept for whoever looks at the job
            self.failure = exc

    def _interruptible(self) -> Plan[None]:
        """Pass the plan's effects on; a sleep ends when the job is stopped, and so does the plan."""
        step: Callable[[], Effect] = partial(self._plan.send, None)
        while True:
            try:
                effect = step()
            except StopIteration:
                return None
            try:
                if isinstance(effect, Sleep):
                    if self._clock.wait(self._ended, effect.seconds):
                        return self._plan.close()
                    result = None
                else:
                    result = yield effect
            except BaseException as exc:  # noqa: BLE001 - the plan decides
                step = partial(self._plan.throw, exc)
            else:
                step = partial(self._plan.send, result)

    def end(self) -> None:
        """End it and wait for it."""
        self._ended.set()
        if self._thread is not threading.current_thread():
            self._thread.join()


class AsyncRunner:
    """Runs plans in the calling task; children are tasks.

    Args:
        clock: What to wait by.
        native: Whether the drivers' methods are coroutine functions. Otherwise they run in statekit's threads.
        threads: How many of those there may be.
    """

    def __init__(self, clock: Clock, *, native: bool, threads: int = 32) -> None:
        self._clock = clock
        self._sleep = clock.asleep
        self._native = native
        self._pool = _Pool(threads)

    async def run(self, plan: Plan[T]) -> T:
        """Run a plan to its end and return its result."""
        crew = _AsyncCrew(self, cancel=self._native)
        try:
            return await self._drive(plan, plan.send(None), crew)  # type: ignore[no-any-return]  # as below
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # a generator's result has the plan's type
        finally:
            if crew.children:
                await crew.drain()

    async def _drive(self, plan: Plan[Any], effect: Effect, crew: _AsyncCrew) -> Any:
        """Go on from an effect to the plan's end."""
        try:
            while True:
                try:
                    if self._native and type(effect) is Call:
                        result = await effect.method(*effect.args, **effect.kwargs)
                    else:
                        result = await self._perform(effect, crew)
                except Exception as exc:  # noqa: BLE001 - the plan decides
                    effect = plan.throw(exc)
                except BaseException as exc:  # noqa: BLE001 - a cancellation: the plan may clean up, undisturbed
                    effect = plan.throw(exc)
                    return await self._shielded(self._drive(plan, effect, crew))
                else:
                    effect = plan.send(result)
        except StopIteration as end:
            return end.value

    async def _shielded(self, rest: Coroutine[Any, Any, Any]) -> Any:
        """Let a cancelled plan clean up to its end; further cancellations change nothing."""
        import asyncio

        task = asyncio.ensure_future(rest)
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError:
                continue
        return task.result()

    async def _perform(self, effect: Effect, crew: _AsyncCrew) -> Any:  # noqa: C901, PLR0911 - one for each effect
        match effect:
            case Call():
                return await self._called(effect)
            case Work(function):
                return await self._in_thread(function)
            case Await(function):
                return await function()
            case Sleep(seconds):
                return await self._sleep(seconds)
            case Start() | Join() | Drain():
                return await crew.perform(effect)
            case Begin(plan):
                return _TaskErrand(self, plan, cancel=self._native)
            case Collect(errand):
                return await cast("_TaskErrand", errand).collect()
            case Drop(errand):
                return await cast("_TaskErrand", errand).drop()
            case Spawn(plan):
                return _TaskJob(self._beside().run(plan))
            case Stop(job):
                return await cast("_TaskJob", job).end()

    def _beside(self) -> AsyncRunner:
        """Return a runner for the background, where a sleep never moves a clock that is set by hand."""
        from copy import copy

        other = copy(self)
        other._sleep = self._clock.idle  # noqa: SLF001 - another one of these
        return other

    async def _called(self, call: Call) -> Any:
        """Call a driver in a thread; one that is native all the same, where two backends meet, is awaited."""
        from inspect import iscoroutinefunction

        if iscoroutinefunction(call.method):
            return await call.method(*call.args, **call.kwargs)
        return await self._in_thread(lambda: call.method(*call.args, **call.kwargs))

    async def _in_thread(self, function: Callable[[], T]) -> T:
        import asyncio

        return await asyncio.wrap_future(self._pool.submit(function))

    def close(self) -> None:
        """Let the threads end."""
        self._pool.close()


class _AsyncCrew:
    """The children of one plan as tasks.

    Args:
        runner: What runs them.
        cancel: Whether cancelling a child ends its request. A thread cannot be cancelled: it is waited for.
    """

    def __init__(self, runner: AsyncRunner, *, cancel: bool) -> None:
        self._runner = runner
        self._cancel = cancel
        self.children: list[asyncio.Task[Any]] = []

    async def perform(self, effect: Start | Join | Drain) -> Any:
        import asyncio

        match effect:
            case Start(plan, limit):
                await self._await_room(limit)
                self.children.append(asyncio.ensure_future(self._runner.run(plan)))
                return None
            case Join():
                await self._await_room(1)
                children, self.children = self.children, []
                return [child.result() for child in children]
            case Drain():
                return await self.drain()

    async def _await_room(self, limit: int) -> None:
        import asyncio

        while True:
            running = [child for child in self.children if not child.done()]
            failed = next((child for child in self.children if child.done() and child.exception()), None)
            if failed is not None:
                await self.drain()
                failed.result()
            if len(running) < limit:
                return
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)

    async def drain(self) -> None:
        import asyncio

        children, self.children = self.children, []
        if self._cancel:
            for child in children:
                child.cancel()
        await asyncio.gather(*children, return_exceptions=True)


class _TaskErrand:
    """A plan in a task that its beginner does not wait for.

    Args:
        runner: What runs it.
        plan: Makes it.
        cancel: Whether cancelling it ends its request. A thread cannot be cancelled: it is waited for.
    """

    def __init__(self, runner: AsyncRunner, plan: Callable[[], Plan[Any]], *, cancel: bool) -> None:
        import asyncio

        self._cancel = cancel
        self._task: asyncio.Task[Any] = asyncio.ensure_future(runner.run(plan()))
        self._task.add_done_callback(_seen)

    async def collect(self) -> Any:
        """Return the result. Whoever is cancelled meanwhile may still drop it."""
        import asyncio

        await asyncio.wait((self._task,))
        return self._task.result()

    async def drop(self) -> None:
        """Cancel it, where that helps, and wait for its end."""
        import asyncio

        if self._cancel:
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def _seen(task: asyncio.Task[Any]) -> None:
    """Look at what ended a task, which asyncio otherwise complains of where a reader is forgotten."""
    if not task.cancelled():
        task.exception()


class _TaskJob:
    """A background plan as a task."""

    def __init__(self, coroutine: Any) -> None:
        import asyncio

        self._task: asyncio.Task[None] = asyncio.ensure_future(coroutine)

    @property
    def failure(self) -> BaseException | None:
        """What ended it, if an exception did."""
        done = self._task.done() and not self._task.cancelled()
        return self._task.exception() if done else None

    async def end(self) -> None:
        """End it and wait for it."""
        import asyncio

        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
