"""Rewrites: copies within and between buckets, in as many steps as the client or the engine's switch asks.

A step judges the conditions on source and destination again; the last one makes the copy visible in the
transaction that judged. A rewrite in progress is on disk, so a token survives a restart. Between steps the
source must stay what it was: a token whose source changed is refused.
"""

import json
import secrets
import sqlite3
from dataclasses import dataclass

from statekit_conformance.engines.gcs import bodies, errors, records
from statekit_conformance.engines.gcs.moments import Clock
from statekit_conformance.engines.gcs.objects import Objects, Source, Target
from statekit_conformance.engines.gcs.records import Record

_SMALLEST_STEP = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rewrite is; ``record`` is there when it is done, ``token`` while it is not."""

    size: int
    rewritten: int
    token: str | None = None
    record: Record | None = None


class Rewriting:
    """The rewrites of one engine."""

    def __init__(self, objects: Objects, clock: Clock, step: int | None = None) -> None:
        self._objects = objects
        self._clock = clock
        self._step = step

    def rewrite(
        self, source: Source, target: Target, *, inherit: bool, token: str | None, limit: int | None
    ) -> Progress:
        """Do the next step of a rewrite.

        Args:
            source: What is copied.
            target: Where to, and under which conditions.
            inherit: Whether the source's attributes are copied too, instead of the target's.
            token: What the step before answered, or None for the first.
            limit: The client's limit on the bytes of one step, or None.

        Raises:
            Refusal: 400 for a bad limit or token; 404, 412, 304 or 429.
        """
        if limit is not None and (limit < _SMALLEST_STEP or limit % _SMALLEST_STEP):
            raise errors.invalid("maxBytesRewrittenPerCall must be a multiple of 1 MiB")
        step = min(filter(None, (limit, self._step)), default=None)
        with self._objects.database.change() as rows:
            record = source.resolve(rows)
            plan = _plan(record, target)
            done = _resume(rows, token, plan) + (record.content.size if step is None else step)
            if done < record.content.size:
                target.conditions.check(records.find(rows, target.bucket, target.name))
                return Progress(record.content.size, done, self._save(rows, token, plan, done))
            if token is not None:
                rows.execute("DELETE FROM rewrites WHERE token = ?", (token,))
            copy = self._finish(rows, record, target, inherit=inherit)
        return Progress(record.content.size, record.content.size, record=copy)

    def copy(self, source: Source, target: Target, *, inherit: bool) -> Record:
        """Copy an object in one step, whatever its size.

        Raises:
            Refusal: 404, 412, 304 or 429.
        """
        with self._objects.database.change() as rows:
            return self._finish(rows, source.resolve(rows), target, inherit=inherit)

    def _finish(self, rows: sqlite3.Connection, source: Record, target: Target, *, inherit: bool) -> Record:
        body = bodies.join(rows, [source.body])
        if inherit:
            target = Target(target.bucket, target.name, source.attributes, target.conditions)
        return self._objects.put(rows, target, lambda _rows: body, source.content)

    def _save(self, rows: sqlite3.Connection, token: str | None, plan: str, done: int) -> str:
        token = token or secrets.token_urlsafe(24)
        rows.execute("INSERT OR REPLACE INTO rewrites VALUES (?, ?, ?, ?)", (token, plan, done, self._clock()))
        return token


def _plan(source: Record, target: Target) -> str:
    """Name what a token is good for: this source generation to this destination."""
    return json.dumps([source.bucket, source.name, source.generation, target.bucket, target.name])


def _resume(rows: sqlite3.Connection, token: str | None, plan: str) -> int:
    if token is None:
        return 0
    row = rows.execute("SELECT rewritten FROM rewrites WHERE token = ? AND plan = ?", (token, plan)).fetchone()
    if row is None:
        raise errors.invalid("the rewrite token is not of this source generation and destination")
    return int(row[0])
