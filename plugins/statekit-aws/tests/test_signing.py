"""Signing without a server: boto3's signer as this plugin sets it up, against the examples that Amazon publishes."""

import base64
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import botocore.auth
import botocore.signers
import pytest
from botocore.credentials import Credentials, RefreshableCredentials
from statekit_aws.options import S3Options
from statekit_aws.s3.requests import ObjectRequests
from statekit_aws.s3.signing import sign
from statekit_aws.sessions import Session

from statekit.driver import Grant, Meta, Opening
from statekit.testing import FakeClock

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
THEN = datetime(2013, 5, 24, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _example(monkeypatch):
    for name, value in (("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", SECRET)):
        monkeypatch.setenv(name, value)
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def client():
    opening = Opening(
        scheme="s3",
        authority="examplebucket",
        path="",
        options=S3Options(region="us-east-1"),
        client=None,
        attempt_timeout=1.0,
        concurrency=1,
        clock=FakeClock(),
    )
    client = Session(opening).client("s3", None)
    yield client
    client.close()


@pytest.fixture
def at(monkeypatch):
    def set_to(moment):
        for module in (botocore.auth, botocore.signers):
            monkeypatch.setattr(module, "get_current_datetime", lambda *_, **__: moment.replace(tzinfo=None))

    return set_to


REQUESTS = ObjectRequests("examplebucket", "pre/", checks=True)


def test_the_published_presigned_url(client, at):
    # https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
    at(THEN)
    url = client.generate_presigned_url("get_object", {"Bucket": "examplebucket", "Key": "test.txt"}, 86400)
    signature = parse_qs(urlsplit(url).query)["X-Amz-Signature"]
    assert signature == ["aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"]


def test_the_published_policy(client, at):
    # https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html signs a policy as it stands, spaces
    # included; what is compared is the key that was derived from the same date, region and secret.
    at(datetime(2015, 12, 29, tzinfo=UTC))
    signer = botocore.auth.S3SigV4PostAuth(Credentials(KEY, SECRET), "s3", "us-east-1")
    request = botocore.awsrequest.AWSRequest("POST", "https://sigv4examplebucket.s3.amazonaws.com/")
    request.context["timestamp"] = "20151229T000000Z"
    policy = (
        "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJz"
        "aWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJw"
        "dWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6"
        "b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2Uv"
        "Il0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRp"
        "b24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRl"
        "bnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXot"
        "YWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9"
    )
    assert signer.signature(policy, request) == "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"


def test_a_put_signs_size_type_condition_and_metadata(client):
    meta = Meta("image/png", "max-age=1", None, {"who": "ada"})
    grant = Grant(method="PUT", key="a", lifetime=60, meta=meta, size=(5, 5), if_absent=True)
    signed = sign(client, REQUESTS, grant)
    query = parse_qs(urlsplit(signed.url).query)
    names = "cache-control;content-length;content-type;host;if-none-match;x-amz-meta-who"
    assert query["X-Amz-SignedHeaders"] == [names]
    assert urlsplit(signed.url).path == "/pre/a"
    assert signed.headers == {
        "Content-Type": "image/png",
        "Cache-Control": "max-age=1",
        "If-None-Match": "*",
        "x-amz-meta-who": "ada",
    }


def test_a_form_signs_every_field_and_the_size(client, at):
    at(THEN)
    meta = Meta("image/png", None, None, {"who": "ada"})
    grant = Grant(method="POST", key="up/", prefix=True, lifetime=60, meta=meta, size=(1, 9), success="https://a/b")
    signed = sign(client, REQUESTS, grant)
    conditions = json.loads(base64.b64decode(signed.fields["policy"]))["conditions"]
    assert ["content-length-range", 1, 9] in conditions
    assert ["starts-with", "$key", "pre/up/"] in conditions
    judged = {name for condition in conditions if isinstance(condition, dict) for name in condition}
    assert set(signed.fields) - {"policy", "x-amz-signature", "key"} <= judged
    assert signed.fields["key"] == "pre/up/${filename}"
    assert signed.expires_at == int(THEN.timestamp()) * 1000 + 60_000


def test_temporary_credentials_shorten_what_they_sign(client):
    def credentials(seconds):
        end = datetime.now(UTC) + timedelta(seconds=seconds)
        return RefreshableCredentials(
            KEY, SECRET, "token", end, lambda: None, "test", advisory_timeout=0, mandatory_timeout=0
        )

    grant = Grant(method="GET", key="a", lifetime=3600, overrides={})
    client._request_signer._credentials = credentials(600)
    before = datetime.now(UTC).timestamp()
    signed = sign(client, REQUESTS, grant)
    assert 590 <= int(parse_qs(urlsplit(signed.url).query)["X-Amz-Expires"][0]) <= 600
    assert 590_000 <= signed.expires_at - before * 1000 <= 600_000
    form = sign(client, REQUESTS, Grant(method="POST", key="a", lifetime=3600, meta=Meta("a/b"), size=(0, 1)))
    assert form.expires_at - before * 1000 <= 601_000
    client._request_signer._credentials = credentials(7200)
    assert parse_qs(urlsplit(sign(client, REQUESTS, grant).url).query)["X-Amz-Expires"] == ["3600"]


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
def test_a_client_that_signs_by_version_2_is_refused(method):
    import boto3
    from botocore.config import Config
    from statekit_aws.faults import WeakSignatureError, fault

    from statekit.driver import Fault

    client = boto3.client("s3", region_name="us-east-1", config=Config(signature_version="s3"))
    grant = Grant(method=method, key="a", lifetime=60, meta=Meta("image/png"), size=(1, 1), overrides={})
    with pytest.raises(WeakSignatureError) as caught:
        sign(client, REQUESTS, grant)
    assert fault(caught.value).fault is Fault.MISCONFIGURED
    client.close()
