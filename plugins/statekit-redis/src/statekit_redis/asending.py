"""What sends requests, natively asynchronous: to one server, or through a client that was handed in."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from time import monotonic
from typing import Any, TypeVar

from redis.exceptions import AskError, NoScriptError, RedisError, ResponseError

from .alines import AsyncLines
from .flows import Flow
from .packing import packed
from .requests import Request, Run
from .sending import MOMENT, is_cluster, primaries, target

__all__ = ["AsyncDirect", "AsyncSender", "AsyncBorrowed"]

T = TypeVar("T")


class AsyncSender(ABC):
    """Sends requests in the caller's task."""

    async def run(self, flow: Flow[T], timeout: float) -> T:
        """Run a flow to its end, within ``timeout`` seconds, and return its result."""
        began, left = monotonic(), timeout
        try:
            wanted = flow.send(None)
            while True:
                try:
                    sending = self.send_all(wanted, left) if isinstance(wanted, list) else self.send(wanted, left)
                    answer = await sending
                except RedisError as error:
                    wanted = flow.throw(error)
                else:
                    wanted = flow.send(answer)
                left = max(timeout - (monotonic() - began), MOMENT)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # a generator's result has the flow's type

    @abstractmethod
    async def send(self, request: Request, timeout: float) -> Any:
        """Send one request and return its answer. A script that the server does not know goes again, with its text."""

    @abstractmethod
    async def send_all(self, requests: Sequence[Request], timeout: float) -> list[Any]:
        """Send requests that do not depend on each other and change nothing, and return their answers."""

    async def settled(self, requests: Sequence[Request], answers: Sequence[Any], timeout: float) -> list[Any]:
        """Return the answers; what a server refused for a reason that sending it by itself mends is sent so."""
        return [await self._settled(*pair, timeout) for pair in zip(requests, answers, strict=True)]

    async def _settled(self, request: Request, answer: Any, timeout: float) -> Any:
        if isinstance(answer, NoScriptError | AskError):  # MovedError is an AskError
            return await self.send(request, timeout)
        if isinstance(answer, ResponseError):
            raise answer
        return answer

    @abstractmethod
    def primaries(self) -> int:
        """Return how many primaries there are, as far as is known once something was sent."""

    @abstractmethod
    async def close(self) -> None:
        """Close the connections."""


class AsyncDirect(AsyncSender):
    """Sends to one server.

    Args:
        lines: The connections to it.
    """

    def __init__(self, lines: AsyncLines) -> None:
        self._lines = lines

    async def send(self, request: Request, timeout: float) -> Any:
        """Send one request."""
        try:
            return await self._lines.ask(packed(request.words), timeout)
        except NoScriptError:  # which says that nothing was done
            if not isinstance(request, Run):
                raise
            return await self._lines.ask(packed(request.in_full), timeout)

    async def send_all(self, requests: Sequence[Request], timeout: float) -> list[Any]:
        """Send them in one round trip."""
        answers = await self._lines.ask_all([packed(request.words) for request in requests], timeout)
        return await self.settled(requests, answers, timeout)

    def primaries(self) -> int:
        """Return 1."""
        return 1

    async def close(self) -> None:
        """Close the connections."""
        await self._lines.close()


class AsyncBorrowed(AsyncSender):
    """Sends through a client of the application's own as it is.

    Args:
        client: ``redis.asyncio.Redis``, ``redis.asyncio.RedisCluster``, or what behaves like one.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    async def send(self, request: Request, timeout: float) -> Any:
        """Send one request."""
        async with asyncio.timeout(timeout):
            if is_cluster(self._client):
                await self._client.initialize()  # which does nothing from the second time on
            options = target(self._client, request)
            try:
                return await self._client.execute_command(*request.words, **options)
            except NoScriptError:  # which says that nothing was done
                if not isinstance(request, Run):
                    raise
                return await self._client.execute_command(*request.in_full, **options)

    async def send_all(self, requests: Sequence[Request], timeout: float) -> list[Any]:
        """Send them in one round trip; to a cluster, one after the other."""
        if is_cluster(self._client):
            return [await self.send(request, timeout) for request in requests]
        async with asyncio.timeout(timeout), self._client.pipeline(transaction=False) as pipe:
            for request in requests:
                pipe.execute_command(*request.words, **target(self._client, request))
            answers = await pipe.execute(raise_on_error=False)
        return await self.settled(requests, answers, timeout)

    def primaries(self) -> int:
        """Return how many primaries a cluster has."""
        return len(primaries(self._client)) if is_cluster(self._client) else 1

    async def close(self) -> None:
        """Leave the application's client open."""
