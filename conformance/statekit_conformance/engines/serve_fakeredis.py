"""Serve fakeredis until killed: `python -P serve_fakeredis.py HOST PORT`."""

from __future__ import annotations

import sys
from typing import Any

from fakeredis import TcpFakeServer
from redis.exceptions import ResponseError

_PIECE = 1 << 20  # bytes


class Pieces:
    """A connection's bytes as they arrive.

    fakeredis asks for lines, and appends each to what it has of a command. Any binary value is many lines: the time
    for a large one would grow with its square.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readline(self) -> bytes:
        """Return what there is; nothing if there is nothing yet."""
        found: bytes | None = self._stream.read1(_PIECE)
        return found or b""

    def close(self) -> None:
        """Close it."""
        self._stream.close()


def patient(handler: Any) -> Any:
    """Return a handler whose connection lives on after an answer that is an error, as in every Redis.

    fakeredis closes it then, so that whoever sends a script because of NOSCRIPT would meet a reset.
    """

    class Patient(handler):  # type: ignore[misc]  # known at run time only
        rfile: Any

        def setup(self) -> None:
            super().setup()
            self.rfile = Pieces(self.rfile)
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
