"""For cases in which something has to happen at one exact moment: in front of a request, or to a request itself."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from statekit.errors import StateError
from statekit.state import AsyncState, State
from statekit.testing import FaultyDriver, backend_of
from statekit.types import Event
from statekit_conformance.subject import StoreView, Subject

__all__ = ["Interposed", "Pausing", "together"]


def together(functions: Sequence[Callable[[], Any]]) -> list[Any]:
    """Call functions in threads of their own, all at once; a StateError is an outcome like any other."""
    gate = threading.Barrier(len(functions))

    def begin(function: Callable[[], Any]) -> Any:
        gate.wait()
        try:
            return function()
        except StateError as error:
            return error

    with ThreadPoolExecutor(len(functions)) as pool:
        return [outcome.result() for outcome in [pool.submit(begin, function) for function in functions]]


@dataclass(slots=True)
class _Order:
    method: str
    skip: int
    before: Callable[[], Any] | None = None
    after: Callable[[Any], Any] | None = None
    change: Callable[[Any], Any] | None = None
    argument: int = 0

    def arguments(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the arguments as they are to be sent."""
        if self.change is None:
            return args
        return (*args[: self.argument], self.change(args[self.argument]), *args[self.argument + 1 :])

    def answer(self, answer: Any) -> Any:
        """Return the answer as it is to be seen."""
        return answer if self.after is None else self.after(answer)


class Pausing:
    """A driver, of either colour, in front of which other things can happen.

    Attributes:
        calls: The methods that were called, in order.
    """

    def __init__(self, driver: Any) -> None:
        self._driver = driver
        self._orders: list[_Order] = []
        self._hidden: set[str] = set()
        self._lock = threading.Lock()
        self.calls: list[str] = []

    def hide(self, name: str) -> None:
        """Offer less than the driver behind does."""
        self._hidden.add(name)

    def before(self, method: str, action: Callable[[], Any], *, skip: int = 0) -> None:
        """Let something happen once, before a call of ``method`` is delivered; ``skip`` of them pass first."""
        self._orders.append(_Order(method, skip, action, None))

    def sending(self, method: str, change: Callable[[Any], Any], *, argument: int, skip: int = 0) -> None:
        """Change one of a call's positional arguments once."""
        self._orders.append(_Order(method, skip, None, None, change, argument))

    def answering(self, method: str, change: Callable[[Any], Any], *, skip: int = 0) -> None:
        """Change an answer once."""
        self._orders.append(_Order(method, skip, None, change))

    def __getattr__(self, name: str) -> Any:
        if name in self._hidden:
            raise AttributeError(name)
        found = getattr(self._driver, name)
        if name.startswith("_") or name == "fault" or not callable(found):
            return found
        return partial(self._send_native if inspect.iscoroutinefunction(found) else self._send, name, found)

    def _send(self, name: str, method: Callable[..., Any], /, *args: Any, **options: Any) -> Any:
        order = self._order(name)
        if order is None:
            return method(*args, **options)
        if order.before:
            order.before()
        return order.answer(method(*order.arguments(args), **options))

    async def _send_native(self, name: str, method: Callable[..., Any], /, *args: Any, **options: Any) -> Any:
        order = self._order(name)
        if order is None:
            return await method(*args, **options)
        if order.before:
            await asyncio.to_thread(order.before)
        return order.answer(await method(*order.arguments(args), **options))

    def _order(self, name: str) -> _Order | None:
        with self._lock:
            self.calls.append(name)
            for order in self._orders:
                if order.method != name:
                    continue
                if order.skip:
                    order.skip -= 1
                    return None
                self._orders.remove(order)
                return order
            return None


class Interposed:
    """An opening of a target whose drivers fail and wait as they are told to.

    Attributes:
        view: The opening.
        records: Its record driver's faults; ``objects`` likewise.
        at_records: What happens in front of its record driver; ``at_objects`` likewise.
    """

    def __init__(self, subject: Subject, **changes: Any) -> None:
        site = subject.site
        native = subject.colour == "async"
        opened = site.open(site.settings.sessions, subject.clock, native=native)
        second = site.open(site.settings.objects, subject.clock, native=native)
        self._site, self._opened = site, (opened, second)
        self.at_records, self.at_objects = Pausing(opened.drivers.records), Pausing(second.drivers.objects)
        self.records, self.objects = FaultyDriver(self.at_records), FaultyDriver(self.at_objects)
        name = subject.backend.name
        settings = replace(
            site.settings,
            namespace=subject.namespace,
            timeout=site.timeout,
            sessions=replace(
                site.settings.sessions, backend=backend_of(records=self.records, name=name, native=opened.native)
            ),
            objects=replace(
                site.settings.objects, backend=backend_of(objects=self.objects, name=name, native=second.native)
            ),
            **changes,
        )
        events: list[Event] = []
        kind = State if subject.colour == "sync" else AsyncState
        self.view = StoreView(kind(settings, clock=subject.clock, on_event=events.append), events, site)
        self.sessions, self.stored_objects, self.events = self.view.sessions, self.view.objects, events

    def deliver(self) -> None:
        """Deliver the requests to the record driver that were delayed."""
        for late in self.records.deliver():
            self._site.loop.settle(late)

    def close(self) -> None:
        """Close what was opened."""
        self.view.close()
        for opened in self._opened:
            opened.close()
