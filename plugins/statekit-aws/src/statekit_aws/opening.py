"""Opening: drivers over clients that are not made yet, and the check of how table and bucket are set up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from botocore.exceptions import ClientError

from statekit.driver import Drivers, Opening

from .clients import Client, client_for
from .codes import code_of
from .dynamodb.driver import Records
from .dynamodb.requests import KEY, TTL, RecordRequests
from .faults import MisfitError
from .options import AWSOptions, DynamoDBOptions, S3Options, bucket_of, prefix_of, table_of
from .s3.driver import Objects
from .s3.requests import ObjectRequests
from .sessions import Session

__all__ = ["check_table", "dynamodb_client", "is_denied", "open_drivers", "s3_client"]

_RECORDS: Final = (DynamoDBOptions, AWSOptions)
_OBJECTS: Final = (S3Options, AWSOptions)


def open_drivers(opening: Opening[Any]) -> Drivers:
    """Open the drivers that the URL's options call for. Nothing is sent, and no client is made.

    Raises:
        ValueError: The URL names no table or bucket, or does not go with the client that was handed in.
    """
    session = Session(opening)
    records: Records | None = None
    objects: Objects | None = None
    clients: list[Client] = []
    checks: list[Callable[[], tuple[str, ...]]] = []
    if isinstance(opening.options, _RECORDS):
        dynamodb, table = dynamodb_client(opening, session), RecordRequests(table_of(opening))
        records = Records(dynamodb, table)
        clients.append(dynamodb)
        checks.append(lambda: check_table(dynamodb, table, opening.attempt_timeout))
    if isinstance(opening.options, _OBJECTS):
        s3 = s3_client(opening, session)
        bucket = ObjectRequests(bucket_of(opening), prefix_of(opening), checks=opening.options.checksum == "crc32c")
        objects = Objects(s3, bucket)
        clients.append(s3)
        checks.append(lambda: _check_bucket(s3, bucket, opening.attempt_timeout))

    def close() -> None:
        for client in clients:
            client.close()

    def check() -> tuple[str, ...]:
        warnings = [warning for check in checks for warning in check()]
        return (*warnings, *(warning for client in clients for warning in client.warnings()))

    return Drivers(records=records, objects=objects, close=close, check=check)


def dynamodb_client(opening: Opening[Any], session: Session) -> Client:
    """Return the client for records."""
    options = opening.options
    endpoint = options.dynamodb_endpoint if isinstance(options, AWSOptions) else options.endpoint
    return client_for(opening, "dynamodb", endpoint, session)


def s3_client(opening: Opening[Any], session: Session) -> Client:
    """Return the client for objects."""
    options = opening.options
    endpoint = options.s3_endpoint if isinstance(options, AWSOptions) else options.endpoint
    return client_for(opening, "s3", endpoint, session)


def check_table(client: Client, requests: RecordRequests, timeout: float) -> tuple[str, ...]:
    """Look at the table's key and at its time to live.

    Raises:
        MisfitError: Records cannot live in this table.
    """
    table = client.call("describe_table", timeout, requests.describe())["Table"]
    keys = [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]]
    types = {kind["AttributeName"]: kind["AttributeType"] for kind in table["AttributeDefinitions"]}
    if keys != [(KEY, "HASH")] or types.get(KEY) != "S":
        raise MisfitError
    if _reclaims(client, requests, timeout):
        return ()
    return (f"time to live by the attribute {TTL} is off: expired records are kept, and paid for, until a sweep",)


def _reclaims(client: Client, requests: RecordRequests, timeout: float) -> bool:
    """Whether time to live is on; also where nobody may tell."""
    try:
        found = client.call("describe_time_to_live", timeout, requests.describe())["TimeToLiveDescription"]
    except ClientError as error:
        if is_denied(error):
            return True
        raise
    return found.get("TimeToLiveStatus") in ("ENABLED", "ENABLING") and found.get("AttributeName") == TTL


def is_denied(error: ClientError) -> bool:
    """Whether the credentials do not allow what is no part of the minimal policy."""
    return code_of(error) in ("AccessDenied", "AccessDeniedException")


def _check_bucket(client: Client, requests: ObjectRequests, timeout: float) -> tuple[str, ...]:
    """Look whether the bucket is there."""
    client.call("head_bucket", timeout, requests.bucket())
    return ()
