"""Threads that begin at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

__all__ = ["meanwhile", "together"]

T = TypeVar("T")
_PATIENCE: Final = 120.0  # seconds; the limit of a case is shorter


def together(count: int, function: Callable[[int], T]) -> list[T]:
    """Call a function in several threads at once, each with its number, and return the results in order.

    They are daemons: one that hangs does not keep the process from ending.
    """
    barrier = threading.Barrier(count)
    results: list[Any] = [None] * count
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            barrier.wait(_PATIENCE)
            results[number] = function(number)
        except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_PATIENCE)
    if failures:
        raise failures[0]
    return results


@contextmanager
def meanwhile(*functions: Callable[[threading.Event], object]) -> Iterator[None]:
    """Run functions in threads while a block runs; each is told by an event when to end.

    The block begins when all of them have begun.
    """
    ended, failures = threading.Event(), list[BaseException]()
    begun = threading.Barrier(len(functions) + 1)

    def run(function: Callable[[threading.Event], object]) -> None:
        try:
            begun.wait(_PATIENCE)
            function(ended)
        except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(function,), daemon=True) for function in functions]
    for thread in threads:
        thread.start()
    begun.wait(_PATIENCE)
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join(_PATIENCE)
    if failures:
        raise failures[0]
