"""Multipart uploads of the XML API: begun, sent in parts, then completed in one step or aborted.

They know no preconditions, and what they make has no MD5: both as with Google. Parts are on disk, so an upload outlives
the engine; one that is never completed stays until it is aborted.
https://cloud.google.com/storage/docs/multipart-uploads
"""

import json
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace

from statekit_conformance.engines.gcs import bodies, buckets, errors, records
from statekit_conformance.engines.gcs.attributes import Attributes
from statekit_conformance.engines.gcs.moments import Clock
from statekit_conformance.engines.gcs.objects import Objects, Received, Target, joined
from statekit_conformance.engines.gcs.records import Content, Record

SMALLEST = 5 * 1024 * 1024
"""Bytes that every part but the last must have."""
MOST = 10_000
"""Parts of one upload; their numbers begin with 1."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part that is here."""

    number: int
    body: int
    content: Content

    @property
    def etag(self) -> str:
        """What the client has to name it by."""
        return (self.content.md5 or b"").hex()


class PartUploads:
    """The multipart uploads of one engine."""

    def __init__(self, objects: Objects, clock: Clock) -> None:
        self._objects = objects
        self._database = objects.database
        self._clock = clock

    def begin(self, bucket: str, name: str, said: Attributes) -> str:
        """Open an upload and return its id.

        Raises:
            Refusal: 400 for the name, 404 for the bucket.
        """
        records.check_name(name)
        upload = secrets.token_urlsafe(32)
        with self._database.change() as rows:
            buckets.find(rows, bucket)
            plan = json.dumps([bucket, name, said])
            rows.execute("INSERT INTO part_uploads VALUES (?, ?, ?)", (upload, self._clock(), plan))
        return upload

    def store(self, upload: str, number: int, received: Received) -> Part:
        """Keep what was received as a part, in place of an earlier one of the same number.

        Raises:
            Refusal: 404.
        """
        try:
            with self._database.change() as rows:
                _find(rows, upload)
                for part in _parts(rows, upload):
                    if part.number == number:
                        bodies.drop(rows, part.body)
                part = Part(number, received.seal(rows), received.content)
                content = part.content
                row = (upload, number, part.body, content.size, content.crc32c, content.md5)
                rows.execute("INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?)", row)
        except BaseException:
            received.discard()
            raise
        return part

    def complete(self, upload: str, wanted: Sequence[tuple[int, str]]) -> Record:
        """Make one object of the parts that the client names, by number and entity tag.

        Raises:
            Refusal: 400 for the parts, 404 for the upload or the bucket, 429.
        """
        with self._database.change() as rows:
            target, here = _find(rows, upload), {part.number: part for part in _parts(rows, upload)}
            parts = _chosen(here, wanted)
            body = bodies.join(rows, [part.body for part in parts])
            content = replace(joined([part.content for part in parts]), components=None)
            record = self._objects.put(rows, target, lambda _rows: body, content)
            _drop(rows, upload)
        return record

    def abort(self, upload: str) -> None:
        """Drop an upload and its parts.

        Raises:
            Refusal: 404.
        """
        with self._database.change() as rows:
            _find(rows, upload)
            _drop(rows, upload)


def _chosen(here: dict[int, Part], wanted: Sequence[tuple[int, str]]) -> list[Part]:
    numbers = [number for number, _ in wanted]
    if not numbers or numbers != sorted(set(numbers)):
        raise errors.Refusal(400, "invalid", "InvalidPartOrder", "parts must be named once each, in ascending order")
    for number, etag in wanted:
        if number not in here or here[number].etag != etag.strip('"'):
            raise errors.Refusal(400, "invalid", "InvalidPart", f"part {number} is not here, or is another one")
    parts = [here[number] for number in numbers]
    if any(part.content.size < SMALLEST for part in parts[:-1]):
        raise errors.too_small(SMALLEST)
    return parts


def _find(rows: sqlite3.Connection, upload: str) -> Target:
    row = rows.execute("SELECT plan FROM part_uploads WHERE id = ?", (upload,)).fetchone()
    if row is None:
        raise errors.Refusal(404, "notFound", "NoSuchUpload", "no such multipart upload")
    return Target(*json.loads(row["plan"]))


def _parts(rows: sqlite3.Connection, upload: str) -> list[Part]:
    found = rows.execute("SELECT * FROM parts WHERE upload = ? ORDER BY number", (upload,)).fetchall()
    return [Part(row["number"], row["body"], Content(row["size"], row["crc32c"], row["md5"])) for row in found]


def _drop(rows: sqlite3.Connection, upload: str) -> None:
    for part in _parts(rows, upload):
        bodies.drop(rows, part.body)
    rows.execute("DELETE FROM parts WHERE upload = ?", (upload,))
    rows.execute("DELETE FROM part_uploads WHERE id = ?", (upload,))
