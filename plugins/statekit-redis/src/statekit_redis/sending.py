"""What sends requests, for threads: to one server, or through a client that was handed in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from time import monotonic
from typing import Any, Final, TypeVar

from redis.client import NEVER_DECODE
from redis.exceptions import AskError, NoScriptError, RedisError, ResponseError

from .flows import Flow
from .lines import Lines
from .packing import packed
from .requests import Command, Request, Run

__all__ = ["MOMENT", "Borrowed", "Direct", "Sender", "is_cluster", "primaries", "target"]

T = TypeVar("T")

MOMENT: Final = 0.001
"""Seconds that the later requests of a flow get at least."""


class Sender(ABC):
    """Sends requests in the caller's thread."""

    def run(self, flow: Flow[T], timeout: float) -> T:
        """Run a flow to its end, within ``timeout`` seconds, and return its result."""
        began, left = monotonic(), timeout
        try:
            wanted = flow.send(None)
            while True:
                try:
                    answer = self.send_all(wanted, left) if isinstance(wanted, list) else self.send(wanted, left)
                except RedisError as error:
                    wanted = flow.throw(error)
                else:
                    wanted = flow.send(answer)
                left = max(timeout - (monotonic() - began), MOMENT)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # a generator's result has the flow's type

    @abstractmethod
    def send(self, request: Request, timeout: float) -> Any:
        """Send one request and return its answer. A script that the server does not know goes again, with its text."""

    @abstractmethod
    def send_all(self, requests: Sequence[Request], timeout: float) -> list[Any]:
        """Send requests that do not depend on each other and change nothing, and return their answers."""

    def settled(self, requests: Sequence[Request], answers: Sequence[Any], timeout: float) -> list[Any]:
        """Return the answers; what a server refused for a reason that sending it by itself mends is sent so."""
        return [self._settled(*pair, timeout) for pair in zip(requests, answers, strict=True)]

    def _settled(self, request: Request, answer: Any, timeout: float) -> Any:
        if isinstance(answer, NoScriptError | AskError):  # MovedError is an AskError
            return self.send(request, timeout)
        if isinstance(answer, ResponseError):
            raise answer
        return answer

    @abstractmethod
    def primaries(self) -> int:
        """Return how many primaries there are, as far as is known once something was sent."""

    @abstractmethod
    def close(self) -> None:
        """Close the connections."""


class Direct(Sender):
    """Sends to one server.

    Args:
        lines: The connections to it.
    """

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def send(self, request: Request, timeout: float) -> Any:
        """Send one request."""
        try:
            return self._lines.ask(packed(request.words), timeout)
        except NoScriptError:  # which says that nothing was done
            if not isinstance(request, Run):
                raise
            return self._lines.ask(packed(request.in_full), timeout)

    def send_all(self, requests: Sequence[Request], timeout: float) -> list[Any]:
        """Send them in one round trip."""
        answers = self._lines.ask_all([packed(request.words) for request in requests], timeout)
        return self.settled(requests, answers, timeout)

    def primaries(self) -> int:
        """Return 1."""
        return 1

    def close(self) -> None:
        """Close the connections."""
        self._lines.close()


class Borrowed(Sender):
    """Sends through a client of the application's own as it is, within that client's timeouts.

    Args:
        client: ``redis.Redis``, ``redis.RedisCluster``, or what behaves like one.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def send(self, request: Request, timeout: float) -> Any:  # noqa: ARG002 - the client has its own
        """Send one request."""
        options = target(self._client, request)
        try:
            return self._client.execute_command(*request.words, **options)
        except NoScriptError:  # which says that nothing was done
            if not isinstance(request, Run):
                raise
            return self._client.execute_command(*request.in_full, **options)

    def send_all(self, requests: Sequence[Request], timeout: float) -> list[Any]:
        """Send them in one round trip; to a cluster, one after the other."""
        if is_cluster(self._client):
            return [self.send(request, timeout) for request in requests]
        with self._client.pipeline(transaction=False) as pipe:
            for request in requests:
                pipe.execute_command(*request.words, **target(self._client, request))
            return self.settled(requests, pipe.execute(raise_on_error=False), timeout)

    def primaries(self) -> int:
        """Return how many primaries a cluster has."""
        return len(primaries(self._client)) if is_cluster(self._client) else 1

    def close(self) -> None:
        """Leave the application's client open."""


def is_cluster(client: Any) -> bool:
    """Whether a client speaks to a cluster."""
    return hasattr(client, "get_primaries")


def primaries(client: Any) -> list[Any]:
    """Return a cluster's primaries in an order that does not change while they do not."""
    return sorted(client.get_primaries(), key=lambda node: str(node.name))


def target(client: Any, request: Request) -> dict[str, Any]:
    """Return the options of ``execute_command``: bytes as answers, and where on a cluster what has no key goes."""
    options: dict[str, Any] = {NEVER_DECODE: True}
    if is_cluster(client) and not request.key and isinstance(request, Command):
        options["target_nodes"] = primaries(client)[request.node]
    return options
