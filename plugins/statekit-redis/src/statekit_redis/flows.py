"""Each call of the driver contract, as requests and what their answers mean: written once for both colours.

A flow is a generator that yields a request, or a list of requests that do not depend on each other, and is sent the
answer or answers. Almost every flow has one request; the others say why.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, TypeVar

from google_crc32c import value as crc32c_of

from statekit.driver import (
    Buffer,
    Chunk,
    Clock,
    Committed,
    Continue,
    Entry,
    Expect,
    Gone,
    Match,
    Meta,
    Millis,
    Page,
    Part,
    Parts,
    Record,
    Refused,
    Sight,
    Stat,
    Token,
    Upload,
)

from . import answers
from .faults import DamagedError
from .requests import ObjectRequests, RecordRequests, Request

__all__ = ["PARTS", "Flow", "ObjectFlows", "RecordFlows"]

T = TypeVar("T")
Flow: TypeAlias = Generator[Request | list[Request], Any, T]

PARTS: Final = Parts(smallest=1, largest=64 * 1024 * 1024, most=10_000)
"""A part is one string. Redis takes 512 MB (proto-max-bulk-len), but serves nobody else while it takes it."""
STEP: Final = 8 * 1024 * 1024
"""Bytes that a copy moves in one step."""


@dataclass(frozen=True, slots=True)
class Scanning:
    """How far a listing of records has come: the cursor of the driver contract, in parts.

    SCAN may return more keys than it was asked for; what is too many for a page waits in the cursor.
    """

    node: int = 0
    cursor: int = 0
    waiting: tuple[bytes, ...] = ()
    ended: bool = False

    @classmethod
    def read(cls, text: str | None) -> Scanning:
        """Read a cursor."""
        if text is None:
            return cls()
        node, cursor, ended, *waiting = text.split(" ")
        return cls(int(node), int(cursor), tuple(bytes.fromhex(key) for key in waiting), ended == "1")

    def write(self) -> str | None:
        """Return the cursor for what is left, or None."""
        if self.ended and not self.waiting:
            return None
        return " ".join((str(self.node), str(self.cursor), str(int(self.ended)), *(k.hex() for k in self.waiting)))


class RecordFlows:
    """The record driver's calls.

    Args:
        requests: What is sent.
        nodes: Returns how many primaries there are to scan.
    """

    def __init__(self, requests: RecordRequests, nodes: Callable[[], int]) -> None:
        self._requests = requests
        self._nodes = nodes

    def read(self, key: str) -> Flow[Record | None]:
        """HMGET."""
        return answers.record((yield self._requests.read(key)))

    def write(
        self, key: str, value: bytes, expires_at: Millis | None, write_id: str, expect: Expect
    ) -> Flow[Committed | Refused[Record]]:
        """Run a script."""
        request = self._requests.write(key, value, expires_at=expires_at, write_id=write_id, expect=expect)
        return answers.record_written((yield request), write_id)

    def touch(self, key: str, seen: Record, expires_at: Millis) -> Flow[Committed | Refused[Record]]:
        """Run a script."""
        return answers.touched((yield self._requests.touch(key, seen=seen, expires_at=expires_at)), seen)

    def delete(self, key: str, expect: Sight) -> Flow[Gone | Refused[Record]]:
        """Run a script."""
        return answers.record_gone((yield self._requests.delete(key, expect=expect)))

    def page(self, prefix: str, cursor: str | None, limit: int) -> Flow[Page[Entry]]:
        """SCAN for keys, then HMGET for each, together: SCAN tells no more than keys."""
        at = Scanning.read(cursor)
        if not at.waiting and not at.ended:
            at = self._after(at, (yield self._requests.scan(prefix, at.node, at.cursor, limit)))
        keys, later = at.waiting[:limit], at.waiting[limit:]
        rows = yield [self._requests.look(key) for key in keys]
        found = (answers.entry(self._requests.name(key), row) for key, row in zip(keys, rows, strict=True))
        rest = Scanning(at.node, at.cursor, later, at.ended)
        return Page(tuple(row for row in found if row is not None), rest.write())

    def _after(self, at: Scanning, answer: Any) -> Scanning:
        cursor, keys = int(answer[0]), tuple(answer[1])
        if cursor:
            return Scanning(at.node, cursor, keys)
        return Scanning(at.node + 1, 0, keys, ended=at.node + 1 >= self._nodes())


class ObjectFlows:
    """The object driver's calls.

    Args:
        requests: What is sent.
        clock: Whose time modifications get.
    """

    def __init__(self, requests: ObjectRequests, clock: Clock) -> None:
        self._requests = requests
        self._clock = clock

    def stat(self, key: str) -> Flow[Stat | None]:
        """HMGET."""
        return answers.stat(key, (yield self._requests.stat(key)))

    def read(
        self, key: str, start: int, length: int, expect: Match | Literal[Token.ANY]
    ) -> Flow[Chunk | None | Refused[Stat]]:
        """Run a script."""
        return answers.chunk(key, (yield self._requests.read(key, start=start, length=length, expect=expect)))

    def write(self, key: str, data: Buffer, meta: Meta, crc32c: int, expect: Expect) -> Flow[Committed | Refused[Stat]]:
        """Run a script."""
        _verify(data, crc32c)
        request = self._requests.write(key, data, meta=meta, crc32c=crc32c, now=self._clock.now(), expect=expect)
        return answers.object_written(key, (yield request), meta.write_id)

    def copy(
        self, source: str, target: str, pinned: Match, meta: Meta, expect: Expect, resume: str | None
    ) -> Flow[Committed | Refused[Stat] | Continue | None]:
        """Read a piece and send it to the target's shard: on a cluster the two may be on different servers.

        The pieces are an upload like any other, so what a crash leaves behind expires.
        """
        upload, parts = _resumed(target, meta, resume)
        start = sum(part.size for part in parts)
        piece = yield from self.read(source, start, STEP, pinned)
        if not isinstance(piece, Chunk):
            return None
        if start + len(piece.data) >= piece.stat.size and not parts:
            return (yield from self.write(target, piece.data, meta, crc32c_of(piece.data), expect))
        if not parts:
            yield self._requests.begin(target, upload.id, meta=meta, now=self._clock.now())
        parts.append((yield from self.part(upload, len(parts) + 1, piece.data, crc32c_of(piece.data))))
        if start + len(piece.data) < piece.stat.size:
            return Continue(f"{upload.id} {' '.join(str(part.size) for part in parts)}")
        return (yield from self.finish(upload, parts, piece.stat.size, piece.stat.crc32c or 0, expect))

    def delete(self, key: str, expect: Match | Literal[Token.ANY]) -> Flow[Gone | Refused[Stat]]:
        """Run a script."""
        return answers.object_gone(key, (yield self._requests.delete(key, expect=expect)))

    def page(
        self, prefix: str, delimiter: str | None, start_after: str | None, cursor: str | None, limit: int
    ) -> Flow[Page[Stat]]:
        """Run a script on each shard, together, and merge."""
        after = bytes.fromhex(cursor) if cursor is not None else (start_after or "").encode()
        shards = yield list(self._requests.page(prefix, delimiter=delimiter, after=after, limit=limit))
        page, last = answers.listed(shards, limit)
        return Page(page.items, last.hex() or None, page.prefixes)

    def begin(self, key: str, meta: Meta) -> Flow[Upload]:
        """Run a script."""
        now = self._clock.now()
        upload = Upload(key, secrets.token_hex(12), meta, now)
        yield self._requests.begin(key, upload.id, meta=meta, now=now)
        return upload

    def part(self, upload: Upload, number: int, data: Buffer, crc32c: int) -> Flow[Part]:
        """Run a script."""
        _verify(data, crc32c)
        yield self._requests.part(upload, number, data)
        return Part(number, f"{crc32c:08x}", len(data))

    def finish(
        self, upload: Upload, parts: Sequence[Part], size: int, crc32c: int, expect: Expect
    ) -> Flow[Committed | Refused[Stat]]:
        """Run a script."""
        meta = upload.meta or Meta()
        request = self._requests.finish(
            upload, parts, meta=meta, size=size, crc32c=crc32c, now=self._clock.now(), expect=expect
        )
        return answers.object_written(upload.key, (yield request), meta.write_id)

    def abort(self, upload: Upload) -> Flow[None]:
        """Run a script."""
        yield self._requests.abort(upload)

    def uploads(self, prefix: str) -> Flow[Page[Upload]]:
        """Run a script on each shard, together. There are never many."""
        return Page(answers.uploads((yield list(self._requests.uploads())), prefix))


def _resumed(target: str, meta: Meta, resume: str | None) -> tuple[Upload, list[Part]]:
    """Read a copy's token: its upload, and the sizes of the parts so far."""
    if resume is None:
        return Upload(target, secrets.token_hex(12), meta, None), []
    name, *sizes = resume.split(" ")
    return Upload(target, name, meta, None), [Part(i, "", int(size)) for i, size in enumerate(sizes, 1)]


def _verify(data: Buffer, crc32c: int) -> None:
    """Refuse bytes that were damaged on the way here; TCP looks after the rest of the way.

    Raises:
        DamagedError: They do not match.
    """
    if crc32c_of(bytes(data)) != crc32c:
        raise DamagedError
