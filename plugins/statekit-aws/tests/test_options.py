"""What a URL means, which clients are taken, and that importing and opening the plugin does nothing."""

import subprocess
import sys
import threading
import time
from io import BytesIO

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from statekit_aws import BACKENDS, AWSOptions, DynamoDBOptions, S3Options
from statekit_aws.clients import Client, client_for
from statekit_aws.opening import open_drivers
from statekit_aws.options import bucket_of, prefix_of, table_of
from statekit_aws.sessions import Session
from urllib3 import HTTPResponse

import statekit
from statekit.driver import MultipartDriver, ObjectDriver, RecordDriver

CLIENT = {"region_name": "eu-west-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}


def test_an_authority_is_a_table_or_a_bucket_and_a_path_is_a_prefix(opening):
    assert table_of(opening("dynamodb", "Shop_State")) == "Shop_State"
    assert bucket_of(opening("s3", "shop", "/a/b/")) == "shop"
    assert prefix_of(opening("s3", "shop", "/a/b/")) == "a/b/"
    assert prefix_of(opening("s3", "shop", "/")) == ""


def test_both_are_options(opening):
    both = opening("aws", table="tab", bucket="bkt", prefix="p")
    assert (table_of(both), bucket_of(both), prefix_of(both)) == ("tab", "bkt", "p/")


@pytest.mark.parametrize(
    ("scheme", "authority", "path", "reads"),
    [
        ("dynamodb", "", "", table_of),
        ("dynamodb", "no", "", table_of),
        ("dynamodb", "no table", "", table_of),
        ("s3", "no?", "", bucket_of),
        ("dynamodb", "tab", "/x", table_of),
        ("s3", "", "", bucket_of),
        ("s3", "bkt", "/a//b", prefix_of),
        ("s3", "bkt", "/a/../b", prefix_of),
        ("s3", "bkt", "/" + "p" * 24, prefix_of),
    ],
)
def test_a_url_that_names_no_place_is_refused(opening, scheme, authority, path, reads):
    with pytest.raises(ValueError, match=r"URL|prefix|name"):
        reads(opening(scheme, authority, path))


def test_aws_has_no_authority(opening):
    with pytest.raises(ValueError, match="aws://"):
        table_of(opening("aws", "tab", table="tab", bucket="bkt"))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: DynamoDBOptions(endpoint="localhost:8000"),
        lambda: S3Options(endpoint="localhost:8000"),
        lambda: AWSOptions(table="tab", bucket="bkt", s3_endpoint="x"),
        lambda: AWSOptions(table="", bucket="bkt"),
        lambda: S3Options(role="me"),
    ],
)
def test_an_option_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=r"endpoint|name|ARN"):
        wrong()


def test_an_unknown_checksum_is_a_configuration_error():
    with pytest.raises(statekit.ConfigError, match="crc32c"):
        statekit.open(sessions="memory:", objects="s3://bucket?checksum=md5")


def test_every_scheme_is_announced_and_declared():
    assert [backend.schemes for backend in BACKENDS] == [("dynamodb",), ("s3",), ("aws",)]
    assert [(backend.records, backend.objects) for backend in BACKENDS] == [(True, False), (False, True), (True, True)]


def test_importing_the_plugin_imports_no_sdk():
    code = "import sys, statekit_aws; sys.exit(any(m in sys.modules for m in ('boto3', 'botocore', 'urllib3')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_opening_makes_no_client_and_closing_needs_none(opening):
    drivers = open_drivers(opening("aws", table="tab", bucket="bkt", profile="there-is-no-such-profile"))
    assert isinstance(drivers.records, RecordDriver)
    assert isinstance(drivers.objects, ObjectDriver)
    assert isinstance(drivers.objects, MultipartDriver)
    drivers.close()


def test_threads_that_are_first_together_make_one_client():
    made = []

    def make():
        made.append(boto3.client("dynamodb", **CLIENT))
        return made[-1]

    client, gate, got = Client(make, own=True), threading.Barrier(8), []
    threads = [threading.Thread(target=lambda: (gate.wait(), got.append(client.raw))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), len(got), len(set(map(id, got)))) == (1, 8, 1)
    client.close()


def test_a_client_of_ours_repeats_nothing(opening, monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "5")
    monkeypatch.setenv("AWS_RETRY_MODE", "adaptive")
    for service in ("s3", "dynamodb"):
        scheme = opening("aws", table="tab", bucket="bkt", region="eu-west-1", client=boto3.Session(**CLIENT))
        client = client_for(scheme, service, None, Session(scheme))
        assert client.raw.meta.config.retries["total_max_attempts"] == 1
        assert client.raw.meta.config.retries["mode"] == "standard"
        assert client.warnings() == ()
        client.close()


@pytest.mark.parametrize(("endpoint", "style"), [(None, "auto"), ("http://127.0.0.1:1", "path")])
def test_an_endpoint_of_ones_own_has_the_bucket_in_the_path(opening, endpoint, style):
    place = opening("s3", "bkt", endpoint=endpoint, region="eu-west-1", client=boto3.Session(**CLIENT))
    client = client_for(place, "s3", endpoint, Session(place))
    assert client.raw.meta.config.s3["addressing_style"] == style
    client.close()


def test_a_body_is_digested_once_over_tls_and_signed_without(opening):
    for endpoint, unsigned in (("https://127.0.0.1:1", False), ("http://127.0.0.1:1", None)):
        place = opening("s3", "bkt", endpoint=endpoint, region="eu-west-1", client=boto3.Session(**CLIENT))
        client = client_for(place, "s3", endpoint, Session(place))
        assert client.raw.meta.config.s3.get("payload_signing_enabled") is unsigned
        client.close()


def test_a_client_that_is_handed_in_is_used_as_it_is_and_never_closed(opening):
    mine = {"dynamodb": boto3.client("dynamodb", **CLIENT), "s3": boto3.client("s3", **CLIENT)}
    place = opening("aws", table="tab", bucket="bkt", client=mine)
    client = client_for(place, "s3", None, Session(place))
    assert client.raw is mine["s3"]
    client.close()
    mine["s3"].generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
    assert "repeats requests" in client_for(place, "dynamodb", None, Session(place)).warnings()[0]


@pytest.mark.parametrize("option", [{"region": "eu-west-1"}, {"profile": "p"}, {"role": "arn:x"}, {"path_style": True}])
def test_options_that_a_client_decides_are_refused_beside_one(opening, option):
    with pytest.raises(ValueError, match="handed in"):
        open_drivers(opening("s3", "bkt", client=boto3.client("s3", **CLIENT), **option))


@pytest.mark.parametrize(
    "client", ["no client", {"s3": None}, boto3.client("sts", **CLIENT)], ids=("str", "map", "sts")
)
def test_something_else_is_refused(opening, client):
    with pytest.raises(ValueError, match="client is a session"):
        open_drivers(opening("s3", "bkt", client=client))


def test_a_session_has_its_own_profile_and_role(opening):
    with pytest.raises(ValueError, match="session's own"):
        open_drivers(opening("s3", "bkt", client=boto3.Session(**CLIENT), role="arn:x"))


def test_a_call_ends_within_its_own_timeout(opening, monkeypatch):
    """The listener never answers, and the client itself would wait for 30 s."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        drivers = open_drivers(
            opening("dynamodb", "tab", endpoint=endpoint, region="eu-west-1", client=boto3.Session(**CLIENT))
        )
        began = time.monotonic()
        with pytest.raises(Exception, match="timeout") as caught:
            drivers.records.read("k", timeout=0.2)
        assert time.monotonic() - began < 5
        assert drivers.records.fault(caught.value).fault.name == "TIMED_OUT"
        drivers.close()


@pytest.mark.parametrize(("size", "waits"), [(0, False), (1, False), (64 * 1024, False), (64 * 1024 + 1, True)])
def test_a_small_body_is_sent_with_its_request_and_a_larger_one_waits_to_be_wanted(size, waits):
    sent = []

    def answer(request, **_):
        sent.append(request.headers.get("Expect"))
        return AWSResponse(request.url, 200, {"ETag": '"e"'}, HTTPResponse(BytesIO(), preload_content=False))

    client = Client(lambda: boto3.client("s3", **CLIENT), own=True)
    client.raw.meta.events.register("before-send.s3", answer)
    client.call("put_object", 1.0, {"Bucket": "bkt", "Key": "k", "Body": bytes(size), "ChecksumCRC32C": "AAAAAA=="})
    client.close()
    assert sent == [b"100-continue" if waits else None]
