"""The engine behind cheroot: an ordinary threaded WSGI server that streams bodies both ways."""

import socket
from typing import Any

from cheroot import wsgi

from statekit_conformance.engines.gcs.app import Engine
from statekit_conformance.engines.gcs.http import RAW_HEADERS

_THREADS = 32
_TIMEOUT = 60


class _Gateway(wsgi.Gateway_10):
    """WSGI as usual, and the headers as they were sent: WSGI's own names cannot tell ``-`` from ``_``."""

    def get_environ(self) -> Any:
        environ: dict[str, Any] = super().get_environ()  # type: ignore[no-untyped-call]
        environ[RAW_HEADERS] = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in self.req.inheaders.items()
        }
        return environ

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        if ("Connection", "close") in headers:  # cheroot would read the rest of the body first
            self.req.close_connection = True
        return super().start_response(status, headers, exc_info)


class _Server(wsgi.Server):
    """A server that can take its port again at once after it was killed, however it got the port."""

    @classmethod
    def prepare_socket(cls, *arguments: Any, **options: Any) -> socket.socket:
        """Make the socket; connections that the killed engine left behind do not hold the port."""
        made: socket.socket = super().prepare_socket(*arguments, **options)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return made


def serve(engine: Engine, host: str, port: int) -> "wsgi.Server":
    """Return a server that listens already; `serve` it. Its address is in ``bind_addr``."""
    server = _Server(
        (host, port),
        engine,
        numthreads=_THREADS,
        request_queue_size=128,
        timeout=_TIMEOUT,
        shutdown_timeout=1,
    )
    server.gateway = _Gateway
    server.prepare()
    return server
