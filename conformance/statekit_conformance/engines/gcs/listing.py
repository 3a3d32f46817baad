"""Listing: names in the order of their UTF-8 bytes, rolled up at a delimiter, page by page.

A page ends with the first name that the next page may hold, and that name is the page token: pages neither
skip nor repeat what is there throughout, whatever is written or deleted in between.
"""

import base64
import binascii
import sqlite3
from dataclasses import dataclass, field

from statekit_conformance.engines.gcs import buckets, errors, records
from statekit_conformance.engines.gcs.records import Record

PAGE_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Query:
    """What to list. Offsets are names: from ``start`` up to but without ``end``."""

    prefix: str = ""
    delimiter: str = ""
    start: str = ""
    end: str | None = None
    token: str | None = None
    limit: int = PAGE_LIMIT
    include_trailing_delimiter: bool = False


@dataclass(slots=True)
class Page:
    """A page of objects and of common prefixes; ``token`` is None on the last."""

    items: list[Record] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    token: str | None = None


def page(rows: sqlite3.Connection, bucket: str, query: Query) -> Page:
    """Return one page.

    Raises:
        Refusal: 404 if the bucket does not exist, 400 if the token is not one.
    """
    buckets.find(rows, bucket)
    listed, room = Page(), min(query.limit, PAGE_LIMIT)
    cursor = max(query.start, query.prefix, _of_token(query.token))
    while (record := _first_from(rows, bucket, cursor, query)) is not None:
        if room == 0:
            listed.token = _to_token(cursor)
            break
        cursor = _take(listed, record, query)
        room -= 1
    return listed


def _take(listed: Page, record: Record, query: Query) -> str:
    """Put a record on the page and return where to go on."""
    group = _group(record.name, query)
    if group is None:
        listed.items.append(record)
        return record.name + "\0"
    if query.include_trailing_delimiter and record.name == group:
        listed.items.append(record)
    listed.prefixes.append(group)
    return after_prefix(group)


def _group(name: str, query: Query) -> str | None:
    """Return the common prefix that a name is rolled up into, if it is."""
    at = name.find(query.delimiter, len(query.prefix)) if query.delimiter else -1
    return None if at < 0 else name[: at + len(query.delimiter)]


def after_prefix(prefix: str) -> str:
    """Return the smallest text that sorts behind everything that begins with ``prefix``."""
    for at in range(len(prefix) - 1, -1, -1):
        point = ord(prefix[at]) + 1
        if point <= 0x10FFFF:
            return prefix[:at] + chr(0xE000 if point == 0xD800 else point)
    return "\U0010ffff" * records.NAME_LIMIT


def _first_from(rows: sqlite3.Connection, bucket: str, cursor: str, query: Query) -> Record | None:
    row = rows.execute(
        "SELECT * FROM objects WHERE bucket = ? AND name >= ? ORDER BY name LIMIT 1", (bucket, cursor)
    ).fetchone()
    if row is None or not row["name"].startswith(query.prefix):
        return None
    ended = query.end is not None and row["name"] >= query.end
    return None if ended else records.of_row(row)


def _to_token(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _of_token(token: str | None) -> str:
    try:
        return base64.b64decode(token or "", altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise errors.invalid("not a page token") from None
