"""An S3 engine as its probes see it: a client, a bucket, and the few things they all do with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from statekit_conformance.engines import vendor
from statekit_conformance.engines.engine import Engine

BUCKET = "statekit-certify"
_REFUSALS = frozenset({404, 409, 412})  # a match of a missing key: 412 here, 404 there; 409 means a race


@dataclass(frozen=True)
class Site:
    """An engine, a client of it, and its bucket."""

    engine: Engine
    client: Any

    def put(self, key: str, data: bytes, **options: Any) -> str:
        """Put an object and return its version."""
        return str(self.client.put_object(Bucket=BUCKET, Key=key, Body=data, **options)["ETag"])

    def get(self, key: str, **options: Any) -> bytes | None:
        """Read an object; None if it is not there."""
        from botocore.exceptions import ClientError

        try:
            return bytes(self.client.get_object(Bucket=BUCKET, Key=key, **options)["Body"].read())
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("NoSuchKey", "NoSuchBucket"):
                raise
            return None

    def number(self, key: str) -> int | None:
        """Read an object that is a number."""
        data = self.get(key)
        return None if data is None else int(data)

    def accepted(self, send: Callable[..., Any], **arguments: Any) -> bool:
        """Send a conditional request about the bucket; False if it was refused."""
        from botocore.exceptions import ClientError

        try:
            send(Bucket=BUCKET, **arguments)
        except ClientError as error:
            if status(error) not in _REFUSALS:
                raise
            return False
        return True

    def create(self, key: str, data: bytes) -> bool:
        """Put an object if there is none; False if that was refused."""
        return self.accepted(self.client.put_object, Key=key, Body=data, IfNoneMatch="*")

    def delete(self, key: str) -> None:
        """Delete an object."""
        self.client.delete_object(Bucket=BUCKET, Key=key)

    def keys(self, prefix: str, *, page: int = 1000, after: str = "") -> list[str]:
        """List keys, page after page."""
        listing = self.client.get_paginator("list_objects_v2")
        pages = listing.paginate(Bucket=BUCKET, Prefix=prefix, StartAfter=after, PaginationConfig={"PageSize": page})
        return [entry["Key"] for answer in pages for entry in answer.get("Contents", [])]

    def level(self, prefix: str, *, page: int = 1000, after: str = "") -> tuple[list[str], list[str]]:
        """List keys and folded prefixes up to the next slash, in pages of some size, after some key."""
        listing = self.client.get_paginator("list_objects_v2")
        place = {"Bucket": BUCKET, "Prefix": prefix, "Delimiter": "/", "StartAfter": after}
        pages = list(listing.paginate(**place, PaginationConfig={"PageSize": page}))
        keys = [entry["Key"] for answer in pages for entry in answer.get("Contents", [])]
        return keys, [entry["Prefix"] for answer in pages for entry in answer.get("CommonPrefixes", [])]


@contextmanager
def site(engine: Engine) -> Iterator[Site]:
    """Open a client and make its bucket."""
    with vendor.s3_client(engine.endpoints["s3"]) as client:
        vendor.make_bucket(client, BUCKET)
        yield Site(engine, client)


def status(error: Any) -> int:
    """Return the HTTP status of a refusal."""
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
