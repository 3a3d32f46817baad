"""What all workspaces of a scratch space share, and its sweep, as plans."""

from __future__ import annotations

import weakref
from collections.abc import Callable

from statekit._core.objects.plans import ObjectPlans
from statekit._core.pipeline import Operation, Wire
from statekit._core.plan import Plan, Work
from statekit.driver import ObjectDriver, RecordDriver
from statekit.types import ScratchPolicy, Swept

from .checkpoint import Blobs, Checkpoints, Elsewhere
from .lease import Leases
from .local import Root
from .sweep import Sweep
from .workspace import Options, Parts, WorkspacePlans

__all__ = ["ScratchPlans"]


class ScratchPlans:
    """A scratch space's operations.

    Args:
        wire: What they share.
        records: Returns the record driver; raises UnsupportedError where there is none.
        objects: Returns the object driver; likewise.
        prefixes: What the keys of records and of objects begin with.
        policy: Quotas, times and the root of directories.
        elsewhere: Runs what talks to the object driver, where that has another colour than the record driver.
        stored: Whether there are both backends to sweep.
        uploads: Whether to abort unfinished uploads, too: no other store sweeps the same objects.
    """

    def __init__(
        self,
        wire: Wire,
        records: Callable[[], RecordDriver],
        objects: Callable[[], ObjectDriver],
        prefixes: tuple[str, str],
        policy: ScratchPolicy,
        elsewhere: Elsewhere,
        *,
        stored: bool = True,
        uploads: bool = False,
    ) -> None:
        self.wire = wire
        self.policy = policy
        self._elsewhere = elsewhere
        self._stored, self._uploads = stored, uploads
        self._objects = ObjectPlans(wire, objects, prefixes[1])
        leases = Leases(records, prefixes[0])
        self._blobs = Blobs(self._objects, objects, prefixes[1])
        checkpoints = Checkpoints(leases, self._blobs, elsewhere)
        self.parts = Parts(wire, policy, Root(policy.root), leases, checkpoints)
        self._open: weakref.WeakSet[WorkspacePlans] = weakref.WeakSet()

    def halt(self) -> Plan[None]:
        """End what goes on in the background."""
        for workspace in list(self._open):
            yield from workspace.halt()

    def sweep(self, timeout: float | None) -> Plan[Swept]:
        """Remove directories of dead processes, and what no workspace will ever name again."""
        with self.wire.begin("sweep", timeout) as op:
            directories = yield Work(self.parts.root.clean)
            if not self._stored:
                return Swept(directories=directories)
            sweep = Sweep(op, self.parts.leases, self._blobs, self._elsewhere)
            yield from sweep.run()
            uploads = (yield from self._elsewhere(self._reclaim(op))) if self._uploads else 0
            return Swept(0, uploads, len(sweep.workspaces), len(sweep.files), directories)

    def _reclaim(self, op: Operation) -> Plan[int]:
        return (yield from self._objects.reclaim(op)).uploads

    def workspace(self, name: str | None, options: Options) -> WorkspacePlans:
        """Return a workspace that is not open yet; remember it, so that ``halt`` finds it."""
        workspace = WorkspacePlans(self.parts, name, options)
        self._open.add(workspace)
        return workspace
