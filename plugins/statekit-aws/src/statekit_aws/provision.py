"""Creating what is missing: a table that reclaims what expired, a bucket that forgets uploads nobody finished.

What exists is described and never changed: what it lacks is said, with the command that would change it.
"""

from __future__ import annotations

import json
import shlex
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Final

from botocore.exceptions import ClientError

from statekit.driver import Opening
from statekit_aws.clients import Client
from statekit_aws.codes import code_of, status_of
from statekit_aws.dynamodb.requests import KEY, TTL, RecordRequests
from statekit_aws.opening import check_table, dynamodb_client, s3_client
from statekit_aws.options import AWSOptions, DynamoDBOptions, S3Options, bucket_of, prefix_of, table_of
from statekit_aws.sessions import Session

__all__ = ["provision"]

_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 2.0
_PATIENCE: Final = 180
"""Looks at a table that is being created, further and further apart: it takes some ten seconds."""
_RULE: Final = "statekit-unfinished-uploads"
_DAYS: Final = 2
"""Core's own sweep takes uploads that were begun a day ago."""


def provision(opening: Opening[Any], *, dry_run: bool) -> Sequence[str]:
    """Create the table and the bucket that an opening is about, where they are missing.

    Args:
        opening: What the backend is opened with. The credentials need more than at work: see the README.
        dry_run: Only say what would be done.

    Returns:
        What was done, or would be, and what was found: a line each, for people.

    Raises:
        MisfitError: There is a table of this name that records cannot live in.
        ClientError: The service refused.
    """
    session, lines = Session(opening), list[str]()
    if isinstance(opening.options, DynamoDBOptions | AWSOptions):
        client = dynamodb_client(opening, session)
        lines += _Table(client, table_of(opening), opening.attempt_timeout).provided(dry_run=dry_run)
        client.close()
    if isinstance(opening.options, S3Options | AWSOptions):
        client = s3_client(opening, session)
        lines += _Bucket(client, bucket_of(opening), prefix_of(opening), opening.attempt_timeout).provided(
            dry_run=dry_run
        )
        client.close()
    return tuple(lines)


class _Table:
    def __init__(self, client: Client, name: str, timeout: float) -> None:
        self._client, self._name, self._timeout = client, name, timeout
        self._requests = RecordRequests(name)

    def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        return self._client.call(operation, self._timeout, {"TableName": self._name, **parameters})

    def provided(self, *, dry_run: bool) -> Iterator[str]:
        """Create the table if there is none."""
        try:
            warnings = check_table(self._client, self._requests, self._timeout)
        except ClientError as error:
            if code_of(error) != "ResourceNotFoundException":
                raise
            yield from self._planned() if dry_run else self._created()
            return
        if not warnings:
            yield self._line(f"exists, and DynamoDB reclaims what expired by the attribute {TTL}")
        for warning in warnings:
            yield self._line(f"exists; {warning}; to switch it on: {self._advice()}")

    def _planned(self) -> Iterator[str]:
        yield self._line(f"would be created in {self._region}, billed on demand, its only key the string {KEY}")
        yield self._line(f"DynamoDB would reclaim what expired by the attribute {TTL}")

    def _created(self) -> Iterator[str]:
        self._create()
        yield self._line(f"created in {self._region}, billed on demand, its only key the string {KEY}")
        reclaims = f"DynamoDB reclaims what expired by the attribute {TTL}"
        keeps = "this server has no time to live: what expired is kept until state.sweep()"
        yield self._line(reclaims if self._switch_on() else keeps)

    def _line(self, text: str) -> str:
        return f"table {self._name}: {text}"

    @property
    def _region(self) -> str:
        return str(self._client.raw.meta.region_name)

    def _create(self) -> None:
        self._call(
            "create_table",
            KeySchema=[{"AttributeName": KEY, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": KEY, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        pause = threading.Event()
        for number in range(_PATIENCE):
            if self._call("describe_table")["Table"]["TableStatus"] == "ACTIVE":
                return
            pause.wait(min(_LONGEST_PAUSE, _PAUSE * 2**number))

    def _switch_on(self) -> bool:
        """Switch time to live on, unless the server has none."""
        try:
            self._call("update_time_to_live", TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL})
        except ClientError as error:
            if code_of(error) != "UnknownOperationException":
                raise
            return False
        return True

    def _advice(self) -> str:
        return (
            f"aws dynamodb update-time-to-live --table-name {self._name} "
            f"--time-to-live-specification Enabled=true,AttributeName={TTL}"
        )


class _Bucket:
    def __init__(self, client: Client, name: str, prefix: str, timeout: float) -> None:
        self._client, self._name, self._timeout = client, name, timeout
        self._rule = {
            "ID": _RULE,
            "Status": "Enabled",
            "Filter": {"Prefix": prefix},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": _DAYS},
        }

    def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        return self._client.call(operation, self._timeout, {"Bucket": self._name, **parameters})

    def provided(self, *, dry_run: bool) -> Iterator[str]:
        """Create the bucket with its rule, if there is none."""
        if self._exists():
            yield self._line(f"exists; {self._lack(self._rules())}")
            return
        if not dry_run:
            self._create()
        would = "would be " if dry_run else ""
        yield self._line(f"{would}created in {self._region}")
        yield self._line(f"uploads that nobody finished {would or 'are '}forgotten after {_DAYS} days")

    def _line(self, text: str) -> str:
        return f"bucket {self._name}: {text}"

    @property
    def _region(self) -> str:
        return str(self._client.raw.meta.region_name)

    def _exists(self) -> bool:
        """Look for it.

        Raises:
            ClientError: It is somebody else's, or elsewhere.
        """
        try:
            self._call("head_bucket")
        except ClientError as error:
            if status_of(error) != 404:
                raise
            return False
        return True

    def _create(self) -> None:
        """Create it in the client's region, which for the first one may not be named, and give it its rule.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
        """
        elsewhere = self._region not in ("None", "us-east-1", "aws-global", "auto")
        place = {"CreateBucketConfiguration": {"LocationConstraint": self._region}} if elsewhere else {}
        self._call("create_bucket", **place)
        self._call("put_bucket_lifecycle_configuration", LifecycleConfiguration={"Rules": [self._rule]})

    def _rules(self) -> list[dict[str, Any]]:
        try:
            return list(self._call("get_bucket_lifecycle_configuration").get("Rules", []))
        except ClientError as error:
            if code_of(error) != "NoSuchLifecycleConfiguration":
                raise
            return []

    def _lack(self, rules: list[dict[str, Any]]) -> str:
        """Say whether uploads that nobody finished are forgotten, and if not, how to have it so."""
        if any("AbortIncompleteMultipartUpload" in rule for rule in rules):
            return "it has a rule for uploads that nobody finished"
        lacks = "uploads that nobody finished are kept, and paid for, until a sweep"
        if rules:
            return f"{lacks}; to have them forgotten, add to its rules: {json.dumps(self._rule)}"
        rule = shlex.quote(json.dumps({"Rules": [self._rule]}))
        command = f"aws s3api put-bucket-lifecycle-configuration --bucket {self._name} --lifecycle-configuration {rule}"
        return f"{lacks}; to have them forgotten: {command}"
