"""The record driver: each call is one transaction, which decides and writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

from statekit.driver import (
    ABSENT,
    ANY,
    Committed,
    Entry,
    Expect,
    Failure,
    Fault,
    Gone,
    Millis,
    Page,
    Record,
    Refused,
    Sight,
)

__all__ = ["TemplateRecords"]

_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS records (key TEXT PRIMARY KEY, version TEXT, expires_at INTEGER, value BLOB)"
)
_READ: Final = "SELECT value, version, expires_at FROM records WHERE key = ?"
_PAGE: Final = (
    "SELECT key, version, expires_at FROM records WHERE key > ? AND key >= ? AND key < ? ORDER BY key LIMIT ?"
)
_LAST: Final = "\U0010ffff"
"""Behind every key."""

# What SQLite says, and what it means; what is not here is UNKNOWN, and core finds out whether a write happened.
_FAULTS: Final = {
    sqlite3.SQLITE_BUSY: Failure(Fault.BUSY),
    sqlite3.SQLITE_LOCKED: Failure(Fault.BUSY),
    sqlite3.SQLITE_CANTOPEN: Failure(Fault.MISCONFIGURED, advice="create the folder that the URL names"),
    sqlite3.SQLITE_READONLY: Failure(Fault.DENIED, advice="let this user write the file and its folder"),
    sqlite3.SQLITE_NOTADB: Failure(Fault.MISCONFIGURED, advice="the URL names a file that is no database"),
    sqlite3.SQLITE_CORRUPT: Failure(Fault.CORRUPT, advice="restore the file from a copy"),
    sqlite3.SQLITE_FULL: Failure(Fault.REJECTED, advice="free some disk space"),
}


class TemplateRecords:
    """Records in a table. A record's version is the id of the write that stored it, so it never recurs (R-04)."""

    def __init__(self, path: str, sync: str) -> None:
        self._path, self._sync = path, sync

    def read(self, key: str, /, *, timeout: float) -> Record | None:
        """Read one record, of one moment (R-07), whether it has expired or not (R-15)."""
        with self._transaction("DEFERRED", timeout) as connection:
            return _found(connection, key)

    def write(
        self, key: str, value: bytes, /, *, expires_at: Millis | None, write_id: str, expect: Expect, timeout: float
    ) -> Committed | Refused[Record]:
        """Store a record if ``expect`` holds (R-01, R-02, R-03); a refusal shows what is there (R-09)."""
        with self._transaction("IMMEDIATE", timeout) as connection:
            current = _found(connection, key)
            if not _holds(expect, current):
                return Refused(current)
            row = (key, write_id, expires_at, value)
            connection.execute("REPLACE INTO records (key, version, expires_at, value) VALUES (?, ?, ?, ?)", row)
            return Committed(write_id)

    def touch(self, key: str, /, *, seen: Record, expires_at: Millis, timeout: float) -> Committed | Refused[Record]:
        """Move the expiry of exactly what was seen (R-11), and nothing else (R-10)."""
        with self._transaction("IMMEDIATE", timeout) as connection:
            current = _found(connection, key)
            if current is None or (current.version, current.expires_at) != (seen.version, seen.expires_at):
                return Refused(current)
            connection.execute("UPDATE records SET expires_at = ? WHERE key = ?", (expires_at, key))
            return Committed(current.version)

    def delete(self, key: str, /, *, expect: Sight, timeout: float) -> Gone | Refused[Record]:
        """Delete exactly what was expected (R-12, R-14), or whatever is there (R-13)."""
        with self._transaction("IMMEDIATE", timeout) as connection:
            current = _found(connection, key)
            if current is None:
                return Gone.ABSENT
            if not _holds(expect, current):
                return Refused(current)
            connection.execute("DELETE FROM records WHERE key = ?", (key,))
            return Gone.DELETED

    def page(self, prefix: str, /, *, cursor: str | None, limit: int, timeout: float) -> Page[Entry]:
        """List by key (R-17); the cursor is the last key of the page before."""
        with self._transaction("DEFERRED", timeout) as connection:
            rows = connection.execute(_PAGE, (cursor or "", prefix, prefix + _LAST, limit)).fetchall()
        items = tuple(Entry(*row) for row in rows)
        return Page(items, items[-1].key if len(items) == limit else None)

    def fault(self, exc: BaseException, /) -> Failure:
        """Explain an exception by SQLite's own code for it. Pure and total (E-01)."""
        code = getattr(exc, "sqlite_errorcode", None) if isinstance(exc, sqlite3.Error) else None
        return _FAULTS.get(code & 0xFF, Failure(Fault.UNKNOWN)) if isinstance(code, int) else Failure(Fault.UNKNOWN)

    @contextmanager
    def _transaction(self, kind: str, timeout: float) -> Iterator[sqlite3.Connection]:
        """Commit what a block does, or nothing of it.

        A connection for each call costs little with an embedded engine, and is safe in any thread (R-22) and in a
        forked child. SQLite waits for other writers up to the timeout (R-21), and nothing is committed after that.
        """
        with closing(sqlite3.connect(self._path, timeout=timeout, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {self._sync}")
            connection.execute(_SCHEMA)
            connection.execute(f"BEGIN {kind}")
            yield connection
            connection.execute("COMMIT")


def _found(connection: sqlite3.Connection, key: str) -> Record | None:
    row = connection.execute(_READ, (key,)).fetchone()
    return None if row is None else Record(*row)


def _holds(expect: Expect | Entry, current: Record | None) -> bool:
    """Whether an expectation holds. Versions are compared as text, so that any text may be asked for (R-05)."""
    if expect is ANY:
        return True
    if expect is ABSENT:
        return current is None
    if current is None or current.version != expect.version:
        return False
    return not isinstance(expect, Entry) or current.expires_at == expect.expires_at
