"""The synchronous drivers: a sender, and one line for each call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

from redis.exceptions import NoScriptError, ResponseError

from statekit.driver import (
    Buffer,
    Chunk,
    Committed,
    Continue,
    Entry,
    Expect,
    Failure,
    Gone,
    Match,
    Meta,
    Millis,
    Page,
    Part,
    Record,
    Refused,
    Sight,
    Stat,
    Token,
    Upload,
)

from . import faults
from .flows import PARTS, Flow, ObjectFlows, RecordFlows
from .requests import Command, Request

__all__ = ["Objects", "Records", "Sender", "primaries"]

T = TypeVar("T")


class Sender:
    """Sends requests through a client of redis-py, in the caller's thread.

    Args:
        connect: Returns the client, ``redis.Redis`` or ``redis.RedisCluster``, at the first request.
        together: Whether requests go out together. A cluster's pipeline repeats them on its own, so there they do not.
    """

    def __init__(self, connect: Callable[[], Any], *, together: bool) -> None:
        self._connect = connect
        self._together = together
        self._lock = threading.Lock()
        self._connected: Any = None

    @property
    def _client(self) -> Any:
        with self._lock:
            if self._connected is None:
                self._connected = self._connect()
            return self._connected

    def close(self) -> None:
        """Close the client, if there was ever one."""
        if self._connected is not None:
            self._connected.close()

    def nodes(self) -> list[Any]:
        """Return a cluster's primaries; None stands for the one server."""
        return [None] if self._together else primaries(self._client)

    def info(self, node: Any) -> dict[str, Any] | None:
        """Return INFO of one of them; None if it does not tell us."""
        try:
            return dict(self._client.info() if node is None else self._client.info(target_nodes=node))
        except ResponseError:
            return None

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end and return its result."""
        try:
            wanted = flow.send(None)
            while True:
                answer = self._send_all(wanted) if isinstance(wanted, list) else self._send(wanted)
                wanted = flow.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # a generator's result has the flow's type

    def _send(self, request: Request) -> Any:
        """Send one request. A script that the server does not know (any more) goes again, with its text."""
        if isinstance(request, Command):
            return self._client.execute_command(*request.words, **self._target(request))
        words = (len(request.keys), *request.keys, *request.arguments)
        try:
            return self._client.execute_command("EVALSHA", request.script.sha, *words)
        except NoScriptError:  # which says that nothing was done
            return self._client.execute_command("EVAL", request.script.text, *words)

    def _target(self, request: Command) -> dict[str, Any]:
        if request.node is None or self._together:
            return {}
        return {"target_nodes": primaries(self._client)[request.node]}

    def _send_all(self, requests: Sequence[Request]) -> list[Any]:
        """Send requests that do not depend on each other, commands in one round trip."""
        commands = [request.words for request in requests if isinstance(request, Command)]
        if not self._together or len(commands) < len(requests):
            return [self._send(request) for request in requests]
        with self._client.pipeline(transaction=False) as pipe:
            for words in commands:
                pipe.execute_command(*words)
            return list(pipe.execute())


def primaries(client: Any) -> list[Any]:
    """Return a cluster's primaries in an order that does not change while they do not."""
    return sorted(client.get_primaries(), key=lambda node: str(node.name))


class Records:
    """The RecordDriver.

    Args:
        sender: Sends requests.
        flows: What the calls send.
    """

    def __init__(self, sender: Sender, flows: RecordFlows) -> None:
        self._run = sender.run
        self._flows = flows

    def read(self, key: str, /, *, timeout: float) -> Record | None:  # noqa: ARG002
        """Read one record."""
        return self._run(self._flows.read(key))

    def write(
        self,
        key: str,
        value: bytes,
        /,
        *,
        expires_at: Millis | None,
        write_id: str,
        expect: Expect,
        timeout: float,  # noqa: ARG002
    ) -> Committed | Refused[Record]:
        """Store a record if ``expect`` holds."""
        return self._run(self._flows.write(key, value, expires_at, write_id, expect))

    def touch(
        self,
        key: str,
        /,
        *,
        seen: Record,
        expires_at: Millis,
        timeout: float,  # noqa: ARG002
    ) -> Committed | Refused[Record]:
        """Move a record's expiry if version and expiry are as seen."""
        return self._run(self._flows.touch(key, seen, expires_at))

    def delete(self, key: str, /, *, expect: Sight, timeout: float) -> Gone | Refused[Record]:  # noqa: ARG002
        """Delete a record if ``expect`` holds."""
        return self._run(self._flows.delete(key, expect))

    def page(self, prefix: str, /, *, cursor: str | None, limit: int, timeout: float) -> Page[Entry]:  # noqa: ARG002
        """List a part of the records."""
        return self._run(self._flows.page(prefix, cursor, limit))

    def fault(self, exc: BaseException, /) -> Failure:
        """Explain an exception."""
        return faults.fault(exc)


class Objects:
    """The ObjectDriver and MultipartDriver.

    Args:
        sender: Sends requests.
        flows: What the calls send.
    """

    parts = PARTS

    def __init__(self, sender: Sender, flows: ObjectFlows) -> None:
        self._run = sender.run
        self._flows = flows

    def stat(self, key: str, /, *, timeout: float) -> Stat | None:  # noqa: ARG002
        """Describe an object."""
        return self._run(self._flows.stat(key))

    def read(
        self,
        key: str,
        /,
        *,
        start: int,
        length: int,
        expect: Match | Literal[Token.ANY],
        timeout: float,  # noqa: ARG002
    ) -> Chunk | None | Refused[Stat]:
        """Read a part of an object."""
        return self._run(self._flows.read(key, start, length, expect))

    def write(
        self,
        key: str,
        data: Buffer,
        /,
        *,
        meta: Meta,
        crc32c: int,
        expect: Expect,
        timeout: float,  # noqa: ARG002
    ) -> Committed | Refused[Stat]:
        """Store an object if ``expect`` holds."""
        return self._run(self._flows.write(key, data, meta, crc32c, expect))

    def copy(
        self,
        source: str,
        target: str,
        /,
        *,
        pinned: Match,
        meta: Meta,
        expect: Expect,
        resume: str | None,
        timeout: float,  # noqa: ARG002
    ) -> Committed | Refused[Stat] | Continue | None:
        """Copy a step of one version of an object if ``expect`` holds for the target."""
        return self._run(self._flows.copy(source, target, pinned, meta, expect, resume))

    def delete(
        self,
        key: str,
        /,
        *,
        expect: Match | Literal[Token.ANY],
        timeout: float,  # noqa: ARG002
    ) -> Gone | Refused[Stat]:
        """Delete an object if ``expect`` holds."""
        return self._run(self._flows.delete(key, expect))

    def page(
        self,
        prefix: str,
        /,
        *,
        delimiter: str | None,
        start_after: str | None,
        cursor: str | None,
        limit: int,
        timeout: float,  # noqa: ARG002
    ) -> Page[Stat]:
        """List a part of the objects."""
        return self._run(self._flows.page(prefix, delimiter, start_after, cursor, limit))

    def begin(self, key: str, /, *, meta: Meta, timeout: float) -> Upload:  # noqa: ARG002
        """Begin an upload."""
        return self._run(self._flows.begin(key, meta))

    def part(
        self,
        upload: Upload,
        number: int,
        data: Buffer,
        /,
        *,
        crc32c: int,
        timeout: float,  # noqa: ARG002
    ) -> Part:
        """Send one part."""
        return self._run(self._flows.part(upload, number, data, crc32c))

    def finish(
        self,
        upload: Upload,
        parts: Sequence[Part],
        /,
        *,
        size: int,
        crc32c: int,
        expect: Expect,
        timeout: float,  # noqa: ARG002
    ) -> Committed | Refused[Stat]:
        """Make the parts one object if ``expect`` holds."""
        return self._run(self._flows.finish(upload, parts, size, crc32c, expect))

    def abort(self, upload: Upload, /, *, timeout: float) -> None:  # noqa: ARG002
        """Forget an upload."""
        self._run(self._flows.abort(upload))

    def uploads(self, prefix: str, /, *, cursor: str | None, limit: int, timeout: float) -> Page[Upload]:  # noqa: ARG002
        """List unfinished uploads."""
        return self._run(self._flows.uploads(prefix))

    def fault(self, exc: BaseException, /) -> Failure:
        """Explain an exception."""
        return faults.fault(exc)
