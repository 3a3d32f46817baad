"""Where one message of HTTP/1.1 or RESP ends and the next begins: just enough of both for a proxy."""

from __future__ import annotations

import re
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

_HANDSHAKE = frozenset({"HELLO", "AUTH", "CLIENT", "SELECT", "READONLY", "COMMAND", "CLUSTER", "PING"})
_HEAD_KEPT = 4_096  # bytes of a request that predicates see
_RST_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Request:
    """What is known of one request.

    Attributes:
        protocol: How it was framed.
        name: The HTTP method or the Redis command, in capitals.
        target: The HTTP path with its query, or the command's first argument.
        head: Its first 4 KiB as they came.
    """

    protocol: Literal["http", "resp"]
    name: str
    target: str
    head: bytes

    @property
    def handshake(self) -> bool:
        """Is it one of the commands with which a Redis client opens a connection?"""
        return self.protocol == "resp" and self.name in _HANDSHAKE


class ClosedError(Exception):
    """The peer closed in the middle of a message."""


class Stream:
    """A socket with a buffer, so that a message can be read up to its end and not beyond."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket, self.buffer = connected, bytearray()
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connect(self, address: tuple[str, int]) -> None:
        """Connect to a server."""
        self.socket.connect(address)

    def fill(self) -> bool:
        """Wait for more to read; False if the peer closed its side."""
        received = self.socket.recv(65_536)
        self.buffer += received
        return bool(received)

    def until(self, end: bytes) -> bytes:
        """Take everything up to and including some bytes."""
        while (at := self.buffer.find(end)) < 0:
            self._need_more()
        return self.exactly(at + len(end))

    def exactly(self, size: int) -> bytes:
        """Take so many bytes."""
        while len(self.buffer) < size:
            self._need_more()
        taken = bytes(self.buffer[:size])
        del self.buffer[:size]
        return taken

    def rest(self) -> bytes:
        """Take everything until the peer closes its side."""
        while self.fill():
            pass
        return self.exactly(len(self.buffer))

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self.socket.sendall(data)

    def gone(self) -> bool:
        """Has the peer closed its side?"""
        try:
            return self.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def reset(self) -> None:
        """Close so that the peer sees a connection reset, even after data that it has not read."""
        with suppress(OSError):  # closed already
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)
        self.socket.close()

    def shut(self) -> None:
        """End both directions, which wakes a thread that waits on this."""
        with suppress(OSError):  # never connected, or closed already
            self.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close in good order."""
        self.socket.close()

    def _need_more(self) -> None:
        if not self.fill():
            raise ClosedError


def http_request(stream: Stream) -> tuple[Request, bytes]:
    """Read one whole request, granting the client's wish to be told to continue."""
    head = stream.until(b"\r\n\r\n")
    if _header(head, b"expect"):
        stream.send(b"HTTP/1.1 100 Continue\r\n\r\n")  # a fault is decided on whole requests, body included
    body = _http_body(stream, head, default=b"")
    method, target, *_ = head.split(b" ", 2)
    return Request("http", method.decode().upper(), target.decode(), head[:_HEAD_KEPT]), head + body


def http_reply(stream: Stream, method: str) -> bytes:
    """Read the whole answer to a request of this method."""
    head = stream.until(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    if status < 200:  # the client's wish to continue was granted by us
        return http_reply(stream, method)
    if method == "HEAD" or status in (204, 304):
        return head
    return head + _http_body(stream, head, default=None)


def _http_body(stream: Stream, head: bytes, *, default: bytes | None) -> bytes:
    """Read a body; where the head does not tell its length it is the default, or everything until the end."""
    if b"chunked" in _header(head, b"transfer-encoding").lower():
        return _chunks(stream)
    if length := _header(head, b"content-length"):
        return stream.exactly(int(length))
    return stream.rest() if default is None else default


def _chunks(stream: Stream) -> bytes:
    taken = b""
    while True:
        line = stream.until(b"\r\n")
        size = int(line.split(b";")[0], 16)
        if size == 0:
            break
        taken += line + stream.exactly(size + 2)
    taken += line
    while line != b"\r\n":  # trailers, then an empty line
        line = stream.until(b"\r\n")
        taken += line
    return taken


def _header(head: bytes, name: bytes) -> bytes:
    found = re.search(rb"\r\n" + name + rb":[ \t]*([^\r\n]*)", head, re.IGNORECASE)
    return found[1] if found else b""


def resp_request(stream: Stream) -> tuple[Request, bytes]:
    """Read one whole command."""
    content = _resp_value(stream)
    words = content[:_HEAD_KEPT].split(b"\r\n")[2::2]  # every other line is a length
    name, target = ([word.decode(errors="replace") for word in words[:2]] + ["", ""])[:2]
    return Request("resp", name.upper(), target, content[:_HEAD_KEPT]), content


def resp_reply(stream: Stream) -> bytes:
    """Read one whole answer, and with it what the server pushed before it."""
    reply = _resp_value(stream)
    if reply[:1] == b">":  # pushed by the server, and no answer
        return reply + resp_reply(stream)
    return reply


def _resp_value(stream: Stream) -> bytes:
    line = stream.until(b"\r\n")
    kind = line[:1]
    if kind in b"$=!" and int(line[1:]) >= 0:
        return line + stream.exactly(int(line[1:]) + 2)
    if kind in b"*~>%|":
        members = max(0, int(line[1:])) * (2 if kind in b"%|" else 1) + (kind == b"|")
        return line + b"".join(_resp_value(stream) for _ in range(members))
    return line
