"""One transaction over the objects' tables, and the files that are free once it is committed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Final

from statekit.driver import Clock, Committed, Gone, Meta

from . import catalog
from .catalog import Object, Piece
from .database import Connection
from .faults import explain
from .files import Files

__all__ = ["Change", "changing"]

_SWITCH: Final = (
    "INSERT INTO objects (key, version, size, modified_at, crc32c, body, meta) VALUES (?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (key) DO UPDATE SET version = excluded.version, size = excluded.size, "
    "modified_at = excluded.modified_at, crc32c = excluded.crc32c, body = excluded.body, meta = excluded.meta"
)
_REMOVE: Final = "DELETE FROM objects WHERE key = ?"
_ADD: Final = "INSERT INTO pieces (body, start, size, file, data) VALUES (?, ?, ?, ?, ?)"
_NAMED: Final = "SELECT 1 FROM objects WHERE body = ? LIMIT 1"
_FILES: Final = "SELECT file FROM pieces WHERE body = ? AND file IS NOT NULL"
_DROP: Final = "DELETE FROM pieces WHERE body = ?"


class Change:
    """What one transaction does to objects."""

    def __init__(self, connection: Connection, files: Files, clock: Clock) -> None:
        self.connection = connection
        self.free: list[str] = []
        self._files = files
        self._clock = clock

    def find(self, key: str) -> Object | None:
        """Return what is stored."""
        return catalog.found(key, self.connection.execute(catalog.FIND, (key.encode(),)).fetchone())

    def add(self, body: str, pieces: Iterable[Piece]) -> None:
        """Store what a new body consists of."""
        self.connection.executemany(_ADD, [(body, *piece) for piece in pieces])

    def switch(self, key: str, before: Object | None, *, size: int, crc32c: int, meta: Meta, body: str) -> Committed:
        """Make a body the content of ``key``. Its version is the id of the write (O-55, O-58)."""
        version = meta.write_id or body
        values = (key.encode(), version, size, self._clock.now(), crc32c, body, catalog.pack(meta))
        self.connection.execute(_SWITCH, values)
        if before is not None:
            self._drop(before.body)
        return Committed(version)

    def remove(self, key: str, before: Object) -> Gone:
        """Delete the row of ``key``."""
        self.connection.execute(_REMOVE, (key.encode(),))
        self._drop(before.body)
        return Gone.DELETED

    def release(self, names: Iterable[str]) -> None:
        """Stop naming files: into the ledger with them, and off the disk after the commit."""
        self.free += self._files.release(self.connection, names)

    def _drop(self, body: str) -> None:
        """Forget a body unless an object still has it.

        Nothing can name its files again: a body is copied only from an object that has it.
        """
        if self.connection.execute(_NAMED, (body,)).fetchone() is None:
            self.release([file for (file,) in self.connection.execute(_FILES, (body,))])
            self.connection.execute(_DROP, (body,))


@contextlib.contextmanager
def changing(
    transaction: AbstractContextManager[Connection], files: Files, clock: Clock, *, written: str | None
) -> Iterator[Change]:
    """Run one transaction, then remove the files that it set free.

    ``written`` is a file that it is about to name. If the transaction certainly failed the file is removed;
    if that is in doubt it stays until this process closes or dies, when the ledger tells whether it was
    named.
    """
    try:
        with transaction as connection:
            files.settle(connection)
            change = Change(connection, files, clock)
            yield change
    except BaseException as exc:
        if written is not None and not explain(exc).fault.applied:
            files.remove([written])
        raise
    files.remove(change.free)
