"""The same connections, natively asynchronous: each is a task's own for the time of a request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from redis.exceptions import RedisError, ResponseError

from .faults import UnreachedError, fault
from .lines import LULL
from .packing import Packed

__all__ = ["AsyncLines"]


class AsyncLines:
    """Connections to one server, for tasks of one event loop.

    Args:
        make: Returns a connection of redis.asyncio's that is not connected yet and has no timeouts of its own.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._idle: list[tuple[Any, float]] = []
        self._closed = False

    async def ask(self, request: Packed, timeout: float) -> Any:
        """Send one request and return its answer.

        Raises:
            UnreachedError: There is no connection, so nothing was sent.
            TimeoutError: The answer did not come within ``timeout`` seconds.
            ResponseError: The answer is an error.
            RedisError: The connection broke.
        """
        answer = (await self._exchange(request, 1, timeout))[0]
        if isinstance(answer, ResponseError):
            raise answer
        return answer

    async def ask_all(self, requests: Sequence[Packed], timeout: float) -> list[Any]:
        """Send requests in one round trip and return their answers, an error among them as a ResponseError.

        Raises:
            TimeoutError: As ``ask``, for all of them.
            RedisError: The same.
        """
        return await self._exchange([piece for request in requests for piece in request], len(requests), timeout)

    async def _exchange(self, pieces: Packed, count: int, timeout: float) -> list[Any]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        line = await self._take(deadline)
        try:
            async with asyncio.timeout_at(deadline):
                await line.send_packed_command(pieces, check_health=False)
                answers = [await _answer(line) for _ in range(count)]
        except BaseException:
            await line.disconnect(nowait=True)
            raise
        self._idle.append((line, loop.time()))
        if self._closed:
            await self.close()
        return answers

    async def close(self) -> None:
        """Close the connections. One that is in use is closed after its request."""
        self._closed = True
        while self._idle:
            await self._idle.pop()[0].disconnect()

    async def _take(self, deadline: float) -> Any:
        try:
            line, used = self._idle.pop()
        except IndexError:
            line = self._make()
            await _connect(line, deadline)
        else:
            if asyncio.get_running_loop().time() - used > LULL and await _is_closed(line):
                await _connect(line, deadline)
        return line


async def _connect(line: Any, deadline: float) -> None:
    try:
        async with asyncio.timeout_at(deadline):
            await line.connect()
    except (RedisError, OSError) as error:
        await line.disconnect(nowait=True)
        if fault(error).fault.applied:
            raise UnreachedError(str(error)) from error
        raise
    except BaseException:
        await line.disconnect(nowait=True)
        raise


async def _answer(line: Any) -> Any:
    try:
        return await line.read_response(disable_decoding=True)
    except ResponseError as error:
        return error


async def _is_closed(line: Any) -> bool:
    """Whether the other side closed it, or it holds what nobody asked for. It is closed on this side then, too."""
    try:
        closed: bool = await line.can_read()
    except (RedisError, OSError):
        closed = True
    if closed:
        await line.disconnect(nowait=True)
    return closed
