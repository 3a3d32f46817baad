"""Moments: core's milliseconds, and the spellings of Google's two APIs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from statekit.driver import Millis

__all__ = ["of_http_date", "of_rfc3339", "to_rfc3339"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_LAST: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND


def to_rfc3339(moment: Millis) -> str:
    """Spell a moment as the JSON API does; one that no calendar holds becomes the nearest that it does."""
    time = _EPOCH + min(max(moment, 0), _LAST) * _MILLISECOND
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z"


def of_rfc3339(text: str) -> Millis:
    """Read a moment of the JSON API."""
    return (datetime.fromisoformat(text) - _EPOCH) // _MILLISECOND


def of_http_date(text: str) -> Millis:
    """Read a moment of an HTTP header, which has whole seconds."""
    return (parsedate_to_datetime(text) - _EPOCH) // _MILLISECOND
