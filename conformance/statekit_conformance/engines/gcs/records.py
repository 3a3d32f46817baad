"""Object records: the row of one object's live generation, found, stored, replaced and removed.

Everything here takes the rows of an open transaction or snapshot, so that whoever composes these steps
decides what is atomic. A generation is the engine's time in microseconds, pushed upwards where needed and
remembered on disk: it never repeats, for any name, across deletions and restarts, whatever the clock does.
"""

import base64
import json
import sqlite3
from dataclasses import dataclass

from statekit_conformance.engines.gcs import bodies, buckets, errors
from statekit_conformance.engines.gcs.attributes import Attributes

NAME_LIMIT = 1024


@dataclass(frozen=True, slots=True)
class Content:
    """The facts of a body that never change. A composed object has ``components`` and no MD5."""

    size: int
    crc32c: int
    md5: bytes | None = None
    components: int | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """The live generation of one object. Moments are microseconds since 1970."""

    bucket: str
    name: str
    generation: int
    metageneration: int
    body: int
    content: Content
    created: int
    updated: int
    attributes: Attributes

    @property
    def etag(self) -> str:
        """The JSON API's entity tag: it names generation and metageneration, not the bytes."""
        numbers = b"\x08" + _varint(self.generation) + b"\x10" + _varint(self.metageneration)
        return base64.b64encode(numbers).decode()

    @property
    def xml_etag(self) -> str:
        """The XML API's entity tag: the MD5 in hexadecimal where there is one."""
        return self.content.md5.hex() if self.content.md5 else self.etag

    @property
    def etags(self) -> tuple[str, ...]:
        """What a condition may name."""
        return self.etag, self.xml_etag

    @property
    def content_type(self) -> str:
        """What the object is served as."""
        return str(self.attributes.get("contentType", "application/octet-stream"))


def check_name(name: str) -> None:
    """Refuse what the service does not take as an object's name.

    Raises:
        Refusal: 400 if the name is empty, longer than 1024 bytes, has a line break, or is reserved.
    """
    reserved = name in {".", ".."} or name.startswith(".well-known/acme-challenge/")
    size = len(name.encode(errors="replace"))
    if not 0 < size <= NAME_LIMIT or "\r" in name or "\n" in name or reserved:
        raise errors.invalid("not an object name")


def find(rows: sqlite3.Connection, bucket: str, name: str) -> Record | None:
    """Return the live record of an object, or None.

    Raises:
        Refusal: 404 if the bucket does not exist.
    """
    buckets.find(rows, bucket)
    row = rows.execute("SELECT * FROM objects WHERE bucket = ? AND name = ?", (bucket, name)).fetchone()
    return None if row is None else of_row(row)


def existing(rows: sqlite3.Connection, bucket: str, name: str, generation: int | None = None) -> Record:
    """Return the live record of an object, and of that generation if one is asked for.

    Raises:
        Refusal: 404 if there is no such bucket, object or live generation.
    """
    record = find(rows, bucket, name)
    if record is None or generation not in (None, record.generation):
        raise errors.no_object(bucket, name)
    return record


def next_generation(rows: sqlite3.Connection, now: int) -> int:
    """Return a generation larger than every one before."""
    found = rows.execute("UPDATE sequence SET last = max(last + 1, ?) RETURNING last", (now,)).fetchone()
    return int(found[0])


def store(rows: sqlite3.Connection, record: Record) -> None:
    """Make a record the live one of its name."""
    content = record.content
    rows.execute(
        "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            record.bucket,
            record.name,
            record.generation,
            record.metageneration,
            record.body,
            content.size,
            content.crc32c,
            content.md5,
            content.components,
            record.created,
            record.updated,
            json.dumps(record.attributes),
        ),
    )


def remove(rows: sqlite3.Connection, record: Record) -> None:
    """Remove a live record and its body."""
    rows.execute("DELETE FROM objects WHERE bucket = ? AND name = ?", (record.bucket, record.name))
    bodies.drop(rows, record.body)


def of_row(row: sqlite3.Row) -> Record:
    """Read a record from its row."""
    content = Content(row["size"], row["crc32c"], row["md5"], row["components"])
    return Record(
        row["bucket"],
        row["name"],
        row["generation"],
        row["metageneration"],
        row["body"],
        content,
        row["created"],
        row["updated"],
        json.loads(row["attributes"]),
    )


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
