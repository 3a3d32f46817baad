"""What DynamoDB's answers mean: pure, without a connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from statekit.driver import Entry, Gone, Page, Record, Refused
from statekit_aws.codes import code_of
from statekit_aws.dynamodb.requests import Cursor
from statekit_aws.faults import UnreadableError

__all__ = ["deleted", "page", "record", "refusal"]


def record(item: Mapping[str, Any] | None) -> Record | None:
    """Read an item.

    Raises:
        UnreadableError: It is not one that this driver wrote.
    """
    if item is None:
        return None
    try:
        return Record(bytes(item["d"]["B"]), item["v"]["S"], _expiry(item))
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableError from error


def _expiry(item: Mapping[str, Any]) -> int | None:
    return int(item["x"]["N"]) if "x" in item else None


def refusal(error: ClientError) -> Refused[Record]:
    """Read a refusal. Where no item comes with it, there is none, or the server is one that never sends it.

    Raises:
        ClientError: It is no refusal.
    """
    if code_of(error) != "ConditionalCheckFailedException":
        raise error
    item: Any = error.response.get("Item")
    return Refused(record(item)) if item else Refused()


def deleted(response: Mapping[str, Any]) -> Gone:
    """Read the answer to a delete: with the item that was deleted, if there was one."""
    return Gone.DELETED if response.get("Attributes") else Gone.ABSENT


def page(response: Mapping[str, Any], cursor: Cursor, limit: int) -> Page[Entry]:
    """Read one part of a scan. An item without a version is somebody else's.

    Where a page ends in the middle of what was scanned, the next one scans the same again and goes on behind the last
    key; if that was deleted meanwhile, it begins anew, for which R-17 allows.
    """
    found = [item for item in response.get("Items", ()) if "v" in item]
    keys = [item["k"]["S"] for item in found]
    first = keys.index(cursor.after) + 1 if cursor.after in keys else 0
    items = tuple(Entry(item["k"]["S"], item["v"]["S"], _expiry(item)) for item in found[first : first + limit])
    if first + limit < len(found):
        return Page(items, Cursor(cursor.start, items[-1].key).text)
    last = response.get("LastEvaluatedKey")
    return Page(items, Cursor(last["k"]["S"]).text if last else None)
