"""Plans run in threads.

Both runners, this one and the asynchronous one in ``_core/arun.py``, send an effect's result into the plan, throw into
it what the effect raised, cancellation included, and go on with whatever the plan then does to clean up.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from .clock import Clock
from .plan import Begin, Call, Collect, Drain, Drop, Effect, Join, Plan, Sleep, Spawn, Start, Stop, Work
from .pool import Pool, is_ours

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["Runner"]

T = TypeVar("T")


class Runner:
    """Runs plans in the calling thread; children run in statekit's threads.

    Args:
        clock: What to wait by.
        threads: How many children may run at once, of all plans together.
    """

    def __init__(self, clock: Clock, threads: int = 8) -> None:
        self._clock = clock
        self._pool = Pool(threads)

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

        if self._process == os.getpid() and not self._future.cancel() and not is_ours():
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
