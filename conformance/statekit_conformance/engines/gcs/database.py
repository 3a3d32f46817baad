"""The SQLite file underneath: its tables, one writer at a time, and consistent snapshots for readers.

A WAL, and as a rule synchronous=FULL: a commit returns after the log is on disk, so that what was acknowledged outlives
the machine's death. Without that it still outlives the process.
"""

import queue
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

_LOG_PAGES = 4_000
"""Pages of 16 KiB in the log before they are copied into the file: a large body is not worth a copy of its own."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS sequence (last INTEGER NOT NULL);
INSERT INTO sequence SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM sequence);
CREATE TABLE IF NOT EXISTS buckets (
    name TEXT PRIMARY KEY, metageneration INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT
    NULL, attributes TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    bucket TEXT NOT NULL, name TEXT NOT NULL,
    generation INTEGER NOT NULL, metageneration INTEGER NOT NULL,
    body INTEGER NOT NULL,
    size INTEGER NOT NULL, crc32c INTEGER NOT NULL, md5 BLOB, components INTEGER,
    created INTEGER NOT NULL, updated INTEGER NOT NULL, attributes TEXT NOT NULL,
    PRIMARY KEY (bucket, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bodies (id INTEGER PRIMARY KEY AUTOINCREMENT);
CREATE TABLE IF NOT EXISTS chunks (id INTEGER PRIMARY KEY AUTOINCREMENT, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS extents (
    body INTEGER NOT NULL, start INTEGER NOT NULL, size INTEGER NOT NULL,
    chunk INTEGER NOT NULL, PRIMARY KEY (body, start)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS extents_by_chunk ON extents (chunk);
CREATE TABLE IF NOT EXISTS uploads (
    id TEXT PRIMARY KEY, body INTEGER NOT NULL, received INTEGER NOT NULL,
    created INTEGER NOT NULL, plan TEXT NOT NULL, finished TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS part_uploads (
    id TEXT PRIMARY KEY, created INTEGER NOT NULL, plan TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parts (
    upload TEXT NOT NULL, number INTEGER NOT NULL, body INTEGER NOT NULL,
    size INTEGER NOT NULL, crc32c INTEGER NOT NULL, md5 BLOB NOT NULL, PRIMARY KEY (upload, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rewrites (
    token TEXT PRIMARY KEY, plan TEXT NOT NULL, rewritten INTEGER NOT NULL, created INTEGER NOT NULL
) WITHOUT ROWID;
"""


class Snapshot:
    """One consistent view of everything, until closed."""

    def __init__(self, rows: sqlite3.Connection, idle: "queue.SimpleQueue[sqlite3.Connection]") -> None:
        self.rows = rows
        self._idle = idle
        self._open = True
        rows.execute("BEGIN")

    def close(self) -> None:
        """Let go of the view; closing twice is harmless."""
        if self._open:
            self._open = False
            self.rows.execute("ROLLBACK")
            self._idle.put(self.rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Database:
    """The engine's tables in one file.

    Args:
        path: The file.
        synced: Whether a commit waits for the disk.
    """

    def __init__(self, path: Path, *, synced: bool = True) -> None:
        self._path = path
        self._synchronous = "FULL" if synced else "NORMAL"
        self._writer = self._connect()
        self._turn = threading.Lock()
        self._idle: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        self._writer.executescript(_SCHEMA)

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Change the tables: all of it, durably, on a normal exit; none of it on an error."""
        with self._turn:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    def snapshot(self) -> Snapshot:
        """Return a consistent view that later changes do not disturb. The caller closes it."""
        try:
            rows = self._idle.get_nowait()
        except queue.Empty:
            rows = self._connect()
        return Snapshot(rows, self._idle)

    def _connect(self) -> sqlite3.Connection:
        rows = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=60)
        rows.row_factory = sqlite3.Row
        rows.execute("PRAGMA page_size = 16384")
        rows.execute("PRAGMA journal_mode = WAL")
        rows.execute(f"PRAGMA synchronous = {self._synchronous}")
        rows.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
        return rows
