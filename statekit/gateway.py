"""The gateway: browsers upload and download by signed requests where the engine itself signs none.

Mount it in any framework at the path of the URL that is configured as ``gateway``::

    state = statekit.open("local:/var/lib/shop", gateway="https://shop.example/files")
    application = DispatcherMiddleware(pages, {"/files": WSGIGateway(state, origins=["https://shop.example"])})

It honours what ``presign_get``, ``presign_put`` and ``presign_post`` signed with the same keys, for the same URL and
the same namespace, and nothing else. Bodies are streamed: a request takes some 16 MiB, however large it is. How long a
slow client may take is the server's business, as for every application.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, final
from urllib.parse import parse_qsl

from statekit._core.gateway.desk import Desk
from statekit._core.gateway.exchange import Answer, Refusal, Request
from statekit._core.gateway.forms import PIECE
from statekit._core.objects.source import source_of
from statekit._core.plan import Plan
from statekit.errors import ConfigError
from statekit.state import AsyncState, State

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

__all__ = ["ASGIGateway", "WSGIGateway"]

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_LENGTH_DIGITS: Final = 18


@final
class WSGIGateway:
    """The gateway as a WSGI application (PEP 3333).

    Args:
        state: An open state with ``gateway`` and ``keys``. It is not closed here.
        origins: Origins whose pages may send requests by script and read the answers, such as
            ``https://shop.example``; ``*`` for any. Forms and images need none.

    Raises:
        ConfigError: No gateway is configured, or the state is an asynchronous one.
    """

    def __init__(self, state: State, *, origins: Sequence[str] = ()) -> None:
        if not isinstance(state, State):
            raise ConfigError("a WSGI gateway needs a state of statekit.open; ASGIGateway takes another")
        self._desk = _desk(state, origins)
        self._run = state.objects._run  # noqa: SLF001 - it runs the same plans as the store

    @property
    def path(self) -> str:
        """The path of its public URL, such as ``/files``; empty where it has a host of its own."""
        return self._desk.path

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        answer: Answer = self._run(self._desk.answer(_wsgi_request(environ)))
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", _complete(answer))
        if environ["REQUEST_METHOD"] == "HEAD" or answer.next_piece is None:
            return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]
        return _Pieces(answer, answer.next_piece, self._run)


class _Pieces:
    """A long body. A failure on the way ends the connection, for the status is sent already."""

    def __init__(
        self, answer: Answer, next_piece: Callable[[], Plan[bytes]], run: Callable[[Plan[bytes]], bytes]
    ) -> None:
        self._end: Callable[[BaseException | None], None] | None = answer.end
        self._next, self._run = next_piece, run

    def __iter__(self) -> Iterator[bytes]:
        try:
            while piece := self._run(self._next()):
                yield piece
        except BaseException as error:
            self._ended(error)
            raise
        self._ended(None)

    def close(self) -> None:
        """End, also where nothing, or not all, was sent: servers call it whatever happened (PEP 3333)."""
        self._ended(None)

    def _ended(self, error: BaseException | None) -> None:
        end, self._end = self._end, None
        if end is not None:
            end(error)


@final
class ASGIGateway:
    """The gateway as an ASGI application.

    Args:
        state: An open state of ``statekit.aopen``, with ``gateway`` and ``keys``. It is not closed here.
        origins: As for WSGIGateway.

    Raises:
        ConfigError: No gateway is configured, or the state is a synchronous one.
    """

    def __init__(self, state: AsyncState, *, origins: Sequence[str] = ()) -> None:
        if not isinstance(state, AsyncState):
            raise ConfigError("an ASGI gateway needs a state of statekit.aopen; WSGIGateway takes another")
        self._desk = _desk(state, origins)
        self._run = state.objects._run  # noqa: SLF001 - it runs the same plans as the store

    @property
    def path(self) -> str:
        """The path of its public URL. See WSGIGateway.path."""
        return self._desk.path

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise ValueError("the gateway answers HTTP, and nothing else")
        answer: Answer = await self._run(self._desk.answer(_asgi_request(scope, receive)))
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in _complete(answer)]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body"})
            return
        await self._send_body(answer, send)

    async def _send_body(self, answer: Answer, send: _Send) -> None:
        failed: BaseException | None = None
        try:
            while answer.next_piece and (piece := await self._run(answer.next_piece())):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": answer.body})
        except BaseException as error:
            failed = error
            raise
        finally:
            answer.end(failed)


def _desk(state: State | AsyncState, origins: Sequence[str]) -> Desk:
    plans = state.objects._plans  # noqa: SLF001 - the gateway is the store's other door
    if plans.signer is None:
        raise ConfigError("no gateway is configured: set its public URL (gateway, STATEKIT_GATEWAY_URL) and keys")
    if isinstance(origins, str):
        raise ConfigError("origins is a list, such as ['https://shop.example']")
    return Desk(plans, plans.signer, origins)


def _complete(answer: Answer) -> list[tuple[str, str]]:
    """Return an answer's headers, with its length where that is not said yet."""
    headers = list(answer.headers)
    named = {name.lower() for name, _ in headers}
    if "content-length" not in named and answer.status not in (204, 304):
        headers.append(("Content-Length", str(len(answer.body))))
    return headers


def _wsgi_request(environ: WSGIEnvironment) -> Request:
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    if environ.get("CONTENT_TYPE"):
        headers["content-type"] = environ["CONTENT_TYPE"]
    length = _length(environ.get("CONTENT_LENGTH"), headers)
    path = environ.get("PATH_INFO", "").encode("latin-1", "replace")
    body = source_of(_read(environ["wsgi.input"], length or 0))
    query = _query(environ.get("QUERY_STRING", ""))
    return Request(environ["REQUEST_METHOD"], _key(path), query, headers, length, body)


def _read(body: Any, length: int) -> Iterator[bytes]:
    """Read a body of known length.

    Raises:
        Refusal: It ends early.
    """
    left = length
    while left:
        try:
            piece: bytes = body.read(min(PIECE, left))
        except (OSError, ValueError) as error:
            raise _early() from error
        if not piece:
            raise _early()
        left -= len(piece)
        yield piece


def _asgi_request(scope: _Scope, receive: _Receive) -> Request:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    length = _length(headers.get("content-length"), headers)
    path: str = scope["path"]
    path = path.removeprefix(scope.get("root_path") or "")
    key = _key(path.encode(errors="surrogatepass"))
    query = _query(scope.get("query_string", b"").decode("latin-1"))
    return Request(scope["method"], key, query, headers, length, source_of(_received(receive, length or 0)))


async def _received(receive: _Receive, length: int) -> AsyncIterator[bytes]:
    """Receive a body of known length.

    Raises:
        Refusal: It ends early, or is longer than it said.
    """
    left, more = length, True
    while left and more:
        message = await receive()
        if message["type"] != "http.request":
            raise _early()
        piece: bytes = message.get("body", b"")
        left -= len(piece)
        more = message.get("more_body", False)
        if left < 0:
            raise _early()
        yield piece
    if left:
        raise _early()


def _early() -> Refusal:
    return Refusal(400, "IncompleteBody", "the body is not as long as it said")


def _length(value: str | None, headers: Mapping[str, str]) -> int | None:
    """Return the length that a request states; a body in chunks states none."""
    if "transfer-encoding" in headers or not value or not (value.isascii() and value.isdigit()):
        return None
    return int(value) if len(value) <= _LENGTH_DIGITS else None


def _key(path: bytes) -> str | None:
    try:
        return path.decode().removeprefix("/")
    except UnicodeDecodeError:
        return None


def _query(text: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=50))
    except ValueError:
        return {}
