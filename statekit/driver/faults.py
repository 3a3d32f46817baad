"""How a driver explains its SDK's exceptions."""

from __future__ import annotations

from dataclasses import dataclass

from statekit.errors import Fault

__all__ = ["Failure", "Fault"]


@dataclass(frozen=True, slots=True)
class Failure:
    """What an exception means.

    Attributes:
        fault: One of the closed set. What no table names is ``Fault.UNKNOWN``.
        retry_after: Seconds that the engine asks to wait at least.
        advice: What the person who runs this should do, without values or secrets, such as the command that creates
            a missing table.
    """

    fault: Fault
    retry_after: float | None = None
    advice: str | None = None
