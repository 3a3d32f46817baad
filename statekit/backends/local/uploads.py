"""Objects in parts: each part is a file of its own, and finishing names them in order, without copying."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from statekit.driver import Buffer, Committed, Expect, Fault, Meta, Page, Part, Parts, Refused, Stat, Upload

from . import catalog
from .catalog import Piece
from .database import Connection
from .faults import LocalError
from .objects import LocalObjects

__all__ = ["LocalUploads"]

_PARTS: Final = Parts(smallest=1, largest=1 << 30, most=100_000)
_BEGIN: Final = "INSERT INTO uploads (id, key, started_at, meta) VALUES (?, ?, ?, ?)"
_BEGUN: Final = "SELECT meta FROM uploads WHERE id = ? AND key = ?"
_END: Final = "DELETE FROM uploads WHERE id = ?"
_PART: Final = "INSERT INTO parts (upload, file, size) VALUES (?, ?, ?)"
_HELD: Final = "SELECT file, size FROM parts WHERE upload = ?"
_FORGET: Final = "DELETE FROM parts WHERE upload = ?"
_PAGE: Final = "SELECT key, id, meta, started_at FROM uploads WHERE id > ? AND key >= ? AND key < ? ORDER BY id LIMIT ?"


class LocalUploads(LocalObjects):
    """Objects, also in parts. An upload's id names the body that it becomes; a part's tag is its file."""

    @property
    def parts(self) -> Parts:
        """The bounds: a part is a file and a row, so there are hardly any."""
        return _PARTS

    def begin(self, key: str, /, *, meta: Meta, timeout: float) -> Upload:
        """Begin an upload. Owes: nothing is visible under ``key`` (O-65)."""
        upload = Upload(key, secrets.token_hex(12), meta, self._clock.now())
        with self._database.writing(timeout) as connection:
            connection.execute(_BEGIN, (upload.id, key.encode(), upload.started_at, catalog.pack(meta)))
        return upload

    def part(self, upload: Upload, number: int, data: Buffer, /, *, crc32c: int, timeout: float) -> Part:
        """Upload one part.

        Whoever finishes the upload holds its parts' tags in memory, so the commit that enters a part need not survive
        a power cut; the bytes are on the disk by then, and the commit of ``finish`` makes everything before it durable.

        Owes: data that do not match ``crc32c`` are not stored (O-57). Sent again it is another file;
        ``finish`` says which one counts.
        """
        self._verify(data, crc32c)
        file = self._files.write(data, timeout=timeout, sync=False)
        with self._changing(timeout, file, durable=False) as change:
            if _meta(change.connection, upload) is None:
                raise LocalError("the upload is not there any more", Fault.REJECTED)
            self._files.adopt(change.connection, file, len(data))
            change.connection.execute(_PART, (upload.id, file, len(data)))
        return Part(number, file, len(data))

    def finish(
        self,
        upload: Upload,
        parts: Sequence[Part],
        /,
        *,
        size: int,
        crc32c: int,
        expect: Expect,
        timeout: float,
    ) -> Committed | Refused[Stat]:
        """Make the upload the object if ``expect`` holds, atomically.

        Owes: the same as ``write`` (O-55 to O-58, O-66); refused, the upload stays. Parts that were sent and
        are not named are removed. What was finished or aborted before is ``Fault.LOST``.
        """
        with self._changing(timeout) as change:
            meta = _meta(change.connection, upload)
            if meta is None:
                raise LocalError("the upload is not there any more", Fault.LOST)
            current = change.find(upload.key)
            if refused := catalog.refusal(current, expect):
                return refused
            pieces = _pieces(parts, size)
            change.release(_take(change.connection, upload, pieces))
            self._see(pieces)
            change.add(upload.id, pieces)
            return change.switch(upload.key, current, size=size, crc32c=crc32c, meta=meta, body=upload.id)

    def _see(self, pieces: list[Piece]) -> None:
        """See that all files are there, and make their names durable, before an object names them."""
        files = {piece.file: piece.size for piece in pieces if piece.file is not None}
        if not all(self._files.present(file, size) for file, size in files.items()):
            raise LocalError("a part's file is missing", Fault.REJECTED)
        self._files.sync(files)

    def abort(self, upload: Upload, /, *, timeout: float) -> None:
        """Forget an upload and its parts. One that is not there is success (O-67)."""
        with self._changing(timeout) as change:
            if _meta(change.connection, upload) is not None:
                change.release(_take(change.connection, upload, []))

    def uploads(self, prefix: str, /, *, cursor: str | None, limit: int, timeout: float) -> Page[Upload]:
        """List uploads that were begun and neither finished nor aborted (O-68), by id.

        Sweeping begins here, so the first page also removes what dead processes left behind.
        """
        if cursor is None:
            self._files.collect(timeout)
        key = prefix.encode()
        with self._database.reading(timeout) as connection:
            rows = connection.execute(_PAGE, (cursor or "", key, key + b"\xff", limit + 1)).fetchall()
        items = tuple(Upload(key.decode(), id_, catalog.unpack(meta), at) for key, id_, meta, at in rows[:limit])
        return Page(items, items[-1].id if len(rows) > limit else None)


def _meta(connection: Connection, upload: Upload) -> Meta | None:
    """Return what the upload was begun with, or None if it is not there."""
    row = connection.execute(_BEGUN, (upload.id, upload.key.encode())).fetchone()
    return None if row is None else catalog.unpack(row[0])


def _pieces(parts: Sequence[Part], size: int) -> list[Piece]:
    """Lay the parts end to end, in the order of their numbers."""
    ordered = sorted(parts, key=lambda part: part.number)
    starts = list(accumulate((part.size for part in ordered), initial=0))
    if starts[-1] != size:
        raise LocalError("the parts do not add up to the size", Fault.REJECTED)
    return [Piece(start, part.size, part.tag, None) for start, part in zip(starts, ordered, strict=False) if part.size]


def _take(connection: Connection, upload: Upload, pieces: list[Piece]) -> list[str]:
    """End an upload, and return the files of it that the pieces do not name."""
    held = dict(connection.execute(_HELD, (upload.id,)).fetchall())
    if any(held.pop(piece.file, None) != piece.size for piece in pieces):
        raise LocalError("a part is not the upload's", Fault.REJECTED)
    connection.execute(_FORGET, (upload.id,))
    connection.execute(_END, (upload.id,))
    return list(held)
