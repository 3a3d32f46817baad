"""What is sent for each call of the driver contract: pure, without a connection."""

from __future__ import annotations

import json
from binascii import crc_hqx
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from statekit.driver import ABSENT, ANY, Buffer, Entry, Expect, Meta, Millis, Part, Record, Sight, Upload

from . import scripts
from .packing import Word
from .scripts import Script

__all__ = ["SHARDS", "Command", "ObjectRequests", "RecordRequests", "Request", "Run", "pack_meta"]

SHARDS: Final = 16
"""Hash tags that a store's objects are spread over: a listing merges them, a cluster spreads them."""
DAY: Final = 24 * 3_600_000
"""Milliseconds. Native expiry is for reclaiming space only; core judges time by its own clock."""

STRIDE: Final = 500
"""Keys that a step of SCAN looks at, at least: they are those of the whole database, whatever they begin with."""


class Command(NamedTuple):
    """A plain command.

    Attributes:
        words: The command and its arguments.
        key: Where it goes on a cluster: to the server that has this key;
        node: or, without a key, to that one of the primaries.
    """

    words: tuple[Word, ...]
    key: bytes = b""
    node: int = 0


class Run(NamedTuple):
    """A script with its keys, which live in one slot, and its arguments."""

    script: Script
    keys: tuple[bytes, ...]
    arguments: tuple[Word, ...]

    @property
    def key(self) -> bytes:
        """Where it goes on a cluster."""
        return self.keys[0]

    @property
    def words(self) -> tuple[Word, ...]:
        """The command that runs a script which the server has run before."""
        return ("EVALSHA", self.script.sha, len(self.keys), *self.keys, *self.arguments)

    @property
    def in_full(self) -> tuple[Word, ...]:
        """The command that tells the server the script, too."""
        return ("EVAL", self.script.text, len(self.keys), *self.keys, *self.arguments)


Request: TypeAlias = Command | Run


def _native(expires_at: Millis | None) -> Word:
    """Return when the server may reclaim a record: a day late, and never before the epoch, which it refuses."""
    return "" if expires_at is None else max(1, expires_at + DAY)


def _version(text: str) -> bytes:
    """Return a version as it would be stored; a malformed one is no stored version, and no error (R-05)."""
    return text.encode("utf-8", "surrogatepass")


def _condition(expect: Expect) -> tuple[str, bytes]:
    """Return an expectation as the scripts read it."""
    if expect is ANY:
        return "*", b""
    return ("A", b"") if expect is ABSENT else ("M", _version(expect.version))


class RecordRequests:
    """The requests for records.

    Args:
        prefix: What every key of this store begins with.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = f"{prefix}r:".encode()

    def key(self, key: str) -> bytes:
        """Return the key in the server."""
        return self._prefix + key.encode()

    def name(self, key: bytes) -> str:
        """Return the record's key for a key in the server."""
        return key[len(self._prefix) :].decode()

    def read(self, key: str) -> Command:
        """Read a record."""
        return self.look(self.key(key))

    def look(self, key: bytes) -> Command:
        """Read a record by its key in the server."""
        return Command(("HMGET", key, b"n", b"v", b"x"), key)

    def write(self, key: str, value: bytes, *, expires_at: Millis | None, write_id: str, expect: Expect) -> Run:
        """Store a record. Its version is the write id."""
        until: Word = "" if expires_at is None else expires_at
        arguments = (*_condition(expect), write_id, value, until, _native(expires_at))
        return Run(scripts.WRITE_RECORD, (self.key(key),), arguments)

    def touch(self, key: str, *, seen: Record, expires_at: Millis) -> Run:
        """Move a record's expiry."""
        was: Word = "" if seen.expires_at is None else seen.expires_at
        return Run(scripts.TOUCH, (self.key(key),), (_version(seen.version), was, expires_at, _native(expires_at)))

    def delete(self, key: str, *, expect: Sight) -> Run:
        """Delete a record."""
        if isinstance(expect, Entry):
            was: Word = "" if expect.expires_at is None else expect.expires_at
            return Run(scripts.DELETE_RECORD, (self.key(key),), ("E", _version(expect.version), was))
        return Run(scripts.DELETE_RECORD, (self.key(key),), (*_condition(expect), ""))

    def scan(self, prefix: str, node: int, cursor: int, limit: int) -> Command:
        """Look for keys. A record's key holds nothing that a pattern takes for more than itself."""
        return Command(("SCAN", cursor, b"MATCH", self.key(prefix) + b"*", b"COUNT", max(limit, STRIDE)), node=node)


class ObjectRequests:
    """The requests for objects and uploads.

    Args:
        prefix: What every key of this store begins with.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def _tag(self, shard: int) -> bytes:
        return f"{{{self._prefix}{shard}}}".encode()

    def _tag_of(self, key: str) -> bytes:
        return self._tag(crc_hqx(key.encode(), 0) % SHARDS)

    def _places(self, key: str, chunks: str) -> tuple[bytes, bytes, bytes, bytes]:
        """Return head, index, table and chunk prefix of an object."""
        tag = self._tag_of(key)
        return tag + b"h:" + key.encode(), tag + b"i", tag + b"t:", self._chunks(key, chunks)

    def _chunks(self, key: str, name: str) -> bytes:
        return self._tag_of(key) + b"c:" + name.encode() + b":"

    def stat(self, key: str) -> Command:
        """Describe an object."""
        head = self._places(key, "")[0]
        return Command(("HMGET", head, b"n", b"s", b"t", b"m", b"c", b"k", b"p"), head)

    def read(self, key: str, *, start: int, length: int, expect: Expect) -> Run:
        """Read a part of an object."""
        head, _, table, _ = self._places(key, "")
        return Run(scripts.READ_OBJECT, (head, table), (*_condition(expect), start, length))

    def write(self, key: str, data: Buffer, *, meta: Meta, crc32c: int, now: Millis, expect: Expect) -> Run:
        """Store an object in one piece."""
        name = meta.write_id or ""
        arguments = (*_condition(expect), name, key, len(data), now, pack_meta(meta), crc32c, data)
        return Run(scripts.PUT, self._places(key, name), arguments)

    def delete(self, key: str, *, expect: Expect) -> Run:
        """Delete an object."""
        head, index, table, _ = self._places(key, "")
        return Run(scripts.DELETE_OBJECT, (head, index, table), (*_condition(expect), key))

    def begin(self, key: str, name: str, *, meta: Meta, now: Millis) -> Run:
        """Begin an upload. What is forgotten expires in two days."""
        return Run(scripts.BEGIN, self._upload(key, name), (key, now, pack_meta(meta), 2 * DAY))

    def _upload(self, key: str, name: str) -> tuple[bytes, bytes]:
        tag = self._tag_of(key)
        return tag + b"m:" + name.encode(), tag + b"u"

    def part(self, upload: Upload, number: int, data: Buffer) -> Run:
        """Send one part: a chunk that expires in a day unless the finish keeps it."""
        chunk = self._chunks(upload.key, upload.id) + str(number).encode()
        return Run(scripts.PART, (chunk, self._upload(upload.key, upload.id)[0]), (number, DAY, data))

    def finish(
        self, upload: Upload, parts: Sequence[Part], *, meta: Meta, size: int, crc32c: int, now: Millis, expect: Expect
    ) -> Run:
        """Make the parts an object."""
        places = (*self._places(upload.key, upload.id), *self._upload(upload.key, upload.id))
        sizes = (word for part in parts for word in (part.number, part.size))
        head = (*_condition(expect), meta.write_id or "", upload.key, size, now, pack_meta(meta), crc32c)
        return Run(scripts.FINISH, places, (*head, *sizes))

    def abort(self, upload: Upload) -> Run:
        """Forget an upload."""
        keys = (*self._upload(upload.key, upload.id), self._chunks(upload.key, upload.id))
        return Run(scripts.ABORT, keys, ())

    def page(self, prefix: str, *, delimiter: str | None, after: bytes, limit: int) -> list[Run]:
        """List a part of each shard. ``after`` is an excluded lower bound, or empty."""
        first = prefix.encode()
        bound = b"(" + after if after >= first and after else b"[" + first if first else b"-"
        return [
            Run(scripts.LIST, (tag + b"i",), (tag + b"h:", first, delimiter or "", bound, limit))
            for tag in map(self._tag, range(SHARDS))
        ]

    def uploads(self) -> list[Run]:
        """List the uploads of each shard."""
        return [Run(scripts.UPLOADS, (self._tag(shard) + b"u",), ()) for shard in range(SHARDS)]


def pack_meta(meta: Meta) -> str:
    """Return an object's metadata as it is stored: JSON, because people look into Redis by hand."""
    headers = [meta.content_type, meta.cache_control, meta.content_disposition]
    return json.dumps([*headers, dict(meta.user or {}), meta.write_id, meta.replaces], separators=(",", ":"))
