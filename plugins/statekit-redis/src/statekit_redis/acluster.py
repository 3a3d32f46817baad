"""A cluster, natively asynchronous: connections to each server, and where keys live, as redis-py finds it out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import Any

from redis.exceptions import AskError, MovedError, NoScriptError, ResponseError, SlotNotCoveredError
from redis.exceptions import ConnectionError as BrokenError

from .alines import AsyncLines
from .asending import AsyncSender
from .cluster import ASKING, HOPS
from .packing import Packed, packed
from .requests import Request, Run
from .sending import MOMENT, primaries

__all__ = ["AsyncClustered"]


class AsyncClustered(AsyncSender):
    """Sends to the servers of a cluster; see ``cluster.Clustered``.

    Args:
        client: ``redis.asyncio.RedisCluster``, which connects when it is asked to.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._doubtful = False
        self._lines: dict[str, AsyncLines] = {}

    async def send(self, request: Request, timeout: float) -> Any:
        """Send one request."""
        began = monotonic()
        await self._find_out(timeout)
        left = max(timeout - (monotonic() - began), MOMENT)
        try:
            return await self._follow(request, packed(request.words), left)
        except NoScriptError:  # which says that nothing was done
            if not isinstance(request, Run):
                raise
            return await self._follow(request, packed(request.in_full), left)

    async def send_all(self, requests: Sequence[Request], timeout: float) -> list[Any]:
        """Send them in one round trip to each server."""
        await self._find_out(timeout)
        places: dict[str, list[int]] = {}
        nodes = [self._node(request) for request in requests]
        for at, node in enumerate(nodes):
            places.setdefault(node.name, []).append(at)
        answers: list[Any] = [None] * len(requests)
        for group in places.values():
            commands = [packed(requests[at].words) for at in group]
            for at, answer in zip(group, await self._ask(nodes[group[0]], commands, timeout), strict=True):
                answers[at] = answer
        return await self.settled(requests, answers, timeout)

    async def _follow(self, request: Request, command: Packed, timeout: float) -> Any:
        """Send a request to the server that has its key."""
        node = self._node(request)
        before: list[Packed] = []
        answer: Any = None
        for _ in range(HOPS):
            answer = (await self._ask(node, [*before, command], timeout))[-1]
            if isinstance(answer, MovedError):
                await self._client.nodes_manager.move_slot(answer)
                node, before = self._node(request), []
            elif isinstance(answer, AskError):
                node, before = self._named(answer), [ASKING]
            else:
                break
        if isinstance(answer, ResponseError):
            raise answer
        return answer

    async def _ask(self, node: Any, commands: list[Packed], timeout: float) -> list[Any]:
        lines = self._lines.get(node.name)
        if lines is None:
            lines = self._lines[node.name] = AsyncLines(lambda: node.connection_class(**node.connection_kwargs))
        try:
            return await lines.ask_all(commands, timeout)
        except (BrokenError, TimeoutError):
            self._doubtful = True
            raise

    async def _find_out(self, timeout: float) -> None:
        """Let the client learn where everything is, if it does not know, or if what it knows is in doubt."""
        async with asyncio.timeout(timeout):
            if self._doubtful:
                await self._client.aclose()
                self._doubtful = False
            await self._client.initialize()  # which does nothing where nothing is to be done

    def _node(self, request: Request) -> Any:
        if not request.key and not isinstance(request, Run):
            found = primaries(self._client)
            return found[min(request.node, len(found) - 1)]
        try:
            return self._client.get_node_from_key(request.key)
        except SlotNotCoveredError:
            self._doubtful = True
            raise

    def _named(self, answer: AskError) -> Any:
        node = self._client.get_node(answer.host, answer.port)
        if node is None:
            self._doubtful = True
            raise answer
        return node

    def primaries(self) -> int:
        """Return how many primaries there are, once something was sent."""
        return len(self._client.get_primaries())

    async def close(self) -> None:
        """Close the connections."""
        for lines in list(self._lines.values()):
            await lines.close()
        await self._client.aclose()
