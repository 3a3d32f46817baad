"""Connections of one server that are kept: nothing happens around a request but the request.

For each command, redis-py's client takes a connection from its pool, asks the kernel whether it still lives, feeds its
metrics, and gives it back: two thirds of what a small command costs. Here redis-py makes the connections and speaks
the protocol, and one that was used a moment ago is used again as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Final

from redis.exceptions import ConnectionError as BrokenError
from redis.exceptions import RedisError, ResponseError

from .faults import UnreachedError, fault
from .packing import Packed

__all__ = ["LULL", "Lines"]

LULL: Final = 1.0
"""Seconds. A connection that was idle for longer is looked at before it is used: it may have been closed meanwhile."""


class Lines:
    """Connections to one server, for threads: each has one to itself for the time of a request.

    Args:
        make: Returns a connection of redis-py's that is not connected yet.
        patience: Seconds that a connection waits where nothing is said: its ``socket_timeout``.
    """

    def __init__(self, make: Callable[[], Any], patience: float) -> None:
        self._make = make
        self._patience = patience
        # Setting a socket's timeout takes two system calls: what is nearly the usual one is left at that.
        self._hurry = 0.9 * patience
        self._idle: list[tuple[Any, float]] = []
        self._closed = False

    def ask(self, request: Packed, timeout: float) -> Any:
        """Send one request and return its answer.

        Raises:
            UnreachedError: There is no connection, so nothing was sent.
            ResponseError: The answer is an error.
            RedisError: The connection broke, or the answer did not come within ``timeout`` seconds.
        """
        line = self._take(timeout)
        try:
            line.send_packed_command(request, check_health=False)
            answer = line.read_response(disable_decoding=True)
        except ResponseError:
            self._give(line, timeout)
            raise
        except BaseException:
            line.disconnect()
            raise
        self._give(line, timeout)
        return answer

    def ask_all(self, requests: Sequence[Packed], timeout: float) -> list[Any]:
        """Send requests in one round trip and return their answers, an error among them as a ResponseError.

        Raises:
            RedisError: As ``ask``, for all of them.
        """
        line = self._take(timeout)
        try:
            line.send_packed_command([piece for request in requests for piece in request], check_health=False)
            answers = [_answer(line) for _ in requests]
        except BaseException:
            line.disconnect()
            raise
        self._give(line, timeout)
        return answers

    def close(self) -> None:
        """Close the connections. One that is in use is closed after its request."""
        self._closed = True
        while self._idle:
            self._idle.pop()[0].disconnect()

    def _take(self, timeout: float) -> Any:
        began = monotonic()
        try:
            line, used = self._idle.pop()
        except IndexError:
            line = self._make()
            self._connect(line, timeout)
        else:
            if began - used > LULL and _is_closed(line):
                self._connect(line, timeout)
        if timeout < self._hurry:
            line.update_current_socket_timeout(max(timeout - (monotonic() - began), 0.001))
        return line

    def _connect(self, line: Any, timeout: float) -> None:
        if timeout < self._hurry:
            line.socket_timeout = line.socket_connect_timeout = timeout
        try:
            line.connect()
        except (RedisError, OSError) as error:
            line.disconnect()
            if fault(error).fault.applied:
                raise UnreachedError(str(error)) from error
            raise
        finally:
            line.socket_timeout = line.socket_connect_timeout = self._patience

    def _give(self, line: Any, timeout: float) -> None:
        if timeout < self._hurry:
            line.update_current_socket_timeout(-1)  # back to its own
        self._idle.append((line, monotonic()))
        if self._closed:
            self.close()


def _answer(line: Any) -> Any:
    try:
        return line.read_response(disable_decoding=True)
    except ResponseError as error:
        return error


def _is_closed(line: Any) -> bool:
    """Whether the other side closed it, or it holds what nobody asked for. It is closed on this side then, too."""
    try:
        closed: bool = line.can_read(0)
    except (BrokenError, OSError):
        closed = True
    if closed:
        line.disconnect()
    return closed
