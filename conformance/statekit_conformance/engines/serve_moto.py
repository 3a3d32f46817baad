"""Serve moto until killed, one request at a time: `python -P serve_moto.py HOST PORT`."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def one_at_a_time(application: WSGIApplication) -> WSGIApplication:
    """Wrap an application in a lock.

    moto checks a write's condition and then writes, and nothing keeps other threads out in between: one race
    in ten was seen to have several winners.
    """
    lock = threading.Lock()

    def locked(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with lock:
            return list(application(environ, start_response))

    return locked


def main(host: str, port: int) -> None:
    """Serve for ever."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # or every request is a line in the log
    service: Callable[..., Any] = create_backend_app
    server = make_server(
        host,
        port,
        one_at_a_time(DomainDispatcherApplication(service)),
        threaded=True,
        request_handler=MotoRequestHandler,
    )
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
