"""Letting pages of other origins in: the bucket's CORS rules.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from botocore.exceptions import ClientError

from statekit.driver import Opening

from .clients import Client
from .codes import code_of
from .opening import s3_client
from .options import bucket_of
from .sessions import Session

__all__ = ["welcome"]

_RULE: Final = "statekit-browsers"


def welcome(opening: Opening[Any], origins: Sequence[str], *, dry_run: bool) -> Sequence[str]:
    """Write one rule for these origins, in place of the one written before; others stay.

    Raises:
        ClientError: The service refused.
    """
    client, bucket = s3_client(opening, Session(opening)), bucket_of(opening)
    try:
        others = [rule for rule in _rules(client, bucket, opening.attempt_timeout) if rule.get("ID") != _RULE]
        if not dry_run:
            rules = {"CORSRules": [*others, _rule(origins)]}
            parameters = {"Bucket": bucket, "CORSConfiguration": rules}
            client.call("put_bucket_cors", opening.attempt_timeout, parameters)
    finally:
        client.close()
    kept = f", beside {len(others)} other rules" if others else ""
    return (f"bucket {bucket}: pages of {', '.join(origins)} {'would be' if dry_run else 'are'} let in{kept}",)


def _rules(client: Client, bucket: str, timeout: float) -> list[dict[str, Any]]:
    try:
        return list(client.call("get_bucket_cors", timeout, {"Bucket": bucket}).get("CORSRules", []))
    except ClientError as error:
        if code_of(error) != "NoSuchCORSConfiguration":
            raise
        return []


def _rule(origins: Sequence[str]) -> dict[str, Any]:
    return {
        "ID": _RULE,
        "AllowedOrigins": list(origins),
        "AllowedMethods": ["GET", "HEAD", "PUT", "POST"],
        "AllowedHeaders": ["*"],
        "ExposeHeaders": ["ETag", "Content-Range", "Content-Disposition", "Accept-Ranges"],
        "MaxAgeSeconds": 3600,
    }
