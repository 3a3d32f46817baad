"""The options of the three URLs, and where each of them says that the state is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from statekit.driver import Opening

__all__ = ["AWSOptions", "Access", "Checksum", "DynamoDBOptions", "S3Options", "bucket_of", "prefix_of", "table_of"]

Checksum: TypeAlias = Literal["crc32c", "none"]

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{3,255}")
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
S3 allows less, and other servers as much."""
PREFIX_BYTES: Final = 24
"""S3's keys have 1,024 bytes (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html), core's 1,000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How Amazon's services are reached. Credentials come from where boto3 looks for them.

    Attributes:
        region: The region; by default boto3's own.
        profile: A profile of the shared configuration files.
        role: The ARN of a role to assume; its credentials are refreshed as long as the process lives.
    """

    region: str | None = None
    profile: str | None = None
    role: str | None = None

    def __post_init__(self) -> None:
        if self.role is not None and not self.role.startswith("arn:"):
            raise ValueError("role is the role's ARN")


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamoDBOptions(Access):
    """The options of ``dynamodb://table``.

    Attributes:
        endpoint: The URL of another server than Amazon's.
    """

    endpoint: str | None = None

    def __post_init__(self) -> None:
        Access.__post_init__(self)
        _check_endpoint(self.endpoint)


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Options(Access):
    """The options of ``s3://bucket/prefix``.

    Attributes:
        endpoint: The URL of another server than Amazon's.
        path_style: Whether the bucket stands in the path and not in the host name; by default, with an endpoint.
        checksum: ``crc32c``: the server checks what it is sent. ``none``: for one that takes no such checksum.
    """

    endpoint: str | None = None
    path_style: bool | None = None
    checksum: Checksum = "crc32c"

    def __post_init__(self) -> None:
        Access.__post_init__(self)
        _check_endpoint(self.endpoint)


@dataclass(frozen=True, slots=True, kw_only=True)
class AWSOptions(Access):
    """The options of ``aws://``.

    Attributes:
        table: DynamoDB's table.
        bucket: S3's bucket.
        prefix: What every key in the bucket begins with.
        dynamodb_endpoint: The URL of another server than Amazon's.
        s3_endpoint: The same for S3.
        path_style: See S3Options.
        checksum: See S3Options.
    """

    table: str
    bucket: str
    prefix: str = ""
    dynamodb_endpoint: str | None = None
    s3_endpoint: str | None = None
    path_style: bool | None = None
    checksum: Checksum = "crc32c"

    def __post_init__(self) -> None:
        Access.__post_init__(self)
        _check_endpoint(self.dynamodb_endpoint)
        _check_endpoint(self.s3_endpoint)
        _name("table", self.table)
        _name("bucket", self.bucket)
        _prefix(self.prefix)


def table_of(opening: Opening[DynamoDBOptions] | Opening[AWSOptions]) -> str:
    """Return the table's name.

    Raises:
        ValueError: The URL names none that can be, or more than a table.
    """
    if isinstance(opening.options, AWSOptions):
        _refuse_place(opening)
        return opening.options.table
    if not opening.authority or opening.path.strip("/"):
        raise ValueError("the URL is dynamodb://TABLE, without a path")
    return _name("table", opening.authority)


def bucket_of(opening: Opening[S3Options] | Opening[AWSOptions]) -> str:
    """Return the bucket's name.

    Raises:
        ValueError: The URL names none that can be.
    """
    if isinstance(opening.options, AWSOptions):
        _refuse_place(opening)
        return opening.options.bucket
    if not opening.authority:
        raise ValueError("the URL is s3://BUCKET or s3://BUCKET/PREFIX")
    return _name("bucket", opening.authority)


def prefix_of(opening: Opening[S3Options] | Opening[AWSOptions]) -> str:
    """Return what every key in the bucket begins with: nothing, or segments that each end in a slash.

    Raises:
        ValueError: It is no beginning of a key, or too long.
    """
    options = opening.options
    return _prefix(options.prefix if isinstance(options, AWSOptions) else opening.path)


def _name(kind: str, name: str) -> str:
    """Return a table's or a bucket's name: what no server takes is not even sent."""
    if not name.startswith("arn:") and not _NAME.fullmatch(name):
        raise ValueError(f"a {kind}'s name has 3 to 255 letters, digits, hyphens, dots and underscores")
    return name


def _prefix(path: str) -> str:
    prefix = path.strip("/")
    if not prefix:
        return ""
    if not set(prefix.split("/")).isdisjoint({"", ".", ".."}) or "\\" in prefix:
        raise ValueError("the prefix has segments between single slashes, none of them . or ..")
    if len(prefix.encode()) >= PREFIX_BYTES:
        raise ValueError(f"the prefix has at most {PREFIX_BYTES - 1} bytes, so that the longest key fits behind it")
    return f"{prefix}/"


def _refuse_place(opening: Opening[AWSOptions]) -> None:
    if opening.authority or opening.path.strip("/"):
        raise ValueError("the URL is aws://?table=TABLE&bucket=BUCKET")


def _check_endpoint(endpoint: str | None) -> None:
    if endpoint is not None and not endpoint.startswith(("http://", "https://")):
        raise ValueError("an endpoint begins with http:// or https://")
