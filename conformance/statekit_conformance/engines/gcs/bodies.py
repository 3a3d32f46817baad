"""Bodies: the bytes of objects, as extents over immutable chunks.

A body is a list of extents and every extent is one whole chunk, so composing and copying share chunks instead
of moving bytes. A body belongs to exactly one object, part, or upload in progress; whatever belongs to nobody,
because the engine was killed while receiving it, is dropped at the next start.

The functions take the rows of an open transaction or snapshot; `Draft` opens its own transactions.
"""

import sqlite3
from collections.abc import Iterator, Sequence

from statekit_conformance.engines.gcs.database import Database

CHUNK = 4 * 1024 * 1024


class Draft:
    """A body being received. A small one is written once, together with the object that owns it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._body: int | None = None
        self._stored = 0
        self._pending = bytearray()

    def write(self, data: bytes) -> None:
        """Take in the next bytes."""
        self._pending += data
        if len(self._pending) >= CHUNK:
            with self._database.change() as rows:
                body = self.seal(rows)
            self._body = body
            self._stored += len(self._pending)
            self._pending.clear()

    def seal(self, rows: sqlite3.Connection) -> int:
        """Store what is pending within the caller's transaction and return the complete body."""
        body = create(rows) if self._body is None else self._body
        append(rows, body, self._stored, bytes(self._pending))
        return body

    def discard(self) -> None:
        """Drop what was received; nothing will own it."""
        if self._body is not None:
            with self._database.change() as rows:
                drop(rows, self._body)
            self._body = None


def create(rows: sqlite3.Connection) -> int:
    """Create an empty body."""
    cursor = rows.execute("INSERT INTO bodies DEFAULT VALUES")
    return int(cursor.lastrowid or 0)


def append(rows: sqlite3.Connection, body: int, start: int, data: bytes) -> None:
    """Add bytes to the end of a body, where ``start`` is its size so far."""
    if data:
        chunk = rows.execute("INSERT INTO chunks (data) VALUES (?)", (data,)).lastrowid
        rows.execute("INSERT INTO extents VALUES (?, ?, ?, ?)", (body, start, len(data), chunk))


def join(rows: sqlite3.Connection, parts: Sequence[int]) -> int:
    """Create a body of other bodies' bytes one after the other, sharing their chunks."""
    body, start = create(rows), 0
    for part in parts:
        found = rows.execute("SELECT size, chunk FROM extents WHERE body = ? ORDER BY start", (part,))
        for size, chunk in found.fetchall():
            rows.execute("INSERT INTO extents VALUES (?, ?, ?, ?)", (body, start, size, chunk))
            start += size
    return body


def read(rows: sqlite3.Connection, body: int, start: int, stop: int) -> Iterator[bytes]:
    """Yield the bytes from ``start`` up to ``stop``, chunk by chunk."""
    extents = rows.execute(
        "SELECT start, chunk FROM extents WHERE body = ? AND start < ? AND start + size > ? ORDER BY start",
        (body, stop, start),
    ).fetchall()
    for begin, chunk in extents:
        (data,) = rows.execute("SELECT data FROM chunks WHERE id = ?", (chunk,)).fetchone()
        yield data[max(start - begin, 0) : stop - begin]


def drop(rows: sqlite3.Connection, body: int) -> None:
    """Remove a body, and those of its chunks that no other body shares."""
    chunks = rows.execute("SELECT DISTINCT chunk FROM extents WHERE body = ?", (body,)).fetchall()
    rows.execute("DELETE FROM extents WHERE body = ?", (body,))
    rows.execute("DELETE FROM bodies WHERE id = ?", (body,))
    rows.executemany(
        "DELETE FROM chunks WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM extents WHERE chunk = ?1)",
        [(chunk,) for (chunk,) in chunks],
    )


def drop_orphans(rows: sqlite3.Connection) -> None:
    """Remove bodies that a killed engine was still receiving."""
    orphans = rows.execute(
        "SELECT id FROM bodies WHERE id NOT IN"
        " (SELECT body FROM objects UNION SELECT body FROM uploads UNION SELECT body FROM parts)"
    ).fetchall()
    for (body,) in orphans:
        drop(rows, body)
