"""What a driver may say of a write that went wrong on its way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from statekit.driver import Committed, Fault, Gone

from .proxy import Fault as Mode
from .proxy import ResetBefore, Truncate

__all__ = ["is_honest", "outcome"]


def outcome(call: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a call answers, or the exception that it raises."""
    try:
        return call(*arguments)
    except Exception as error:  # noqa: BLE001 - whatever a driver raises is asked about
        return error


def is_honest(driver: Any, mode: Mode, answer: Any) -> bool:
    """Whether a fault says that the write may have happened. An answer may lack its last byte and be understood."""
    if not isinstance(answer, Exception):
        return mode == Truncate() and (isinstance(answer, Committed) or answer is Gone.DELETED)
    fault: Fault = driver.fault(answer).fault
    return fault.applied or (fault is Fault.UNREACHED and mode == ResetBefore())
