"""Connections to one SQLite database: shared by threads, never carried across a fork.

A connection is lent to one call at a time, so there are as many as calls were ever made at once, and a thread
that ends leaves nothing behind.

Forking. SQLite keeps its locks in a table of the process, and a forked child inherits that table but not the
locks themselves: a connection that the child opened would believe itself protected, and the last parent to
close would delete the log under it (https://sqlite.org/howtocorrupt.html, 2.6). So before a fork every
connection is closed, and parent and child open their own again when they next need one. Where that was not
possible the child is refused.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any, Final, Literal

from statekit.driver import Fault

from . import schema
from .faults import LocalError

__all__ = ["Connection", "Database", "Row"]

Row = tuple[Any, ...]

_QUIET: Final = 10.0
"""Seconds for which a fork waits for the calls under way. They are bounded themselves."""


class Connection(sqlite3.Connection):
    """A connection that knows its settings, so that they are only made when they change.

    Attributes:
        patience: Seconds that it waits for a lock.
        synchronous: What commits wait for.
        reader: For single rows. A cursor made for each would cost a tenth of the reading.
    """

    patience: int = 0
    synchronous: str = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reader = self.cursor()

    def wait(self, seconds: float) -> None:
        """Wait this long for a lock; whole seconds, so that most calls need not change the setting."""
        self.patience = int(seconds)
        self.execute(f"PRAGMA busy_timeout = {self.patience * 1000 or max(int(seconds * 1000), 0)}")

    def commit_as(self, synchronous: str) -> None:
        """Have commits wait for the disk (FULL) or not (NORMAL). A later one that waits makes all before it durable."""
        if synchronous != self.synchronous:
            self.execute(f"PRAGMA synchronous = {synchronous}")
            self.synchronous = synchronous


class Database:
    """The database in one directory, created when it is first used."""

    def __init__(self, directory: Path, *, sync: Literal["full", "normal"]) -> None:
        self.directory = directory
        self.path = directory / "state.db"
        self._sync = {"full": "FULL", "normal": "NORMAL"}[sync]
        self._after_fork: list[Callable[[], None]] = []
        self._closed = False
        self._fresh()
        with _FORK:
            _OPEN.add(self)

    def _fresh(self) -> None:
        """Begin as a process begins: no connections, and locks that nobody holds."""
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._turn = threading.Lock()  # writers queue here, fairly; between processes SQLite's lock decides
        self._idle: list[Connection] = []
        self._open = 0  # connections, idle or lent
        self._forking = False
        self._barred = False  # a fork or the end wants every connection back
        self._pid = os.getpid()

    # Calls

    def row(self, sql: str, values: Row, timeout: float) -> Row | None:
        """Return the row of a SELECT that finds at most one, which sees every commit before it (R-06, O-51)."""
        connection = self._borrow(timeout)
        try:
            row: Row | None = connection.reader.execute(sql, values).fetchone()
        except BaseException:
            self._discard(connection)
            raise
        self._return(connection)
        return row

    @contextlib.contextmanager
    def reading(self, timeout: float) -> Iterator[Connection]:
        """Lend a connection for several SELECTs, each of which sees every commit before it."""
        connection = self._borrow(timeout)
        try:
            yield connection
        except BaseException:
            self._discard(connection)
            raise
        self._return(connection)

    def change(self, sql: str, values: Row, timeout: float) -> bool:
        """Run one statement, which is a transaction of its own; return whether it changed anything.

        Raises:
            LocalError: As ``writing``.
            sqlite3.OperationalError: As ``writing``.
        """
        timeout = self._turn_taken(timeout)
        try:
            connection = self._borrow(timeout)
            try:
                connection.commit_as(self._sync)
                changed = connection.execute(sql, values).rowcount > 0
            except BaseException:
                self._discard(connection)
                raise
            self._return(connection)
        finally:
            self._turn.release()
        return changed

    @contextlib.contextmanager
    def writing(self, timeout: float, *, durable: bool = True) -> Iterator[Connection]:
        """Run the block as one transaction, alone among all writers of all processes.

        Args:
            timeout: Seconds to wait for the others.
            durable: Whether the commit survives a power cut, where the options do not forgo it anyway.

        Raises:
            LocalError: ``Fault.BUSY`` if this process's other writers took all the time.
            sqlite3.OperationalError: SQLITE_BUSY if another process's did.
        """
        timeout = self._turn_taken(timeout)
        try:
            with self.reading(timeout) as connection:
                connection.commit_as(self._sync if durable else "NORMAL")
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
        finally:
            self._turn.release()

    def _turn_taken(self, timeout: float) -> float:
        """Wait for this process's other writers, and return the time that is left."""
        if self._turn.acquire(blocking=False):
            return timeout
        began = monotonic()
        if not self._turn.acquire(timeout=max(timeout, 0)):
            raise LocalError("the other writers of this process took all the time", Fault.BUSY)
        return timeout - (monotonic() - began)

    def close(self) -> None:
        """Close what is idle now, and what is lent when it comes back."""
        with self._lock:
            self._closed = self._barred = True
            self._close_idle()

    # Lending: without a lock, because a list's pop and append are atomic. Who bars the way does so first and then looks
    # for what is idle; who takes or gives back a connection does so first and then looks whether the way is barred.

    def _borrow(self, timeout: float) -> Connection:
        if self._pid != os.getpid():
            raise LocalError(
                "the process was forked while its database was open, by something that does not tell Python",
                Fault.MISCONFIGURED,
                "open statekit after the fork (uWSGI: lazy-apps = true)",
            )
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._another(timeout)
        else:
            if self._barred:
                self._return(connection)
                connection = self._another(timeout)
        if timeout < 1.0 or int(timeout) != connection.patience:
            try:
                connection.wait(timeout)
            except BaseException:
                self._discard(connection)
                raise
        return connection

    def _another(self, timeout: float) -> Connection:
        """Open one more connection, after a fork that is under way."""
        with self._lock:
            while self._forking:
                self._changed.wait()
            if self._closed:
                raise LocalError("the database is closed", Fault.REJECTED)
            self._open += 1
        try:
            return self._connect(timeout)
        except BaseException:
            self._forget()
            raise

    def _return(self, connection: Connection) -> None:
        self._idle.append(connection)
        if self._barred:
            with self._lock:
                if self._closed:
                    self._close_idle()
                self._changed.notify_all()

    def _close_idle(self) -> None:
        with contextlib.suppress(IndexError):
            while True:
                self._idle.pop().close()
                self._open -= 1

    def _discard(self, connection: Connection) -> None:
        """Close a connection rather than lend it again: whatever it was in the middle of is rolled back."""
        try:
            connection.close()
        finally:
            self._forget()

    def _forget(self) -> None:
        with self._lock:
            self._open -= 1
            self._changed.notify_all()

    # Opening

    def _connect(self, timeout: float) -> Connection:
        if not self.path.exists():
            self._create()
        connection = sqlite3.connect(
            f"{self.path.as_uri()}?mode=rw",  # never an empty database where the directory was removed
            timeout=max(timeout, 0),
            isolation_level=None,
            check_same_thread=False,
            factory=Connection,
            uri=True,
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        schema.verify(connection)
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise LocalError(
                "the database cannot keep a write-ahead log here",
                Fault.MISCONFIGURED,
                "use a local file system, not a network one",
            )
        connection.execute("PRAGMA journal_size_limit = 67108864")

    def _create(self) -> None:
        """Create the directory, private to this user, and the database in it. What is above must exist."""
        try:
            self.directory.mkdir(mode=0o700)
        except FileExistsError:
            if not self.directory.is_dir():
                raise LocalError(
                    "the path is a file", Fault.MISCONFIGURED, "remove the file, or name another directory"
                ) from None
        else:
            schema.sync_directory(self.directory.parent)
        schema.create(self.path)

    # Forking

    def after_fork(self, forget: Callable[[], None]) -> None:
        """Have ``forget`` called in every child, before anything else uses this database there."""
        self._after_fork.append(forget)

    def pause(self) -> None:
        """Wait until no connection is lent, close all, and hold everybody up until the fork is done."""
        self._lock.acquire()
        self._forking = self._barred = True
        until = monotonic() + _QUIET
        self._close_idle()
        while self._open and self._changed.wait(until - monotonic()):
            self._close_idle()

    def resume(self) -> None:
        """Go on, in the parent."""
        self._forking, self._barred = False, self._closed
        self._changed.notify_all()
        self._lock.release()

    def restart(self) -> None:
        """Go on in the child. If a call of the parent's was caught in the middle, calls here are refused."""
        if not self._open:
            self._fresh()
            for forget in self._after_fork:
                forget()


_OPEN: weakref.WeakSet[Database] = weakref.WeakSet()
_PAUSED: list[Database] = []
_FORK = threading.RLock()


def _before_fork() -> None:
    _FORK.acquire()
    for database in list(_OPEN):
        database.pause()
        _PAUSED.append(database)


def _in_parent() -> None:
    while _PAUSED:
        _PAUSED.pop().resume()
    _FORK.release()


def _in_child() -> None:
    while _PAUSED:
        _PAUSED.pop().restart()
    _FORK.release()


if sys.platform != "win32":
    os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)
