"""A cluster, for threads: connections to each server, and where keys live, as redis-py finds it out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

from redis.exceptions import AskError, MovedError, NoScriptError, ResponseError, SlotNotCoveredError
from redis.exceptions import ConnectionError as BrokenError
from redis.exceptions import TimeoutError as SilentError

from .lines import Lines
from .packing import Packed, packed
from .requests import Request, Run
from .sending import Sender, primaries

__all__ = ["Clustered"]

HOPS: Final = 5
"""How often a request follows its key: a server that says that it lives elsewhere has done nothing."""
ASKING: Final = packed(("ASKING",))


class Clustered(Sender):
    """Sends to the servers of a cluster.

    When a server does not answer, redis-py's own client finds out at once, whatever a call's timeout, where all servers
    are now. Here the next call does.

    Args:
        connect: Returns ``redis.RedisCluster``, which connects as it is made.
        patience: Seconds that a connection waits where nothing is said.
    """

    def __init__(self, connect: Callable[[], Any], patience: float) -> None:
        self._connect = connect
        self._patience = patience
        self._lock = threading.Lock()
        self._client: Any = None
        self._doubtful = False
        self._lines: dict[str, Lines] = {}

    def send(self, request: Request, timeout: float) -> Any:
        """Send one request."""
        try:
            return self._follow(request, packed(request.words), timeout)
        except NoScriptError:  # which says that nothing was done
            if not isinstance(request, Run):
                raise
            return self._follow(request, packed(request.in_full), timeout)

    def send_all(self, requests: Sequence[Request], timeout: float) -> list[Any]:
        """Send them in one round trip to each server."""
        places: dict[str, list[int]] = {}
        nodes = [self._node(request) for request in requests]
        for at, node in enumerate(nodes):
            places.setdefault(node.name, []).append(at)
        answers: list[Any] = [None] * len(requests)
        for group in places.values():
            commands = [packed(requests[at].words) for at in group]
            for at, answer in zip(group, self._ask(nodes[group[0]], commands, timeout), strict=True):
                answers[at] = answer
        return self.settled(requests, answers, timeout)

    def _follow(self, request: Request, command: Packed, timeout: float) -> Any:
        """Send a request to the server that has its key."""
        node = self._node(request)
        before: list[Packed] = []
        answer: Any = None
        for _ in range(HOPS):
            answer = self._ask(node, [*before, command], timeout)[-1]
            if isinstance(answer, MovedError):
                self._known().nodes_manager.move_slot(answer)
                node, before = self._node(request), []
            elif isinstance(answer, AskError):
                node, before = self._named(answer), [ASKING]
            else:
                break
        if isinstance(answer, ResponseError):
            raise answer
        return answer

    def _ask(self, node: Any, commands: list[Packed], timeout: float) -> list[Any]:
        lines = self._lines.get(node.name)
        if lines is None:
            pool = self._known().get_redis_connection(node).connection_pool
            lines = self._lines.setdefault(node.name, Lines(pool.make_connection, self._patience))
        try:
            return lines.ask_all(commands, timeout)
        except (BrokenError, SilentError):
            self._doubtful = True
            raise

    def _known(self) -> Any:
        """Return the client that knows where everything is, as far as anybody does."""
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            elif self._doubtful:
                self._client.nodes_manager.initialize()
            self._doubtful = False
            return self._client

    def _node(self, request: Request) -> Any:
        client = self._known()
        if not request.key and not isinstance(request, Run):
            found = primaries(client)
            return found[min(request.node, len(found) - 1)]
        try:
            return client.get_node_from_key(request.key)
        except SlotNotCoveredError:
            self._doubtful = True
            raise

    def _named(self, answer: AskError) -> Any:
        node = self._known().get_node(answer.host, answer.port)
        if node is None:
            self._doubtful = True
            raise answer
        return node

    def primaries(self) -> int:
        """Return how many primaries there are."""
        return len(self._known().get_primaries())

    def close(self) -> None:
        """Close the connections, if there were ever any."""
        for lines in list(self._lines.values()):
            lines.close()
        if self._client is not None:
            self._client.close()
