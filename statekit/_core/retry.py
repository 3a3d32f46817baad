"""How long to wait before trying again."""

from __future__ import annotations

import random

__all__ = ["Backoff"]


class Backoff:
    """Full jitter: a random time up to a bound that doubles with each attempt.

    Full jitter spreads contenders best (AWS Architecture Blog, "Exponential Backoff And Jitter").

    Args:
        first: Seconds; the first bound.
        most: Seconds; the bound stops growing here.
    """

    __slots__ = ("_bound", "_most")

    def __init__(self, first: float = 0.05, most: float = 2.0) -> None:
        self._bound = first
        self._most = most

    def next(self, at_least: float | None = None) -> float:
        """Return the seconds to wait, on top of what the engine asked for."""
        delay = random.random() * self._bound
        self._bound = min(self._bound * 2, self._most)
        return delay + (at_least or 0.0)
