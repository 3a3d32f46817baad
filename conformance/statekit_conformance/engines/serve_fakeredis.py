"""Serve fakeredis until killed: `python -P serve_fakeredis.py HOST PORT`."""

from __future__ import annotations

import sys
from socket import socket
from typing import Any

from fakeredis import TcpFakeServer
from redis.exceptions import ResponseError

_PIECE = 1 << 20  # bytes
_PATIENCE = 60.0  # seconds that a client may take to read


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


class Answers:
    """The way back. fakeredis reads without waiting, and so its answers end where a socket's buffer is full.

    Args:
        connection: The socket; writing to it waits.
    """

    def __init__(self, connection: socket) -> None:
        self._connection = connection.dup()
        self._connection.settimeout(_PATIENCE)

    def write(self, data: bytes) -> None:
        """Send all of it."""
        self._connection.sendall(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Close it."""
        self._connection.close()


def patient(handler: Any) -> Any:
    """Return a handler whose connection lives on after an answer that is an error, as in every Redis.

    fakeredis closes it then, so that whoever sends a script because of NOSCRIPT would meet a reset.
    """

    class Patient(handler):  # type: ignore[misc]  # known at run time only
        rfile: Any
        wfile: Any

        def setup(self) -> None:
            super().setup()
            self.rfile = Pieces(self.rfile)
            self.wfile = self.writer.writer = Answers(self.connection)
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
