"""A gateway behind a real HTTP server, in both colours, and requests as a browser sends them."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from socketserver import ThreadingMixIn
from typing import Any, Self
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest

import statekit
from statekit._core.seal import generate
from statekit.gateway import WSGIGateway
from statekit.testing import FakeClock
from statekit.types import Presigned

BOUNDARY = "----statekit-form"


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class ThreadedServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def taken(self) -> bool:
        return 200 <= self.status < 304


def send(
    method: str,
    url: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send a request as it is given; the length is that of the body."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=30)
    try:
        connection.request(method, f"{parts.path}?{parts.query}".rstrip("?"), body, dict(headers or {}))
        answer = connection.getresponse()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, named, answer.read())
    finally:
        connection.close()


def form_of(fields: Mapping[str, str], data: bytes, filename: str = "photo.jpg", more: bytes = b"") -> bytes:
    lines = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    file = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return "".join([*lines, file]).encode() + data + b"\r\n" + more + f"--{BOUNDARY}--\r\n".encode()


def post(
    signed: Presigned, data: bytes, *, filename: str = "photo.jpg", fields: Mapping[str, str] | None = None
) -> Answer:
    body = form_of({**signed.fields, **(fields or {})}, data, filename)
    return send("POST", signed.url, body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})


def put(signed: Presigned, data: bytes, **headers: str) -> Answer:
    return send("PUT", signed.url, data, {**signed.headers, **{k.replace("_", "-"): v for k, v in headers.items()}})


@dataclass
class Site:
    """A state and its gateway."""

    state: statekit.State
    clock: FakeClock
    base: str
    keys: tuple[str, ...]
    target: str
    opened: list[statekit.State] = field(default_factory=list)

    send = staticmethod(send)
    post = staticmethod(post)
    put = staticmethod(put)
    form_of = staticmethod(form_of)

    def keys_stored(self) -> list[str]:
        return [item.key for item in self.state.objects.list()]

    def other(self, **changes: Any) -> statekit.State:
        settings = {"keys": self.keys, "gateway": self.base, "namespace": "shop", "clock": self.clock, **changes}
        state = statekit.open(self.target, **settings)
        self.opened.append(state)
        return state


@pytest.fixture
def serve() -> Iterator[Callable[[Any], str]]:
    """Serve what ``mount`` makes of the base URL, and return that."""
    running: list[tuple[WSGIServer, threading.Thread]] = []

    def start(application: Any) -> str:
        server = make_server("127.0.0.1", 0, application, ThreadedServer, QuietHandler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server, thread in running:
        server.shutdown()
        server.server_close()
        thread.join(5)


class Mounted:
    """A WSGI application at a path, set once its URL is known."""

    application: Any = None

    def __call__(self, environ: Any, start_response: Any) -> Any:
        assert environ["PATH_INFO"].startswith("/files")
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = "/files", environ["PATH_INFO"][6:]
        return self.application(environ, start_response)


@pytest.fixture(params=["memory-wsgi", "local-wsgi", "local-asgi", "memory-asgi"])
def site(request: pytest.FixtureRequest, tmp_path: Any, serve: Any) -> Iterator[Site]:
    backend, colour = request.param.split("-")
    target = f"memory:{secrets.token_hex(6)}" if backend == "memory" else f"local:{tmp_path}/state"
    clock, keys = FakeClock(), (generate(),)
    mounted = Mounted()
    base = f"{serve(mounted)}/files"
    site = Site(None, clock, base, keys, target)  # type: ignore[arg-type]
    site.state = site.other()
    if colour == "wsgi":
        mounted.application = WSGIGateway(site.state, origins=["https://shop.example"])
        yield site
    else:
        with Bridge(site) as bridge:
            mounted.application = bridge
            yield site
    for state in site.opened:
        state.close()


class Bridge:
    """An ASGI gateway behind the WSGI server: each request runs in one event loop of a thread."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._open())
        return self

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    async def _open(self) -> None:
        from statekit.gateway import ASGIGateway

        site = self._site
        self._state = statekit.aopen(site.target, keys=site.keys, gateway=site.base, namespace="shop", clock=site.clock)
        self._gateway = ASGIGateway(self._state, origins=["https://shop.example"])

    def __call__(self, environ: Any, start_response: Any) -> Any:
        headers = [
            (k[5:].replace("_", "-").lower().encode(), v.encode("latin-1"))
            for k, v in environ.items()
            if k.startswith("HTTP_")
        ]
        for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            if environ.get(name):
                headers.append((name.replace("_", "-").lower().encode(), environ[name].encode("latin-1")))
        scope = {
            "type": "http",
            "method": environ["REQUEST_METHOD"],
            "path": environ["SCRIPT_NAME"] + environ["PATH_INFO"].encode("latin-1").decode("utf-8", "surrogateescape"),
            "root_path": "/files",
            "query_string": environ["QUERY_STRING"].encode("latin-1"),
            "headers": headers,
        }
        left = int(environ.get("CONTENT_LENGTH") or 0)
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            nonlocal left
            piece = environ["wsgi.input"].read(min(65536, left)) if left else b""
            if left and not piece:
                return {"type": "http.disconnect"}
            left -= len(piece)
            return {"type": "http.request", "body": piece, "more_body": left > 0}

        async def collect(message: dict[str, Any]) -> None:
            sent.append(message)

        self._run(self._gateway(scope, receive, collect))
        start = sent[0]
        start_response(f"{start['status']} -", [(n.decode().title(), v.decode("latin-1")) for n, v in start["headers"]])
        return [message.get("body", b"") for message in sent[1:]]

    def __exit__(self, *_: object) -> None:
        self._run(self._state.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
