"""Forked children: none of them goes on as a second test run, and none outlives its parent."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

__all__ = ["forked"]

_LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None  # before the fork: a child should load nothing
_PR_SET_PDEATHSIG: Final = 1


@contextmanager
def forked(function: Callable[[], object]) -> Iterator[Callable[[], int]]:
    """Call a function in a forked child while a block runs. A child that still runs at its end is killed.

    Yields:
        Waits for the child, and returns its exit status: 1 if the function raised, which the child prints.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from 3.12 on, of threads, which are what cases are about
        child = os.fork()
    if not child:
        _call_and_end(function)
    ended: list[int] = []

    def wait() -> int:
        ended.append(os.waitpid(child, 0)[1])
        return os.waitstatus_to_exitcode(ended[0])

    try:
        yield wait
    finally:
        if not ended:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _call_and_end(function: Callable[[], object]) -> NoReturn:
    status = 1
    try:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        function()
        status = 0
    except BaseException:  # noqa: BLE001  # nobody may catch it: above this is a test run
        traceback.print_exc()
    finally:
        os._exit(status)
