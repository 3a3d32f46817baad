"""What the session stores do, as plans: the synchronous and the asynchronous store run the same ones."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias

import msgspec

from statekit._core.clock import MILLISECOND
from statekit._core.codec import encode
from statekit._core.envelope import Stored
from statekit._core.ids import handle_of, name_of, presented, read_handle
from statekit._core.limits import check_label, check_owner
from statekit._core.pipeline import Operation, Wire, fetch, repeat
from statekit._core.plan import Plan, clean_up, gather
from statekit._core.retry import Backoff
from statekit.driver import UNSEEN, Committed, Entry, Gone, Record, RecordDriver
from statekit.errors import ConflictError, CorruptDataError, InvalidInputError, SessionGoneError
from statekit.types import SessionInfo, SessionPolicy, Swept

from .cells import Cells
from .forms import Live, encode_live
from .owners import SIDE_BY_SIDE, Owners
from .rotation import Rotation
from .session import Cell, Changes, Session

__all__ = ["OnConflict", "SessionPlans"]

OnConflict: TypeAlias = Literal["merge", "reject", "overwrite"]

SWEEP_AFTER: Final = 3_600_000
"""Milliseconds that an expired record is left alone: hosts' clocks differ, and somebody may be about to touch it."""
PAGE: Final = 500


class SessionPlans:
    """The session store's operations.

    Args:
        wire: What they share.
        driver: Returns the record driver; raises UnsupportedError where there is none.
        prefix: What every key begins with.
        policy: Timeouts and limits.
    """

    def __init__(self, wire: Wire, driver: Callable[[], RecordDriver], prefix: str, policy: SessionPolicy) -> None:
        self.wire = wire
        self._driver = driver
        self._cells = Cells(wire, driver, prefix, policy)
        self._owners = Owners(self._cells, prefix, policy.sessions_per_owner)
        self.policy = policy
        self._interval = policy.touch_interval // MILLISECOND

    def create(
        self,
        timeout: float | None,
        data: Mapping[str, Any] | None = None,
        *,
        owner: str | None = None,
        label: str | None = None,
        since: str | None = None,
    ) -> Plan[Session]:
        """Store a new session, and only then make its owner's record know it."""
        with self.wire.begin("create", timeout) as op:
            _check_login(owner, label, since)
            encoded = {_checked(key): msgspec.Raw(encode(value, at=key)) for key, value in (data or {}).items()}
            live = Live(op.now, op.now + self._cells.lifetime, op.now, owner, label, b"", b"", encoded)
            identifier, cell = yield from self._cells.plant(op, lambda _: live)
            op.size = len(cell.stored.body)
            if owner is not None:
                try:
                    yield from self._owners.admit(op, name_of(owner), cell.sid, live, since)
                except BaseException as error:
                    yield from clean_up(error, lambda: self._cells.discard(op, cell.sid))
                    raise
            return Session(identifier, cell)

    def load(self, timeout: float | None, identifier: str) -> Plan[Session | None]:
        """Read a session in one round trip; a malformed id costs none."""
        with self.wire.begin("load", timeout) as op:
            sid = presented(identifier)
            if sid is None:
                return None
            driver, key = self._driver(), self._cells.key(sid)  # as Cells.find, but every request comes by here
            record = yield from fetch(op, driver, driver.read, key)
            cell = self._cells.judge(op, sid, self.wire.vault.open(key, record))
            if cell is None:
                return None
            op.size = len(cell.stored.body)
            return Session(identifier, cell)

    def save(self, timeout: float | None, session: Session, *, on_conflict: OnConflict = "merge") -> Plan[None]:
        """Store what changed; where nothing did, touch."""
        with self.wire.begin("save", timeout) as op:
            if on_conflict not in ("merge", "reject", "overwrite"):
                raise InvalidInputError("on_conflict is merge, reject or overwrite")
            changes = session.changes()
            if changes:
                yield from self._store(op, session, changes, on_conflict)
            else:
                yield from self._touch(op, session)

    def _store(self, op: Operation, session: Session, changes: Changes, on_conflict: OnConflict) -> Plan[None]:
        base = session.cell
        known, cell = base.live.data, base if session.seen_until > op.now else None
        if cell is None:
            # It had expired unless somebody touched it: only the store knows.
            cell = yield from self._cells.find(op, base.sid)
        backoff = Backoff(0.005, 0.25)
        while cell is not None:
            found = cell.stored.record.version
            if on_conflict == "reject" and found != base.stored.record.version:
                raise ConflictError("another request saved the session", current=found, clause="S-10")
            after = changes.applied_to(known if on_conflict == "overwrite" else cell.live.data)
            live = msgspec.structs.replace(cell.live, saved_at=op.now, data=after)
            result = yield from self._cells.replace(op, cell, live)
            if isinstance(result, Stored):
                op.size = len(result.body)
                op.conflicts = _conflicts(changes, known, cell.live.data)
                session.rebase(Cell(base.sid, result, live), changes)
                return
            cell = self._cells.judge(op, base.sid, result.current)
            if cell is not None and on_conflict != "reject":
                yield from op.pause(backoff, _contended())
        raise _gone()

    def update(self, timeout: float | None, identifier: str, function: Callable[[Session], object]) -> Plan[Session]:
        """Apply a function to fresh data until it is stored."""
        with self.wire.begin("update", timeout) as op:
            sid = presented(identifier)
            cell = None if sid is None else (yield from self._cells.find(op, sid))
            backoff = Backoff(0.005, 0.25)
            while cell is not None:
                session = Session(identifier, cell)
                _check_returned(function(session))
                changes = session.changes()
                if not changes:
                    return session
                live = msgspec.structs.replace(cell.live, saved_at=op.now, data=changes.applied_to(cell.live.data))
                result = yield from self._cells.replace(op, cell, live)
                if isinstance(result, Stored):
                    session.rebase(Cell(cell.sid, result, live), changes)
                    return session
                cell = self._cells.judge(op, cell.sid, result.current)
                if cell is not None:
                    yield from op.pause(backoff, _contended())
            raise _gone()

    def touch(self, timeout: float | None, session: Session) -> Plan[bool]:
        """Extend the session's expiry, at most once per touch interval; return whether the store was asked."""
        with self.wire.begin("touch", timeout) as op:
            return (yield from self._touch(op, session))

    def _touch(self, op: Operation, session: Session) -> Plan[bool]:
        driver, sid = self._driver(), session.cell.sid
        seen: Record | None = session.cell.stored.record
        if session.seen_until <= op.now:
            seen = yield from self._alive(op, sid)
        while seen is not None:
            wanted = self._cells.until(op, session.cell.live)
            until = seen.expires_at or wanted
            if wanted - max(until, session.seen_until) < max(1, self._interval):
                session.seen_until = max(until, session.seen_until)
                return op.attempts > 0
            answer = yield from repeat(op, driver, driver.touch, self._cells.key(sid), seen=seen, expires_at=wanted)
            if isinstance(answer, Committed):
                session.extended(Record(seen.value, seen.version, wanted, answer.stamp))
                return True
            if answer.current is UNSEEN:
                seen = yield from self._alive(op, sid)
            else:
                seen = self._judged(op, sid, answer.current)
        raise _gone()

    def _alive(self, op: Operation, sid: bytes) -> Plan[Record | None]:
        cell = yield from self._cells.find(op, sid)
        return cell.stored.record if cell else None

    def _judged(self, op: Operation, sid: bytes, record: Record | None) -> Record | None:
        stored = self.wire.vault.open(self._cells.key(sid), record)
        return record if self._cells.judge(op, sid, stored) else None

    def rotate(
        self,
        timeout: float | None,
        session: Session,
        *,
        owner: str | None = None,
        label: str | None = None,
        since: str | None = None,
    ) -> Plan[Session]:
        """Give the session a new id; bind it to an owner if it has none."""
        with self.wire.begin("rotate", timeout) as op:
            _check_login(owner, label, since)
            changes, cell = session.changes(), session.cell
            encode_live(msgspec.structs.replace(cell.live, data=changes.applied_to(cell.live.data)))
            rotation = Rotation(self._cells, self._owners, changes, owner, label, since)
            return (yield from rotation.run(op, cell.sid))

    def destroy(self, timeout: float | None, session: Session | str) -> Plan[bool]:
        """End a session; return whether there was one."""
        with self.wire.begin("destroy", timeout) as op:
            identifier = session.id if isinstance(session, Session) else session
            sid = presented(identifier)
            return sid is not None and (yield from self._cells.destroy(op, sid)) is not None

    def owner_mark(self, timeout: float | None, owner: str) -> Plan[str]:
        """Return what ``create`` compares to find out whether everything was revoked meanwhile."""
        with self.wire.begin("owner_mark", timeout) as op:
            check_owner(owner)
            _, roster = yield from self._owners.read(op, name_of(owner))
            return roster.epoch.hex()

    def list(self, timeout: float | None, owner: str) -> Plan[list[SessionInfo]]:
        """Describe an owner's live sessions, one for each login."""
        with self.wire.begin("list", timeout) as op:
            check_owner(owner)
            name = name_of(owner)
            _, roster = yield from self._owners.read(op, name)
            yield from self._owners.finish(op, name, roster)
            entries = {sid: entry for sid, entry in roster.live.items() if entry[1] > op.now}
            found = yield from gather(
                (self._described(op, name, sid, *entry) for sid, entry in entries.items()), SIDE_BY_SIDE
            )
            return list({info.handle: info for info in found if info is not None}.values())

    def _described(self, op: Operation, name: bytes, sid: bytes, root: bytes, ends_at: int) -> Plan[SessionInfo | None]:
        handle = handle_of(name, root)
        try:
            cell = yield from self._cells.follow(op, sid)
        except CorruptDataError:
            began = ends_at - self._cells.lifetime
            return SessionInfo(handle, _moment(began), _moment(began), _moment(ends_at), None, corrupt=True)
        if cell is None:
            return None
        live, until = cell.live, cell.stored.record.expires_at or ends_at
        last_seen = min(max(live.saved_at, until - self._cells.idle), op.now)
        return SessionInfo(handle, _moment(live.created_at), _moment(last_seen), _moment(until), live.label)

    def revoke(self, timeout: float | None, handle: str) -> Plan[bool]:
        """End the login that a handle names; return whether there was one."""
        with self.wire.begin("revoke", timeout) as op:
            named = read_handle(handle)
            if named is None:
                return False
            name, root = named
            return (yield from self._owners.doom(op, name, lambda other: other == root, everything=False)) > 0

    def revoke_all(self, timeout: float | None, owner: str, *, keep: Session | str | None = None) -> Plan[int]:
        """End all logins of an owner but one; return how many sessions there were."""
        with self.wire.begin("revoke_all", timeout) as op:
            check_owner(owner)
            root = yield from self._root(op, keep)
            return (yield from self._owners.doom(op, name_of(owner), lambda other: other != root, everything=True))

    def _root(self, op: Operation, keep: Session | str | None) -> Plan[bytes]:
        """Return the root of the login to keep. By id, a session that is being rotated would be killed."""
        if isinstance(keep, Session):
            return keep.cell.root
        sid = presented(keep)
        cell = None if sid is None else (yield from self._cells.follow(op, sid))
        return cell.root if cell else b""

    def sweep(self, timeout: float | None) -> Plan[Swept]:
        """Delete what expired more than an hour ago and was not touched since it was seen."""
        with self.wire.begin("sweep", timeout) as op:
            records = 0
            for prefix in (self._cells.prefix, self._owners.prefix):
                cursor = None
                while True:
                    op.extend()
                    driver = self._driver()
                    page = yield from fetch(op, driver, driver.page, prefix, cursor=cursor, limit=PAGE)
                    old = {
                        e.key: e
                        for e in page.items
                        if e.expires_at is not None and e.expires_at <= op.now - SWEEP_AFTER
                    }
                    deleted = yield from gather((self._reclaim(op, entry) for entry in old.values()), SIDE_BY_SIDE)
                    records += sum(deleted)
                    cursor = page.cursor
                    if cursor is None:
                        break
            return Swept(records=records)

    def _reclaim(self, op: Operation, entry: Entry) -> Plan[bool]:
        driver = self._driver()
        answer = yield from repeat(op, driver, driver.delete, entry.key, expect=entry)
        return answer is Gone.DELETED


def _conflicts(changes: Changes, known: Mapping[str, msgspec.Raw], found: Mapping[str, msgspec.Raw]) -> int:
    """Count the keys that both sides changed, to different values."""
    if found is known:
        return 0
    mine = {**changes.changed, **dict.fromkeys(changes.deleted)}
    return sum(known.get(key) != found.get(key) and value != found.get(key) for key, value in mine.items())


def _check_login(owner: str | None, label: str | None, since: str | None) -> None:
    if owner is not None:
        check_owner(owner)
    if label is not None:
        check_label(label)
    if since is not None and owner is None:
        raise InvalidInputError("since needs an owner")


def _check_returned(outcome: object) -> None:
    """Refuse a coroutine function: it has only begun when the session is compared and saved."""
    if inspect.isawaitable(outcome):
        if inspect.iscoroutine(outcome):
            outcome.close()
        raise InvalidInputError("the function of an update is an ordinary one, in an asynchronous store, too")


def _checked(key: object) -> str:
    if type(key) is not str:
        raise InvalidInputError("a session's keys are strings", clause="S-36")
    return key


def _moment(millis: int) -> datetime:
    return datetime.fromtimestamp(millis / 1000, UTC)


def _contended() -> ConflictError:
    return ConflictError("others kept saving the session until the time was over")


def _gone() -> SessionGoneError:
    return SessionGoneError("the session is gone: destroyed, expired or rotated", clause="S-12")
