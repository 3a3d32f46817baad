"""No case may hang: an alarm ends it with one line, and what cannot be woken ends the run."""

from __future__ import annotations

import faulthandler
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

import pytest

__all__ = ["limited"]

_AGAIN: Final = 5.0
"""Seconds until the alarm rings again: clean-up of what hung may hang as well."""
_LAST_RESORT: Final = 60.0
"""Seconds after the first alarm at which the process is ended: its main thread is somewhere that no alarm reaches."""


@contextmanager
def limited(seconds: float, what: str) -> Iterator[None]:
    """Fail what takes longer.

    Args:
        seconds: From now.
        what: Names it in the one line.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield  # nothing can be done for it here
        return
    before = signal.signal(signal.SIGALRM, _ringer(seconds, what))
    others, _ = signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    faulthandler.dump_traceback_later(seconds + _LAST_RESORT, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if others:
            signal.setitimer(signal.ITIMER_REAL, others)


def _ringer(seconds: float, what: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
    def ring(_signal: int, _frame: FrameType | None) -> None:
        pytest.fail(f"{what} did not end within {seconds:g} s: something hangs", pytrace=False)

    return ring
