"""Limits on the size of one upload, as a signature or a policy sets them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from statekit_conformance.engines.gcs import errors


@dataclass(frozen=True, slots=True)
class Limits:
    """The smallest and the largest size permitted, in bytes; None is "no largest"."""

    smallest: int = 0
    largest: int | None = None

    @classmethod
    def of_headers(cls, headers: Mapping[str, str]) -> Self:
        """Read ``x-goog-content-length-range``.

        Raises:
            Refusal: 400 if it is malformed.
        """
        text = headers.get("x-goog-content-length-range")
        if text is None:
            return cls()
        low, _, high = (part.strip() for part in text.partition(","))
        if not (low.isdecimal() and high.isdecimal()):
            raise errors.invalid("malformed x-goog-content-length-range")
        return cls(int(low), int(high))

    def check_growing(self, size: int) -> None:
        """Refuse an upload that is too large already.

        Raises:
            Refusal: 400, EntityTooLarge.
        """
        if self.largest is not None and size > self.largest:
            raise errors.too_large(self.largest)

    def check(self, size: int) -> None:
        """Refuse a complete upload outside the limits.

        Raises:
            Refusal: 400, EntityTooSmall or EntityTooLarge.
        """
        self.check_growing(size)
        if size < self.smallest:
            raise errors.too_small(self.smallest)


NO_LIMITS = Limits()
