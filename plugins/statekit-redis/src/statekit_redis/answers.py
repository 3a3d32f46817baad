"""What the answers mean: pure, without a connection."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from statekit.driver import Chunk, Committed, Entry, Gone, Meta, Page, Record, Refused, Stat, Upload

__all__ = [
    "chunk",
    "entry",
    "info",
    "listed",
    "object_gone",
    "object_written",
    "record",
    "record_gone",
    "record_written",
    "stat",
    "touched",
    "uploads",
]

BEYOND: Final = b"\xff"
"""Greater than any byte that UTF-8 has: what comes after a folded prefix comes after the prefix and this."""


def record(fields: list[bytes | None]) -> Record | None:
    """Read n, v, x."""
    version, value, expires_at = fields
    if version is None or value is None:
        return None
    return Record(value, version.decode(), int(expires_at) if expires_at else None)


def record_written(answer: Any, write_id: str) -> Committed | Refused[Record]:
    """Read the answer to a write."""
    return Committed(write_id) if answer == 1 else Refused(record(answer))


def touched(answer: Any, seen: Record) -> Committed | Refused[Record]:
    """Read the answer to a touch, which changes no version."""
    return Committed(seen.version) if answer == 1 else Refused(record(answer))


def record_gone(answer: Any) -> Gone | Refused[Record]:
    """Read the answer to a delete."""
    if answer in (0, 1):
        return Gone.DELETED if answer else Gone.ABSENT
    return Refused(record(answer))


def entry(key: str, fields: list[bytes | None]) -> Entry | None:
    """Read a record of a listing; None if it was deleted since its key was seen."""
    found = record(fields)
    return None if found is None else Entry(key, found.version, found.expires_at)


def stat(key: str, fields: list[bytes | None]) -> Stat | None:
    """Read n, s, t, m, c of a head."""
    if fields[0] is None:
        return None
    version, size, time, meta, checksum = (field or b"" for field in fields[:5])
    return Stat(key, version.decode(), int(size), int(time), _meta(meta), int(checksum))


def _meta(stored: bytes) -> Meta:
    return Meta(*json.loads(stored))


def object_written(key: str, answer: Any, write_id: str | None) -> Committed | Refused[Stat]:
    """Read the answer to a write or a finish."""
    return Committed(write_id or "") if answer == 1 else Refused(stat(key, answer))


def object_gone(key: str, answer: Any) -> Gone | Refused[Stat]:
    """Read the answer to a delete."""
    if answer in (0, 1):
        return Gone.DELETED if answer else Gone.ABSENT
    return Refused(stat(key, answer))


def chunk(key: str, answer: Any) -> Chunk | None | Refused[Stat]:
    """Read the answer to a read: nothing, a refusal's head, or a head with pieces."""
    if answer == 0:
        return None
    if isinstance(answer[0], list):
        found = stat(key, answer[0])
        return None if found is None else Chunk(found, b"".join(answer[1]))
    return Refused(stat(key, answer))


def listed(shards: Iterable[list[list[bytes]]], limit: int) -> tuple[Page[Stat], bytes]:
    """Merge the shards' lines; the second value is where the next page begins, empty at the end."""
    lines: dict[bytes, list[bytes]] = {}
    full = False
    for shard in shards:
        full = full or len(shard) >= limit
        lines.update((line[0], line) for line in shard)
    names = sorted(lines)
    more = full or len(names) > limit
    chosen = [lines[name] for name in names[:limit]]
    items = tuple(_listed(line) for line in chosen if len(line) > 1)
    prefixes = tuple(line[0].decode() for line in chosen if len(line) == 1)
    last = (chosen[-1][0] + (BEYOND if len(chosen[-1]) == 1 else b"")) if more and chosen else b""
    return Page(items, None, prefixes), last


def _listed(line: list[bytes]) -> Stat:
    key, version, size, time, checksum = line
    return Stat(key.decode(), version.decode(), int(size), int(time), None, int(checksum))


def uploads(shards: Iterable[list[list[bytes]]], prefix: str) -> tuple[Upload, ...]:
    """Read the unfinished uploads under a prefix."""
    found = (line for shard in shards for line in shard)
    return tuple(
        Upload(key.decode(), name.rpartition(b"m:")[2].decode(), _meta(meta), int(time))
        for name, key, time, meta in found
        if key.decode().startswith(prefix)
    )


def info(answer: bytes | Mapping[str, Any]) -> Mapping[str, Any]:
    """Read INFO, as lines or as a client has already read it."""
    if isinstance(answer, Mapping):
        first = next(iter(answer.values()), None)
        return first if isinstance(first, Mapping) else answer  # some answer by the server's name
    lines = (line.partition(":") for line in answer.decode().splitlines())
    return {name: value for name, colon, value in lines if colon}
