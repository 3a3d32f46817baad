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
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        line = self._fresh(loop.time()) or await self._take(deadline)
        try:
            async with asyncio.timeout_at(deadline):
                await line.send_packed_command(request, check_health=False)
                answer = await line.read_response(disable_decoding=True)
        except ResponseError:
            await self._give(line, loop.time())
            raise
        except BaseException:
            await line.disconnect(nowait=True)
            raise
        await self._give(line, loop.time())
        return answer

    async def ask_all(self, requests: Sequence[Packed], timeout: float) -> list[Any]:
        """Send requests in one round trip and return their answers, an error among them as a ResponseError.

        Raises:
            TimeoutError: As ``ask``, for all of them.
            RedisError: The same.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        line = await self._take(deadline)
        try:
            async with asyncio.timeout_at(deadline):
                await line.send_packed_command([piece for each in requests for piece in each], check_health=False)
                answers = [await _answer(line) for _ in requests]
        except BaseException:
            await line.disconnect(nowait=True)
            raise
        await self._give(line, loop.time())
        return answers

    async def close(self) -> None:
        """Close the connections. One that is in use is closed after its request."""
        self._closed = True
        while self._idle:
            await self._idle.pop()[0].disconnect()

    def _fresh(self, now: float) -> Any:
        """Return a connection that was used a moment ago, or None."""
        if self._idle and now - self._idle[-1][1] <= LULL:
            return self._idle.pop()[0]
        return None

    async def _take(self, deadline: float) -> Any:
        now = asyncio.get_running_loop().time()
        line = self._fresh(now)
        if line is None and self._idle:
            line = self._idle.pop()[0]
            if await _is_closed(line):
                await _connect(line, deadline)
        elif line is None:
            line = self._make()
            await _connect(line, deadline)
        return line

    async def _give(self, line: Any, now: float) -> None:
        self._idle.append((line, now))
        if self._closed:
            await self.close()


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
