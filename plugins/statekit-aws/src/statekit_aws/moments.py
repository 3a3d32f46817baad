"""Moments in answers: botocore's own reading of them takes longer than the rest of a listing's page."""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

__all__ = ["read_moment"]


def read_moment(value: Any) -> datetime:
    """Read a moment as S3 writes it, in a body or in a header, and leave all others to botocore.

    Raises:
        ValueError: It is none.
    """
    if isinstance(value, str):
        if value.endswith("Z") and "T" in value:
            return datetime.fromisoformat(value)
        if value.endswith("GMT"):
            return parsedate_to_datetime(value)
    from botocore.utils import parse_timestamp

    return parse_timestamp(value)
