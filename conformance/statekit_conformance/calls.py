"""What calls of raw drivers have in common: defaults, keys of this test's own, and patience.

A driver makes one attempt. Where an engine declines for now, which its fault table calls BUSY, THROTTLED or UNREACHED
and which means "not applied", core tries again; so does this, or contention would look like a defect.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any, Final

from statekit.driver import Fault, Page

from .loop import Loop

__all__ = ["Calls", "all_of", "write_id"]

_NOT_NOW: Final = frozenset({Fault.BUSY, Fault.THROTTLED, Fault.UNREACHED})
_PATIENCE: Final = 30.0  # seconds


def write_id() -> str:
    """Return a fresh write id, as core makes them: 16 characters of base64url."""
    return secrets.token_urlsafe(12)


class Calls:
    """What all drivers have in common here."""

    def __init__(self, raw: Any, loop: Loop | None, prefix: str, timeout: float, again: Callable[[], Any]) -> None:
        self.raw, self.loop, self.prefix, self.timeout = raw, loop, prefix, timeout
        self._again = again

    def key(self, name: str) -> str:
        """Return a key under this test's own prefix."""
        return f"{self.prefix}/{name}"

    def another(self) -> Any:
        """Return the same through another opening, which is closed when the test ends."""
        return self._again()

    def fault(self, exc: BaseException) -> Any:
        """Return the driver's explanation."""
        return self.raw.fault(exc)

    def once(self, method: str, *args: Any, **options: Any) -> Any:
        """Call the driver, once."""
        options.setdefault("timeout", self.timeout)
        result = getattr(self.raw, method)(*args, **options)
        return result if self.loop is None else self.loop.settle(result)

    def _call(self, method: str, *args: Any, timeout: float | None = None, **options: Any) -> Any:
        deadline, pause = time.monotonic() + _PATIENCE, 0.002
        while True:
            try:
                return self.once(method, *args, timeout=timeout or self.timeout, **options)
            except Exception as error:
                if time.monotonic() > deadline or self.raw.fault(error).fault not in _NOT_NOW:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, 0.5)


def all_of(page: Callable[[str | None], Page[Any]]) -> list[Any]:
    """Return the items of all pages."""
    found: list[Any] = []
    cursor = None
    while True:
        answer = page(cursor)
        found += answer.items
        cursor = answer.cursor
        if cursor is None:
            return found
