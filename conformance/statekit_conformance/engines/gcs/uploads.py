"""Resumable uploads: sessions on disk that outlive the engine, received in spans and judged at the end.

What is acknowledged with 308 is durable. The conditions are judged once more when the last byte is there, in
the transaction that makes the object visible. A finished session answers again with what it made; a refused
one is gone.
"""

import json
import re
import secrets
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Self

from statekit_conformance.engines.gcs import bodies, errors
from statekit_conformance.engines.gcs.checksums import Announced, Digests
from statekit_conformance.engines.gcs.conditions import NONE, Conditions
from statekit_conformance.engines.gcs.http import Body
from statekit_conformance.engines.gcs.limits import NO_LIMITS, Limits
from statekit_conformance.engines.gcs.moments import MICROSECONDS, Clock
from statekit_conformance.engines.gcs.objects import Objects, Target
from statekit_conformance.engines.gcs.records import Content, Record

QUANTUM = 256 * 1024
_LIFETIME = 7 * 24 * 3600 * MICROSECONDS
_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


@dataclass(frozen=True, slots=True)
class Span:
    """What a request to a session carries: bytes from ``start`` up to ``stop``, of ``total`` if it says.

    A status query carries nothing: its ``start`` is None.
    """

    start: int | None
    stop: int | None
    total: int | None

    @classmethod
    def of(cls, header: str | None, length: int | None) -> Self:
        """Read a Content-Range header; without one the request carries everything.

        Raises:
            Refusal: 400 if the header is malformed or contradicts the body's length.
        """
        if header is None:
            return cls(0, length, length)
        found = _RANGE.fullmatch(header.strip())
        if found is None:
            raise errors.invalid("malformed Content-Range")
        first, last, whole = found.groups()
        total = None if whole == "*" else int(whole)
        if first is None:
            return cls(None, None, total)
        span = cls(int(first), int(last) + 1, total)
        span._check(length)
        return span

    def _check(self, length: int | None) -> None:
        size = (self.stop or 0) - (self.start or 0)
        if size < 0 or (length is not None and length != size):
            raise errors.invalid("Content-Range and the length of the body differ")
        if self.total is not None and (self.stop or 0) > self.total:
            raise errors.invalid("Content-Range reaches past the total size")
        if self.stop != self.total and size % QUANTUM:
            raise errors.invalid(f"every span but the last must be a multiple of {QUANTUM} bytes")


@dataclass(frozen=True, slots=True)
class Session:
    """An upload in progress, or finished if ``finished`` is the object that it made."""

    id: str
    body: int
    received: int
    target: Target
    announced: Announced
    total: int | None
    limits: Limits
    finished: Record | None


class Uploads:
    """The resumable uploads of one engine."""

    def __init__(self, objects: Objects, clock: Clock) -> None:
        self._objects = objects
        self._database = objects.database
        self._clock = clock

    def begin(
        self,
        target: Target,
        announced: Announced,
        total: int | None = None,
        limits: Limits = NO_LIMITS,
    ) -> str:
        """Open a session and return its id.

        Args:
            target: What the upload will make, and under which conditions.
            announced: The checksums that the bytes must have.
            total: The size in bytes, if the client said.
            limits: The sizes that a signature permits.

        Raises:
            Refusal: 400 for the name, 404 for the bucket. Conditions are judged when the upload is complete.
        """
        self._objects.precheck(replace(target, conditions=NONE))
        upload = secrets.token_urlsafe(32)
        plan = [asdict(target), asdict(announced), total, asdict(limits)]
        with self._database.change() as rows:
            body = bodies.create(rows)
            rows.execute(
                "INSERT INTO uploads VALUES (?, ?, 0, ?, ?, NULL)",
                (upload, body, self._clock(), json.dumps(plan)),
            )
        return upload

    def receive(self, upload: str, span: Span, body: Body, announced: Announced) -> Record | int:
        """Take in a span, or answer a status query.

        Returns:
            The object, if the upload is complete; otherwise the number of bytes that are safe.

        Raises:
            Refusal: 404 or 410 for the session, 400 for the span or a checksum, 503 while another request
                writes to the session, and what `Objects.put` refuses.
        """
        session = self._load(upload)
        if session.finished is not None:
            return session.finished
        total = session.total if span.total is None else span.total
        if session.total not in (None, total):
            raise errors.invalid(f"the upload was announced with {session.total} bytes")
        received = session.received
        if span.start is not None:
            received = self._append(session, span.start, body)
            total = received if span.stop is None and span.total is None else total
        if total is None or received < total:
            return received
        return self._finish(session, received, announced)

    def cancel(self, upload: str) -> None:
        """Drop a session and its bytes.

        Raises:
            Refusal: 404 or 410.
        """
        self._drop(self._load(upload))

    def drop_expired(self, rows: sqlite3.Connection) -> None:
        """Drop sessions older than a week."""
        old = rows.execute("SELECT * FROM uploads WHERE created < ?", (self._clock() - _LIFETIME,)).fetchall()
        for row in old:
            rows.execute("DELETE FROM uploads WHERE id = ?", (row["id"],))
            if row["finished"] is None:
                bodies.drop(rows, row["body"])

    def _load(self, upload: str) -> Session:
        with self._database.snapshot() as view:
            return self._find(view.rows, upload)

    def _find(self, rows: sqlite3.Connection, upload: str) -> Session:
        row = rows.execute("SELECT * FROM uploads WHERE id = ?", (upload,)).fetchone()
        if row is None:
            raise errors.Refusal(404, "notFound", "NoSuchUpload", "no such upload session")
        if row["created"] < self._clock() - _LIFETIME:
            raise errors.Refusal(410, "gone", "NoSuchUpload", "the upload session has expired")
        return _session(row)

    def _append(self, session: Session, start: int, body: Body) -> int:
        """Store what is new in a span and return how many bytes the session then has."""
        if start > session.received:
            raise errors.invalid(f"the span begins at {start}, but only {session.received} bytes are here")
        received = session.received
        for piece in _pieces(_skipped(body, received - start), received):
            with self._database.change() as rows:
                self._advance(rows, session, received, len(piece))
                bodies.append(rows, session.body, received, piece)
            received += len(piece)
        return received

    def _advance(self, rows: sqlite3.Connection, session: Session, received: int, size: int) -> None:
        """Move the session on, unless another request moved it meanwhile."""
        moved = rows.execute(
            "UPDATE uploads SET received = received + ? WHERE id = ? AND received = ? AND finished IS NULL",
            (size, session.id, received),
        )
        if moved.rowcount != 1:
            raise errors.Refusal(503, "backendError", "ServiceUnavailable", "another request writes to this upload")

    def _finish(self, session: Session, received: int, announced: Announced) -> Record:
        try:
            session.limits.check(received)
            content = self._content(session, received, announced)
            with self._database.change() as rows:
                current = self._find(rows, session.id)
                if current.finished is not None:
                    return current.finished
                record = self._objects.put(rows, session.target, lambda _rows: session.body, content)
                rows.execute(
                    "UPDATE uploads SET finished = ? WHERE id = ?",
                    (json.dumps(_to_plain(record)), session.id),
                )
        except errors.Refusal as refusal:
            if refusal.status not in (429, 503):
                self._drop(session)
            raise
        return record

    def _content(self, session: Session, received: int, announced: Announced) -> Content:
        digests = Digests(session.announced.and_then(announced))
        with self._database.snapshot() as view:
            for piece in bodies.read(view.rows, session.body, 0, received):
                digests.update(piece)
        digests.check()
        return Content(digests.size, digests.crc32c, digests.md5)

    def _drop(self, session: Session) -> None:
        with self._database.change() as rows:
            gone = rows.execute("DELETE FROM uploads WHERE id = ? AND finished IS NULL", (session.id,))
            if gone.rowcount:
                bodies.drop(rows, session.body)


def _skipped(body: Body, skip: int) -> Iterator[bytes]:
    """Yield a body without its first bytes, which are here already."""
    for piece in body:
        if len(piece) > skip:
            yield piece[skip:]
        skip = max(skip - len(piece), 0)


def _pieces(body: Iterator[bytes], received: int) -> Iterator[bytes]:
    """Gather bytes for storing; if the connection breaks, keep whole quanta and then say so."""
    pending = bytearray()
    try:
        for piece in body:
            pending += piece
            if len(pending) >= bodies.CHUNK:
                yield bytes(pending)
                received += len(pending)
                pending.clear()
    except errors.Refusal:
        whole = (received + len(pending)) // QUANTUM * QUANTUM - received
        if whole > 0:
            yield bytes(pending[:whole])
        raise
    if pending:
        yield bytes(pending)


def _session(row: sqlite3.Row) -> Session:
    target, announced, total, limits = json.loads(row["plan"])
    return Session(
        row["id"],
        row["body"],
        row["received"],
        Target(**{**target, "conditions": Conditions(**target["conditions"])}),
        Announced(**announced),
        total,
        Limits(**limits),
        None if row["finished"] is None else _of_plain(json.loads(row["finished"])),
    )


def _to_plain(record: Record) -> dict[str, object]:
    plain = asdict(record)
    plain["content"]["md5"] = record.content.md5.hex() if record.content.md5 else None
    return plain


def _of_plain(plain: dict[str, object]) -> Record:
    content = dict(plain.pop("content"))  # type: ignore[call-overload]
    content["md5"] = bytes.fromhex(content["md5"]) if content["md5"] else None
    return Record(**plain, content=Content(**content))  # type: ignore[arg-type]
