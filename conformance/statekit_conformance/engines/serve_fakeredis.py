"""Serve fakeredis until killed: `python -P serve_fakeredis.py HOST PORT`."""

from __future__ import annotations

import sys
from typing import Any

from fakeredis import TcpFakeServer
from redis.exceptions import ResponseError


def patient(handler: Any) -> Any:
    """Return a handler whose connection lives on after an answer that is an error, as in every Redis.

    fakeredis closes it then, so that whoever sends a script because of NOSCRIPT would meet a reset.
    """

    class Patient(handler):  # type: ignore[misc]  # known at run time only
        def setup(self) -> None:
            super().setup()
            read = self.current_client.read_response

            def read_response(*arguments: Any, **options: Any) -> Any:
                try:
                    return read(*arguments, **options)
                except ResponseError as error:
                    return error

            self.current_client.read_response = read_response

    return Patient


def main(host: str, port: int) -> None:
    """Serve for ever."""
    with TcpFakeServer((host, port), server_type="valkey", server_version=(8, 0)) as server:
        server.RequestHandlerClass = patient(server.RequestHandlerClass)
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
