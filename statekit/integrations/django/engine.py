"""The session engine: Django's contract over a state's sessions."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase, UpdateError
from django.core.exceptions import ImproperlyConfigured

from statekit.errors import BackendError, SessionGoneError
from statekit.integrations.visit import report_touch
from statekit.opening import open as open_state
from statekit.sessions import Session
from statekit.sessions import SessionStore as Sessions
from statekit.state import State
from statekit.types import SessionPolicy

__all__ = ["EXPIRY", "SessionStore", "owner_in", "sessions"]

T = TypeVar("T")

USER: Final = "_auth_user_id"
"""Where ``django.contrib.auth`` keeps who is logged in; the name is part of its stored form."""
EXPIRY: Final = "_session_expiry"
"""Where Django keeps what ``set_expiry`` was told."""
ENDS: Final = "_statekit_ends"
"""Where the engine keeps when that is over."""


class SessionStore(SessionBase):  # type: ignore[misc]  # Django has no types
    """Django's session over a state's.

    Keys are the store's: 256 random bits that it alone chooses, so that no key can be planted.

    Attributes:
        label: What a list of devices will show.
        destroyed: Whether this request ended the session that it was given.
        outage: Why the store did not answer, if it did not.
    """

    _session_key: str | None

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self.label: str | None = None
        self.destroyed = False
        self.outage: BackendError | None = None
        self._stored: Session | None = None

    @property
    def stored(self) -> Session | None:
        """The state's session, once it is loaded or saved."""
        return self._stored

    @property
    def handle(self) -> str | None:
        """What a list of devices shows it under; None where nobody is logged in."""
        self._get_session()
        return self._stored.handle if self._stored is not None else None

    @property
    def expiry_changed(self) -> bool:
        """Whether ``set_expiry`` was told something that is not stored."""
        before = self._stored.get(EXPIRY) if self._stored is not None else None
        return bool(self.get(EXPIRY) != before)

    def get_session_cookie_age(self) -> int:
        """Return the seconds after which a session that nobody uses has expired, as the state's policy has it."""
        return int(sessions().policy.idle_timeout.total_seconds())

    # Django's contract.

    def load(self) -> dict[str, Any]:
        """Return the stored data; {} and no key where there is no such session."""
        with self._noticing():
            stored = sessions().load(self.session_key) if self.session_key else None
        if stored is None or _ended(stored):
            self._stored = None
            self._session_key = None
            return {}
        self._stored = stored
        return _data_of(stored)

    def exists(self, session_key: str | None) -> bool:
        """Whether there is such a session."""
        with self._noticing():
            stored = sessions().load(session_key) if session_key else None
        return stored is not None and not _ended(stored)

    def create(self) -> None:
        """Store a new session; what this one holds stays."""
        self._session_key = None
        self.save(must_create=True)
        self.modified = True

    def save(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002 - Django's signature
        """Store the keys that changed, beside what other requests changed.

        Raises:
            UpdateError: The session is gone: destroyed, rotated or expired. It is not brought back.
        """
        if must_create or self.session_key is None:
            data = self._serialised(self._get_session(no_load=True))
            with self._noticing():
                self._hold(sessions().create(data, owner=owner_in(data), label=self.label))
            return
        data = self._serialised(self._session)
        with self._noticing():
            stored = self._stored or (sessions().load(self.session_key) if self.session_key else None)
            if stored is None:
                raise UpdateError
            try:
                self._hold(self._write(stored, data))
            except SessionGoneError as gone:
                self._stored = None
                raise UpdateError from gone

    def cycle_key(self) -> None:
        """Give the session another key. One that is gone meanwhile leaves none of its data behind."""
        data = self._serialised(self._session)
        if self._stored is None:
            self.create()
            return
        stored = _changed(self._stored, data)
        with self._noticing():
            try:
                self._hold(sessions().rotate(stored, label=self.label))
            except SessionGoneError:
                self.clear()
                self._stored = None
                self.create()
        self.modified = True

    def delete(self, session_key: str | None = None) -> None:
        """End a session: this one if no key is given."""
        key = session_key or self.session_key
        if key is None:
            return
        with self._noticing():
            destroyed = sessions().destroy(key)
        if key == self.session_key:
            self._stored = None
            self.destroyed |= destroyed

    def touch(self) -> None:
        """Extend the expiry of a session that was looked at, at most once per touch interval."""
        if self._stored is None:
            return
        try:
            sessions().touch(self._stored)
        except SessionGoneError:
            self._stored = None
            self._session_key = None
        except BackendError as error:
            report_touch(error)

    @classmethod
    def clear_expired(cls) -> None:
        """Reclaim what expired, for engines that do not do so by themselves."""
        sessions().sweep()

    # The same for asyncio.

    async def aload(self) -> dict[str, Any]:
        """Return the stored data. See load."""
        return await _in_thread(self.load)

    async def aexists(self, session_key: str | None) -> bool:
        """Whether there is such a session."""
        return await _in_thread(self.exists, session_key)

    async def acreate(self) -> None:
        """Store a new session. See create."""
        await _in_thread(self.create)

    async def asave(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002 - Django's signature
        """Store the keys that changed. See save."""
        await _in_thread(self.save, must_create)

    async def acycle_key(self) -> None:
        """Give the session another key. See cycle_key."""
        await _in_thread(self.cycle_key)

    async def adelete(self, session_key: str | None = None) -> None:
        """End a session. See delete."""
        await _in_thread(self.delete, session_key)

    async def aflush(self) -> None:
        """End the session and forget its data."""
        await _in_thread(self.flush)

    @classmethod
    async def aclear_expired(cls) -> None:
        """Reclaim what expired. See clear_expired."""
        await _in_thread(cls.clear_expired)

    # How.

    @contextmanager
    def _noticing(self) -> Iterator[None]:
        try:
            yield
        except BackendError as error:
            self.outage = error
            raise

    def _serialised(self, data: Mapping[Any, Any]) -> dict[str, Any]:
        """Return the data as Django's serializer would bring them back, with the end that ``set_expiry`` asked for."""
        serializer = self.serializer()
        plain: dict[str, Any] = serializer.loads(serializer.dumps(dict(data)))
        if plain.get(EXPIRY):
            plain[ENDS] = self.get_expiry_date(expiry=_moment(plain[EXPIRY])).astimezone(UTC)
        return plain

    def _write(self, stored: Session, data: Mapping[str, Any]) -> Session:
        _changed(stored, data)
        owner = owner_in(data)
        if owner is not None and stored.owner is None:
            return sessions().rotate(stored, owner=owner, label=self.label)
        sessions().save(stored)
        return stored

    def _hold(self, stored: Session) -> None:
        """Hold what is stored now, what other requests changed included."""
        self._stored, self._session_key = stored, stored.id
        cache = self._get_session(no_load=True)
        fresh = _data_of(stored)
        for key in [key for key in cache if key not in fresh]:
            del cache[key]
        cache.update(fresh)


def sessions() -> Sessions:
    """Return the session store of the setting STATEKIT, or of what statekit.open finds."""
    state = getattr(settings, "STATEKIT", None) or _default_state()
    if not isinstance(state, State):
        raise ImproperlyConfigured("the setting STATEKIT is what statekit.open returns")
    return state.sessions


@functools.cache
def _default_state() -> State:
    """Open what the environment or statekit.toml describes, with Django's idea of how long sessions live."""
    if not settings.is_overridden("SESSION_COOKIE_AGE"):
        return open_state()
    idle = timedelta(seconds=settings.SESSION_COOKIE_AGE)
    return open_state(policy=SessionPolicy(idle_timeout=idle, lifetime=max(idle, SessionPolicy().lifetime)))


def _changed(stored: Session, data: Mapping[str, Any]) -> Session:
    """Make the stored session hold these data; what is equal stays unchanged."""
    for key in [key for key in stored if key not in data]:
        del stored[key]
    stored.update(data)
    return stored


def _data_of(stored: Session) -> dict[str, Any]:
    return {key: stored[key] for key in stored if key != ENDS}


def owner_in(data: Any) -> str | None:
    """Return whose session these data are, if ``django.contrib.auth`` logged somebody in."""
    user = data.get(USER)
    return None if user is None else str(user)


def _ended(stored: Session) -> bool:
    ends = stored.get(ENDS)
    return ends is not None and bool(ends <= datetime.now(UTC))


def _moment(expiry: int | str) -> int | datetime:
    return datetime.fromisoformat(expiry) if isinstance(expiry, str) else expiry


async def _in_thread(function: Callable[..., T], *args: Any) -> T:
    result: T = await sync_to_async(function, thread_sensitive=False)(*args)
    return result
