"""Buckets: created, described, changed and deleted under their metageneration.

What a client says about a bucket is stored and returned. CORS is honoured (see `cors`); lifecycle rules are
never executed; what would change how objects behave (versions, retention) is refused rather than ignored.
"""

import json
import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from statekit_conformance.engines.gcs import errors
from statekit_conformance.engines.gcs.conditions import Conditions
from statekit_conformance.engines.gcs.database import Database
from statekit_conformance.engines.gcs.moments import Clock

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_SET_BY_SERVICE = frozenset(
    [
        "kind",
        "id",
        "name",
        "selfLink",
        "projectNumber",
        "metageneration",
        "timeCreated",
        "updated",
        "etag",
        "generation",
        "acl",
    ]
)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket as stored. Moments are microseconds since 1970."""

    name: str
    metageneration: int
    created: int
    updated: int
    attributes: dict[str, Any]

    @property
    def generation(self) -> int:
        """Buckets have none that a condition could name."""
        return self.created

    @property
    def etag(self) -> str:
        """Changes with every change of the bucket."""
        return f"{self.created:x}-{self.metageneration:x}"

    @property
    def etags(self) -> tuple[str, ...]:
        """What a condition may name."""
        return (self.etag,)


def find(rows: sqlite3.Connection, name: str) -> Bucket:
    """Return a bucket.

    Raises:
        Refusal: 404 if it does not exist.
    """
    row = rows.execute("SELECT * FROM buckets WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise errors.no_bucket(name)
    return _of_row(row)


class Buckets:
    """The buckets of one engine."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def insert(self, name: Any, resource: Mapping[str, Any]) -> Bucket:
        """Create a bucket.

        Raises:
            Refusal: 400 if the name is not one, 409 if it is taken, 501 for versions or retention.
        """
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise errors.invalid(f"not a bucket name: {name!r}")
        now = self._clock()
        bucket = Bucket(name, 1, now, now, _checked(resource))
        with self._database.change() as rows:
            if rows.execute("SELECT 1 FROM buckets WHERE name = ?", (name,)).fetchone():
                raise errors.conflict(f"bucket {name} exists already", code="BucketAlreadyOwnedByYou")
            _store(rows, bucket)
        return bucket

    def get(self, name: str, conditions: Conditions) -> Bucket:
        """Return a bucket if the conditions hold.

        Raises:
            Refusal: 404, 412 or 304.
        """
        with self._database.snapshot() as view:
            bucket = find(view.rows, name)
        conditions.check(bucket)
        return bucket

    def list(self, prefix: str) -> list[Bucket]:
        """Return the buckets whose names begin with ``prefix``, in order."""
        with self._database.snapshot() as view:
            found = view.rows.execute("SELECT * FROM buckets ORDER BY name").fetchall()
        return [_of_row(row) for row in found if row["name"].startswith(prefix)]

    def change(self, name: str, resource: Mapping[str, Any], conditions: Conditions, *, merge: bool) -> Bucket:
        """Change what is said about a bucket: merge a patch into it, or replace it.

        Raises:
            Refusal: 404, 412 or 304, and 501 for versions or retention.
        """
        with self._database.change() as rows:
            old = find(rows, name)
            conditions.check(old)
            attributes = _checked(_merged(old.attributes, resource) if merge else resource)
            bucket = Bucket(name, old.metageneration + 1, old.created, self._clock(), attributes)
            _store(rows, bucket)
        return bucket

    def delete(self, name: str, conditions: Conditions) -> None:
        """Delete an empty bucket.

        Raises:
            Refusal: 404, 412 or 304, and 409 if it holds objects.
        """
        with self._database.change() as rows:
            conditions.check(find(rows, name))
            if rows.execute("SELECT 1 FROM objects WHERE bucket = ? LIMIT 1", (name,)).fetchone():
                raise errors.conflict("the bucket is not empty", code="BucketNotEmpty")
            rows.execute("DELETE FROM buckets WHERE name = ?", (name,))


def _store(rows: sqlite3.Connection, bucket: Bucket) -> None:
    rows.execute(
        "INSERT OR REPLACE INTO buckets VALUES (?, ?, ?, ?, ?)",
        (bucket.name, bucket.metageneration, bucket.created, bucket.updated, json.dumps(bucket.attributes)),
    )


def _of_row(row: sqlite3.Row) -> Bucket:
    return Bucket(row["name"], row["metageneration"], row["created"], row["updated"], json.loads(row["attributes"]))


def _checked(resource: Mapping[str, Any]) -> dict[str, Any]:
    attributes = {name: value for name, value in resource.items() if name not in _SET_BY_SERVICE}
    cors = attributes.get("cors") or []
    if not isinstance(cors, list) or not all(isinstance(rule, dict) for rule in cors):
        raise errors.invalid("cors must be a list of rules")
    if (attributes.get("versioning") or {}).get("enabled"):
        raise errors.not_implemented("object versions")
    if attributes.get("retentionPolicy") or attributes.get("defaultEventBasedHold"):
        raise errors.not_implemented("retention")
    return attributes


def _merged(old: Any, patch: Any) -> Any:
    """Merge as RFC 7396 says: null removes, objects merge, everything else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    kept = dict(old) if isinstance(old, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            kept.pop(name, None)
        else:
            kept[name] = _merged(kept.get(name), value)
    return kept
