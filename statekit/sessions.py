"""Session stores: the synchronous and the asynchronous one, which do the same.

Every method takes ``timeout``, the seconds that the operation may take (default: the state's, 10 s). Besides what its
own ``Raises`` lists, every method may raise BackendError (UnavailableError, ThrottledError, TimedOutError, DeniedError,
MisconfiguredError, and IndeterminateError for writes), CorruptDataError, UnsupportedError and ClosedError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, final

from statekit._core.arun import AsyncRunner
from statekit._core.run import Runner
from statekit._core.sessions.plans import OnConflict, SessionPlans
from statekit._core.sessions.session import Session
from statekit.types import SessionInfo, SessionPolicy, Swept

__all__ = ["AsyncSessionStore", "OnConflict", "Session", "SessionStore"]


@final
class SessionStore:
    """Sessions that outlive the process, and lose no update to concurrent requests.

    Get one from ``statekit.open(...).sessions``.

    Attributes:
        policy: How long sessions live, and how many one owner may have.
    """

    def __init__(self, plans: SessionPlans, runner: Runner) -> None:
        self._plans = plans
        self.policy: SessionPolicy = plans.policy
        self._run = runner.run

    def __repr__(self) -> str:
        return f"<SessionStore on {self._plans.wire.backend}>"

    def create(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        owner: str | None = None,
        label: str | None = None,
        since: str | None = None,
        timeout: float | None = None,
    ) -> Session:
        """Store a new session under a random id of 256 bits.

        Args:
            data: What it holds at first: str keys, values of the supported types.
            owner: Whose it is, such as a user's id; makes ``list``, ``revoke`` and ``revoke_all`` find it. 1 to 256
                bytes of UTF-8.
            label: For the owner's list of devices; up to 200 bytes.
            since: What ``owner_mark`` returned before the password was checked: if everything was revoked in between,
                this login is refused.
            timeout: Seconds.

        Raises:
            ConflictError: Everything was revoked after ``since`` was taken.
            UnserialisableError: A value of a type that would not come back equal and of the same type.
            LimitExceededError: More than 256 KiB encoded, or too long an owner or label.
        """
        return self._run(self._plans.create(timeout, data, owner=owner, label=label, since=since))

    def load(self, identifier: str, *, timeout: float | None = None) -> Session | None:
        """Return the session, or None if it never existed, has expired, was rotated or destroyed.

        Never creates one, and never takes an outage for absence. A malformed id costs no request.

        Args:
            identifier: The id, as ``Session.id`` gave it to the cookie.
            timeout: Seconds.
        """
        return self._run(self._plans.load(timeout, identifier))

    def save(self, session: Session, *, on_conflict: OnConflict = "merge", timeout: float | None = None) -> None:
        """Store the keys that changed, in one round trip if nobody else saved; if none changed, ``touch``.

        Afterwards the session holds what was stored, other requests' changes included.

        Args:
            session: What ``create`` or ``load`` returned.
            on_conflict: ``merge`` replays the changed and deleted keys onto what another request saved; ``reject``
                refuses; ``overwrite`` stores this session's data as a whole.
            timeout: Seconds.

        Raises:
            SessionGoneError: It was destroyed, rotated or has expired meanwhile. Nothing is brought back.
            ConflictError: With ``reject``, another request saved first; or others kept saving until the time was over.
            UnserialisableError: A value of a type that would not come back equal and of the same type.
            LimitExceededError: More than 256 KiB encoded.
        """
        self._run(self._plans.save(timeout, session, on_conflict=on_conflict))

    def update(
        self, identifier: str, function: Callable[[Session], object], *, timeout: float | None = None
    ) -> Session:
        """Load, apply a function and save, again for each save that came first: no increment is lost.

        Args:
            identifier: The session's id.
            function: Changes the session it is given; it may run several times.
            timeout: Seconds.

        Raises:
            SessionGoneError: There is no such session (any more).
            ConflictError: Others kept saving until the time was over.
        """
        return self._run(self._plans.update(timeout, identifier, function))

    def touch(self, session: Session, *, timeout: float | None = None) -> bool:
        """Extend the expiry by the idle timeout, at most once per touch interval; never creates anything.

        Returns:
            Whether the store was asked. Within the touch interval it is not.

        Raises:
            SessionGoneError: It was destroyed, rotated or has expired meanwhile.
        """
        return self._run(self._plans.touch(timeout, session))

    def rotate(
        self,
        session: Session,
        *,
        owner: str | None = None,
        label: str | None = None,
        since: str | None = None,
        timeout: float | None = None,
    ) -> Session:
        """Give the session a new id, at each change of rights: an id that leaked before is worth nothing after.

        The new session holds the same data, unsaved changes included; the old id is dead when this returns. If the
        process dies meanwhile, one of the two works.

        Args:
            session: What ``create`` or ``load`` returned.
            owner: Binds a session without owner to one: a login, whose lifetime begins now.
            label: Another label; None keeps the one there is.
            since: Where it is bound to an owner, as for ``create``.
            timeout: Seconds.

        Raises:
            SessionGoneError: It was destroyed, rotated, revoked or has expired meanwhile.
            ConflictError: Everything was revoked after ``since`` was taken.
            IndeterminateError: Either the old id or the new one works; try the old one again.
        """
        return self._run(self._plans.rotate(timeout, session, owner=owner, label=label, since=since))

    def destroy(self, session: Session | str, *, timeout: float | None = None) -> bool:
        """End a session, or the one it was rotated into, by its id; one that is gone is success.

        Returns:
            Whether there was one.
        """
        return self._run(self._plans.destroy(timeout, session))

    def list(self, owner: str, *, timeout: float | None = None) -> list[SessionInfo]:
        """Describe an owner's live sessions, for a page of devices. It shows no ids."""
        return self._run(self._plans.list(timeout, owner))

    def revoke(self, handle: str, *, timeout: float | None = None) -> bool:
        """End the session that a handle of ``list`` names, also if it was rotated since.

        Returns:
            Whether there was one.
        """
        return self._run(self._plans.revoke(timeout, handle))

    def revoke_all(self, owner: str, *, keep: Session | str | None = None, timeout: float | None = None) -> int:
        """Log an owner out everywhere. When this returns, no session created before it began can be loaded.

        Args:
            owner: Whose sessions.
            keep: The one that stays, if it is the owner's; also while it is being rotated.
            timeout: Seconds.

        Returns:
            How many sessions there were.
        """
        return self._run(self._plans.revoke_all(timeout, owner, keep=keep))

    def owner_mark(self, owner: str, *, timeout: float | None = None) -> str:
        """Return what ``create(since=...)`` compares: take it before a password is checked."""
        return self._run(self._plans.owner_mark(timeout, owner))

    def sweep(self, *, timeout: float | None = None) -> Swept:
        """Delete what expired more than an hour ago, for engines that do not do so by themselves.

        Args:
            timeout: Seconds for each page of records.
        """
        return self._run(self._plans.sweep(timeout))


@final
class AsyncSessionStore:
    """The same for asyncio. Get one from ``statekit.aopen(...).sessions``.

    Attributes:
        policy: How long sessions live.
    """

    def __init__(self, plans: SessionPlans, runner: AsyncRunner) -> None:
        self._plans = plans
        self.policy: SessionPolicy = plans.policy
        self._run = runner.run

    def __repr__(self) -> str:
        return f"<AsyncSessionStore on {self._plans.wire.backend}>"

    async def create(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        owner: str | None = None,
        label: str | None = None,
        since: str | None = None,
        timeout: float | None = None,
    ) -> Session:
        """Store a new session. See SessionStore.create."""
        return await self._run(self._plans.create(timeout, data, owner=owner, label=label, since=since))

    async def load(self, identifier: str, *, timeout: float | None = None) -> Session | None:
        """Return the session, or None. See SessionStore.load."""
        return await self._run(self._plans.load(timeout, identifier))

    async def save(self, session: Session, *, on_conflict: OnConflict = "merge", timeout: float | None = None) -> None:
        """Store the keys that changed. See SessionStore.save."""
        await self._run(self._plans.save(timeout, session, on_conflict=on_conflict))

    async def update(
        self, identifier: str, function: Callable[[Session], object], *, timeout: float | None = None
    ) -> Session:
        """Load, apply a function and save until it is stored. See SessionStore.update."""
        return await self._run(self._plans.update(timeout, identifier, function))

    async def touch(self, session: Session, *, timeout: float | None = None) -> bool:
        """Extend the expiry. See SessionStore.touch."""
        return await self._run(self._plans.touch(timeout, session))

    async def rotate(
        self,
        session: Session,
        *,
        owner: str | None = None,
        label: str | None = None,
        since: str | None = None,
        timeout: float | None = None,
    ) -> Session:
        """Give the session a new id. See SessionStore.rotate."""
        return await self._run(self._plans.rotate(timeout, session, owner=owner, label=label, since=since))

    async def destroy(self, session: Session | str, *, timeout: float | None = None) -> bool:
        """End a session. See SessionStore.destroy."""
        return await self._run(self._plans.destroy(timeout, session))

    async def list(self, owner: str, *, timeout: float | None = None) -> list[SessionInfo]:
        """Describe an owner's live sessions. See SessionStore.list."""
        return await self._run(self._plans.list(timeout, owner))

    async def revoke(self, handle: str, *, timeout: float | None = None) -> bool:
        """End the session that a handle names. See SessionStore.revoke."""
        return await self._run(self._plans.revoke(timeout, handle))

    async def revoke_all(self, owner: str, *, keep: Session | str | None = None, timeout: float | None = None) -> int:
        """Log an owner out everywhere. See SessionStore.revoke_all."""
        return await self._run(self._plans.revoke_all(timeout, owner, keep=keep))

    async def owner_mark(self, owner: str, *, timeout: float | None = None) -> str:
        """Return what ``create(since=...)`` compares. See SessionStore.owner_mark."""
        return await self._run(self._plans.owner_mark(timeout, owner))

    async def sweep(self, *, timeout: float | None = None) -> Swept:
        """Delete what expired more than an hour ago. See SessionStore.sweep."""
        return await self._run(self._plans.sweep(timeout))
