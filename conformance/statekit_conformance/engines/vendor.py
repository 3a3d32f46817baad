"""The vendors' own clients, pointed at an engine: retries off, and every wait bounded.

What is learned through these is about the engine alone, since no backend has a part in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redis import Redis
    from redis.cluster import RedisCluster

ACCESS_KEY, SECRET_KEY, REGION = "statekit", "statekit-secret", "eu-west-1"
PROJECT = "statekit"
PATIENCE = 30.0  # seconds; a contended conditional write of SeaweedFS was seen to take 10

# Without the last three an SDK would look for its user's own profiles, or for the credentials of its machine.
AWS_ENVIRONMENT: Mapping[str, str] = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def redis_client(url: str, *, timeout: float = PATIENCE) -> Iterator[Redis]:
    """Open redis-py on one server.

    Args:
        url: The server's URL.
        timeout: Seconds for connecting, and for each answer.
    """
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    once = Retry(NoBackoff(), 0)
    client = Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=once)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def redis_cluster_client(url: str, *, timeout: float = PATIENCE) -> Iterator[RedisCluster]:
    """Open redis-py on a cluster, one of whose nodes has this URL."""
    from redis.cluster import RedisCluster

    client = RedisCluster.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def s3_client(url: str, *, timeout: float = PATIENCE) -> Iterator[Any]:
    """Open boto3's client for S3."""
    yield from _aws_client("s3", url, timeout)


@contextmanager
def dynamodb_client(url: str, *, timeout: float = PATIENCE) -> Iterator[Any]:
    """Open boto3's client for DynamoDB."""
    yield from _aws_client("dynamodb", url, timeout)


@contextmanager
def gcs_client(url: str) -> Iterator[Any]:
    """Open google-cloud-storage, with nobody's credentials."""
    # By import_module, because Google's packages have no types.
    nobody = import_module("google.auth.credentials").AnonymousCredentials()
    storage = import_module("google.cloud.storage")
    client = storage.Client(PROJECT, nobody, client_options={"api_endpoint": url})
    try:
        yield client
    finally:
        client.close()


def gcs_first_write(url: str, timeout: float) -> None:
    """Upload an object into a new bucket and remove both; the bucket may be an earlier attempt's."""
    with gcs_client(url) as client:
        bucket = client.bucket("statekit-ready")
        if not bucket.exists(timeout=timeout, retry=None):
            client.create_bucket(bucket, timeout=timeout, retry=None)
        blob = bucket.blob("ready")
        blob.upload_from_string(b"1", timeout=timeout, retry=None)
        blob.delete(timeout=timeout, retry=None)
        bucket.delete(timeout=timeout, retry=None)


def _aws_client(service: str, url: str, timeout: float) -> Iterator[Any]:
    from botocore.config import Config

    config = Config(
        connect_timeout=timeout,
        read_timeout=timeout,
        retries={"total_max_attempts": 1},
        signature_version="s3v4" if service == "s3" else None,  # signed URLs would otherwise be of version 2
        max_pool_connections=32,
        s3={"addressing_style": "path"},
    )
    client = _aws_session().client(service, endpoint_url=url, config=config)
    try:
        yield client
    finally:
        client.close()


def make_bucket(client: Any, name: str) -> None:
    """Create an S3 bucket unless an earlier attempt did, or an earlier life of the server."""
    from botocore.exceptions import ClientError

    try:
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
            raise


def make_table(client: Any, name: str) -> None:
    """Create a DynamoDB table, keyed by the string `id`, unless it is there, and wait until it takes items."""
    from botocore.exceptions import ClientError

    try:
        client.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceInUseException":
            raise
    # Also where a server is told to create tables at once, one is refused for a moment after it was asked for.
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})


@cache
def _aws_session() -> Any:
    from boto3.session import Session

    return Session(ACCESS_KEY, SECRET_KEY, region_name=REGION)
