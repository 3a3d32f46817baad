"""What is sent for each call of the record driver: pure, without a connection.

An item has the key ``k``, the version ``v`` (the write id), the value ``d``, the expiry ``x`` in milliseconds as core
gave it, and ``t``, the same a day later in seconds, which DynamoDB's time to live reads
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-before-you-start.html).
None of the names is a reserved word.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from statekit.driver import ABSENT, ANY, Entry, Expect, Match, Millis, Record, Sight

__all__ = ["KEY", "SCANNED", "TTL", "Cursor", "Parameters", "RecordRequests"]

Parameters: TypeAlias = dict[str, Any]

KEY: Final = "k"
TTL: Final = "t"
_SECONDS_A_DAY: Final = 24 * 3600

SCANNED: Final = 1000
"""Items that one Scan looks at, at most; it ends after 1 MB in any case
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html)."""

_ABSENT: Final = "attribute_not_exists(k)"
_VERSION: Final = "v = :v"
_REFUSAL: Final = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
"""With the refusal comes the item that refused it, at no cost
(https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html). dynalite leaves it out."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a listing goes on.

    Attributes:
        start: Where a Scan ended; None for the beginning.
        after: The last key that was returned, where a page took less than its Scan had found.
    """

    start: str | None = None
    after: str | None = None

    @classmethod
    def read(cls, text: str | None) -> Cursor:
        """Read a cursor."""
        return cls() if text is None else cls(*json.loads(text))

    @property
    def text(self) -> str:
        """What core hands back at the next call."""
        return json.dumps([self.start, self.after])


class RecordRequests:
    """The requests for records.

    Args:
        table: The table's name or ARN.
    """

    def __init__(self, table: str) -> None:
        self._table = {"TableName": table}

    def _place(self, key: str) -> Parameters:
        return {**self._table, "Key": {KEY: {"S": key}}}

    def read(self, key: str) -> Parameters:
        """Read a record: GetItem, which is stale unless asked not to be."""
        return {**self._place(key), "ConsistentRead": True}

    def write(self, key: str, value: bytes, *, expires_at: Millis | None, write_id: str, expect: Expect) -> Parameters:
        """Store a record: PutItem, conditional on the version alone."""
        item: Parameters = {KEY: {"S": key}, "v": {"S": write_id}, "d": {"B": value}}
        if expires_at is not None:
            item |= {"x": _number(expires_at), TTL: _native(expires_at)}
        request = {**self._table, "Item": item, **_REFUSAL}
        if isinstance(expect, Match):
            return {**request, "ConditionExpression": _VERSION, "ExpressionAttributeValues": _version(expect.version)}
        return {**request, "ConditionExpression": _ABSENT} if expect is ABSENT else {**self._table, "Item": item}

    def touch(self, key: str, *, seen: Record, expires_at: Millis) -> Parameters:
        """Move a record's expiry: UpdateItem, conditional on version and expiry, so that it creates nothing."""
        condition, values = _sight(seen.version, seen.expires_at)
        return {
            **self._place(key),
            "UpdateExpression": f"SET x = :x, {TTL} = :t",
            "ConditionExpression": condition,
            "ExpressionAttributeValues": {**values, ":x": _number(expires_at), ":t": _native(expires_at)},
            **_REFUSAL,
        }

    def delete(self, key: str, *, expect: Sight) -> Parameters:
        """Delete a record: DeleteItem, which returns the item that it deleted, if there was one."""
        request = {**self._place(key), "ReturnValues": "ALL_OLD"}
        if expect is ANY:
            return request
        if isinstance(expect, Entry):
            condition, values = _sight(expect.version, expect.expires_at)
        else:
            condition, values = _VERSION, _version(expect.version)
        return {
            **request,
            "ConditionExpression": f"{_ABSENT} OR ({condition})",
            "ExpressionAttributeValues": values,
            **_REFUSAL,
        }

    def page(self, prefix: str, *, cursor: Cursor) -> Parameters:
        """List a part of the records: Scan, which looks at so many items and returns those under the prefix."""
        request: Parameters = {
            **self._table,
            "ConsistentRead": True,
            "ProjectionExpression": "k, v, x",
            "Limit": SCANNED,
        }
        if prefix:
            request["FilterExpression"] = "begins_with(k, :p)"
            request["ExpressionAttributeValues"] = {":p": {"S": prefix}}
        if cursor.start is not None:
            request["ExclusiveStartKey"] = {KEY: {"S": cursor.start}}
        return request

    def describe(self) -> Parameters:
        """Describe the table, or its time to live."""
        return dict(self._table)


def _number(value: int) -> Parameters:
    return {"N": str(value)}


def _native(expires_at: Millis) -> Parameters:
    """Return when DynamoDB may reclaim a record: a day late at least (R-16), whatever part of a second is left."""
    return _number(-(-expires_at // 1000) + _SECONDS_A_DAY)


def _version(version: str) -> Parameters:
    return {":v": {"S": version}}


def _sight(version: str, expires_at: Millis | None) -> tuple[str, Parameters]:
    """Return the condition that a record is still as it was seen, and its values."""
    if expires_at is None:
        return f"{_VERSION} AND attribute_not_exists(x)", _version(version)
    return f"{_VERSION} AND x = :w", {**_version(version), ":w": _number(expires_at)}
