"""Scratch spaces: the synchronous and the asynchronous one, which do the same.

Every method takes ``timeout`` in seconds: for an operation as a whole, and for a transfer for each of its requests
(default: the state's, 10 s). Besides what its own ``Raises`` lists, every method of a workspace may raise
InvalidKeyError, InvalidInputError (a link or a device among the files; a workspace that is not open, or is another
process's), BackendError (UnavailableError, ThrottledError, TimedOutError, DeniedError, MisconfiguredError, and
IndeterminateError for writes), CorruptDataError, UnsupportedError and ClosedError. Those that move files take
``progress``, which is called with the bytes done and the bytes in all, one call at a time, maybe in another thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, final

from statekit._core.arun import AsyncRunner
from statekit._core.clock import MILLISECOND
from statekit._core.objects.describe import Put
from statekit._core.objects.source import AsyncData, Data
from statekit._core.plan import Await, Plan, Work
from statekit._core.run import Runner
from statekit._core.scratch.crew import Tell
from statekit._core.scratch.plans import ScratchPlans
from statekit._core.scratch.workspace import Options, WorkspacePlans
from statekit.types import Checkpoint, ObjectInfo, Swept

if TYPE_CHECKING:
    from statekit.objects import AsyncObjectStore, ObjectStore

__all__ = ["AsyncScratchSpace", "AsyncWorkspace", "ScratchSpace", "Workspace"]


class _Opened:
    """What both colours of a workspace know without asking anybody."""

    def __init__(self, plans: WorkspacePlans) -> None:
        self._plans = plans

    @property
    def name(self) -> str | None:
        """The name under which others find the last checkpoint; None if there is none."""
        return self._plans.name

    @property
    def path(self) -> Path:
        """The directory to work in."""
        return self._plans.path

    @property
    def fence(self) -> int | None:
        """The fencing token, larger for each holder of the name: give it to whatever can refuse smaller ones."""
        holding = self._plans.holding
        return None if holding is None else holding.lease.fence

    def __truediv__(self, name: str) -> Path:
        """Return where a file is or would be; the directory above it is made.

        Raises:
            InvalidKeyError: The name is outside the grammar of keys.
            InvalidInputError: It leads through a link or a file, or is a directory's or a device's.
        """
        return self._plans.locate(name)


@final
class Workspace(_Opened):
    """A private directory, held by this process until its block is left. ``ScratchSpace.workspace`` returns one.

    It belongs to one request, in one thread.

    Attributes:
        name: What it is called; None for one that ends with its block.
        path: The directory.
        fence: The fencing token; None without a name.
    """

    def __init__(self, plans: WorkspacePlans, runner: Runner) -> None:
        super().__init__(plans)
        self._run = runner.run

    def __repr__(self) -> str:
        return f"<Workspace on {self._plans.wire.backend}>"

    def __enter__(self) -> Self:
        self._run(self._plans.begin())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._plans.close())

    def files(self, *, timeout: float | None = None) -> dict[str, int]:
        """Return the bytes of each file by name, also of those of the last checkpoint that were not fetched yet."""
        return self._run(self._plans.files(timeout))

    def write(self, name: str, data: Data, *, timeout: float | None = None) -> Path:
        """Write a file, whole or not at all, within the quota.

        Args:
            name: What it is called here, by the grammar of keys.
            data: Bytes, a binary file, a path, or an iterable of bytes.
            timeout: Seconds.

        Returns:
            Where it is.

        Raises:
            QuotaExceededError: It would be too much, for the quota or for the disk.
        """
        return self._run(self._plans.write(timeout, name, data))

    def remove(self, name: str, *, timeout: float | None = None) -> bool:
        """Remove a file, also one that was not fetched yet, so that the next checkpoint does not name it.

        Returns:
            Whether there was one.
        """
        return self._run(self._plans.remove(timeout, name))

    def restore(self, *names: str, progress: Tell | None = None, timeout: float | None = None) -> None:
        """Fetch files of the last checkpoint, where the workspace was opened lazily; what is here stays as it is.

        Args:
            names: Which ones; all that are missing, if none is named.
            progress: Is told how far it has come.
            timeout: Seconds, for each request.

        Raises:
            NotFoundError: The last checkpoint has no such file.
            LeaseLostError: The files are gone, because somebody else has taken over.
            QuotaExceededError: The disk has no room.
        """
        self._run(self._plans.restore(timeout, names, progress))

    def fetch(
        self,
        objects: ObjectStore,
        key: str,
        *,
        name: str | None = None,
        progress: Tell | None = None,
        timeout: float | None = None,
    ) -> Path:
        """Bring an object in: it is here when it is complete and verified, or not at all.

        Args:
            objects: Where it is.
            key: The object's key.
            name: What the file is called; by default as the object.
            progress: Is told how far it has come.
            timeout: Seconds, for each request.

        Returns:
            Where the file is.

        Raises:
            NotFoundError: There is no such object.
            ConflictError: It was overwritten meanwhile.
            QuotaExceededError: It would be too much, for the quota or for the disk.
        """
        plans, there = objects._plans, partial(_run_there, objects)  # noqa: SLF001 - a store of ours
        return self._run(self._plans.fetch(timeout, plans, there, key, name, progress))

    def publish(
        self,
        name: str,
        objects: ObjectStore,
        key: str,
        *,
        content_type: str | None = None,
        cache_control: str | None = None,
        content_disposition: str | None = None,
        metadata: Mapping[str, str] | None = None,
        if_absent: bool = False,
        if_match: str | ObjectInfo | None = None,
        progress: Tell | None = None,
        timeout: float | None = None,
    ) -> ObjectInfo:
        """Store a file as an object, if the lease still holds.

        A lease may be lost while the object is sent: where that matters, let ``if_absent`` or ``if_match`` decide.

        Args:
            name: The file.
            objects: Where to store it.
            key: The object's key.
            content_type: Like the next five, as in ``ObjectStore.put``.
            cache_control: See ``ObjectStore.put``.
            content_disposition: See ``ObjectStore.put``.
            metadata: See ``ObjectStore.put``.
            if_absent: See ``ObjectStore.put``.
            if_match: See ``ObjectStore.put``.
            progress: Is told how far it has come.
            timeout: Seconds, for each request.

        Raises:
            NotFoundError: There is no such file.
            LeaseLostError: Somebody else has taken over. Nothing was stored.
            ConflictError: The condition did not hold. Nothing was stored.
        """
        put = Put(
            content_type=content_type,
            cache_control=cache_control,
            content_disposition=content_disposition,
            metadata=metadata,
            if_absent=if_absent,
            if_match=if_match,
        )
        plans, there = objects._plans, partial(_run_there, objects)  # noqa: SLF001 - a store of ours
        return self._run(self._plans.publish(timeout, plans, there, name, key, put, progress))

    def checkpoint(self, *, progress: Tell | None = None, timeout: float | None = None) -> Checkpoint:
        """Make the files that are here what the next holder gets: all of them, or none.

        Only what the checkpoint before does not name is sent. Names and contents are kept; empty directories, times and
        modes are not.

        Args:
            progress: Is told how far it has come.
            timeout: Seconds, for each request.

        Raises:
            LeaseLostError: Somebody else has taken over. Nothing was changed in the workspace.
            QuotaExceededError: There is too much.
        """
        return self._run(self._plans.checkpoint(timeout, progress))

    def renew(self, *, timeout: float | None = None) -> None:
        """Renew the lease now. In the background that happens three times within its length.

        Raises:
            LeaseLostError: Somebody else has taken over.
        """
        self._run(self._plans.renew(timeout))


@final
class ScratchSpace:
    """Private directories; with a name they outlive the process. Get one from ``statekit.open(...).scratch``."""

    def __init__(self, plans: ScratchPlans, runner: Runner) -> None:
        self._plans = plans
        self._runner = runner

    def __repr__(self) -> str:
        return f"<ScratchSpace on {self._plans.wire.backend}>"

    def workspace(
        self,
        name: str | None = None,
        *,
        ttl: timedelta | None = None,
        wait: float = 0.0,
        lazy: bool = False,
        background: bool = True,
        progress: Tell | None = None,
        timeout: float | None = None,
    ) -> Workspace:
        """Return a workspace to enter with ``with``. Its directory is removed when the block is left, whatever happens.

        Args:
            name: What others find its last checkpoint under, by the grammar of keys. While one process holds it, no
                other one can. Without a name nothing is left of it.
            ttl: A named workspace that nobody renews for this long is gone; by default the policy's.
            wait: Seconds to wait for whoever holds it.
            lazy: Fetch files of the last checkpoint when ``restore`` asks for them, and not all of them now.
            background: Renew the lease in the background; otherwise call ``renew``.
            progress: Is told how far restoring has come.
            timeout: Seconds for entering and for leaving, without the time to wait.

        Raises, when it is entered:
            WorkspaceBusyError: Another process holds it.
            QuotaExceededError: Its last checkpoint is more than the quota, or more than the disk has room for.
        """
        options = _options(self._plans, ttl, wait, lazy, background, progress, timeout)
        return Workspace(self._plans.workspace(name, options), self._runner)

    def sweep(self, *, timeout: float | None = None) -> Swept:
        """Reclaim expired workspaces, files that no checkpoint names, and directories that dead processes left here.

        Args:
            timeout: Seconds, for each request.
        """
        return self._runner.run(self._plans.sweep(timeout))


@final
class AsyncWorkspace(_Opened):
    """The same for asyncio, with ``async with``.

    Attributes:
        name: What it is called; None for one that ends with its block.
        path: The directory.
        fence: The fencing token; None without a name.
    """

    def __init__(self, plans: WorkspacePlans, runner: AsyncRunner) -> None:
        super().__init__(plans)
        self._run = runner.run

    def __repr__(self) -> str:
        return f"<AsyncWorkspace on {self._plans.wire.backend}>"

    async def __aenter__(self) -> Self:
        await self._run(self._plans.begin())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._run(self._plans.close())

    async def files(self, *, timeout: float | None = None) -> dict[str, int]:
        """Return the bytes of each file by name. See Workspace.files."""
        return await self._run(self._plans.files(timeout))

    async def write(self, name: str, data: AsyncData, *, timeout: float | None = None) -> Path:
        """Write a file, whole or not at all. See Workspace.write."""
        return await self._run(self._plans.write(timeout, name, data))

    async def remove(self, name: str, *, timeout: float | None = None) -> bool:
        """Remove a file. See Workspace.remove."""
        return await self._run(self._plans.remove(timeout, name))

    async def restore(self, *names: str, progress: Tell | None = None, timeout: float | None = None) -> None:
        """Fetch files of the last checkpoint. See Workspace.restore."""
        await self._run(self._plans.restore(timeout, names, progress))

    async def fetch(
        self,
        objects: AsyncObjectStore,
        key: str,
        *,
        name: str | None = None,
        progress: Tell | None = None,
        timeout: float | None = None,
    ) -> Path:
        """Bring an object in. See Workspace.fetch."""
        plans, there = objects._plans, partial(_arun_there, objects)  # noqa: SLF001 - a store of ours
        return await self._run(self._plans.fetch(timeout, plans, there, key, name, progress))

    async def publish(
        self,
        name: str,
        objects: AsyncObjectStore,
        key: str,
        *,
        content_type: str | None = None,
        cache_control: str | None = None,
        content_disposition: str | None = None,
        metadata: Mapping[str, str] | None = None,
        if_absent: bool = False,
        if_match: str | ObjectInfo | None = None,
        progress: Tell | None = None,
        timeout: float | None = None,
    ) -> ObjectInfo:
        """Store a file as an object. See Workspace.publish."""
        put = Put(
            content_type=content_type,
            cache_control=cache_control,
            content_disposition=content_disposition,
            metadata=metadata,
            if_absent=if_absent,
            if_match=if_match,
        )
        plans, there = objects._plans, partial(_arun_there, objects)  # noqa: SLF001 - a store of ours
        return await self._run(self._plans.publish(timeout, plans, there, name, key, put, progress))

    async def checkpoint(self, *, progress: Tell | None = None, timeout: float | None = None) -> Checkpoint:
        """Make the files that are here what the next holder gets. See Workspace.checkpoint."""
        return await self._run(self._plans.checkpoint(timeout, progress))

    async def renew(self, *, timeout: float | None = None) -> None:
        """Renew the lease now. See Workspace.renew."""
        await self._run(self._plans.renew(timeout))


@final
class AsyncScratchSpace:
    """The same for asyncio. Get one from ``statekit.aopen(...).scratch``."""

    def __init__(self, plans: ScratchPlans, runner: AsyncRunner) -> None:
        self._plans = plans
        self._runner = runner

    def __repr__(self) -> str:
        return f"<AsyncScratchSpace on {self._plans.wire.backend}>"

    def workspace(
        self,
        name: str | None = None,
        *,
        ttl: timedelta | None = None,
        wait: float = 0.0,
        lazy: bool = False,
        background: bool = True,
        progress: Tell | None = None,
        timeout: float | None = None,
    ) -> AsyncWorkspace:
        """Return a workspace to enter with ``async with``. See ScratchSpace.workspace."""
        options = _options(self._plans, ttl, wait, lazy, background, progress, timeout)
        return AsyncWorkspace(self._plans.workspace(name, options), self._runner)

    async def sweep(self, *, timeout: float | None = None) -> Swept:
        """Reclaim what nobody will ever use again. See ScratchSpace.sweep."""
        return await self._runner.run(self._plans.sweep(timeout))


def _options(
    plans: ScratchPlans,
    ttl: timedelta | None,
    wait: float,
    lazy: bool,  # noqa: FBT001
    background: bool,  # noqa: FBT001
    progress: Tell | None,
    timeout: float | None,
) -> Options:
    life = (plans.policy.ttl if ttl is None else ttl) // MILLISECOND
    return Options(ttl=life, wait=wait, lazy=lazy, background=background, timeout=timeout, tell=progress)


def _run_there(objects: ObjectStore, plan: Plan[Any]) -> Plan[Any]:
    """Run a plan as the other store runs its own."""
    return (yield Work(partial(objects._run, plan)))  # noqa: SLF001 - a store of ours


def _arun_there(objects: AsyncObjectStore, plan: Plan[Any]) -> Plan[Any]:
    return (yield Await(partial(objects._run, plan)))  # noqa: SLF001 - a store of ours
