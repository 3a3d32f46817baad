"""Starlette and FastAPI: sessions that are kept in a state, for requests and websockets.

    app.add_middleware(SessionMiddleware, state=statekit.aopen())

    async def page(request):
        session = await load(request)

In FastAPI, ``Annotated[StarletteSession, Depends(load)]`` does the same. A request that does not ask for its session
loads nothing; with ``eager=True`` it is loaded before the application runs, and ``request.session`` works at once.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from statekit.errors import BackendError
from statekit.sessions import AsyncSessionStore
from statekit.state import AsyncState
from statekit.types import SessionInfo

from .cookies import Cookie
from .visit import Steps, T, Visit, aconduct, device_name, report, retry_after

__all__ = [
    "Cookie",
    "SessionMiddleware",
    "StarletteSession",
    "devices",
    "load",
    "login",
    "logout",
    "logout_everywhere",
    "save",
]

TRY_AGAIN_LATER: Final = 1013
"""https://www.iana.org/assignments/websocket/websocket.xhtml#close-code-number"""


class StarletteSession(Visit):
    """A connection's session: a dict, once it is loaded."""

    def __init__(self, presented: str | None, device: str | None, store: AsyncSessionStore) -> None:
        super().__init__(presented, device)
        self._sessions = store

    def need(self) -> None:
        """Say how to load it: looking at a dict cannot be awaited."""
        raise RuntimeError(
            "the session is not loaded: `session = await load(request)` first, or SessionMiddleware(..., eager=True)"
        )

    async def take(self, steps: Steps[T]) -> T:
        """Take steps."""
        return await aconduct(steps, self._sessions)


class SessionMiddleware:
    """Pure ASGI middleware that gives each request and websocket its session.

    Args:
        app: The application.
        state: Where sessions are kept.
        cookie: How their ids travel. Over http, in development: ``Cookie(secure=False)``.
        eager: Load every session that a cookie names before the application runs: one round trip for each request.
        unavailable: Answers in place of the application while the store does not; by default a plain 503.
    """

    def __init__(
        self,
        app: ASGIApp,
        state: AsyncState,
        *,
        cookie: Cookie | None = None,
        eager: bool = False,
        unavailable: ASGIApp | None = None,
    ) -> None:
        self.app = app
        self.store = state.sessions
        self.cookie = cookie or Cookie()
        self.eager = eager
        self.unavailable = unavailable

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application with a session."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        presented = connection.cookies.get(self.cookie.sent_name)
        session = StarletteSession(presented, device_name(connection.headers.get("User-Agent")), self.store)
        scope["session"] = session
        await _Exchange(self, session, scope, receive, send).run()


class _Exchange:
    """One request and its response, or one websocket."""

    def __init__(
        self, middleware: SessionMiddleware, session: StarletteSession, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._middleware = middleware
        self._session = session
        self._scope = scope
        self._receive = receive
        self._send = send
        self._started = False
        self._replaced = False

    async def run(self) -> None:
        try:
            if self._middleware.eager:
                await self._session.take(self._session.load())
            await self._middleware.app(self._scope, self._receive, self.send)
        except BackendError as error:
            if self._started or error.store != "sessions":
                raise
            await self._refuse(error)
        except WebSocketDisconnect:
            await self._end()
            raise
        else:
            await self._end()

    async def send(self, message: Message) -> None:
        """Store the session and add the cookie to the message that begins the response."""
        if self._replaced:
            return
        if message["type"] in ("http.response.start", "websocket.http.response.start", "websocket.accept"):
            try:
                await self._session.take(self._session.finish())
            except BackendError as error:
                await self._refuse(error)
                return
            self._started = True
            self._session.seal(finished=message["type"] != "websocket.accept")
            self._add_headers(message)
        await self._send(message)

    def _add_headers(self, message: Message) -> None:
        message.setdefault("headers", [])
        headers = MutableHeaders(scope=message)
        header = self._session.cookie(self._middleware.cookie, self._middleware.store.policy.lifetime)
        if header is not None:
            headers.append("Set-Cookie", header)
        if self._session.looked or header is not None:
            headers.add_vary_header("Cookie")

    async def _end(self) -> None:
        """Store what was written while a websocket was open."""
        if self._scope["type"] == "websocket" and self._started:
            await self._session.take(self._session.finish())

    async def _refuse(self, error: BackendError) -> None:
        """Answer in place of the application, whose own messages are dropped."""
        report(error)
        self._replaced = True
        if self._scope["type"] == "websocket" and "websocket.http.response" not in self._scope.get("extensions", {}):
            await self._send({"type": "websocket.close", "code": TRY_AGAIN_LATER})
            return
        headers = {"Retry-After": str(retry_after(error))}
        plain = PlainTextResponse("Service unavailable: try again soon.", status_code=503, headers=headers)
        await (self._middleware.unavailable or plain)(self._scope, self._receive, self._send)


async def load(connection: HTTPConnection) -> StarletteSession:
    """Return a connection's session, loaded; later calls cost nothing.

    Args:
        connection: A request or a websocket.

    Raises:
        BackendError: The store does not answer. If nobody handles it, the middleware makes a 503 of it.
    """
    session = _ours(connection.scope.get("session"))
    await session.take(session.load())
    return session


async def save(session: StarletteSession) -> None:
    """Store what changed while a websocket is open. What a request changes is stored when its response begins."""
    await session.take(session.finish())


async def login(session: StarletteSession, owner: str, *, label: str | None = None, since: str | None = None) -> None:
    """Log a visitor in: the session gets another id, and an owner. What it holds stays.

    Args:
        session: What ``load`` returned.
        owner: Whose it is from now on, such as a user's id.
        label: For the list of devices; by default what the browser calls itself.
        since: What ``state.sessions.owner_mark(owner)`` returned before the password was checked.

    Raises:
        ConflictError: Everything of this owner was revoked after ``since`` was taken.
    """
    await session.take(session.login(owner, label=label, since=since))


async def logout(session: StarletteSession) -> None:
    """End a session, at once and in the store: a slow request that still uses it does not bring it back."""
    await session.take(session.logout())


async def logout_everywhere(session: StarletteSession, *, keep: bool = False) -> int:
    """End all sessions of this one's owner.

    Args:
        session: What ``load`` returned.
        keep: Whether this one stays.

    Returns:
        How many there were; 0 where nobody is logged in.
    """
    return await session.take(session.logout_everywhere(keep=keep))


async def devices(session: StarletteSession) -> list[SessionInfo]:
    """List the sessions of this one's owner; ``await state.sessions.revoke(handle)`` ends one."""
    return await session.take(session.devices())


def _ours(session: Any) -> StarletteSession:
    if not isinstance(session, StarletteSession):
        raise TypeError("add statekit.integrations.starlette.SessionMiddleware to the application")
    return session
