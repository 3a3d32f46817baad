"""How long to wait before trying again."""

from __future__ import annotations

import random

from msgspec import Struct

__all__ = ["Backoff"]


class Backoff(Struct):
    """Full jitter: a random time up to a bound that doubles with each attempt.

    Full jitter spreads contenders best (AWS Architecture Blog, "Exponential Backoff And Jitter").

    Attributes:
        bound: Seconds; the next bound.
        most: Seconds; the bound stops growing here.
    """

    bound: float = 0.05
    most: float = 2.0

    def next(self, at_least: float | None = None) -> float:
        """Return the seconds to wait, on top of what the engine asked for."""
        delay = random.random() * self.bound
        self.bound = min(self.bound * 2, self.most)
        return delay + (at_least or 0.0)
