"""Names that nobody knows: which one was meant, and whether it may be shown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

__all__ = ["among", "is_secret", "shown"]

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.+-]{0,39}")
_SECRET: Final = re.compile(
    r"passw(or)?d|passphrase|^pwd$|secret|token|credential|api_?key|access_?key|(^|_)(key|auth|sas|sig|signature)$",
    re.IGNORECASE,
)


def shown(name: str) -> str:
    """Return a name as a message may show it: a text that is no plain word may be a misplaced secret."""
    return f'"{name}"' if _PLAIN.fullmatch(name) else "one whose name is no plain word"


def among(name: str, known: Iterable[str], *, none: str = "there are none") -> str:
    """Say which known name is nearest to ``name``, or what the known ones are: the end of a message."""
    from difflib import get_close_matches  # a cold start without a mistake does without it

    names = sorted(known)
    if match := get_close_matches(name.lower(), names, 1):
        return f'did you mean "{match[0]}"?'
    return f"known are {', '.join(names)}" if names else none


def is_secret(name: str) -> bool:
    """Whether an option of this name would hold a credential."""
    return _SECRET.search(name.replace("-", "_")) is not None
