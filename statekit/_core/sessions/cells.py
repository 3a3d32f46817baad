"""One session's record, its *cell*: found, planted, replaced and destroyed by sid."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Final

from statekit._core.clock import MILLISECOND
from statekit._core.commit import Lost, commit
from statekit._core.envelope import Stored
from statekit._core.ids import session_id, sid_of, text_of, write_id
from statekit._core.pipeline import Operation, Wire, attempt, fetch, read, repeat
from statekit._core.plan import Plan
from statekit._core.retry import Backoff
from statekit.driver import ABSENT, ANY, Committed, Gone, Match, Record, RecordDriver
from statekit.errors import BackendError, CorruptDataError, StateError
from statekit.types import SessionPolicy

from .forms import Live, Moved, decode_cell, encode_form, encode_live
from .session import Cell

__all__ = ["Cells", "Fate"]

MARKER_LIFE: Final = 60_000
"""Milliseconds that a rotated id's marker is kept, at least; longer if operations may take longer."""


class Fate(Enum):
    """What has become of a session."""

    LIVE = "live"
    IDLE = "expired, and still stored"
    GONE = "absent or moved, for good"


class Cells:
    """The sessions' records of one namespace.

    Args:
        wire: What the session store's operations share.
        driver: Returns the record driver.
        prefix: What every key begins with.
        policy: Timeouts and limits.
    """

    def __init__(self, wire: Wire, driver: Callable[[], RecordDriver], prefix: str, policy: SessionPolicy) -> None:
        self.wire = wire
        self.driver = driver
        self.prefix = f"{prefix}s/"
        self.idle = policy.idle_timeout // MILLISECOND
        self.lifetime = policy.lifetime // MILLISECOND

    def key(self, sid: bytes) -> str:
        """Return the record's key."""
        return self.prefix + sid.hex()

    def until(self, op: Operation, live: Live, seen: int = 0) -> int:
        """Return the expiry that a write made now gives: never earlier than was seen, never after the lifetime."""
        return min(live.ends_at, max(seen, op.now + self.idle))

    def find(self, op: Operation, sid: bytes) -> Plan[Cell | None]:
        """Read a session; None if it is absent, expired or moved."""
        driver, key = self.driver(), self.key(sid)
        record = yield from fetch(op, driver, driver.read, key)
        return self.judge(op, sid, self.wire.vault.open(key, record))

    def judge(self, op: Operation, sid: bytes, stored: Stored | None) -> Cell | None:
        """Return the session in what is stored; None if it is absent, expired or moved."""
        if stored is None:
            return None
        now, expires_at = op.now, stored.record.expires_at
        if expires_at is not None and expires_at <= now:
            return None
        form = decode_cell(stored.body)
        return Cell(sid, stored, form) if type(form) is Live and form.ends_at > now else None

    def _form(self, op: Operation, stored: Stored | None) -> Live | Moved | None:
        if stored is None:
            return None
        expires_at = stored.record.expires_at
        if expires_at is not None and expires_at <= op.now:
            return None
        return decode_cell(stored.body)

    def plant(self, op: Operation, fill: Callable[[bytes], Live]) -> Plan[tuple[str, Cell]]:
        """Store a new session under a fresh id, which nobody holds yet.

        An attempt of unknown outcome is forgotten together with its id: sent again, it could arrive after the session
        was destroyed, and bring it back.

        Args:
            op: The operation.
            fill: Returns the session for a sid.
        """
        backoff = Backoff()
        driver = self.driver()
        while True:
            identifier, own = session_id(), write_id()
            sid = sid_of(identifier)
            live = fill(sid)
            body, until = encode_live(live), self.until(op, live)
            value = self.wire.vault.close(self.key(sid), body, own, b"")
            try:
                answer = yield from attempt(
                    op, driver, driver.write, self.key(sid), value,
                    expires_at=until, write_id=text_of(own), expect=ABSENT,
                )  # fmt: skip
            except BackendError as error:
                if not error.retryable:
                    raise
                yield from op.pause(backoff, error)
                continue
            if isinstance(answer, Committed):
                stored = Stored(Record(value, answer.version, until), own, b"", body)
                return identifier, Cell(sid, stored, live)

    def replace(self, op: Operation, cell: Cell, form: Live | Moved) -> Plan[Stored | Lost]:
        """Replace a session by its successor, or by a marker, if it is still what is stored."""
        if isinstance(form, Live):
            body, until = encode_live(form), self.until(op, form, cell.stored.record.expires_at or 0)
        else:
            body = encode_form(form)
            until = op.now + max(MARKER_LIFE, int(min(op.timeout, MARKER_LIFE) * 1000))
        return commit(op, self.driver(), self.key(cell.sid), cell.stored, body, expires_at=until, absent_is_lost=True)

    def follow(self, op: Operation, sid: bytes) -> Plan[Cell | None]:
        """Read a session, or what it was rotated into."""
        while True:
            stored = yield from read(op, self.driver(), self.key(sid))
            form = self._form(op, stored)
            if not isinstance(form, Moved):
                return self.judge(op, sid, stored)
            sid = form.to

    def fate(self, op: Operation, sid: bytes) -> Plan[Fate]:
        """Find out what has become of a session. One that cannot be read is not gone."""
        try:
            stored = yield from read(op, self.driver(), self.key(sid))
            if stored is None or isinstance(decode_cell(stored.body), Moved):
                return Fate.GONE
            return Fate.LIVE if self.judge(op, sid, stored) else Fate.IDLE
        except CorruptDataError:
            return Fate.LIVE

    def destroy(self, op: Operation, sid: bytes) -> Plan[bytes | None]:
        """Delete a session, or what it was rotated into; return the sid of what was there, or None.

        One that has expired is deleted, too: a save or touch that began before it did may still arrive.
        """
        driver = self.driver()
        while True:
            stored = yield from read(op, driver, self.key(sid))
            form = self._form(op, stored)
            if stored is None or (form is None and isinstance(decode_cell(stored.body), Moved)):
                return None
            if isinstance(form, Moved):
                sid = form.to
                continue
            answer = yield from repeat(op, driver, driver.delete, self.key(sid), expect=Match(stored.record.version))
            if isinstance(answer, Gone):
                return sid if form is not None else None

    def execute(self, op: Operation, sid: bytes) -> Plan[bytes | None]:
        """Destroy a doomed session, also one that cannot be read: it must not stand in its owner's way for ever."""
        try:
            return (yield from self.destroy(op, sid))
        except CorruptDataError:
            driver = self.driver()
            answer = yield from repeat(op, driver, driver.delete, self.key(sid), expect=ANY)
            return sid if answer is Gone.DELETED else None

    def discard(self, op: Operation, sid: bytes) -> Plan[None]:
        """Delete a session that nobody holds. If that fails, it expires unused."""
        op.spare()
        driver = self.driver()
        with suppress(StateError):
            yield from repeat(op, driver, driver.delete, self.key(sid), expect=ANY)
