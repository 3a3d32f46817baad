"""No case may hang: an alarm ends it with one line, and what cannot be woken ends the run."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

import pytest

from .plugin import is_case

__all__ = ["HANGS", "Patience", "limited"]

HANGS: Final = "did not end within"
"""What the one line says of whatever hangs."""
_AGAIN: Final = 5.0
"""Seconds until the alarm rings again: the clean-up of what hung may hang as well."""
_LAST_RESORT: Final = 600.0
"""Seconds without progress after which the process is ended: its main thread is somewhere that no alarm reaches."""
_REFRESH: Final = 10.0
"""Seconds between two postponements of that, because each costs a millisecond or two."""


class Patience:
    """Registered as a plugin: limits each phase of each case.

    Args:
        seconds: For one phase.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._hung = False
        self._status = 0
        self._postponed = 0.0

    def _limited(self, item: pytest.Item) -> Generator[None, Any, Any]:
        if not is_case(item):
            return (yield)
        self._postpone()
        with limited(self._seconds, item.name):
            return (yield)

    def _postpone(self) -> None:
        if time.monotonic() - self._postponed > _REFRESH:
            faulthandler.dump_traceback_later(self._seconds + _LAST_RESORT, exit=True)
            self._postponed = time.monotonic()

    def _relax(self) -> None:
        faulthandler.cancel_dump_traceback_later()
        self._postponed = 0.0

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Limit what comes before the case."""
        return (yield from self._limited(item))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Limit the case."""
        return (yield from self._limited(item))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, Any, Any]:
        """Limit what comes after the case."""
        try:
            return (yield from self._limited(item))
        finally:
            if self._postponed and (nextitem is None or not is_case(nextitem)):
                self._relax()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note that something hangs."""
        self._hung = self._hung or (report.failed and HANGS in str(report.longrepr))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Remember how the run ended."""
        self._status = int(session.exitstatus)
        if self._postponed:
            self._relax()

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """End a process in which a thread hangs: it would be waited for until the end of time."""
        if self._hung and not hasattr(config, "workerinput"):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(self._status)


@contextmanager
def limited(seconds: float, what: str) -> Iterator[None]:
    """Fail what takes longer. Within another limit, that one's time stands still.

    Args:
        seconds: From now.
        what: Names it in the one line.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield  # nothing can be done for it here
        return
    before = signal.signal(signal.SIGALRM, _ringer(seconds, what))
    others, _ = signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if others:
            signal.setitimer(signal.ITIMER_REAL, others)


def _ringer(seconds: float, what: str) -> Callable[[int, FrameType | None], None]:
    def ring(_signal: int, _frame: FrameType | None) -> None:
        pytest.fail(f"{what} {HANGS} {seconds:g} s", pytrace=False)

    return ring
