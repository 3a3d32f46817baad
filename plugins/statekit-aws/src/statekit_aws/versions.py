"""Versions as they go into a condition: what no server ever gave out is not even sent."""

from __future__ import annotations

import re
from typing import Final

from statekit.driver import Entry, Match

__all__ = ["is_foreign"]

_VERSION: Final = re.compile(r"(?!\*$)[!#-+\--~]{1,255}")
"""Printable ASCII without quote, comma and space, and not the asterisk that means any version."""


def is_foreign(expect: object) -> bool:
    """Whether an expectation names a version that cannot be one: it is refused, and nothing is sent (R-05, O-70)."""
    return isinstance(expect, Match | Entry) and not _VERSION.fullmatch(expect.version)
