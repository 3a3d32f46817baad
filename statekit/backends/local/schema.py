"""The tables, and how they come to be: complete, or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from pathlib import Path
from typing import Final

from statekit.driver import Fault

from .faults import LocalError

__all__ = ["clear", "create", "sync_directory", "verify"]

_APPLICATION: Final = 0x73746B74
"""``stkt``: whose database it is."""
_VERSION: Final = 1
"""Of the tables. Another one is refused; the release that brings 2 brings the step from 1 to 2, here."""

_TABLES: Final = """
CREATE TABLE records (
    key TEXT PRIMARY KEY NOT NULL, version TEXT NOT NULL, expires_at INTEGER, value BLOB NOT NULL);

-- Keys are bytes, so that they compare and sort as bytes (O-62).
CREATE TABLE objects (
    key BLOB PRIMARY KEY NOT NULL, version TEXT NOT NULL, size INTEGER NOT NULL, modified_at INTEGER NOT NULL,
    crc32c INTEGER NOT NULL, body TEXT NOT NULL, meta TEXT NOT NULL);
CREATE INDEX objects_body ON objects (body);

-- A body is a sequence of pieces, each a file or, if it is small, bytes. Objects that were copied share one.
CREATE TABLE pieces (
    body TEXT NOT NULL, start INTEGER NOT NULL, size INTEGER NOT NULL, file TEXT, data BLOB,
    PRIMARY KEY (body, start));

CREATE TABLE uploads (
    id TEXT PRIMARY KEY NOT NULL, key BLOB NOT NULL, started_at INTEGER NOT NULL, meta TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE parts (
    upload TEXT NOT NULL, file TEXT NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (upload, file)
) WITHOUT ROWID;

-- Files that may exist although nothing names them: see files.py.
CREATE TABLE loose (file TEXT PRIMARY KEY NOT NULL, owner TEXT NOT NULL) WITHOUT ROWID;
"""


def create(path: Path) -> None:
    """Create the database unless it exists.

    It is built under another name and linked into place, so that no process ever sees half of it, and any
    number of processes may do this at once: the first link counts.
    """
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    try:
        _build(draft)
        os.link(draft, path)
    except (OSError, sqlite3.Error):
        if not path.exists():
            raise
    finally:
        _remove(path.parent, f"{draft.name}*")
    sync_directory(path.parent)


def clear(path: Path) -> None:
    """Remove what was left by processes that died while they created the database, which exists by now.

    One that is still at it has lost nothing but a race: it finds its draft gone, and the database there.
    """
    _remove(path.parent, f"{path.name}.*.new*")


def _remove(directory: Path, pattern: str) -> None:
    for left in directory.glob(pattern):
        left.unlink(missing_ok=True)


def _build(draft: Path) -> None:
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL, 0o600))  # private; SQLite's other files take after it
    with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        marks = f"PRAGMA application_id = {_APPLICATION}; PRAGMA user_version = {_VERSION};"
        connection.executescript(f"BEGIN; {_TABLES} {marks} COMMIT;")


def verify(connection: sqlite3.Connection) -> None:
    """Raise unless this is a database that this release reads."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != _APPLICATION:
        raise LocalError(
            "the directory holds a database that is not statekit's",
            Fault.MISCONFIGURED,
            "choose another directory",
        )
    if version != _VERSION:
        raise LocalError(
            f"the database has format {version}, and this release reads {_VERSION}",
            Fault.MISCONFIGURED,
            "install the release of statekit that wrote the directory, or a newer one",
        )


def sync_directory(path: str | Path) -> None:
    """Make the names in a directory durable, where the platform lets directories be opened."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
