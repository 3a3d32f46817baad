"""The service's limit of about one change a second to one object, as a switch.

Off, it permits everything. On, a change within a second of the last successful change to the same name is
refused with 429, whatever its preconditions. It runs on the monotonic clock and is forgotten at a restart.
"""

import time

from statekit_conformance.engines.gcs import errors

_SECOND = 1.0
_MANY = 10_000


class Pace:
    """Remembers when each object last changed."""

    def __init__(self, *, limited: bool = False) -> None:
        self._limited = limited
        self._changed: dict[tuple[str, str], float] = {}

    def check(self, bucket: str, name: str) -> None:
        """Refuse a change that comes too soon.

        Raises:
            Refusal: 429 if the limit is on and the object changed less than a second ago.
        """
        if time.monotonic() < self._changed.get((bucket, name), 0.0) + _SECOND:
            raise errors.too_fast(bucket, name)

    def note(self, bucket: str, name: str) -> None:
        """Remember a change that took effect."""
        if self._limited:
            now = time.monotonic()
            if len(self._changed) > _MANY:
                self._changed = {key: at for key, at in self._changed.items() if now < at + _SECOND}
            self._changed[bucket, name] = now
