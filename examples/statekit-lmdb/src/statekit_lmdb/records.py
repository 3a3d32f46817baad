"""The record driver: each call is one transaction, which decides and writes."""

from __future__ import annotations

from typing import Final

import lmdb

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

from .environment import Environment
from .stored import packed, unpacked

__all__ = ["LmdbRecords"]

# What LMDB and the file system say, and what it means; what is not here is UNKNOWN, and core finds out what happened.
_FAULTS: Final[dict[type[BaseException], Failure]] = {
    lmdb.MapFullError: Failure(Fault.REJECTED, advice="raise the option size_mib"),
    lmdb.ReadersFullError: Failure(Fault.BUSY),
    lmdb.ReadonlyError: Failure(Fault.DENIED, advice="let this user write the folder"),
    lmdb.CorruptedError: Failure(Fault.CORRUPT, advice="restore the folder from a copy"),
    lmdb.PageNotFoundError: Failure(Fault.CORRUPT, advice="restore the folder from a copy"),
    lmdb.InvalidError: Failure(Fault.MISCONFIGURED, advice="the URL names a folder with something else in it"),
    lmdb.VersionMismatchError: Failure(Fault.MISCONFIGURED, advice="another version of LMDB made this folder"),
    PermissionError: Failure(Fault.DENIED, advice="let this user write the folder"),
    FileNotFoundError: Failure(Fault.MISCONFIGURED, advice="create the folder above the one that the URL names"),
    NotADirectoryError: Failure(Fault.MISCONFIGURED, advice="the URL names a folder, and a file is there"),
    ValueError: Failure(Fault.CORRUPT),
}


class LmdbRecords:
    """Records under their keys. A record's version is the id of the write that stored it, so it never recurs (R-04)."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def read(self, key: str, /, *, timeout: float) -> Record | None:  # noqa: ARG002 - readers never wait
        """Read one record, of one moment (R-07), whether it has expired or not (R-15)."""
        with self._environment.get().begin() as transaction:
            return _found(transaction, key)

    def write(
        self,
        key: str,
        value: bytes,
        /,
        *,
        expires_at: Millis | None,
        write_id: str,
        expect: Expect,
        timeout: float,  # noqa: ARG002 - LMDB waits for other writers as long as they take
    ) -> Committed | Refused[Record]:
        """Store a record if ``expect`` holds (R-01, R-02, R-03); a refusal shows what is there (R-09)."""
        with self._environment.get().begin(write=True) as transaction:
            current = _found(transaction, key)
            if not _holds(expect, current):
                return Refused(current)
            transaction.put(key.encode(), packed(value, write_id, expires_at))
        return Committed(write_id)

    def touch(self, key: str, /, *, seen: Record, expires_at: Millis, timeout: float) -> Committed | Refused[Record]:  # noqa: ARG002
        """Move the expiry of exactly what was seen (R-11), and nothing else (R-10)."""
        with self._environment.get().begin(write=True) as transaction:
            current = _found(transaction, key)
            if current is None or (current.version, current.expires_at) != (seen.version, seen.expires_at):
                return Refused(current)
            transaction.put(key.encode(), packed(current.value, current.version, expires_at))
        return Committed(current.version)

    def delete(self, key: str, /, *, expect: Sight, timeout: float) -> Gone | Refused[Record]:  # noqa: ARG002
        """Delete exactly what was expected (R-12, R-14), or whatever is there (R-13)."""
        with self._environment.get().begin(write=True) as transaction:
            current = _found(transaction, key)
            if current is None:
                return Gone.ABSENT
            if not _holds(expect, current):
                return Refused(current)
            transaction.delete(key.encode())
        return Gone.DELETED

    def page(self, prefix: str, /, *, cursor: str | None, limit: int, timeout: float) -> Page[Entry]:  # noqa: ARG002
        """List by key (R-17); the cursor is the last key of the page before."""
        start, found = (cursor or prefix).encode(), list[Entry]()
        with self._environment.get().begin() as transaction, transaction.cursor() as walk:
            walk.set_range(start)
            for key, stored in walk:
                if not key.startswith(prefix.encode()) or len(found) == limit:
                    break
                if cursor is None or key != start:
                    record = unpacked(stored)
                    found.append(Entry(key.decode(), record.version, record.expires_at))
        return Page(tuple(found), found[-1].key if len(found) == limit else None)

    def fault(self, exc: BaseException, /) -> Failure:
        """Explain an exception by its class. Pure and total (E-01)."""
        return _FAULTS.get(type(exc), Failure(Fault.UNKNOWN))


def _found(transaction: lmdb.Transaction, key: str) -> Record | None:
    stored = transaction.get(key.encode())
    return None if stored is None else unpacked(bytes(stored))


def _holds(expect: Expect | Entry, current: Record | None) -> bool:
    """Whether an expectation holds. Versions are compared as text, so that any text may be asked for (R-05)."""
    if expect is ANY:
        return True
    if expect is ABSENT:
        return current is None
    if current is None or current.version != expect.version:
        return False
    return not isinstance(expect, Entry) or current.expires_at == expect.expires_at
