"""The lease on a workspace: one record, changed by conditional writes only. Steps 1, 2 and 4 of P3.

Nothing here trusts a clock further than to find a lease lapsed: whether somebody still holds it is decided where the
record is committed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct

from statekit._core.commit import Lost, commit
from statekit._core.envelope import Stored
from statekit._core.ids import holder_id
from statekit._core.pipeline import Operation, read
from statekit._core.plan import Plan, Sleep
from statekit._core.retry import Backoff
from statekit.driver import RecordDriver
from statekit.errors import LeaseLostError, WorkspaceBusyError

from .forms import Lease, Manifest, blob_name, decode_lease, encode_form

__all__ = ["SKEW", "Holding", "Leases", "Terms", "expired", "lost"]

SKEW: Final = 2_000
"""Milliseconds by which hosts' clocks may differ: a lease is left alone for so long after it lapsed."""


class Terms(Struct, frozen=True):
    """What a holder asks for.

    Attributes:
        length: Milliseconds that the lease holds without being renewed.
        ttl: Milliseconds that the workspace lives without being renewed.
    """

    length: int
    ttl: int


class Holding(Struct):
    """What a holder knows of its workspace.

    Attributes:
        workspace: The workspace's id.
        holder: This holder's id.
        terms: What it asked for.
        stored: The record as last seen.
        renewed: When the last renewal was sent, by the monotonic clock.
        lost: Whether somebody else was seen to hold it, or nobody any more.
        manifest: The manifest that was last read or written, by its name.
    """

    workspace: str
    holder: str
    terms: Terms
    stored: Stored
    renewed: float
    lost: bool = False
    manifest: tuple[str, Manifest] = ("", Manifest())
    _blobs: int = 0

    @property
    def lease(self) -> Lease:
        """The record's content as last seen."""
        return decode_lease(self.stored.body)

    def next_blob(self, digest: str) -> str:
        """Return a name that no blob ever had."""
        self._blobs += 1
        return blob_name(self.holder, self._blobs, digest)

    def is_late(self, now: float) -> bool:
        """Whether the lease has lapsed by this holder's own monotonic clock: somebody may be taking it over."""
        return (now - self.renewed) * 1000 >= self.terms.length


class Leases:
    """Acquiring, changing and releasing.

    Args:
        driver: Returns the record driver.
        prefix: What every key of the namespace begins with.
    """

    def __init__(self, driver: Callable[[], RecordDriver], prefix: str) -> None:
        self.driver = driver
        self.prefix = f"{prefix}w/"

    def key(self, workspace: str) -> str:
        """Return the record's key."""
        return self.prefix + workspace

    def read(self, op: Operation, workspace: str) -> Plan[Stored | None]:
        """Read a workspace's record, expired or not."""
        return (yield from read(op, self.driver(), self.key(workspace)))

    def acquire(self, op: Operation, workspace: str, terms: Terms, *, wait: float) -> Plan[Holding]:
        """Take the lease, waiting up to so many seconds for whoever holds it.

        Raises:
            WorkspaceBusyError: Somebody else holds it until then.
        """
        clock = op.wire.clock
        deadline, backoff = clock.monotonic() + wait, Backoff(0.1, 1.0)
        while True:
            op.extend()
            op.now = clock.now()
            stored = yield from self.read(op, workspace)
            lease = decode_lease(stored.body) if stored else None
            alive = None if stored is None or expired(stored, op.now) else lease
            if alive is not None and alive.holder and op.now <= alive.lease_until + SKEW:
                yield from _await_lapse(op, alive, deadline, backoff)
                continue
            holding = yield from self._take(op, workspace, terms, stored, lease, alive)
            if holding is not None:
                return holding

    def _take(
        self,
        op: Operation,
        workspace: str,
        terms: Terms,
        stored: Stored | None,
        before: Lease | None,
        alive: Lease | None,
    ) -> Plan[Holding | None]:
        """Replace what was read by a lease of our own; None if somebody else was first."""
        # The time, because a plain counter would begin again once the record is swept.
        fence = max(before.fence + 1 if before else 0, op.now)
        new = Lease(fence, holder_id(), op.now + terms.length, terms.ttl)
        if alive is not None:
            new = msgspec.structs.replace(new, manifest=alive.manifest, files=alive.files, size=alive.size)
        sent = op.wire.clock.monotonic()
        result = yield from self._commit(op, workspace, stored, new)
        return None if isinstance(result, Lost) else Holding(workspace, new.holder, terms, result, sent)

    def _commit(self, op: Operation, workspace: str, base: Stored | None, new: Lease) -> Plan[Stored | Lost]:
        return (
            yield from commit(
                op,
                self.driver(),
                self.key(workspace),
                base,
                encode_form(new),
                expires_at=op.now + new.ttl,
                absent_is_lost=True,
            )
        )

    def change(self, op: Operation, holding: Holding, make: Callable[[Lease], Lease | None]) -> Plan[bool]:
        """Change the record as its holder, again where a change of our own came between.

        Args:
            op: The operation.
            holding: Who changes it.
            make: Returns the new content, or None if it cannot be made from this one.

        Returns:
            Whether it was changed.

        Raises:
            LeaseLostError: Somebody else holds it, or it has expired. Nothing was changed.
        """
        current: Stored | None = holding.stored
        if expired(holding.stored, op.now):
            current = yield from self.read(op, holding.workspace)  # unless it was renewed meanwhile
        while True:
            lease = self._mine(op, holding, current)
            new = make(lease)
            if new is None:
                return False
            sent = op.wire.clock.monotonic()
            result = yield from self._commit(op, holding.workspace, current, new)
            if not isinstance(result, Lost):
                holding.stored, holding.renewed = result, sent
                return True
            current = result.current

    def _mine(self, op: Operation, holding: Holding, stored: Stored | None) -> Lease:
        """Return what is stored if it is still this holder's.

        Raises:
            LeaseLostError: It is not, for good: nobody ever gets an id of another holder's.
        """
        if holding.lost:
            raise lost()
        if stored is not None and not expired(stored, op.now):
            lease = decode_lease(stored.body)
            if lease.holder == holding.holder:
                holding.stored = stored
                return lease
        holding.lost = True
        raise lost()

    def renew(self, op: Operation, holding: Holding) -> Plan[None]:
        """Hold it for another length from now. A lease that has lapsed and was not taken is renewed, too."""
        yield from self.change(op, holding, lambda lease: renewed(op, holding, lease))

    def confirm(self, op: Operation, holding: Holding) -> Plan[Lease]:
        """Read the record, and see that this holder still holds it.

        Raises:
            LeaseLostError: It does not.
        """
        stored = yield from self.read(op, holding.workspace)
        return self._mine(op, holding, stored)

    def release(self, op: Operation, holding: Holding) -> Plan[None]:
        """Give it back, so that the next one need not wait for it to lapse."""

        def freed(lease: Lease) -> Lease:
            return msgspec.structs.replace(lease, holder="", lease_until=op.now)

        yield from self.change(op, holding, freed)


def renewed(op: Operation, holding: Holding, lease: Lease) -> Lease:
    """Return a lease that begins anew with this operation."""
    return msgspec.structs.replace(lease, lease_until=op.now + holding.terms.length, ttl=holding.terms.ttl)


def expired(stored: Stored, now: int) -> bool:
    """Whether a workspace is gone to everyone."""
    expires_at = stored.record.expires_at
    return expires_at is not None and expires_at <= now


def lost() -> LeaseLostError:
    """Return the error for a holder that is not the holder any more."""
    return LeaseLostError(
        "the workspace's lease was taken over, or the workspace has expired: open it again for its last checkpoint",
        clause="X-11",
    )


def _await_lapse(op: Operation, lease: Lease, deadline: float, backoff: Backoff) -> Plan[None]:
    """Sleep until the lease may be free.

    Raises:
        WorkspaceBusyError: The deadline is over.
    """
    left = deadline - op.wire.clock.monotonic()
    if left <= 0:
        raise WorkspaceBusyError("somebody else holds the workspace", clause="X-06")
    lapse = (lease.lease_until + SKEW + 1 - op.now) / 1000
    yield Sleep(max(0.001, min(left, lapse, 0.05 + backoff.next())))
