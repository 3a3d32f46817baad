"""A driver that loses, delays and refuses what it is told to, in front of one that works."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

from statekit.driver import Failure, Fault

from .failing import Met, explain

__all__ = ["FaultyDriver"]


class _How(Enum):
    """What becomes of a request."""

    REFUSED = "never delivered, and that is known"
    RESET = "never delivered, and that is not known"
    UNANSWERED = "delivered, and its reply is lost"
    DELAYED = "delivered when the test says so"
    DOUBLED = "delivered twice"


@dataclass(slots=True)
class _Plan:
    method: str | None
    how: _How
    met: Failure
    skip: int
    times: int


class FaultyDriver:
    """Wraps any driver, of either colour, and injects faults into the calls that it was told to.

    Without orders it passes everything on, attributes included, so that it offers what the wrapped driver offers::

        driver = FaultyDriver(MemoryRecords())
        driver.lose_reply("write")
        state.sessions.save(session)  # the first write is applied, its answer is a broken connection

    Orders apply to the calls of their method (None: of any method) in the order in which they were given. Each takes
    ``skip``, the calls that pass before, and ``times``, how many calls it applies to.

    Args:
        driver: A RecordDriver or an ObjectDriver, or an asynchronous one.

    Attributes:
        calls: The methods that were called, in order.
        delivered: The methods that reached the wrapped driver, in order.
    """

    def __init__(self, driver: Any) -> None:
        self._driver = driver
        self._lock = threading.Lock()
        self._plans: list[_Plan] = []
        self._waiting: list[Callable[[], Any]] = []
        self.calls: list[str] = []
        self.delivered: list[str] = []

    def lose_reply(
        self, method: str | None = None, *, fault: Fault = Fault.LOST, skip: int = 0, times: int = 1
    ) -> None:
        """Deliver the request, and raise ``fault`` instead of answering."""
        self._add(method, _How.UNANSWERED, Failure(fault), skip, times)

    def reset(self, method: str | None = None, *, fault: Fault = Fault.LOST, skip: int = 0, times: int = 1) -> None:
        """Raise ``fault`` without ever delivering the request."""
        self._add(method, _How.RESET, Failure(fault), skip, times)

    def delay(
        self, method: str | None = None, *, fault: Fault = Fault.TIMED_OUT, skip: int = 0, times: int = 1
    ) -> None:
        """Raise ``fault`` now, and deliver the request when ``deliver`` is called."""
        self._add(method, _How.DELAYED, Failure(fault), skip, times)

    def double(self, method: str | None = None, *, skip: int = 0, times: int = 1) -> None:
        """Deliver the request twice and answer what the second delivery is answered, as a proxy that repeats does."""
        self._add(method, _How.DOUBLED, Failure(Fault.LOST), skip, times)

    def refuse(
        self,
        method: str | None = None,
        *,
        fault: Fault = Fault.UNREACHED,
        retry_after: float | None = None,
        skip: int = 0,
        times: int = 1,
    ) -> None:
        """Raise a fault that proves that nothing was applied, such as BUSY, THROTTLED or DENIED."""
        self._add(method, _How.REFUSED, Failure(fault, retry_after), skip, times)

    def deliver(self, which: int | None = None) -> list[Any]:
        """Deliver the delayed requests, or one of them by its place, and return what nobody waits for any more.

        For an asynchronous driver these are coroutines, to be awaited.
        """
        with self._lock:
            if which is None:
                late, self._waiting = self._waiting, []
            else:
                late = [self._waiting.pop(which)]
        return [request() for request in late]

    @property
    def waiting(self) -> int:
        """How many delayed requests have not been delivered."""
        return len(self._waiting)

    def _add(self, method: str | None, how: _How, met: Failure, skip: int, times: int) -> None:
        with self._lock:
            self._plans.append(_Plan(method, how, met, skip, times))

    def fault(self, exc: BaseException, /) -> Failure:
        """Explain an exception, the wrapped driver's own included."""
        failure: Failure = explain(exc) or self._driver.fault(exc)
        return failure

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._driver, name)
        if name.startswith("_") or not callable(found):
            return found
        return partial(self._send_native if inspect.iscoroutinefunction(found) else self._send, name, found)

    def _send(self, name: str, method: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        def request() -> Any:
            self.delivered.append(name)
            return method(*args, **kwargs)

        plan = self._order(name)
        if plan is None:
            return request()
        if plan.how is _How.DELAYED:
            self._waiting.append(request)
        if plan.how in (_How.UNANSWERED, _How.DOUBLED):
            request()
        if plan.how is _How.DOUBLED:
            return request()
        raise Met(plan.met)

    async def _send_native(self, name: str, method: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        async def request() -> Any:
            self.delivered.append(name)
            return await method(*args, **kwargs)

        plan = self._order(name)
        if plan is None:
            return await request()
        if plan.how is _How.DELAYED:
            self._waiting.append(request)
        if plan.how in (_How.UNANSWERED, _How.DOUBLED):
            await request()
        if plan.how is _How.DOUBLED:
            return await request()
        raise Met(plan.met)

    def _order(self, name: str) -> _Plan | None:
        """Return the first order for this call, counting it."""
        with self._lock:
            self.calls.append(name)
            for plan in self._plans:
                if plan.method not in (None, name):
                    continue
                if plan.skip:
                    plan.skip -= 1
                    return None
                plan.times -= 1
                if not plan.times:
                    self._plans.remove(plan)
                return plan
            return None
