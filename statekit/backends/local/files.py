"""Immutable files, and the ledger that loses none of them.

A file is written once, under a name that was never used before, synchronised, and only then named by a row;
the commit of that row makes it visible, and nobody looks at a file that no row names. Therefore it is created
where it stays: writing it elsewhere and renaming it would add nothing but a second journal commit (a fifth of
a small put).

The ledger is the table ``loose``: the files that may exist although nothing names them. A name is entered
before its file is created, many at a time. The transaction that first names the file takes it out; the one
that names it last puts it back, and the file is removed after the commit. So at every moment, whatever was
killed where, each file is in exactly one of ``pieces``, ``parts`` and ``loose``, and finding what a crash
left behind costs as much as it left, not a walk through all files.

A loose file belongs to the process that entered it, and processes show that they live by a lock (owners.py).
Collecting unlinks the loose files of the dead, in a transaction that alone could name them and sees that
nothing does. Should a lock lie (a network file system), the worst is that a writer finds its entry or its
file gone when it commits, stores nothing and says so.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from collections import deque
from collections.abc import Iterable
from time import monotonic
from typing import Final

from statekit.driver import Buffer, Fault

from .database import Connection, Database
from .faults import LocalError
from .owners import Owner, claim, departed
from .schema import clear, sync_directory

__all__ = ["Files"]

_BATCH: Final = 64
"""Names entered, and files collected, in one transaction."""


class Files:
    """The files of one directory, as one process writes and removes them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._files = database.directory / "files"
        self._owners = database.directory / "owners"
        self._forget()
        database.after_fork(self._child)

    def _forget(self) -> None:
        self._owner: Owner | None = None
        self._names: deque[str] = deque()
        self._gone: deque[str] = deque()

    def _child(self) -> None:
        """Begin a life of its own: the parent's names are the parent's."""
        if self._owner is not None:
            self._owner.abandon()
        self._forget()

    # Writing

    def write(self, data: Buffer, *, timeout: float, sync: bool = True) -> str:
        """Store bytes durably in a new file that nothing names yet, and return its name.

        Without ``sync`` the name is not durable yet: for many files that ``sync`` does at once.
        """
        name = self._name(timeout)
        try:
            self._store(name, data)
            if sync:
                self.sync([name])
        except BaseException:
            self.remove([name])
            raise
        return name

    def sync(self, names: Iterable[str]) -> None:
        """Make names durable, before the commit of what names them."""
        for shelf in {name[:2] for name in names}:
            sync_directory(self._files / shelf)

    def adopt(self, connection: Connection, name: str, size: int) -> None:
        """Take a file out of the ledger, in the transaction that names it, having seen that it is there.

        Raises:
            LocalError: ``Fault.BUSY``, not applied, if it was collected.
        """
        taken = connection.execute("DELETE FROM loose WHERE file = ?", (name,)).rowcount
        if not taken or not self.present(name, size):
            raise LocalError("the file was collected before it was stored", Fault.BUSY)

    def present(self, name: str, size: int) -> bool:
        """Say whether a file is there, whole."""
        try:
            return os.stat(self._path(name)).st_size == size  # noqa: PTH116 (a string is faster)
        except FileNotFoundError:
            return False

    def _name(self, timeout: float) -> str:
        with contextlib.suppress(IndexError):
            return self._names.popleft()
        first, *others = self._reserve(timeout)
        self._names.extend(others)
        return first

    def _reserve(self, timeout: float) -> list[str]:
        """Enter new names into the ledger, before any of their files exists.

        A process that comes alive looks first who died: restarted programs tidy up without being asked to sweep.
        """
        if self._owner is None:
            self.collect(timeout / 2)
        shelf = secrets.token_hex(1)  # neighbours in time share a directory, and the cost of its synchronisation
        names = [shelf + secrets.token_hex(11) for _ in range(_BATCH)]
        with self._database.writing(timeout) as connection:
            self.settle(connection)
            self._enter(connection, names)
        return names

    def _store(self, name: str, data: Buffer) -> None:
        descriptor = self._create(name)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _create(self, name: str) -> int:
        path = self._path(name)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with contextlib.suppress(FileNotFoundError):
            return os.open(path, flags, 0o600)
        for directory in (self._files, self._files / name[:2]):
            directory.mkdir(mode=0o700, exist_ok=True)
            sync_directory(directory.parent)
        return os.open(path, flags, 0o600)

    # Reading

    def read(self, name: str, start: int, length: int) -> bytes:
        """Read a part of a file.

        Raises:
            FileNotFoundError: It was removed: whoever named it has to look again.
        """
        with open(self._path(name), "rb", buffering=0) as file:  # noqa: PTH123 (a string is faster)
            file.seek(start)
            data = file.read(length)
            while len(data) < length and (more := file.read(length - len(data))):
                data += more
        return data

    def _path(self, name: str) -> str:
        return f"{self._files}{os.sep}{name[:2]}{os.sep}{name}"

    # Removing

    def release(self, connection: Connection, names: Iterable[str]) -> list[str]:
        """Enter files into the ledger, in the transaction that stops naming them; remove them afterwards."""
        released = list(names)
        if released:
            self._enter(connection, released)
        return released

    def _enter(self, connection: Connection, names: Iterable[str]) -> None:
        token = self.live().token
        connection.executemany("INSERT INTO loose (file, owner) VALUES (?, ?)", [(name, token) for name in names])

    def remove(self, names: Iterable[str]) -> None:
        """Remove loose files. Never fails: what cannot be removed stays in the ledger and is collected."""
        for name in names:
            if self._unlink(name):
                self._gone.append(name)

    def settle(self, connection: Connection) -> None:
        """Take removed files out of the ledger, in whatever transaction comes next."""
        gone = [(self._gone.popleft(),) for _ in range(len(self._gone))]
        if gone:
            connection.executemany("DELETE FROM loose WHERE file = ?", gone)

    def _unlink(self, name: str) -> bool:
        try:
            os.unlink(self._path(name))  # noqa: PTH108 (a string is faster)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    # Collecting

    def collect(self, timeout: float) -> None:
        """Remove what dead processes left behind, as far as the time allows."""
        deadline = monotonic() + timeout
        tokens = self._tokens(timeout)
        clear(self._database.path)
        for token in sorted(tokens):
            with departed(self._owners / token) as dead:
                buried = dead and self._bury(token, deadline)
            if buried:
                (self._owners / token).unlink(missing_ok=True)

    def _tokens(self, timeout: float) -> set[str]:
        """Return who has a lock or a loose file, but for this process: it knows that it lives."""
        with self._database.reading(timeout) as connection:
            tokens = {token for (token,) in connection.execute("SELECT DISTINCT owner FROM loose").fetchall()}
        if tokens:
            self._owners.mkdir(mode=0o700, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            tokens.update(os.listdir(self._owners))  # noqa: PTH208 (names, not paths)
        return tokens - {self._owner.token} if self._owner else tokens

    def _bury(self, token: str, deadline: float) -> bool:
        """Remove the loose files of a dead process, and say whether that was all of them."""
        after: str = ""
        kept = False
        while (left := deadline - monotonic()) > 0:
            with self._database.writing(left) as connection:
                names = self._batch(connection, token, after)
                gone = [(name,) for name in names if self._unlink(name)]
                connection.executemany("DELETE FROM loose WHERE file = ?", gone)
            kept = kept or len(gone) < len(names)
            if len(names) < _BATCH:
                return not kept
            after = names[-1]
        return False

    def _batch(self, connection: Connection, token: str, after: str) -> list[str]:
        sql = "SELECT file FROM loose WHERE owner = ? AND file > ? ORDER BY file LIMIT ?"
        return [name for (name,) in connection.execute(sql, (token, after, _BATCH))]

    # Living

    def live(self) -> Owner:
        """Return this process's owner, alive from its first file on. For use inside a transaction only."""
        if self._owner is None:
            self._owners.mkdir(mode=0o700, exist_ok=True)
            self._owner = claim(self._owners)
        return self._owner

    def close(self, timeout: float) -> None:
        """Leave nothing loose if possible. Otherwise the others collect it, so that is no failure of closing."""
        owner, self._owner = self._owner, None
        if owner is None:
            return
        settled = False
        try:
            with contextlib.suppress(LocalError, OSError, sqlite3.Error):
                settled = self._bury(owner.token, monotonic() + timeout)
        finally:
            owner.retire() if settled else owner.abandon()
