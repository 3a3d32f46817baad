"""Plans run by asyncio.

The asynchronous runner shields a plan's cleaning up from further cancellation; the plan's own timeouts bound it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar, cast

from .clock import Clock
from .plan import Await, Begin, Call, Collect, Drain, Drop, Effect, Join, Plan, Sleep, Spawn, Start, Stop, Work
from .pool import Pool

if TYPE_CHECKING:
    import asyncio

__all__ = ["AsyncRunner"]

T = TypeVar("T")


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
        self._pool = Pool(threads)

    def run(self, plan: Plan[T]) -> Coroutine[Any, Any, T]:
        """Return what runs a plan to its end and returns its result."""
        return self._drive(plan)

    async def _drive(self, plan: Plan[Any], effect: Effect | None = None, crew: _AsyncCrew | None = None) -> Any:
        """Go on to the plan's end, from its beginning or from an effect."""
        try:
            if effect is None:
                effect = plan.send(None)
            while True:
                try:
                    if type(effect) is Call and self._native:
                        result = await effect.method(*effect.args, **effect.kwargs)
                    elif isinstance(effect, Start | Join | Drain):
                        crew = crew or _AsyncCrew(self, cancel=self._native)
                        result = await crew.perform(effect)
                    else:
                        result = await self._perform(effect)
                except Exception as exc:  # noqa: BLE001 - the plan decides
                    effect = plan.throw(exc)
                except BaseException as exc:  # noqa: BLE001 - a cancellation: the plan may clean up, undisturbed
                    effect = plan.throw(exc)
                    return await self._shielded(self._drive(plan, effect, crew))
                else:
                    effect = plan.send(result)
        except StopIteration as end:
            return end.value
        finally:
            if crew is not None and crew.children:
                await crew.drain()

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

    async def _perform(self, effect: Effect) -> Any:  # noqa: PLR0911 - one for each effect
        match effect:
            case Call():
                return await self._called(effect)
            case Work(function):
                return await self._in_thread(function)
            case Await(function):
                return await function()
            case Sleep(seconds):
                return await self._sleep(seconds)
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
