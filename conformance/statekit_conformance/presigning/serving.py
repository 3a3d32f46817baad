"""The gateway behind a real server, for targets whose engine verifies no signatures: WSGI or ASGI, by colour."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from socketserver import ThreadingMixIn
from typing import Any, Final, Protocol
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from statekit.gateway import ASGIGateway, WSGIGateway
from statekit_conformance.loop import Loop

__all__ = ["GatewayServer", "ThreadedServer", "asgi_server"]

_HOST = "127.0.0.1"


class GatewayServer(Protocol):
    """A server that runs before there is a state to serve, for a state needs to know the URL."""

    @property
    def url(self) -> str:
        """What to configure as the gateway's URL."""

    def mount(self, state: Any) -> None:
        """Serve the gateway of a state."""

    def close(self) -> None:
        """Serve it no more."""


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Threads(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 64


class ThreadedServer:
    """The WSGI gateway; a thread for each request."""

    def __init__(self) -> None:
        self._gateway: WSGIGateway | None = None
        self._server = make_server(_HOST, 0, self._serve, _Threads, _Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """What to configure as the gateway's URL."""
        return f"http://{_HOST}:{self._server.server_port}"

    def mount(self, state: Any) -> None:
        """Serve the gateway of a state."""
        self._gateway = WSGIGateway(state, origins=["*"])

    def _serve(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        if self._gateway is None:
            raise RuntimeError("nothing is mounted")
        return self._gateway(environ, start_response)

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


class _ASGIServer:
    """The ASGI gateway under uvicorn, in the event loop in which the cases use the state.

    Args:
        loop: That loop.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._gateway: ASGIGateway | None = None
        self._server, self._serving, self._port = loop.run(self._start())

    @property
    def url(self) -> str:
        """What to configure as the gateway's URL."""
        return f"http://{_HOST}:{self._port}"

    def mount(self, state: Any) -> None:
        """Serve the gateway of a state."""
        self._gateway = ASGIGateway(state, origins=["*"])

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        if self._gateway is None:
            raise RuntimeError("nothing is mounted")
        await self._gateway(scope, receive, send)

    async def _start(self) -> tuple[Any, asyncio.Task[None], int]:
        from uvicorn import Config, Server

        config = Config(
            self._serve, host=_HOST, port=0, lifespan="off", interface="asgi3", log_level="critical", access_log=False
        )
        server = Server(config)
        serving = asyncio.ensure_future(server.serve())
        while not server.started:
            if serving.done():
                serving.result()
            await asyncio.sleep(0.01)
        return server, serving, server.servers[0].sockets[0].getsockname()[1]

    def close(self) -> None:
        """Serve nothing until something else is mounted."""
        self._gateway = None

    def end(self) -> None:
        """Stop."""
        self._server.should_exit = True
        self._loop.run(self._ended())

    async def _ended(self) -> None:
        await asyncio.wait_for(self._serving, 10)


_RUNNING: Final[dict[Loop, _ASGIServer]] = {}


def asgi_server(loop: Loop) -> GatewayServer:
    """Return the server in a loop, one for all cases that use the loop: uvicorn takes a fifth of a second to end."""
    if loop not in _RUNNING:
        _RUNNING[loop] = _ASGIServer(loop)
        loop.at_end(lambda: _RUNNING.pop(loop).end())
    return _RUNNING[loop]
