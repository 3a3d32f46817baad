"""Flask's session interface, and what a view does with a session."""

from __future__ import annotations

from typing import Final

from flask import Flask, Request, Response
from flask.sessions import SessionInterface, SessionMixin
from werkzeug.exceptions import ServiceUnavailable
from werkzeug.local import LocalProxy

from statekit.errors import BackendError
from statekit.integrations.cookies import Cookie
from statekit.integrations.visit import Steps, T, Visit, conduct, device_name, report, retry_after
from statekit.sessions import SessionStore
from statekit.state import State
from statekit.types import SessionInfo

__all__ = ["FlaskSession", "Sessions", "devices", "login", "logout", "logout_everywhere"]

_PERMANENT: Final = "_permanent"


class FlaskSession(Visit, SessionMixin):
    """A request's session, as Flask knows sessions.

    Raises:
        ServiceUnavailable: The store does not answer. Flask makes a 503 of it, or what ``app.errorhandler(503)`` says.
    """

    def __init__(self, presented: str | None, device: str | None, store: SessionStore, cookie: Cookie) -> None:
        super().__init__(presented, device)
        self._sessions = store
        self._cookie = cookie

    @property
    def permanent(self) -> bool:
        """Whether the cookie outlives the browser. By default it does."""
        return bool(self.get(_PERMANENT, self._cookie.persistent))

    @permanent.setter
    def permanent(self, value: bool) -> None:
        self[_PERMANENT] = bool(value)

    @property
    def modified(self) -> bool:
        """Whether a change would be stored. Nested changes are noticed, so setting it is not needed."""
        return bool(self._fresh) if self.stored is None else self.stored.modified

    @modified.setter
    def modified(self, value: bool) -> None:
        """Accept what applications set for other session interfaces; changes are found by comparing."""

    def need(self) -> None:
        """Load it."""
        self.take(self.load())

    def take(self, steps: Steps[T]) -> T:
        """Take steps, and make a 503 of an outage."""
        try:
            return conduct(steps, self._sessions)
        except BackendError as error:
            report(error)
            raise ServiceUnavailable(retry_after=retry_after(error)) from error


class Sessions(SessionInterface):
    """The session interface.

    Args:
        state: Where sessions are kept.
        cookie: How their ids travel. Over http, in development: ``Cookie(secure=False)``.
    """

    def __init__(self, state: State, *, cookie: Cookie | None = None) -> None:
        self._store = state.sessions
        self._cookie = cookie or Cookie()

    def open_session(self, app: Flask, request: Request) -> FlaskSession:  # noqa: ARG002 - Flask's signature
        """Return the request's session without loading it."""
        presented = request.cookies.get(self._cookie.sent_name)
        return FlaskSession(presented, device_name(request.headers.get("User-Agent")), self._store, self._cookie)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Store what changed, and set the cookie if the id is another one."""
        session = _ours(session)
        try:
            session.take(session.finish())
        except ServiceUnavailable as unavailable:
            _replace(response, app.make_response(app.handle_http_exception(unavailable)))
            return
        session.seal(finished=True)
        persistent = session.permanent if session.loaded and session.stored is not None else None
        header = session.cookie(self._cookie, self._store.policy.lifetime, persistent=persistent)
        if header is not None:
            response.headers.add("Set-Cookie", header)
        if session.looked or header is not None:
            response.vary.add("Cookie")


def login(session: SessionMixin, owner: str, *, label: str | None = None, since: str | None = None) -> None:
    """Log a visitor in: the session gets another id, and an owner. What it holds stays.

    Args:
        session: ``flask.session``.
        owner: Whose it is from now on, such as a user's id.
        label: For the list of devices; by default what the browser calls itself.
        since: What ``state.sessions.owner_mark(owner)`` returned before the password was checked.

    Raises:
        ConflictError: Everything of this owner was revoked after ``since`` was taken.
    """
    ours = _ours(session)
    ours.take(ours.login(owner, label=label, since=since))


def logout(session: SessionMixin) -> None:
    """End a session, at once and in the store: a slow request that still uses it does not bring it back."""
    ours = _ours(session)
    ours.take(ours.logout())


def logout_everywhere(session: SessionMixin, *, keep: bool = False) -> int:
    """End all sessions of this one's owner.

    Args:
        session: ``flask.session``.
        keep: Whether this one stays.

    Returns:
        How many there were; 0 where nobody is logged in.
    """
    ours = _ours(session)
    return ours.take(ours.logout_everywhere(keep=keep))


def devices(session: SessionMixin) -> list[SessionInfo]:
    """List the sessions of this one's owner; ``state.sessions.revoke(handle)`` ends one."""
    ours = _ours(session)
    return ours.take(ours.devices())


def _ours(session: SessionMixin) -> FlaskSession:
    """Return it, or what is behind Flask's proxy."""
    found = session._get_current_object() if isinstance(session, LocalProxy) else session  # noqa: SLF001 - its interface
    if not isinstance(found, FlaskSession):
        raise TypeError("set app.session_interface to statekit.integrations.flask.Sessions")
    return found


def _replace(response: Response, other: Response) -> None:
    """Send another response in place of this one, of which nothing remains."""
    response.close()
    response.status_code = other.status_code
    response.headers = other.headers
    response.response = other.response
