"""The same site for all tests: with each kind of gateway, on each kind of store."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Self

import pytest
from flask import Flask

import statekit
from statekit._core.seal import generate
from statekit.gateway import WSGIGateway
from statekit.integrations.flask import Gateway
from statekit.testing import FakeClock
from tests.unit.gateway.browser import Site, served

ORIGINS = ["https://shop.example"]


@pytest.fixture
def serve() -> Iterator[Callable[[Any], str]]:
    """Serve applications until the test ends."""
    with ExitStack() as running:
        yield lambda application: running.enter_context(served(application))


class Mounted:
    """A WSGI application at a path, set once its URL is known."""

    application: Any = None

    def __call__(self, environ: Any, start_response: Any) -> Any:
        assert environ["PATH_INFO"].startswith("/files")
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = "/files", environ["PATH_INFO"][6:]
        return self.application(environ, start_response)


def flask_site(state: statekit.State) -> Any:
    """Return an application of Flask's, which has the gateway's path in its rules."""
    app = Flask("shop")
    app.register_blueprint(Gateway(state, origins=ORIGINS))

    def application(environ: Any, start_response: Any) -> Any:
        whole = environ["SCRIPT_NAME"] + environ["PATH_INFO"]
        return app({**environ, "SCRIPT_NAME": "", "PATH_INFO": whole}, start_response)

    return application


SITES = {"wsgi": lambda state: WSGIGateway(state, origins=ORIGINS), "flask": flask_site}


@pytest.fixture(params=["memory-wsgi", "local-wsgi", "local-asgi", "memory-asgi", "local-flask"])
def site(request: pytest.FixtureRequest, tmp_path: Any, serve: Any) -> Iterator[Site]:
    backend, colour = request.param.split("-")
    target = f"memory:{secrets.token_hex(6)}" if backend == "memory" else f"local:{tmp_path}/state"
    clock, keys = FakeClock(), (generate(),)
    mounted = Mounted()
    base = f"{serve(mounted)}/files"
    site = Site(None, clock, base, keys, target)  # type: ignore[arg-type]
    site.state = site.other()
    if colour in SITES:
        mounted.application = SITES[colour](site.state)
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
        self._gateway = ASGIGateway(self._state, origins=ORIGINS)

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
