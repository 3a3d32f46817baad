"""A TCP proxy that loses replies, between a client and a server on loopback.

It knows just enough HTTP/1.1 and RESP to tell one request from the next, so that a fault strikes exactly the
one that a test chose, and so that the attempts a client made can be counted:

    with Proxy(("127.0.0.1", 6379)) as proxy, proxy.arm(LoseReply(), when=named("EVALSHA")):
        ...  # the script runs, and its caller gets a connection reset
    assert proxy.count(named("EVALSHA")) == 1

Requests of one connection are passed on one by one, each when the one before it is answered; a pipeline
works, only slower. Publish and subscribe, and TLS, are not understood.
"""

from __future__ import annotations

import re
import select
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from statekit_conformance.engines.wire import (
    ClosedError,
    Request,
    Stream,
    http_reply,
    http_request,
    resp_reply,
    resp_request,
)

_JOIN_LIMIT = 5.0  # seconds


class ProxyError(AssertionError):
    """A test relied on something that the proxy did not see happen."""


Predicate = Callable[[Request], bool]


def any_request(request: Request) -> bool:
    """Match everything but the handshake of a Redis client."""
    return not request.handshake


def named(*names: str, target: str = "") -> Predicate:
    """Match methods or commands by name.

    Args:
        names: Methods or commands; none for all.
        target: A regular expression that the target must contain.
    """
    wanted = {name.upper() for name in names}
    pattern = re.compile(target)
    return lambda request: (not wanted or request.name in wanted) and pattern.search(request.target) is not None


class Fault(ABC):
    """What goes wrong with one request; it returns whether its connection lives on."""

    @abstractmethod
    def strike(self, exchange: Exchange) -> bool:
        """Do it, instead of delivering the request and passing the reply on."""


@dataclass(frozen=True)
class LoseReply(Fault):
    """The server answers; its answer is dropped and the client's connection reset."""

    def strike(self, exchange: Exchange) -> bool:
        """Deliver, wait for the whole answer, reset."""
        exchange.deliver()
        exchange.client.reset()
        return False


@dataclass(frozen=True)
class ResetBefore(Fault):
    """The client's connection is reset and the server never hears of the request."""

    def strike(self, exchange: Exchange) -> bool:
        """Reset."""
        exchange.client.reset()
        return False


@dataclass(frozen=True)
class Swallow(Fault):
    """The server answers; the client hears nothing, on a connection that stays open until it gives up."""

    def strike(self, exchange: Exchange) -> bool:
        """Deliver, then wait for the client to go."""
        exchange.deliver()
        exchange.wait(until_client_gone=True)
        return False


@dataclass(frozen=True)
class DeliverLate(Fault):
    """The request is held until after its client gave up, and delivered then.

    Args:
        on_release: Hold it until `Armed.release()` is called, whatever the client does meanwhile.
    """

    on_release: bool = False

    def strike(self, exchange: Exchange) -> bool:
        """Hold, then deliver, and drop the answer."""
        if exchange.wait(until_client_gone=not self.on_release):
            exchange.deliver()
        return False


@dataclass(frozen=True)
class Truncate(Fault):
    """The answer ends early, and the connection is closed as if that were all.

    Args:
        keep: How many bytes pass; negative: all but so many.
    """

    keep: int = -1

    def strike(self, exchange: Exchange) -> bool:
        """Deliver, pass the beginning of the answer, close."""
        exchange.client.send(exchange.deliver()[: self.keep])
        return False


@dataclass(frozen=True)
class Dribble(Fault):
    """The answer arrives complete, in pieces.

    Args:
        piece: Bytes at a time.
        pause: Seconds between two pieces.
    """

    piece: int = 1
    pause: float = 0.001

    def strike(self, exchange: Exchange) -> bool:
        """Deliver, pass the answer on piece by piece."""
        reply = exchange.deliver()
        for start in range(0, len(reply), self.piece):
            exchange.client.send(reply[start : start + self.piece])
            exchange.closing.wait(self.pause)
        return True


class Armed:
    """A fault that waits for its requests. As a context it is disarmed at the end, and must have struck."""

    def __init__(self, proxy: Proxy, fault: Fault, times: int, when: Predicate) -> None:
        self.fault, self.released = fault, threading.Event()
        self._proxy, self._when, self._left = proxy, when, times
        self._changed = threading.Condition()
        self._struck = self._settled = 0

    @property
    def struck(self) -> int:
        """How many requests it has struck."""
        return self._struck

    def release(self) -> None:
        """Let held requests be delivered."""
        self.released.set()

    def wait_struck(self, times: int = 1, *, timeout: float = 10.0) -> None:
        """Wait until it has struck so many requests.

        Raises:
            ProxyError: It has not, after so many seconds.
        """
        self._wait(lambda: self._struck >= times, timeout, "struck anything")

    def wait_settled(self, times: int = 1, *, timeout: float = 10.0) -> None:
        """Wait until it is done with so many requests, late deliveries and their answers included.

        Raises:
            ProxyError: It is not, after so many seconds.
        """
        self._wait(lambda: self._settled >= times, timeout, "finished")

    def claim(self, request: Request) -> bool:
        """Take the request if it matches and strikes are left."""
        with self._changed:
            if self._left <= 0 or not self._when(request):
                return False
            self._left -= 1
            self._struck += 1
            self._changed.notify_all()
            return True

    def settle(self) -> None:
        """Note that one strike is over."""
        with self._changed:
            self._settled += 1
            self._changed.notify_all()

    def disarm(self) -> None:
        """Strike no more."""
        with self._changed:
            self._left = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        self.disarm()
        if failure is None and not self._struck:
            raise ProxyError(f"{self.fault} struck nothing, so the test proved nothing; saw {self._proxy.requests()}")

    def _wait(self, done: Callable[[], bool], timeout: float, what: str) -> None:
        with self._changed:
            happened = self._changed.wait_for(done, timeout)
        if not happened:
            raise ProxyError(f"{self.fault} has not {what} within {timeout:g} s; saw {self._proxy.requests()}")


class Proxy:
    """A listener on a free loopback port that passes requests to one server.

    A server that is down shows as a reset, not as a refused connection, for the proxy itself can be reached.

    Args:
        upstream: The server's address.
    """

    def __init__(self, upstream: tuple[str, int]) -> None:
        self.upstream = upstream
        self._lock = threading.Lock()
        self._armed: list[Armed] = []
        self._requests: list[Request] = []
        self._connections: dict[threading.Thread, _Connection] = {}
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        host, port = self._listener.getsockname()[:2]
        self.address: tuple[str, int] = (host, port)
        self._acceptor = threading.Thread(target=self._accept, name="proxy-accept", daemon=True)
        self._acceptor.start()

    def url(self, scheme: str = "http") -> str:
        """Return the URL to give to a client."""
        return f"{scheme}://{self.address[0]}:{self.address[1]}"

    def arm(self, fault: Fault, *, times: int = 1, when: Predicate = any_request) -> Armed:
        """Let a fault strike the next requests that match.

        Args:
            fault: What shall go wrong.
            times: How many requests it strikes.
            when: Which requests; by default all but a Redis client's handshake.
        """
        armed = Armed(self, fault, times, when)
        with self._lock:
            self._armed.append(armed)
        return armed

    def requests(self) -> tuple[Request, ...]:
        """Return every request that arrived here, in order, delivered or not."""
        with self._lock:
            return tuple(self._requests)

    def count(self, when: Predicate = any_request) -> int:
        """Count the requests that arrived and match: the attempts that were made."""
        return sum(1 for request in self.requests() if when(request))

    def forget(self) -> None:
        """Count from zero again."""
        with self._lock:
            self._requests.clear()

    def drop_connections(self) -> None:
        """Close every connection that is open now, as a server or a firewall may do to idle ones."""
        with self._lock:
            connections = list(self._connections.values())
        for connection in connections:
            connection.abort()

    def close(self) -> None:
        """Close every connection and stop listening; a second call does nothing."""
        if self._closing.is_set():
            return
        self._closing.set()
        with suppress(OSError), socket.create_connection(self.address):
            pass  # a listener that is closed in one thread does not wake the accept of another
        self._acceptor.join(_JOIN_LIMIT)
        self.drop_connections()
        with self._lock:
            threads = list(self._connections)
        for thread in threads:
            thread.join(_JOIN_LIMIT)
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            accepted, _ = self._listener.accept()
            if self._closing.is_set():
                accepted.close()
                return
            connection = _Connection(self, accepted, self._closing)
            thread = threading.Thread(target=self._serve, args=(connection,), name="proxy-connection", daemon=True)
            with self._lock:
                self._connections[thread] = connection
            thread.start()

    def _serve(self, connection: _Connection) -> None:
        try:
            connection.serve()
        finally:
            with self._lock:
                self._connections.pop(threading.current_thread(), None)

    def claim(self, request: Request) -> Armed | None:
        """Note a request, and return the fault that strikes it, if any."""
        with self._lock:
            self._requests.append(request)
            return next((armed for armed in self._armed if armed.claim(request)), None)


class Exchange:
    """One request on its way, as a fault sees it."""

    def __init__(self, request: Request, content: bytes, connection: _Connection, armed: Armed | None) -> None:
        self.client, self.closing = connection.client, connection.closing
        self._request, self._content = request, content
        self._connection, self._armed = connection, armed

    def deliver(self) -> bytes:
        """Send the request to the server and return its whole answer."""
        server = self._connection.server
        server.send(self._content)
        return http_reply(server, self._request.name) if self._request.protocol == "http" else resp_reply(server)

    def wait(self, *, until_client_gone: bool) -> bool:
        """Wait for the test's release or for the client to go; False if the proxy was closed instead."""
        released = self._armed.released if self._armed else self.closing
        while not (released.wait(0.005) or self.closing.is_set()):
            if until_client_gone and self.client.gone():
                return True
        return released.is_set() and not self.closing.is_set()


class _Connection:
    """A client's connection, and ours to the server on its behalf."""

    def __init__(self, proxy: Proxy, accepted: socket.socket, closing: threading.Event) -> None:
        self.client, self.closing = Stream(accepted), closing
        self.server = Stream(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        self._proxy = proxy

    def serve(self) -> None:
        """Pass requests on until one side closes; trouble with the server is shown as a reset."""
        try:
            self.server.connect(self._proxy.upstream)
            while self._next_request_comes() and self._exchange():
                pass
        except (OSError, ClosedError):
            self.client.reset()
        finally:
            self.client.close()
            self.server.close()

    def abort(self) -> None:
        """Wake the thread that serves this, which then closes."""
        self.client.shut()
        self.server.shut()

    def _next_request_comes(self) -> bool:
        """Wait; False if a side closed: the client must learn that the server closed an idle connection."""
        sides = select.poll()  # and not select(), which takes no file descriptor above 1,023
        sides.register(self.client.socket, select.POLLIN)
        sides.register(self.server.socket, select.POLLIN)
        while not self.client.buffer:
            readable = [number for number, _ in sides.poll()]
            if self.server.socket.fileno() in readable:
                if not (pushed := self.server.socket.recv(65_536)):
                    return False
                self.client.send(pushed)
            elif not self.client.fill():
                return False
        return True

    def _exchange(self) -> bool:
        read = resp_request if self.client.buffer[:1] == b"*" else http_request
        request, content = read(self.client)
        armed = self._proxy.claim(request)
        exchange = Exchange(request, content, self, armed)
        if armed is None:
            self.client.send(exchange.deliver())
            return True
        try:
            return armed.fault.strike(exchange)
        finally:
            armed.settle()
