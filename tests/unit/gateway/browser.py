"""A gateway behind a real HTTP server, and requests as a browser sends them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import statekit
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


@contextmanager
def served(application: Any) -> Iterator[str]:
    """Serve an application, and give its base URL."""
    server = make_server("127.0.0.1", 0, application, ThreadedServer, QuietHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
