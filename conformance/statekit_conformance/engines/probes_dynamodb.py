"""Questions to DynamoDB, asked by boto3."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from statekit_conformance.engines import vendor
from statekit_conformance.engines.engine import Engine
from statekit_conformance.engines.findings import (
    WRITERS,
    Probe,
    nothing_lost,
    one_winner,
    probe,
    race,
    require,
)

_TABLE = "statekit-certify"
_LIMIT = 400 * 1024  # bytes of an item, the names of its attributes included
_REFUSALS = frozenset(
    {"ConditionalCheckFailedException", "TransactionCanceledException", "TransactionConflictException"}
)


@dataclass(frozen=True)
class Site:
    """An engine and a client of it."""

    engine: Engine
    client: Any

    def put(self, key: str, value: int, **condition: Any) -> Any:
        """Put an item whose attribute v is the number."""
        item = {"id": {"S": key}, "v": {"N": str(value)}}
        return self.client.put_item(TableName=_TABLE, Item=item, **condition)

    def get(self, key: str) -> int | None:
        """Read the number by a consistent read."""
        from botocore.exceptions import ClientError

        try:
            answer = self.client.get_item(TableName=_TABLE, Key={"id": {"S": key}}, ConsistentRead=True)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return None  # the table itself is gone
        return int(answer["Item"]["v"]["N"]) if "Item" in answer else None


@contextmanager
def site(engine: Engine) -> Iterator[Site]:
    """Open a client and make its table."""
    with vendor.dynamodb_client(engine.endpoints["dynamodb"]) as client:
        vendor.make_table(client, _TABLE)
        yield Site(engine, client)


def conditional_puts_have_one_winner(site: Site) -> str:
    """Sixteen puts on one version."""

    def prepare(n: int) -> str:
        site.put(f"swap-{n}", -1)
        return f"swap-{n}"

    return one_winner(prepare, lambda key, n: _accepted(lambda: site.put(key, n, **_if_version(-1))), site.get)


def puts_if_absent_have_one_winner(site: Site) -> str:
    """Sixteen puts of one key that is not there."""
    absent = {"ConditionExpression": "attribute_not_exists(id)"}
    return one_winner("create-{}".format, lambda key, n: _accepted(lambda: site.put(key, n, **absent)), site.get)


def a_delete_of_another_version_is_refused(site: Site) -> str:
    """A delete of another version, then of the current one."""

    def delete(version: int) -> bool:
        key = {"id": {"S": "remove"}}
        return _accepted(lambda: site.client.delete_item(TableName=_TABLE, Key=key, **_if_version(version)))

    site.put("remove", 1)
    require(not delete(0), "a delete of another version was applied")
    require(site.get("remove") == 1, "a refused delete removed the item")
    require(delete(1), "a delete of the current version was refused")
    require(site.get("remove") is None, "an acknowledged delete left the item")
    return "a delete that names another version is refused"


def a_refusal_shows_the_current_item(site: Site) -> str:
    """ReturnValuesOnConditionCheckFailure=ALL_OLD."""
    from botocore.exceptions import ClientError

    site.put("shown", 7)
    try:
        site.put("shown", 8, ReturnValuesOnConditionCheckFailure="ALL_OLD", **_if_version(0))
    except ClientError as error:
        shown = error.response.get("Item")
        require(shown == {"id": {"S": "shown"}, "v": {"N": "7"}}, f"the refusal carries {shown}")
        return "a refusal carries the current item"
    require(False, "a put on another version was applied")
    return ""


def an_acknowledged_put_is_read_at_once(site: Site) -> str:
    """A hundred puts, each read back consistently."""
    for n in range(100):
        site.put("fresh", n)
        found = site.get("fresh")
        require(found == n, f"{found} was read after {n} was acknowledged")
    return "100 consistent reads saw the put acknowledged before them"


def added_numbers_add_up(site: Site) -> str:
    """ADD from sixteen threads."""

    def add(_: int) -> bool:
        for _ in range(5):
            site.client.update_item(
                TableName=_TABLE,
                Key={"id": {"S": "sum"}},
                UpdateExpression="ADD v :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )
        return True

    race(add)
    require(site.get("sum") == WRITERS * 5, f"{WRITERS * 5} additions of one make {site.get('sum')}")
    return f"{WRITERS * 5} concurrent additions of one add up"


def the_size_limit_is_exact(site: Site) -> str:
    """An item of 400 KB, and one with a byte more."""
    from botocore.exceptions import ClientError

    def taken(key: str, size: int) -> bool:
        data = b"x" * (size - len("id") - len(key) - len("d"))
        try:
            site.client.put_item(TableName=_TABLE, Item={"id": {"S": key}, "d": {"B": data}})
        except ClientError as error:
            require(error.response["Error"]["Code"] == "ValidationException", f"refused by {error}")
            return False
        return True

    require(taken("full", _LIMIT), f"an item of {_LIMIT} bytes is refused")
    require(not taken("over", _LIMIT + 1), f"an item of {_LIMIT + 1} bytes is taken")
    return f"an item of {_LIMIT} bytes is taken, and one of {_LIMIT + 1} refused"


def a_ttl_attribute_can_be_named(site: Site) -> str:
    """UpdateTimeToLive, then DescribeTimeToLive."""
    site.client.update_time_to_live(TableName=_TABLE, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})
    described = site.client.describe_time_to_live(TableName=_TABLE)["TimeToLiveDescription"]
    require(described.get("TimeToLiveStatus") in ("ENABLED", "ENABLING"), f"it describes {described}")
    return "UpdateTimeToLive is taken and described"


def transactions_are_all_or_nothing(site: Site) -> str:
    """Two items in one transaction, sixteen times at once; and one whose second condition fails."""

    def put(key: str, value: int, version: int) -> dict[str, Any]:
        item = {"id": {"S": key}, "v": {"N": str(value)}}
        return {"Put": {"TableName": _TABLE, "Item": item, **_if_version(version)}}

    def both(n: int, value: int, second: int = -1) -> bool:
        items = [put(f"left-{n}", value, -1), put(f"right-{n}", value, second)]
        return _accepted(lambda: site.client.transact_write_items(TransactItems=items))

    def prepare(n: int) -> int:
        site.put(f"left-{n}", -1)
        site.put(f"right-{n}", -1)
        require(not both(n, 99, second=5), "a transaction with a failed condition was applied")
        require(site.get(f"left-{n}") == -1, "a refused transaction wrote its first item")
        return n

    def stored(n: int) -> int | None:
        left, right = site.get(f"left-{n}"), site.get(f"right-{n}")
        require(left == right, f"one transaction's {left} stands beside another's {right}")
        return left

    return one_winner(prepare, both, stored)


def acknowledged_writes_survive_a_kill(site: Site) -> str:
    """SIGKILL under load."""
    return nothing_lost(site.engine, site.put, site.get, stem="durable")


def _if_version(version: int) -> dict[str, Any]:
    return {"ConditionExpression": "v = :v", "ExpressionAttributeValues": {":v": {"N": str(version)}}}


def _accepted(write: Callable[[], Any]) -> bool:
    from botocore.exceptions import ClientError

    try:
        write()
    except ClientError as error:
        if error.response["Error"]["Code"] not in _REFUSALS:
            raise
        return False
    return True


PROBES: tuple[Probe[Site], ...] = (
    probe("records.cas", conditional_puts_have_one_winner),
    probe("records.create_once", puts_if_absent_have_one_winner),
    probe("records.delete_conditional", a_delete_of_another_version_is_refused),
    probe("records.refusal_shows_current", a_refusal_shows_the_current_item),
    probe("records.consistent_read", an_acknowledged_put_is_read_at_once),
    probe("records.counters", added_numbers_add_up),
    probe("records.size_limit", the_size_limit_is_exact),
    probe("records.native_ttl", a_ttl_attribute_can_be_named),
    probe("records.transactions", transactions_are_all_or_nothing),
    probe("durable", acknowledged_writes_survive_a_kill),
)
