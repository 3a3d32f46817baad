"""Django: a session engine that keeps sessions in a state.

    STATEKIT = statekit.open()
    SESSION_ENGINE = "statekit.integrations.django"
    SESSION_COOKIE_NAME = "__Host-sessionid"
    MIDDLEWARE = ["statekit.integrations.django.SessionMiddleware", ...]  # in place of Django's

The engine keeps Django's contract, its serializer's rules about types included, and works with Django's own middleware.
Ours adds what that one cannot do: a session that another request ended is no error of this one and causes no cookie, an
outage is a 503, and the cookie is secure unless ``SESSION_COOKIE_SECURE`` says otherwise.

A login by ``django.contrib.auth`` binds the session to the user. Asynchronous methods ask the synchronous state in a
thread, since Django's event loops come and go.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase, UpdateError
from django.contrib.sessions.middleware import SessionMiddleware as DjangoSessionMiddleware
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from statekit.errors import BackendError, SessionGoneError
from statekit.opening import open as open_state
from statekit.sessions import Session
from statekit.sessions import SessionStore as Sessions
from statekit.state import State
from statekit.types import SessionInfo, SessionPolicy

from .visit import device_name, report, report_touch, retry_after

__all__ = ["SessionMiddleware", "SessionStore", "devices", "logout_everywhere", "owner_of"]

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
    def expiry_changed(self) -> bool:
        """Whether ``set_expiry`` was told something that is not stored."""
        before = self._stored.get(EXPIRY) if self._stored is not None else None
        return bool(self.get(EXPIRY) != before)

    def get_session_cookie_age(self) -> int:
        """Return the seconds after which a session that nobody uses has expired, as the state's policy has it."""
        return int(_sessions().policy.idle_timeout.total_seconds())

    # Django's contract.

    def load(self) -> dict[str, Any]:
        """Return the stored data; {} and no key where there is no such session."""
        with self._noticing():
            stored = _sessions().load(self.session_key) if self.session_key else None
        if stored is None or _ended(stored):
            self._stored = None
            self._session_key = None
            return {}
        self._stored = stored
        return _data_of(stored)

    def exists(self, session_key: str | None) -> bool:
        """Whether there is such a session."""
        with self._noticing():
            stored = _sessions().load(session_key) if session_key else None
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
                self._hold(_sessions().create(data, owner=_owner(data), label=self.label))
            return
        data = self._serialised(self._session)
        with self._noticing():
            stored = self._stored or (_sessions().load(self.session_key) if self.session_key else None)
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
                self._hold(_sessions().rotate(stored, label=self.label))
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
            destroyed = _sessions().destroy(key)
        if key == self.session_key:
            self._stored = None
            self.destroyed |= destroyed

    def touch(self) -> None:
        """Extend the expiry of a session that was looked at, at most once per touch interval."""
        if self._stored is None:
            return
        try:
            _sessions().touch(self._stored)
        except SessionGoneError:
            self._stored = None
            self._session_key = None
        except BackendError as error:
            report_touch(error)

    @classmethod
    def clear_expired(cls) -> None:
        """Reclaim what expired, for engines that do not do so by themselves."""
        _sessions().sweep()

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
        owner = _owner(data)
        if owner is not None and stored.owner is None:
            return _sessions().rotate(stored, owner=owner, label=self.label)
        _sessions().save(stored)
        return stored

    def _hold(self, stored: Session) -> None:
        """Hold what is stored now, what other requests changed included."""
        self._stored, self._session_key = stored, stored.id
        cache = self._get_session(no_load=True)
        fresh = _data_of(stored)
        for key in [key for key in cache if key not in fresh]:
            del cache[key]
        cache.update(fresh)


class SessionMiddleware(DjangoSessionMiddleware):  # type: ignore[misc]  # Django has no types
    """Django's session middleware, for this engine."""

    def __init__(self, get_response: Callable[..., Any]) -> None:
        super().__init__(get_response)
        if not issubclass(self.SessionStore, SessionStore):
            raise ImproperlyConfigured(
                "statekit's SessionMiddleware needs SESSION_ENGINE = 'statekit.integrations.django'"
            )

    def process_request(self, request: HttpRequest) -> None:
        """Give the request its session; nothing is loaded."""
        super().process_request(request)
        request.session.label = device_name(request.headers.get("User-Agent"))

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:  # noqa: ARG002
        """Make a 503 of an outage that a view met."""
        if isinstance(exception, BackendError) and exception.store == "sessions":
            return _unavailable(exception)
        return None

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Store what changed, and set the cookie if the key is another one."""
        session: SessionStore = request.session
        failed = response.status_code >= 500
        if failed and session.outage is not None:
            return response if response.status_code == 503 else _unavailable(session.outage)
        looked = session.accessed or bool(settings.SESSION_SAVE_EVERY_REQUEST and session.session_key)
        again = looked and session.expiry_changed
        if looked and not failed:
            try:
                _store(session)
            except UpdateError:
                # Another request ended the session. Its cookie may be newer than this one's: nothing is sent (P2).
                patch_vary_headers(response, ("Cookie",))
                return response
            except BackendError as error:
                return _unavailable(error)
        sent = _set_cookie(request.COOKIES.get(settings.SESSION_COOKIE_NAME), response, session, again=again)
        if looked or sent:
            patch_vary_headers(response, ("Cookie",))
        return response


def devices(session: SessionStore) -> list[SessionInfo]:
    """List the sessions of the user who is logged in; ``settings.STATEKIT.sessions.revoke(handle)`` ends one."""
    owner = _owner(session)
    return _sessions().list(owner) if owner is not None else []


def logout_everywhere(session: SessionStore, *, keep: bool = False) -> int:
    """End all sessions of the user who is logged in.

    Args:
        session: ``request.session``.
        keep: Whether this one stays.

    Returns:
        How many there were; 0 where nobody is logged in.
    """
    owner = _owner(session)
    if owner is None:
        return 0
    count = _sessions().revoke_all(owner, keep=session.stored if keep else None)
    if not keep:
        session.flush()
        session.destroyed = True
    return count


def owner_of(user: Any) -> str:
    """Return the owner under which a user's sessions are kept, for ``settings.STATEKIT.sessions.revoke_all``."""
    name: str = user._meta.pk.value_to_string(user)  # noqa: SLF001 - public by Django's documentation
    return name


def _store(session: SessionStore) -> None:
    if session.is_empty():
        return
    if session.modified or settings.SESSION_SAVE_EVERY_REQUEST:
        session.save()
    else:
        session.touch()


def _set_cookie(presented: str | None, response: HttpResponse, session: SessionStore, *, again: bool) -> bool:
    """Send the cookie where the browser does not know the key, or its new expiry; return whether one was sent."""
    where: dict[str, Any] = {"path": settings.SESSION_COOKIE_PATH, "domain": settings.SESSION_COOKIE_DOMAIN}
    samesite = settings.SESSION_COOKIE_SAMESITE
    if session.stored is not None and (again or session.session_key != presented):
        response.set_cookie(
            settings.SESSION_COOKIE_NAME,
            session.session_key,
            max_age=_max_age(session),
            secure=_secure(),
            httponly=settings.SESSION_COOKIE_HTTPONLY,
            samesite=samesite,
            **where,
        )
        return True
    if session.session_key is None and session.destroyed and presented:
        response.delete_cookie(settings.SESSION_COOKIE_NAME, samesite=samesite, **where)
        if _secure():
            response.cookies[settings.SESSION_COOKIE_NAME]["secure"] = True
        return True
    return False


def _secure() -> bool:
    return bool(settings.SESSION_COOKIE_SECURE) or not settings.is_overridden("SESSION_COOKIE_SECURE")


def _max_age(session: SessionStore) -> int | None:
    if session.get_expire_at_browser_close():
        return None
    if session.get(EXPIRY):
        return int(session.get_expiry_age())
    return int(_sessions().policy.lifetime.total_seconds())


def _unavailable(error: BackendError) -> HttpResponse:
    report(error)
    headers = {"Retry-After": str(retry_after(error))}
    return HttpResponse("Service unavailable: try again soon.", "text/plain; charset=utf-8", 503, headers=headers)


def _sessions() -> Sessions:
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


def _owner(data: Any) -> str | None:
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
