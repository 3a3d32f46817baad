"""Sending: through sessions of Google's own, each used by one thread at a time, with no retries of theirs."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from io import BytesIO
from typing import Any, Final, Protocol, TypeVar, cast

from google.auth.transport import requests as transport
from google.cloud import storage  # type: ignore[import-untyped]
from requests import Session

from .answers import Answer
from .faults import UnsentError
from .flows import Flow
from .requests import Request

__all__ = ["Lender", "Own", "Sender", "Shared"]

T = TypeVar("T")
_PIECE: Final = 1 << 20
"""Bytes that are taken from a connection at once, at most."""
_LARGEST: Final = 8 << 20
"""Bytes that core asks for at once, at most; room for so many is made before they come."""


class Lender(Protocol):
    """Lends sessions, one for each call."""

    def lend(self) -> Session:
        """Return a session that nobody else uses meanwhile, unless sharing was the application's choice."""

    def take_back(self, session: Session) -> None:
        """Take a session back."""

    def url(self) -> str:
        """Return the service's URL."""

    def credentials(self) -> Any:
        """Return the client's credentials."""

    def close(self) -> None:
        """Close what was opened here."""


class Shared:
    """Lends the one session of the application's client (E-10).

    Args:
        client: ``google.cloud.storage.Client``.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def lend(self) -> Session:
        """Return the client's session."""
        session: Session = self._client._http  # noqa: SLF001 - all of Google's packages know it by this name
        return session

    def take_back(self, session: Session) -> None:
        """There is nothing to do."""

    def url(self) -> str:
        """Return what the client talks to."""
        return str(self._client.api_endpoint)

    def credentials(self) -> Any:
        """Return the client's credentials."""
        return self._client._credentials  # noqa: SLF001 - all of Google's packages know them by this name

    def close(self) -> None:
        """The application's own client stays open."""


class Own:
    """Lends sessions over a client of its own.

    A session of requests is not known to be safe in several threads at once, so each goes to one thread at a time; its
    connection stays open for the next.

    Args:
        connect: Makes the client. It looks for credentials, so it is called at the first request (P-51).
    """

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._made: Any = None
        self._lock = threading.Lock()
        self._idle: deque[Session] = deque()
        self._tokens: deque[Session] = deque()

    @property
    def _client(self) -> Any:
        with self._lock:
            if self._made is None:
                self._made = self._connect()
            return self._made

    def lend(self) -> Session:
        """Return the session used last, or a new one."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._session()

    def _session(self) -> Session:
        """Return a session like the client's own, but without retries, for tokens either, and ``.netrc``."""
        tokens = Session()
        self._tokens.append(tokens)
        request = transport.Request(tokens)
        credentials = self._client._credentials  # noqa: SLF001
        session: Any = transport.AuthorizedSession(credentials, auth_request=request)  # type: ignore[no-untyped-call]
        session.configure_mtls_channel()
        session.auth = _unchanged
        session.headers["User-Agent"] = f"statekit-gcs gcloud-python/{storage.__version__}"
        return cast("Session", session)

    def take_back(self, session: Session) -> None:
        """Keep a session for the next call."""
        self._idle.append(session)

    def url(self) -> str:
        """Return what the client talks to."""
        return str(self._client.api_endpoint)

    def credentials(self) -> Any:
        """Return the client's credentials."""
        return self._client._credentials  # noqa: SLF001 - all of Google's packages know them by this name

    def close(self) -> None:
        """Close all sessions that are not lent, and the client."""
        for sessions in (self._idle, self._tokens):
            while sessions:
                sessions.pop().close()
        if self._made is not None:
            self._made.close()


def _unchanged(request: Any) -> Any:
    return request


class Sender:
    """Sends requests, each once (R-23).

    Args:
        lender: Lends sessions.
        attempt_timeout: Seconds that no single request may exceed.
    """

    def __init__(self, lender: Lender, attempt_timeout: float) -> None:
        self._lender = lender
        self._most = attempt_timeout

    def run(self, flow: Flow[T], timeout: float) -> T:
        """Run a flow to its end and return its result.

        Raises:
            TimeoutError: It took longer than ``timeout`` seconds (R-21).
        """
        deadline = time.monotonic() + timeout
        try:
            request = flow.send(None)  # type: ignore[arg-type]  # which starts a generator
            while True:
                request = flow.send(self.send(request, deadline))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # a generator's result has the flow's type

    def send(self, request: Request, deadline: float) -> Answer:
        """Send one request and return the whole answer, whatever it is.

        Raises:
            TimeoutError: It was not over at the deadline, by the monotonic clock.
            UnsentError: It was over before it could be sent.
        """
        left = min(deadline - time.monotonic(), self._most)
        if left <= 0:
            raise UnsentError
        session = self._lender.lend()
        try:
            return self._exchange(session, request, left, time.monotonic() + left)
        finally:
            self._lender.take_back(session)

    def _exchange(self, session: Session, request: Request, left: float, deadline: float) -> Answer:
        url = self._lender.url().rstrip("/") + request.target
        response = session.request(
            request.method,
            url,
            data=request.body,
            headers=dict(request.headers),
            timeout=(left, left),
            stream=True,
            allow_redirects=False,
        )
        with response:
            unpacked = not request.exact or response.status_code >= 400
            body = _read(response.raw, deadline, unpacked=unpacked)
        return Answer(response.status_code, {name.lower(): text for name, text in response.headers.items()}, body)

    def url(self) -> str:
        """Return the service's URL."""
        return self._lender.url()

    def credentials(self) -> Any:
        """Return the credentials that requests are sent with."""
        return self._lender.credentials()

    def close(self) -> None:
        """Close what was opened here."""
        self._lender.close()


def _read(raw: Any, deadline: float, *, unpacked: bool) -> bytes:
    """Read a body as it comes in: a server that sends it byte by byte must not make its own time."""
    body = BytesIO(bytes(min(raw.length_remaining or 0, _LARGEST)))
    while piece := raw.read1(_PIECE, decode_content=unpacked):
        body.write(piece)
        if raw.length_remaining != 0 and time.monotonic() > deadline:
            raise TimeoutError
    body.truncate()
    return body.getvalue()
