"""The record driver: one statement decides each write, and a refusal is read in the same transaction."""

from __future__ import annotations

from typing import Any, Final

from statekit.driver import (
    Committed,
    Entry,
    Expect,
    Failure,
    Gone,
    Match,
    Millis,
    Page,
    Record,
    Refused,
    Sight,
)

from .database import Connection, Database, Row
from .faults import explain

__all__ = ["LocalRecords"]

_READ: Final = "SELECT value, version, expires_at FROM records WHERE key = ?"
_CREATE: Final = (
    "INSERT INTO records (key, version, expires_at, value) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO NOTHING"
)
_REPLACE: Final = "UPDATE records SET version = ?, expires_at = ?, value = ? WHERE key = ? AND version = ?"
_TOUCH: Final = "UPDATE records SET expires_at = ? WHERE key = ? AND version = ? AND expires_at IS ?"
_DELETE: Final = "DELETE FROM records WHERE key = ?"
_DELETE_VERSION: Final = "DELETE FROM records WHERE key = ? AND version = ?"
_DELETE_ENTRY: Final = "DELETE FROM records WHERE key = ? AND version = ? AND expires_at IS ?"
_PAGE: Final = (
    "SELECT key, version, expires_at FROM records WHERE key > ? AND key >= ? AND key < ? ORDER BY key LIMIT ?"
)


class LocalRecords:
    """Records in one table. A record's version is the id of the write that stored it (R-04)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, key: str, /, *, timeout: float) -> Record | None:
        """Read one record.

        Owes: one SELECT, so all of one moment (R-07), and after every commit before it (R-06).
        """
        row = self._database.row(_READ, (key,), timeout)
        return None if row is None else Record(*row)

    def write(
        self,
        key: str,
        value: bytes,
        /,
        *,
        expires_at: Millis | None,
        write_id: str,
        expect: Expect,
        timeout: float,
    ) -> Committed | Refused[Record]:
        """Store a record if ``expect`` holds, atomically.

        Guarantees: ``expect`` is never ANY.
        Owes: one winner (R-01, R-02, R-03); a foreign version is a refusal (R-05), which shows what is there
        (R-09).
        """
        if isinstance(expect, Match):
            change = (write_id, expires_at, value, key, _plain(expect.version))
            return self._decide(key, _REPLACE, change, Committed(write_id), timeout)
        return self._decide(key, _CREATE, (key, write_id, expires_at, value), Committed(write_id), timeout)

    def touch(self, key: str, /, *, seen: Record, expires_at: Millis, timeout: float) -> Committed | Refused[Record]:
        """Move a record's expiry if version and expiry are as seen.

        Owes: value and version stay (R-10); anything else than what was seen is refused (R-11).
        """
        change = (expires_at, key, _plain(seen.version), seen.expires_at)
        return self._decide(key, _TOUCH, change, Committed(seen.version), timeout)

    def delete(self, key: str, /, *, expect: Sight, timeout: float) -> Gone | Refused[Record]:
        """Delete a record if ``expect`` holds, atomically.

        Owes: another version (R-12), or one that was touched since (R-14), is refused; absent is success
        (R-13).
        """
        change: tuple[str, Row] = (_DELETE, (key,))
        if isinstance(expect, Match):
            change = (_DELETE_VERSION, (key, _plain(expect.version)))
        elif isinstance(expect, Entry):
            change = (_DELETE_ENTRY, (key, _plain(expect.version), expect.expires_at))
        with self._database.writing(timeout) as connection:
            if connection.execute(*change).rowcount:
                return Gone.DELETED
            current = _current(connection, key)
        return Gone.ABSENT if current is None else Refused(current)

    def page(self, prefix: str, /, *, cursor: str | None, limit: int, timeout: float) -> Page[Entry]:
        """List a part of the records whose keys begin with ``prefix``, by key (R-17); the cursor is a key."""
        bounds = (cursor or "", prefix, f"{prefix}\U0010ffff", limit + 1)
        with self._database.reading(timeout) as connection:
            rows = connection.execute(_PAGE, bounds).fetchall()
        items = tuple(Entry(*row) for row in rows[:limit])
        return Page(items, items[-1].key if len(rows) > limit else None)

    def fault(self, exc: BaseException, /) -> Failure:
        """Explain an exception that one of the methods raised. Pure and total (E-01)."""
        return explain(exc)

    def _decide(
        self, key: str, sql: str, values: tuple[Any, ...], won: Committed, timeout: float
    ) -> Committed | Refused[Record]:
        """Change a record by one statement. Only a refusal takes a second look, together with the statement again."""
        if self._database.change(sql, values, timeout):
            return won
        with self._database.writing(timeout) as connection:
            if connection.execute(sql, values).rowcount:
                return won
            return Refused(_current(connection, key))


def _current(connection: Connection, key: str) -> Record | None:
    row = connection.execute(_READ, (key,)).fetchone()
    return None if row is None else Record(*row)


def _plain(version: str) -> str:
    """Return a version as SQLite can take it; one that it cannot is nobody's (R-05)."""
    return version if version.isascii() else ""
