"""Faults that are met on purpose."""

from __future__ import annotations

from statekit.driver import Failure, Fault

__all__ = ["Met", "explain"]


class Met(Exception):  # noqa: N818 - what a driver met, whichever fault it is
    """A fault that a test asked for."""

    def __init__(self, met: Fault | Failure) -> None:
        self.failure = met if isinstance(met, Failure) else Failure(met)
        super().__init__(self.failure.fault.value)


def explain(exc: BaseException) -> Failure | None:
    """Return the fault that a test asked for; None if it did not ask for this exception."""
    return exc.failure if isinstance(exc, Met) else None
