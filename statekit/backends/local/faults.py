"""What goes wrong on a local disk, and what it means.

Everything that touches a file happens before the transaction that makes it visible, and what happens after
the commit is never allowed to fail. So an ``OSError`` always means "not applied"; only SQLite can leave a
write in doubt.
"""

from __future__ import annotations

import errno
import sqlite3
from typing import Final, NamedTuple

from statekit.driver import Failure, Fault

__all__ = ["LocalError", "explain"]


class LocalError(Exception):
    """What the driver itself finds wrong."""

    def __init__(self, message: str, fault: Fault, advice: str | None = None) -> None:
        super().__init__(message, fault, advice)
        self.failure = Failure(fault, advice=advice)

    def __str__(self) -> str:
        return str(self.args[0])


class _Meaning(NamedTuple):
    fault: Fault
    advice: str | None = None


_BUSY = _Meaning(Fault.BUSY)
_UNKNOWN = _Meaning(Fault.UNKNOWN)
_FULL = _Meaning(Fault.MISCONFIGURED, "the disk or the quota is full: free some space, or move the directory")
_TOO_LARGE = _Meaning(
    Fault.MISCONFIGURED, "a limit on the size of files is in the way: see ulimit -f and the file system's"
)
_READ_ONLY = _Meaning(Fault.DENIED, "give this user the right to write the directory and all files in it")
_UNREACHABLE = _Meaning(
    Fault.MISCONFIGURED, "check that the directory exists, is a directory, and that this user may write in it"
)
_MEMORY_MAP = _Meaning(
    Fault.MISCONFIGURED,
    "shared memory cannot be set up beside the database: free some disk space, and use a local file system",
)
_LOCKS = _Meaning(Fault.MISCONFIGURED, "locks do not work here: use a local file system, not a network one")
_HANDLES = _Meaning(Fault.BUSY, "too many open files: raise the limit (ulimit -n)")
_DAMAGED = _Meaning(Fault.CORRUPT, "the database is damaged: restore it from a copy, and check the disk")
_FOREIGN = _Meaning(Fault.MISCONFIGURED, "the directory holds a database that is not statekit's: choose another one")
_MOVED = _Meaning(Fault.MISCONFIGURED, "the directory was moved or removed while in use: restart the process")
_TOO_MUCH = _Meaning(Fault.REJECTED)

_SQLITE: Final[dict[int, _Meaning]] = {
    # Primary codes, https://sqlite.org/rescode.html
    sqlite3.SQLITE_ERROR: _FOREIGN,  # no such table or column: raised before anything is written
    sqlite3.SQLITE_INTERNAL: _UNKNOWN,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_ABORT: _UNKNOWN,
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_NOMEM: _UNKNOWN,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_INTERRUPT: _UNKNOWN,
    sqlite3.SQLITE_IOERR: _UNKNOWN,  # a commit whose fsync failed may be there after a restart
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTFOUND: _UNKNOWN,
    sqlite3.SQLITE_FULL: _FULL,  # the commit is the last to be written
    sqlite3.SQLITE_CANTOPEN: _UNREACHABLE,
    sqlite3.SQLITE_PROTOCOL: _BUSY,
    sqlite3.SQLITE_EMPTY: _UNKNOWN,
    sqlite3.SQLITE_SCHEMA: _BUSY,
    sqlite3.SQLITE_TOOBIG: _TOO_MUCH,
    sqlite3.SQLITE_CONSTRAINT: _UNKNOWN,
    sqlite3.SQLITE_MISMATCH: _UNKNOWN,
    sqlite3.SQLITE_MISUSE: _UNKNOWN,
    sqlite3.SQLITE_NOLFS: _TOO_LARGE,
    sqlite3.SQLITE_AUTH: _READ_ONLY,
    sqlite3.SQLITE_FORMAT: _DAMAGED,
    sqlite3.SQLITE_RANGE: _UNKNOWN,
    sqlite3.SQLITE_NOTADB: _FOREIGN,
    # Extended codes that say more than their primary one.
    sqlite3.SQLITE_IOERR_CORRUPTFS: _DAMAGED,
    sqlite3.SQLITE_IOERR_DATA: _DAMAGED,
    sqlite3.SQLITE_IOERR_LOCK: _LOCKS,
    sqlite3.SQLITE_IOERR_RDLOCK: _LOCKS,
    sqlite3.SQLITE_IOERR_SHMMAP: _MEMORY_MAP,
    sqlite3.SQLITE_IOERR_SHMOPEN: _MEMORY_MAP,
    sqlite3.SQLITE_IOERR_SHMSIZE: _MEMORY_MAP,
    sqlite3.SQLITE_IOERR_SHORT_READ: _DAMAGED,
    sqlite3.SQLITE_READONLY_DBMOVED: _MOVED,
}

_ERRNO: Final[dict[int, _Meaning]] = {
    getattr(errno, name): meaning
    for meaning, names in {
        _FULL: "ENOSPC EDQUOT",
        _TOO_LARGE: "EFBIG",
        _READ_ONLY: "EACCES EPERM EROFS",
        _UNREACHABLE: "ENOENT ENOTDIR EISDIR EEXIST ELOOP ENAMETOOLONG EMLINK EXDEV ENODEV ENXIO",
        _LOCKS: "ENOLCK ENOSYS ENOTSUP EOPNOTSUPP",
        _HANDLES: "EMFILE ENFILE",
        _BUSY: "EAGAIN EWOULDBLOCK EINTR EBUSY EDEADLK ETXTBSY",
    }.items()
    for name in names.split()
    if hasattr(errno, name)
}


def explain(exc: BaseException, /) -> Failure:
    """Explain an exception that one of the drivers' methods raised. Pure and total (E-01)."""
    if isinstance(exc, LocalError):
        return exc.failure
    if isinstance(exc, sqlite3.Error):
        code = getattr(exc, "sqlite_errorcode", None)
        meaning = _SQLITE.get(code) or _SQLITE.get(code & 0xFF, _UNKNOWN) if isinstance(code, int) else _UNKNOWN
    elif isinstance(exc, OSError):
        meaning = _ERRNO.get(exc.errno or 0, _UNKNOWN)
    else:
        meaning = _UNKNOWN
    return Failure(meaning.fault, advice=meaning.advice)
