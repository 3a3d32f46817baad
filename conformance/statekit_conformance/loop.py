"""Asynchronous stores and drivers as ordinary calls: one private event loop in a thread."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Self

__all__ = ["Blocking", "Loop"]


class Loop:
    """An event loop in a thread of its own, started when it is first used."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ends: list[Callable[[], object]] = []

    def at_end(self, call: Callable[[], object]) -> None:
        """Have something called before the thread ends, which may run what it takes in the loop."""
        self._ends.append(call)

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine to its end and return its result. An interruption of the wait cancels it."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._started())
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def settle(self, result: Any) -> Any:
        """Return what an asynchronous method's result comes to."""
        if inspect.isawaitable(result):
            return self.settle(self.run(_awaited(result)))
        if isinstance(result, AsyncIterator):
            return self.run(_listed(result))
        return Blocking(result, self) if hasattr(result, "__aexit__") else result

    def close(self) -> None:
        """End the thread; a second call does nothing."""
        while self._ends:
            self._ends.pop()()
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(5)
            if not thread.is_alive():
                loop.close()

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="statekit-cases", daemon=True)
                self._thread.start()
            return self._loop


async def _awaited(awaitable: Any) -> Any:
    return await awaitable


async def _listed(iterator: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in iterator]


class Blocking:
    """An asynchronous object whose methods are ordinary calls here, as a context manager and an iterator too."""

    def __init__(self, inner: Any, loop: Loop) -> None:
        self._inner = inner
        self._settle = loop.settle

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found
        return lambda *args, **options: self._settle(found(*map(_bare, args), **options))

    def __repr__(self) -> str:
        return repr(self._inner)

    def __truediv__(self, name: str) -> Any:
        return self._inner / name

    def __enter__(self) -> Self:
        self._settle(self._inner.__aenter__())
        return self

    def __exit__(self, *raised: object) -> None:
        self._settle(self._inner.__aexit__(*raised))

    def __iter__(self) -> Iterator[Any]:
        return iter(self._settle(aiter(self._inner)))


def _bare(value: Any) -> Any:
    """Return the asynchronous object itself, where one is given to another."""
    return value._inner if isinstance(value, Blocking) else value  # noqa: SLF001
