"""An owner's record: which sessions are live, and how all of them end at once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Final

from statekit._core.commit import commit
from statekit._core.envelope import Stored
from statekit._core.ids import write_id
from statekit._core.pipeline import Operation, read
from statekit._core.plan import Plan, gather
from statekit._core.retry import Backoff
from statekit.errors import ConflictError, SessionGoneError, StateError

from .cells import Cells, Fate
from .forms import Live, Roster, decode_roster, encode_form
from .session import Cell

__all__ = ["Owners"]

AFTERLIFE: Final = 3_600_000
"""Milliseconds that an owner's record outlives the last of its sessions."""
SIDE_BY_SIDE: Final = 8
"""Sessions of one owner that are read or deleted at once."""


class Owners:
    """The owners' records of one namespace.

    Args:
        cells: The sessions' records.
        prefix: What every key begins with.
        most: How many sessions an owner may have.
    """

    def __init__(self, cells: Cells, prefix: str, most: int) -> None:
        self._cells = cells
        self.prefix = f"{prefix}o/"
        self._most = most

    def key(self, name: bytes) -> str:
        """Return the record's key."""
        return self.prefix + name.hex()

    def read(self, op: Operation, name: bytes) -> Plan[tuple[Stored | None, Roster]]:
        """Read an owner's record; an absent or expired one is empty."""
        stored = yield from read(op, self._cells.driver(), self.key(name))
        return stored, self._judge(op, stored)

    def _judge(self, op: Operation, stored: Stored | None) -> Roster:
        if stored is None or (stored.record.expires_at or 0) <= op.now:
            return Roster()
        return decode_roster(stored.body)

    def change(
        self,
        op: Operation,
        name: bytes,
        change: Callable[[Roster], Roster],
        found: tuple[Stored | None, Roster] | None = None,
    ) -> Plan[Roster]:
        """Replace an owner's record by what ``change`` makes of it, however many others do the same.

        Args:
            op: The operation.
            name: The owner.
            change: Applied to what is stored, again for each write that came first.
            found: What was already read.

        Returns:
            The record afterwards.
        """
        stored, before = found or (yield from self.read(op, name))
        backoff = Backoff(0.005, 0.25)
        while True:
            after = change(before)
            if after == before:
                return after
            result = yield from commit(
                op,
                self._cells.driver(),
                self.key(name),
                stored,
                encode_form(after),
                expires_at=self._until(op, after, stored),
            )
            if isinstance(result, Stored):
                return after
            stored, before = result.current, self._judge(op, result.current)
            yield from op.pause(backoff, _contended())

    @staticmethod
    def _until(op: Operation, roster: Roster, stored: Stored | None) -> int:
        """Return the expiry: after the last session, those included that are doomed and may not be deleted yet."""
        until = max((ends_at for _, ends_at in roster.live.values()), default=op.now) + AFTERLIFE
        before = stored.record.expires_at if stored and roster.doomed else None
        return max(until, before or 0)

    def admit(self, op: Operation, name: bytes, sid: bytes, live: Live, since: str | None) -> Plan[None]:
        """Add a login; the oldest goes if there are too many.

        Raises:
            ConflictError: The owner's sessions were revoked after the mark ``since`` was taken.
        """
        found = yield from self.read(op, name)
        gone, idle = yield from self._unused(op, found[1])

        def change(roster: Roster) -> Roster:
            if since is not None and since != roster.epoch.hex():
                raise ConflictError("all of the owner's sessions were revoked in the meantime", clause="S-26")
            kept = {key: entry for key, entry in _current(op, roster).items() if key not in gone}
            by_age = sorted(kept, key=lambda key: (key not in idle, kept[key][1]))
            surplus = by_age[: max(0, len(kept) - self._most + 1)]
            rest = {key: entry for key, entry in kept.items() if key not in surplus}
            entry = (live.root or sid, live.ends_at)
            return Roster(roster.epoch, {**rest, sid: entry}, (*roster.doomed, *surplus))

        yield from self.finish(op, name, (yield from self.change(op, name, change, found)))

    def _unused(self, op: Operation, roster: Roster) -> Plan[tuple[set[bytes], set[bytes]]]:
        """Where there are too many sessions, find those that are gone and those that are idle.

        Gone is absent or moved, both of which are final. An idle one has expired, but a touch that began before it did
        may still arrive: it leaves the record only by being deleted.
        """
        present = _current(op, roster)
        if len(present) < self._most:
            return set(), set()
        fates = yield from gather((self._cells.fate(op, sid) for sid in present), SIDE_BY_SIDE)
        gone = {sid for sid, fate in zip(present, fates, strict=True) if fate is Fate.GONE}
        return gone, {sid for sid, fate in zip(present, fates, strict=True) if fate is Fate.IDLE}

    def succeed(self, op: Operation, name: bytes, old: Cell, new: bytes) -> Plan[None]:
        """Add what a live session is being rotated into, under the same login.

        Raises:
            SessionGoneError: The old one is not live any more.
        """

        def change(roster: Roster) -> Roster:
            if old.sid not in roster.live:
                raise SessionGoneError("the session was revoked", clause="S-24")
            # The old one's own predecessor was moved for good before the old one was returned to anybody.
            rest = {key: entry for key, entry in _current(op, roster).items() if key != old.live.previous}
            return Roster(roster.epoch, {**rest, new: roster.live[old.sid]}, roster.doomed)

        yield from self.finish(op, name, (yield from self.change(op, name, change)))

    def doom(self, op: Operation, name: bytes, chosen: Callable[[bytes], bool], *, everything: bool) -> Plan[int]:
        """Revoke the logins whose root is chosen: commit first, which is when it takes effect, then delete.

        Args:
            op: The operation.
            name: The owner.
            chosen: Whether the login with this root goes.
            everything: Whether logins in progress go too: the epoch changes, and a record is made if there is none.
        """
        epoch = write_id()

        def change(roster: Roster) -> Roster:
            doomed = [sid for sid, (root, _) in roster.live.items() if chosen(root)]
            rest = {sid: entry for sid, entry in roster.live.items() if sid not in doomed}
            after = epoch if everything else roster.epoch
            return Roster(after, rest, tuple(dict.fromkeys((*roster.doomed, *doomed))))

        return (yield from self.finish(op, name, (yield from self.change(op, name, change))))

    def finish(self, op: Operation, name: bytes, roster: Roster) -> Plan[int]:
        """Delete what is doomed, also what a process that died had doomed; return how many sessions there were."""
        if not roster.doomed:
            return 0
        deleted = yield from gather((self._cells.execute(op, sid) for sid in roster.doomed), SIDE_BY_SIDE)
        yield from self._forget(op, name, roster.doomed)
        return len({sid for sid in deleted if sid is not None})

    def _forget(self, op: Operation, name: bytes, done: Collection[bytes]) -> Plan[None]:
        """Drop from the record what was deleted. If that fails, the next operation on this owner does it."""

        def change(roster: Roster) -> Roster:
            return Roster(roster.epoch, roster.live, tuple(sid for sid in roster.doomed if sid not in done))

        with suppress(StateError):
            yield from self.change(op, name, change)


def _current(op: Operation, roster: Roster) -> dict[bytes, tuple[bytes, int]]:
    """Return the entries whose absolute lifetime is not over."""
    return {sid: entry for sid, entry in roster.live.items() if entry[1] > op.now}


def _contended() -> ConflictError:
    return ConflictError("others kept changing the same owner's record until the time was over")
