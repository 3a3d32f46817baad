"""A page on one origin, a store on another, and a headless Chromium between them."""

from __future__ import annotations

import json
import os
import secrets
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import parse_qs
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest

import statekit
from statekit._core.seal import generate
from statekit.gateway import WSGIGateway
from statekit_conformance.engines import engine

CHROMIUM = os.environ.get("STATEKIT_CHROMIUM", "/usr/bin/chromium")
PAGE = (Path(__file__).parent / "page.html").read_bytes()
MOST = 2_000_000


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class Threads(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Served:
    """A WSGI application on a port of its own."""

    application: Any = None

    def __init__(self, undo: ExitStack) -> None:
        server = make_server("127.0.0.1", 0, lambda *call: self.application(*call), Threads, Quiet)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        undo.callback(server.server_close)
        undo.callback(server.shutdown)


class Shop:
    """The application: it serves the page and signs, and never sees a file."""

    def __init__(self, state: statekit.State, url: str) -> None:
        self.state, self.url = state, url

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        path, query = environ["PATH_INFO"], parse_qs(environ["QUERY_STRING"])
        if path.startswith("/sign/"):
            signed = getattr(self, path.removeprefix("/sign/"))({name: values[0] for name, values in query.items()})
            answer = {"url": signed.url, "headers": dict(signed.headers), "fields": dict(signed.fields)}
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(answer).encode()]
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
        return [PAGE if path == "/" else b"<h1>done</h1>"]

    def put(self, asked: dict[str, str]) -> statekit.Presigned:
        return self.state.objects.presign_put(
            asked["key"], size=int(asked["size"]), content_type="image/png", if_absent=True, metadata={"who": "ada"}
        )

    def post(self, asked: dict[str, str]) -> statekit.Presigned:
        answer: Any = f"{self.url}/done" if "redirect" in asked else 201
        return self.state.objects.presign_post(
            prefix="photos/", max_size=MOST, min_size=1, content_type="image/png", success=answer
        )

    def get(self, asked: dict[str, str]) -> statekit.Presigned:
        return self.state.objects.presign_get(asked["key"], expires_in=timedelta(minutes=5))


@pytest.fixture(scope="module", params=["local", "redis", "s3", "gcs"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The application on a backend, its pages on an origin of their own."""
    directory = tmp_path_factory.mktemp("shop")
    with ExitStack() as undo, pytest.MonkeyPatch.context() as patch:
        pages = Served(undo)
        state = undo.enter_context(_opened(request.param, directory, undo, patch, pages.url))
        pages.application = Shop(state, pages.url)
        yield pages.application


def _opened(backend: str, directory: Path, undo: ExitStack, patch: pytest.MonkeyPatch, origin: str) -> statekit.State:
    if backend in ("local", "redis"):
        url = f"local:{directory}/state"
        if backend == "redis":
            url = _started("valkey", directory, undo, patch).endpoints["redis"]
        gateway = Served(undo)
        state = statekit.open(url, keys=[generate()], gateway=gateway.url, namespace="shop")
        gateway.application = WSGIGateway(state, origins=[origin])
        return state
    _started({"s3": "seaweedfs", "gcs": "gcs"}[backend], directory, undo, patch)
    patch.setenv("GOOGLE_CLOUD_PROJECT", "statekit")
    scheme = {"s3": "s3", "gcs": "gs"}[backend]
    state = statekit.open(objects=f"{scheme}://shop-{secrets.token_hex(4)}", namespace="shop", attempt_timeout=30)
    state.provision(origins=[origin])
    return state


def _started(name: str, directory: Path, undo: ExitStack, patch: pytest.MonkeyPatch) -> Any:
    server = engine(name)
    if reason := server.available():
        pytest.fail(f"{name}: {reason}")
    undo.callback(server.stop)
    server.start(directory / name)
    for variable, value in server.environment.items():
        patch.setenv(variable, value)
    return server


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any, shop: Shop) -> Iterator[Any]:
    page = browser.new_page()
    page.goto(shop.url)
    yield page
    page.close()


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photograph of noise, well over a megabyte."""
    path = tmp_path_factory.mktemp("photos") / "Größe Ω.png"
    path.write_bytes(_png(700, 600))
    assert 1_000_000 < path.stat().st_size < MOST
    return path


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that is larger than is signed for."""
    path = tmp_path_factory.mktemp("photos") / "large.png"
    path.write_bytes(_png(1000, 800))
    assert path.stat().st_size > MOST
    return path


def _png(width: int, height: int) -> bytes:
    rows = b"".join(b"\0" + os.urandom(3 * width) for _ in range(height))
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows, 1)),
        (b"IEND", b""),
    )
    packed = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)
