"""Reclaiming what nobody can ever name again. Step 5 of P3.

The order matters: blobs are listed first, and the record is read after that. The other way round, a checkpoint between
the two would have its files deleted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from msgspec import Struct

from statekit._core.envelope import Stored
from statekit._core.objects.plans import PAGE
from statekit._core.pipeline import Operation, fetch, repeat
from statekit._core.plan import Plan
from statekit.driver import Entry as Listed
from statekit.driver import Gone, Match
from statekit.errors import CorruptDataError, NotFoundError

from .checkpoint import Blobs, Elsewhere
from .crew import each
from .forms import Lease, decode_lease, decode_manifest, holder_of
from .lease import Leases
from .places import BLOBS, split_blob

__all__ = ["Sweep"]

LATER: Final = 3_600_000
"""Milliseconds that an expired workspace is left alone: hosts' clocks differ."""


class _Group(Struct):
    """All blobs that a listing showed of one workspace."""

    workspace: str
    blobs: list[str]


class Sweep:
    """One sweep of one namespace.

    Attributes:
        workspaces: The expired workspaces that it deleted.
        files: The blobs that it deleted.
    """

    def __init__(self, op: Operation, leases: Leases, blobs: Blobs, elsewhere: Elsewhere) -> None:
        self._op, self._leases, self._blobs, self._elsewhere = op, leases, blobs, elsewhere
        self.workspaces: list[str] = []  # children append to them side by side
        self.files: list[str] = []

    def run(self) -> Plan[None]:
        """Go through all blobs, workspace by workspace, and then through all records."""
        group: _Group | None = None
        cursor: str | None = None
        while True:
            page, cursor = yield from self._elsewhere(self._listed(cursor))
            for workspace, blob in page:
                if group is not None and group.workspace != workspace:
                    yield from self._judge(group)
                    group = None
                group = group or _Group(workspace, [])
                group.blobs.append(blob)
            if cursor is None:
                break
        if group is not None:
            yield from self._judge(group)
        yield from self._forget_expired()

    def _listed(self, cursor: str | None) -> Plan[tuple[Sequence[tuple[str, str]], str | None]]:
        """Read one page of blobs. They are sorted, so that a workspace's are together."""
        op, driver, prefix = self._op, self._blobs.driver(), self._blobs.prefix
        op.extend()
        page = yield from fetch(
            op, driver, driver.page, prefix + BLOBS,
            delimiter=None, start_after=None, cursor=cursor, limit=PAGE,
        )  # fmt: skip
        return [split_blob(prefix, stat.key) for stat in page.items], page.cursor

    def _judge(self, group: _Group) -> Plan[None]:
        """Delete the blobs that the workspace's record, read now, says nothing of."""
        try:
            spared = yield from self._spared(group.workspace)
        except CorruptDataError:
            return  # what cannot be read may name any of them
        doomed = [blob for blob in group.blobs if not spared.spares(blob)]
        yield from self._elsewhere(each(doomed, partial(self._delete, group.workspace)))

    def _delete(self, workspace: str, blob: str) -> Plan[None]:
        yield from self._blobs.delete(self._op, workspace, blob)
        self.files.append(blob)

    def _spared(self, workspace: str) -> Plan[_Spared]:
        """Find out what must not be deleted.

        Raises:
            CorruptDataError: The record or its manifest cannot be read.
        """
        missing = ""
        while True:
            self._op.extend()
            stored = yield from self._leases.read(self._op, workspace)
            if stored is None:
                return _Spared()
            if self._is_old(stored):
                yield from self._forget(workspace, stored)
                continue
            lease = decode_lease(stored.body)
            if not lease.manifest:
                return _Spared(lease)
            try:
                data = yield from self._elsewhere(self._blobs.read(self._op, workspace, lease.manifest))
            except NotFoundError as error:
                if missing == stored.record.version:
                    raise CorruptDataError("a workspace's manifest is missing", clause="X-20") from error
                missing = stored.record.version
                continue  # another checkpoint has replaced it, and its holder has deleted it
            entries = decode_manifest(lease.manifest, data).entries
            return _Spared(lease, frozenset(entry.blob for entry in entries))

    def _is_old(self, stored: Stored) -> bool:
        expires_at = stored.record.expires_at
        return expires_at is not None and expires_at <= self._op.now - LATER

    def _forget(self, workspace: str, stored: Stored) -> Plan[None]:
        """Delete an expired record, if it is still this one."""
        driver, key = self._leases.driver(), self._leases.key(workspace)
        answer = yield from repeat(self._op, driver, driver.delete, key, expect=Match(stored.record.version))
        if answer is Gone.DELETED:
            self.workspaces.append(key)

    def _forget_expired(self) -> Plan[None]:
        """Delete the expired records of workspaces without blobs."""
        op, driver, cursor = self._op, self._leases.driver(), None
        while True:
            op.extend()
            page = yield from fetch(op, driver, driver.page, self._leases.prefix, cursor=cursor, limit=PAGE)
            yield from each(self._old(page.items), self._reclaim)
            cursor = page.cursor
            if cursor is None:
                return

    def _old(self, items: Sequence[Listed]) -> Iterator[Listed]:
        before = self._op.now - LATER
        found = {item.key: item for item in items if item.expires_at is not None and item.expires_at <= before}
        return iter(found.values())

    def _reclaim(self, entry: Listed) -> Plan[None]:
        driver = self._leases.driver()
        answer = yield from repeat(self._op, driver, driver.delete, entry.key, expect=entry)
        if answer is Gone.DELETED:
            self.workspaces.append(entry.key)


class _Spared(Struct, frozen=True):
    """What a workspace's record speaks for: its manifest, what that names, and all that the holder has stored."""

    lease: Lease | None = None
    named: frozenset[str] = frozenset()

    def spares(self, blob: str) -> bool:
        """Whether a blob is not to be deleted."""
        if self.lease is None:
            return False
        return blob in self.named or blob == self.lease.manifest or holder_of(blob) == self.lease.holder
