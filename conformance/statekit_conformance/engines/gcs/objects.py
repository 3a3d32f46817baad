"""Objects: every operation on them, each judged and applied in one transaction.

A refused operation changes nothing; an operation that returns is durable. The steps are always the same:
look, judge pace and conditions, act.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from statekit_conformance.engines.gcs import bodies, buckets, errors, records
from statekit_conformance.engines.gcs.attributes import Attributes
from statekit_conformance.engines.gcs.checksums import Announced, Digests, joined_crc32c
from statekit_conformance.engines.gcs.conditions import NONE, Conditions
from statekit_conformance.engines.gcs.database import Database, Snapshot
from statekit_conformance.engines.gcs.limits import NO_LIMITS, Limits
from statekit_conformance.engines.gcs.moments import Clock
from statekit_conformance.engines.gcs.pace import Pace
from statekit_conformance.engines.gcs.records import Content, Record

COMPOSE_LIMIT = 32


@dataclass(frozen=True, slots=True)
class Source:
    """One object that is read from: the generation it must have, and conditions on it."""

    bucket: str
    name: str
    generation: int | None = None
    conditions: Conditions = NONE

    def resolve(self, rows: sqlite3.Connection) -> Record:
        """Return the source's record.

        Raises:
            Refusal: 404, 412 or 304.
        """
        record = records.existing(rows, self.bucket, self.name, self.generation)
        self.conditions.check(record)
        return record


@dataclass(frozen=True, slots=True)
class Target:
    """One object that is written to: what is said about it, and conditions on what it replaces."""

    bucket: str
    name: str
    attributes: Attributes
    conditions: Conditions = NONE


class Received:
    """A body received in one request: bytes and their checksums, kept until an object owns them."""

    def __init__(self, database: Database, announced: Announced) -> None:
        self._draft = bodies.Draft(database)
        self.digests = Digests(announced)
        self.discard = self._draft.discard
        self.seal = self._draft.seal

    def write(self, data: bytes) -> None:
        """Take in the next bytes."""
        self.digests.update(data)
        self._draft.write(data)

    @property
    def content(self) -> Content:
        """The facts of what was received."""
        return Content(self.digests.size, self.digests.crc32c, self.digests.md5)


class Objects:
    """The objects of one engine."""

    def __init__(self, database: Database, clock: Clock, pace: Pace) -> None:
        self.database = database
        self._clock = clock
        self._pace = pace

    def receive(self, pieces: Iterable[bytes], announced: Announced, limits: Limits = NO_LIMITS) -> Received:
        """Receive a body. The caller inserts it.

        Raises:
            Refusal: 400 as soon as it is too large, or in the end if it is too small, incomplete, or not what
                its announced checksums say.
        """
        received = Received(self.database, announced)
        try:
            for piece in pieces:
                received.write(piece)
                limits.check_growing(received.digests.size)
            limits.check(received.digests.size)
            received.digests.check()
        except BaseException:
            received.discard()
            raise
        return received

    def precheck(self, target: Target) -> None:
        """Refuse early what would be refused now; `insert` judges again when it counts.

        Raises:
            Refusal: 400 for the name, 404 for the bucket, 412 or 304 for the conditions.
        """
        records.check_name(target.name)
        with self.database.snapshot() as view:
            target.conditions.check(records.find(view.rows, target.bucket, target.name))

    def insert(self, target: Target, received: Received) -> Record:
        """Make what was received the live generation of its name.

        Raises:
            Refusal: 404, 412, 304 or 429.
        """
        try:
            with self.database.change() as rows:
                return self.put(rows, target, received.seal, received.content)
        except BaseException:
            received.discard()
            raise

    def put(
        self,
        rows: sqlite3.Connection,
        target: Target,
        body: Callable[[sqlite3.Connection], int],
        content: Content,
    ) -> Record:
        """Judge and store a new generation within the caller's transaction.

        Raises:
            Refusal: 400 for the name, 404, 412, 304 or 429.
        """
        records.check_name(target.name)
        old = records.find(rows, target.bucket, target.name)
        self._pace.check(target.bucket, target.name)
        target.conditions.check(old)
        if old is not None:
            records.remove(rows, old)
        now = self._clock()
        generation = records.next_generation(rows, now)
        record = Record(target.bucket, target.name, generation, 1, body(rows), content, now, now, target.attributes)
        records.store(rows, record)
        self._pace.note(target.bucket, target.name)
        return record

    def get(self, source: Source) -> Record:
        """Return an object's record if the conditions hold.

        Raises:
            Refusal: 404, 412 or 304.
        """
        with self.database.snapshot() as view:
            return source.resolve(view.rows)

    def open(self, source: Source) -> tuple[Record, Snapshot]:
        """Return an object's record and a snapshot, which the caller closes, that its body is read from.

        Raises:
            Refusal: 404, 412 or 304.
        """
        view = self.database.snapshot()
        try:
            return source.resolve(view.rows), view
        except BaseException:
            view.close()
            raise

    def change(self, source: Source, edit: Callable[[Attributes], Attributes]) -> Record:
        """Change what is said about an object; its generation stays, its metageneration rises.

        Raises:
            Refusal: 404, 412, 304 or 429, and whatever ``edit`` refuses.
        """
        with self.database.change() as rows:
            old = records.existing(rows, source.bucket, source.name, source.generation)
            self._pace.check(source.bucket, source.name)
            source.conditions.check(old)
            record = replace(
                old,
                metageneration=old.metageneration + 1,
                updated=self._clock(),
                attributes=edit(old.attributes),
            )
            records.store(rows, record)
            self._pace.note(source.bucket, source.name)
        return record

    def delete(self, source: Source) -> None:
        """Delete an object.

        Raises:
            Refusal: 404, 412, 304 or 429.
        """
        with self.database.change() as rows:
            old = records.existing(rows, source.bucket, source.name, source.generation)
            self._pace.check(source.bucket, source.name)
            source.conditions.check(old)
            records.remove(rows, old)
            self._pace.note(source.bucket, source.name)

    def compose(self, target: Target, sources: Sequence[Source]) -> Record:
        """Make one object of others in the same bucket, one after the other.

        Raises:
            Refusal: 400 unless there are 1 to 32 sources; 404, 412, 304 or 429.
        """
        if not 0 < len(sources) <= COMPOSE_LIMIT:
            raise errors.invalid(f"a compose request takes 1 to {COMPOSE_LIMIT} sources, not {len(sources)}")
        with self.database.change() as rows:
            buckets.find(rows, target.bucket)
            parts = [source.resolve(rows) for source in sources]
            body = bodies.join(rows, [part.body for part in parts])
            return self.put(rows, target, lambda _rows: body, joined([part.content for part in parts]))


def joined(parts: Sequence[Content]) -> Content:
    """Return the facts of bodies one after the other, from theirs."""
    size, crc32c = 0, 0
    for part in parts:
        crc32c = joined_crc32c(crc32c, part.crc32c, part.size)
        size += part.size
    return Content(size, crc32c, None, sum(part.components or 1 for part in parts))
