"""The object driver: rows in SQLite, bytes in files, and the fewest bytes in SQLite too."""

from __future__ import annotations

import secrets
from contextlib import AbstractContextManager
from typing import Final, Literal

from google_crc32c import extend, value

from statekit.driver import (
    Buffer,
    Chunk,
    Clock,
    Committed,
    Expect,
    Failure,
    Fault,
    Gone,
    Match,
    Meta,
    Page,
    Refused,
    Stat,
    Token,
)

from . import catalog, listing
from .catalog import Object, Piece
from .changes import Change, changing
from .database import Database
from .faults import LocalError, explain
from .files import Files

__all__ = ["LocalObjects"]

_INLINE: Final = 32 * 1024
"""Bytes up to which a body lives in the database. Measured: 1 KiB takes half the time that a file does, 64
KiB four fifths; at 256 KiB the database, which writes everything twice, takes longer."""
_STRIDE: Final = 256 * 1024
_ATTEMPTS: Final = 16
"""Looks at a row whose files another writer keeps replacing."""
_PIECES: Final = (
    "SELECT start, size, file, data FROM pieces WHERE body = :body AND start < :end AND start >= "
    "(SELECT max(start) FROM pieces WHERE body = :body AND start <= :start) ORDER BY start"
)


class LocalObjects:
    """Objects. A row names a body, a body its pieces, and a file never changes once it is named."""

    def __init__(self, database: Database, files: Files, clock: Clock) -> None:
        self._database = database
        self._files = files
        self._clock = clock

    def stat(self, key: str, /, *, timeout: float) -> Stat | None:
        """Describe an object, with its metadata. Owes: sees every acknowledged write (O-51)."""
        current = self._find(key, timeout)
        return current.stat if current else None

    def read(
        self, key: str, /, *, start: int, length: int, expect: Match | Literal[Token.ANY], timeout: float
    ) -> Chunk | Refused[Stat] | None:
        """Read ``length`` bytes from ``start``, or what there is of them.

        Owes: bytes and Stat are of one version (O-52): a body never changes, and when a file of it is gone
        the row is looked at again. If the row still has that body, the object is damaged, which is never
        absence. Another version than ``expect`` is refused (O-53); beyond the end there are no bytes (O-54).
        """
        missed: str | None = None
        for _ in range(_ATTEMPTS):
            current = self._find(key, timeout)
            if current is None:
                return None
            if refused := catalog.refusal(current, expect):
                return refused
            data = self._bytes(current, start, length, timeout)
            if data is not None:
                return Chunk(current.stat, data)
            if current.body == missed:
                raise LocalError("a file is missing or cut short", Fault.CORRUPT, "restore the directory from a copy")
            missed = current.body
        raise LocalError("the object was replaced again and again while it was read", Fault.BUSY)

    def write(
        self, key: str, data: Buffer, /, *, meta: Meta, crc32c: int, expect: Expect, timeout: float
    ) -> Committed | Refused[Stat]:
        """Store an object if ``expect`` holds, atomically.

        Owes: one winner (O-55) and nothing visible before it is complete (O-56), both by the commit of the
        row; data that do not match ``crc32c`` are not stored (O-57); all of ``meta`` comes back (O-58).
        """
        self._verify(data, crc32c)
        size = len(data)
        file = self._files.write(data, timeout=timeout) if size > _INLINE else None
        body = file or secrets.token_hex(12)
        with self._changing(timeout, file) as change:
            current = change.find(key)
            if refused := catalog.refusal(current, expect):
                change.free += [file] if file else []
                return refused
            if file:
                self._files.adopt(change.connection, file, size)
            change.add(body, [Piece(0, size, file, None if file else bytes(data))] if size else [])
            return change.switch(key, current, size=size, crc32c=crc32c, meta=meta, body=body)

    def copy(
        self,
        source: str,
        target: str,
        /,
        *,
        pinned: Match,
        meta: Meta,
        expect: Expect,
        resume: str | None,  # noqa: ARG002 (it is never done in steps)
        timeout: float,
    ) -> Committed | Refused[Stat] | None:
        """Copy one version of ``source`` to ``target`` if ``expect`` holds for the target, atomically.

        Owes: the source's bytes with ``meta`` (O-59): both share the body; Refused speaks of the target
        (O-60).
        """
        with self._changing(timeout) as change:
            origin = change.find(source)
            if origin is None or catalog.refusal(origin, pinned):
                return None
            current = change.find(target)
            if refused := catalog.refusal(current, expect):
                return refused
            size, crc32c = origin.stat.size, origin.stat.crc32c or 0
            return change.switch(target, current, size=size, crc32c=crc32c, meta=meta, body=origin.body)

    def delete(self, key: str, /, *, expect: Match | Literal[Token.ANY], timeout: float) -> Gone | Refused[Stat]:
        """Delete an object if ``expect`` holds, atomically. Owes: another version is refused (O-61)."""
        with self._changing(timeout) as change:
            current = change.find(key)
            if current is None:
                return Gone.ABSENT
            return catalog.refusal(current, expect) or change.remove(key, current)

    def page(
        self,
        prefix: str,
        /,
        *,
        delimiter: str | None,
        start_after: str | None,
        cursor: str | None,
        limit: int,
        timeout: float,
    ) -> Page[Stat]:
        """List a part of the objects whose keys begin with ``prefix``, by UTF-8 bytes (O-62 to O-64)."""
        with self._database.reading(timeout) as connection:
            return listing.page(
                connection, prefix, delimiter=delimiter, start_after=start_after, cursor=cursor, limit=limit
            )

    def fault(self, exc: BaseException, /) -> Failure:
        """Explain an exception that one of the methods raised. Pure and total (E-01)."""
        return explain(exc)

    def _find(self, key: str, timeout: float) -> Object | None:
        return catalog.found(key, self._database.row(catalog.FIND, (key.encode(),), timeout))

    def _changing(
        self, timeout: float, written: str | None = None, *, durable: bool = True
    ) -> AbstractContextManager[Change]:
        transaction = self._database.writing(timeout, durable=durable)
        return changing(transaction, self._files, self._clock, written=written)

    def _bytes(self, current: Object, start: int, length: int, timeout: float) -> bytes | None:
        """Return a range of a body, or None if some of it is not there."""
        end = min(start + length, current.stat.size)
        if start >= end:
            return b""
        with self._database.reading(timeout) as connection:
            rows = connection.execute(_PIECES, {"body": current.body, "start": start, "end": end}).fetchall()
        try:
            parts = [self._cut(Piece(*row), start, end) for row in rows]
        except FileNotFoundError:
            return None
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        return data if len(data) == end - start else None

    def _cut(self, piece: Piece, start: int, end: int) -> bytes:
        """Return what a piece has of a range."""
        begin, stop = max(start - piece.start, 0), min(end - piece.start, piece.size)
        if piece.file is not None:
            return self._files.read(piece.file, begin, stop - begin)
        return (piece.data or b"")[begin:stop]

    @staticmethod
    def _verify(data: Buffer, crc32c: int) -> None:
        """Compare data with their checksum (O-57). Only bytes can be summed, so a view is copied stride by stride."""
        found = value(data) if isinstance(data, bytes) else 0
        if not isinstance(data, bytes):
            for start in range(0, len(data), _STRIDE):
                found = extend(found, bytes(data[start : start + _STRIDE]))
        if found != crc32c:
            raise LocalError("the data do not match their checksum", Fault.REJECTED)
