"""The operations of tickets. A ticket's record decides; what is uploaded and published follows it.

Each step may be cut in half: whoever comes next, another confirmer or the sweep, goes on from the record.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from msgspec.structs import replace

from statekit._core.commit import Lost, commit
from statekit._core.envelope import Stored
from statekit._core.faults import indeterminate
from statekit._core.ids import presented, session_id, sid_of, text_of, write_id
from statekit._core.keys import RESERVED, check_key, redact
from statekit._core.limits import check_owner
from statekit._core.objects.describe import Put, info_of
from statekit._core.objects.plans import ObjectPlans
from statekit._core.objects.presigning import PresignPlans, upload_grant
from statekit._core.pipeline import Doubt, Operation, Wire, attempt, fetch, read, repeat
from statekit._core.plan import Plan
from statekit._core.retry import Backoff
from statekit.driver import ABSENT, ANY, Committed, Continue, Entry, Gone, Match, RecordDriver, Refused, Stat
from statekit.errors import BackendError, ConflictError, InvalidKeyError, NotFoundError
from statekit.types import ObjectInfo, Swept, Ticket

from .checking import check_upload
from .forms import Slip, decode_slip, encode_slip

__all__ = ["TicketPlans"]

_STAGING: Final = f"{RESERVED}/tickets/"
_OUTLIVES: Final = 24 * 3_600_000
"""Milliseconds by which a ticket outlives its signature: an upload that began before its end may arrive after it."""
_SWEEP_AFTER: Final = 3_600_000
_PAGE: Final = 1000
_NOTHING: Final = "-"

_Held = tuple[Stored, Slip]


class TicketPlans:
    """Reserve, confirm, abandon and sweep.

    Args:
        wire: What operations share.
        records: Returns the record driver.
        objects: The object store's operations.
        prefix: What every record's key begins with.
    """

    def __init__(self, wire: Wire, records: Callable[[], RecordDriver], objects: ObjectPlans, prefix: str) -> None:
        self.wire = wire
        self._records = records
        self._objects = objects
        self._presigning = PresignPlans(objects)
        self._prefix = f"{prefix}t/"

    def reserve(
        self,
        timeout: float | None,
        key: str | None,
        prefix: str | None,
        sizes: tuple[int, int],
        put: Put,
        expires_in: timedelta,
        owner: str | None,
        *,
        form: bool,
    ) -> Plan[Ticket]:
        """Write a ticket, and sign an upload to where nobody looks."""
        with self.wire.begin("reserve", timeout) as op:
            target = _target(key, prefix)
            op.key = redact(target)
            if owner is not None:
                check_owner(owner)
            identifier = session_id()
            name = sid_of(identifier).hex()
            grant = upload_grant(_STAGING + name, sizes, put, expires_in, form=form)
            meta = put.meta()
            ends_at = op.now + grant.lifetime * 1000
            slip = Slip(
                phase="reserved",
                key=target,
                owner=owner,
                sizes=sizes,
                if_absent=put.if_absent,
                headers=(meta.content_type, meta.cache_control, meta.content_disposition),
                user=dict(meta.user or {}),
                ends_at=ends_at,
                write_id=text_of(write_id()),
            )
            yield from self._commit(op, name, None, slip)
            signed = yield from self._presigning.sign(op, grant)
            return Ticket(identifier, target, signed, signed.expires_at)

    def confirm(
        self, timeout: float | None, identifier: str, owner: str | None, crc32c: int | None
    ) -> Plan[ObjectInfo]:
        """Publish what was uploaded; a second time is the same as once."""
        with self.wire.begin("confirm", timeout) as op:
            name = _name_of(identifier)
            while True:
                op.extend()
                stored, slip = yield from self._held(op, name, owner)
                if slip.phase == "done":
                    return _info(slip)
                if slip.phase == "failed":
                    raise _failed()
                if slip.phase == "reserved":
                    entered = yield from self._enter(op, name, stored, slip, crc32c)
                    if entered is None:
                        continue
                    stored, slip = entered
                done = yield from self._publish(op, name, stored, slip)
                if done is not None:
                    return _info(done)

    def abandon(self, timeout: float | None, identifier: str, owner: str | None) -> Plan[bool]:
        """Give a ticket up; say whether nothing was or will be published by it."""
        with self.wire.begin("abandon", timeout) as op:
            name = _name_of(identifier)
            while True:
                found = yield from self._look(op, name)
                if found is None or found[1].owner != owner:
                    return True
                stored, slip = found
                if slip.phase in ("done", "publishing"):
                    return False
                if (
                    slip.phase == "reserved"
                    and (yield from self._commit(op, name, stored, _moved(slip, "dead"))) is None
                ):
                    continue
                yield from self._unstage(op, name)
                return True

    def sweep(self, timeout: float | None) -> Plan[Swept]:
        """Delete what was uploaded and never confirmed, finish what was begun, and delete old tickets."""
        with self.wire.begin("sweep", timeout) as op:
            uploads = yield from self._sweep_staging(op)
            return Swept(records=(yield from self._sweep_records(op)), uploads=uploads)

    def _held(self, op: Operation, name: str, owner: str | None) -> Plan[_Held]:
        """Return a ticket.

        Raises:
            NotFoundError: There is none (any more), or it is somebody else's.
        """
        found = yield from self._look(op, name)
        if found is None or found[1].owner != owner or found[1].phase == "dead":
            raise NotFoundError("there is no such ticket (any more)", clause="O-40")
        return found

    def _look(self, op: Operation, name: str) -> Plan[_Held | None]:
        """Read a ticket, expired or not: what is being published is finished."""
        stored = yield from read(op, self._records(), self._prefix + name)
        if stored is None:
            return None
        slip = decode_slip(stored.body)
        expires_at = stored.record.expires_at
        expired = expires_at is not None and op.wire.clock.now() >= expires_at
        return None if expired and slip.phase != "publishing" else (stored, slip)

    def _commit(self, op: Operation, name: str, base: Stored | None, slip: Slip) -> Plan[_Held | None]:
        """Replace a ticket; None if another one was faster."""
        stored = yield from commit(
            op,
            self._records(),
            self._prefix + name,
            base,
            encode_slip(slip),
            expires_at=max(slip.ends_at, op.wire.clock.now()) + _OUTLIVES,
        )
        return None if isinstance(stored, Lost) else (stored, slip)

    def _enter(self, op: Operation, name: str, stored: Stored, slip: Slip, crc32c: int | None) -> Plan[_Held | None]:
        """Fix the bytes and the precondition (steps 2 and 3); None if another confirmer was faster.

        Raises:
            NotFoundError: Nothing was uploaded.
            InvalidInputError: It is not what was reserved.
            ConflictError: Something is stored under the key, and nothing may be; or it was uploaded again meanwhile.
        """
        try:
            entered = yield from self._checked(op, name, slip, crc32c)
        except (NotFoundError, ConflictError):
            found = yield from self._look(op, name)
            if found is not None and found[0].write_id != stored.write_id:
                return None  # what is missing, or in the way, may be what the other one did
            raise
        return (yield from self._commit(op, name, stored, entered))

    def _checked(self, op: Operation, name: str, slip: Slip, crc32c: int | None) -> Plan[Slip]:
        """Return what a ticket becomes whose upload may be published."""
        place, driver = self._staged(name), self._objects.driver()
        upload = yield from fetch(op, driver, driver.stat, place)
        if upload is None:
            raise NotFoundError("nothing was uploaded for this ticket (yet)", clause="O-40")
        yield from check_upload(self._objects, op, place, upload, slip, crc32c)
        there = yield from fetch(op, driver, driver.stat, self._objects.prefix + slip.key)
        if slip.if_absent and there is not None:
            raise ConflictError("something is stored under the key", current=there.version, clause="O-38")
        expected = there.version if there else ""
        return replace(_moved(slip, "publishing"), source=upload.version, expected=expected, size=upload.size)

    def _publish(self, op: Operation, name: str, stored: Stored, slip: Slip) -> Plan[Slip | None]:
        """Copy, delete the upload, and note that it is done (steps 4 to 6); None if somebody else moved the ticket.

        Raises:
            ConflictError: The object was written meanwhile, or the upload was made again.
        """
        published = yield from self._copied(op, name, slip)
        if published is None:
            if (yield from self._commit(op, name, stored, _moved(slip, "failed"))) is None:
                return None
            yield from self._unstage(op, name)
            raise _failed()
        yield from self._unstage(op, name)
        done = replace(_moved(slip, "done"), version=published.version, at=published.modified_at)
        return done if (yield from self._commit(op, name, stored, done)) else None

    def _copied(self, op: Operation, name: str, slip: Slip) -> Plan[Stat | None]:
        """Copy the upload to its key; return what is there if it is this ticket's, and None if it never will be."""
        driver, target = self._objects.driver(), self._objects.prefix + slip.key
        backoff, doubt = Backoff(), Doubt()
        while True:
            try:
                answer = yield from self._copy(op, name, target, slip)
            except BackendError as error:
                doubt.note(error)
                if not error.fault.applied:
                    yield from doubt.pause(op, backoff, error)
                    continue
                answer = Refused()
            there = yield from fetch(op, driver, driver.stat, target)
            if there is not None and there.meta is not None and there.meta.write_id == slip.write_id:
                return there
            if isinstance(answer, Committed):
                return Stat(target, answer.version, slip.size, op.now, None, None)  # overwritten since
            if doubt.unknown is None:
                return None
            if (there.version if there else "") != slip.expected:
                raise indeterminate(doubt.unknown)
            yield from doubt.pause(op, backoff, doubt.unknown)

    def _copy(self, op: Operation, name: str, target: str, slip: Slip) -> Plan[Committed | Refused[Stat] | None]:
        driver = self._objects.driver()
        meta = slip.meta(slip.expected or _NOTHING)
        resume = None
        while True:
            op.extend()
            answer = yield from attempt(
                op,
                driver,
                driver.copy,
                self._staged(name),
                target,
                pinned=Match(slip.source),
                meta=meta,
                expect=Match(slip.expected) if slip.expected else ABSENT,
                resume=resume,
            )
            if not isinstance(answer, Continue):
                return answer
            resume = answer.token

    def _staged(self, name: str) -> str:
        return self._objects.prefix + _STAGING + name

    def _unstage(self, op: Operation, name: str) -> Plan[bool]:
        """Delete an upload until that is acknowledged: then no late copy publishes it again."""
        op.extend()
        driver = self._objects.driver()
        return (yield from repeat(op, driver, driver.delete, self._staged(name), expect=ANY)) is Gone.DELETED

    def _sweep_staging(self, op: Operation) -> Plan[int]:
        """List uploads, and then read their tickets: a ticket is written before its upload can begin."""
        driver, start = self._objects.driver(), self._objects.prefix + _STAGING
        uploads, cursor = 0, None
        while True:
            op.extend()
            page = yield from fetch(
                op, driver, driver.page, start, delimiter=None, start_after=None, cursor=cursor, limit=_PAGE
            )
            for stat in page.items:
                uploads += yield from self._settled(op, stat.key.removeprefix(start))
            cursor = page.cursor
            if cursor is None:
                return uploads

    def _settled(self, op: Operation, name: str) -> Plan[bool]:
        """Delete an upload that nobody will confirm, or finish what a confirmer began; say whether it is gone."""
        op.extend()
        found = yield from self._look(op, name)
        if found is not None and found[1].phase == "reserved":
            stored, slip = found
            if op.now < slip.ends_at:
                return False
            if (yield from self._commit(op, name, stored, _moved(slip, "dead"))) is None:
                return False
        if found is not None and found[1].phase == "publishing":
            try:
                return (yield from self._publish(op, name, *found)) is not None
            except ConflictError:
                return True  # the ticket has failed, and its upload is deleted
        return (yield from self._unstage(op, name))

    def _sweep_records(self, op: Operation) -> Plan[int]:
        """Delete tickets that expired more than an hour ago, by what was seen of them."""
        records, cursor = 0, None
        while True:
            op.extend()
            driver = self._records()
            page = yield from fetch(op, driver, driver.page, self._prefix, cursor=cursor, limit=_PAGE)
            for entry in page.items:
                records += yield from self._reclaimed(op, entry)
            cursor = page.cursor
            if cursor is None:
                return records

    def _reclaimed(self, op: Operation, entry: Entry) -> Plan[bool]:
        if entry.expires_at is None or entry.expires_at > op.now - _SWEEP_AFTER:
            return False
        op.extend()
        driver = self._records()
        return (yield from repeat(op, driver, driver.delete, entry.key, expect=entry)) is Gone.DELETED


def _target(key: str | None, prefix: str | None) -> str:
    """Return the key that is reserved: the one that was asked for, or a new one below a prefix.

    Raises:
        InvalidKeyError: It is outside the grammar, or there are both, or neither.
    """
    if (key is None) is (prefix is None):
        raise InvalidKeyError("a ticket is for a key, or for a new one below a prefix")
    if prefix is not None and not prefix.endswith("/"):
        raise InvalidKeyError("a ticket's prefix ends with a slash")
    target = key if key is not None else f"{prefix}{session_id()[:22]}"
    check_key(target)
    return target


def _name_of(identifier: str) -> str:
    """Return what a ticket is stored under.

    Raises:
        NotFoundError: No ticket can be called so.
    """
    sid = presented(identifier)
    if sid is None:
        raise NotFoundError("there is no such ticket (any more)", clause="O-40")
    return sid.hex()


def _moved(slip: Slip, phase: str) -> Slip:
    return replace(slip, phase=phase)


def _info(slip: Slip) -> ObjectInfo:
    meta = slip.meta(None)
    return info_of(slip.key, Stat(slip.key, slip.version, slip.size, slip.at, meta, None))


def _failed() -> ConflictError:
    return ConflictError("the object was written, or the upload made again, while it was confirmed", clause="O-38")
