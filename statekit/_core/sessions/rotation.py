"""Rotation: a new id for the same session, so that an id that leaked before a login is worth nothing after it."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from statekit._core.envelope import Stored
from statekit._core.ids import name_of
from statekit._core.pipeline import Operation
from statekit._core.plan import Plan, clean_up
from statekit._core.retry import Backoff
from statekit.errors import ConflictError, IndeterminateError, InvalidInputError, SessionGoneError

from .cells import Cells
from .forms import Live, Moved
from .owners import Owners
from .session import Cell, Changes, Session

__all__ = ["Rotation"]


class Rotation(Struct, frozen=True):
    """One rotation of a session: steps 1 to 5 of P2's "rotate".

    A crash before the switch leaves the old id working and the new one known to nobody; after it the new one lives.

    Attributes:
        cells: The sessions' records.
        owners: The owners' records.
        changes: What the application has changed and not saved; it is stored under the new id.
        owner: Whose the session becomes, if it is bound now.
        label: Another label; None keeps the one there is.
        since: The owner's mark from before the password was checked, if it is bound now.
    """

    cells: Cells
    owners: Owners
    changes: Changes
    owner: str | None
    label: str | None
    since: str | None

    def run(self, op: Operation, old: bytes) -> Plan[Session]:
        """Rotate.

        Raises:
            SessionGoneError: The session is gone, or was revoked meanwhile.
            IndeterminateError: Either the old id or the new one works. The old one is to be tried again.
        """
        a = yield from self.cells.find(op, old)
        if a is None:
            raise _gone()
        if self.owner is not None and a.live.owner not in (None, self.owner):
            raise InvalidInputError("the session belongs to another owner: destroy it and create a new one")
        start = a
        identifier, b = yield from self.cells.plant(op, lambda sid: self._successor(op, start, sid))
        try:
            yield from self._enrol(op, a, b)
        except BaseException as error:
            yield from clean_up(error, lambda: self.cells.discard(op, b.sid))
            raise
        try:
            return (yield from self._switch(op, a, identifier, b))
        except IndeterminateError:
            raise
        except Exception as error:
            # Not switched: the old id works. A cancelled switch may still happen, so then the new one stays too.
            yield from clean_up(error, lambda: self.cells.discard(op, b.sid))
            raise

    def _successor(self, op: Operation, a: Cell, sid: bytes) -> Live:
        """Return the new session for what is stored of the old one."""
        data = self.changes.applied_to(a.live.data)
        fields = {"saved_at": op.now, "root": a.root, "previous": a.sid, "data": data}
        if self.label is not None:
            fields |= {"label": self.label}
        if self.owner is not None and a.live.owner is None:
            # A login: its absolute lifetime begins now.
            fields |= {"owner": self.owner, "root": sid}
            fields |= {"created_at": op.now, "ends_at": op.now + self.cells.lifetime}
        return msgspec.structs.replace(a.live, **fields)

    def _enrol(self, op: Operation, a: Cell, b: Cell) -> Plan[None]:
        """Make the owner's record know the new session before the old one stops to work."""
        if b.live.owner is None:
            return
        name = name_of(b.live.owner)
        if a.live.owner is None:
            yield from self.owners.admit(op, name, b.sid, b.live, self.since)
        else:
            yield from self.owners.succeed(op, name, a, b.sid)

    def _switch(self, op: Operation, a: Cell, identifier: str, b: Cell) -> Plan[Session]:
        """Leave a marker in the old session's place: from then on the new one is the session."""
        backoff = Backoff(0.005, 0.25)
        while True:
            result = yield from self.cells.replace(op, a, Moved(b.sid))
            if isinstance(result, Stored):
                return Session(identifier, b)
            fresh = self.cells.judge(op, a.sid, result.current)
            if fresh is None:
                raise _gone()
            a = fresh
            b = yield from self._follow(op, a, b)
            yield from op.pause(backoff, ConflictError("others kept saving the session until the time was over"))

    def _follow(self, op: Operation, a: Cell, b: Cell) -> Plan[Cell]:
        """Copy what was saved under the old id meanwhile."""
        live = msgspec.structs.replace(b.live, saved_at=op.now, data=self.changes.applied_to(a.live.data))
        result = yield from self.cells.replace(op, b, live)
        if not isinstance(result, Stored):
            raise _gone()
        return Cell(b.sid, result, live)


def _gone() -> SessionGoneError:
    return SessionGoneError("the session is gone", clause="S-12")
