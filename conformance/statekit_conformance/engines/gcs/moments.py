"""Time: the engine's clock, and the three spellings of a moment that the two APIs use.

Inside the engine a moment is an integer, microseconds since 1970 in UTC.
"""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import formatdate

MICROSECONDS = 1_000_000

_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)")

Clock = Callable[[], int]


def clock(offset: float = 0.0) -> Clock:
    """Return a clock that runs ``offset`` seconds ahead of this machine's."""
    shift = round(offset * MICROSECONDS)
    return lambda: time.time_ns() // 1000 + shift


def parse_rfc3339(text: str) -> int:
    """Return the moment that an RFC 3339 timestamp names, to the microsecond.

    Raises:
        ValueError: If the text is not such a timestamp.
    """
    found = _RFC3339.fullmatch(text)
    if found is None:
        raise ValueError(f"not an RFC 3339 timestamp: {text!r}")
    day, second, fraction, zone = found.groups()
    whole = datetime.fromisoformat(f"{day}T{second}{'+00:00' if zone in 'Zz' else zone}")
    return int(whole.timestamp()) * MICROSECONDS + int((fraction or "0").ljust(9, "0")[:6])


def rfc3339(moment: int) -> str:
    """Spell a moment as the JSON API does, with as many decimals as it needs but at least milliseconds."""
    seconds, rest = divmod(moment, MICROSECONDS)
    decimals = f"{rest:06}" if rest % 1000 else f"{rest // 1000:03}"
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{decimals}Z"


def http_date(moment: int) -> str:
    """Spell a moment as HTTP headers do."""
    return formatdate(moment // MICROSECONDS, usegmt=True)


def parse_basic(text: str) -> int:
    """Return the moment named in the compact form of signatures, such as 20261123T192200Z.

    Raises:
        ValueError: If the text is not of that form.
    """
    moment = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return int(moment.timestamp()) * MICROSECONDS
