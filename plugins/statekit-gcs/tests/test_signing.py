"""Signing without a server: byte for byte what Google's own client signs, and what it publishes."""

import base64
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.storage import _signing
from google.oauth2 import service_account
from statekit_gcs.faults import fault
from statekit_gcs.place import Place
from statekit_gcs.signing import KeylessError, _Signing, account_of, sign

from statekit.driver import Fault, Grant, Meta

URL = "https://storage.googleapis.com"
NOW = int(datetime(2026, 2, 10, 2, tzinfo=UTC).timestamp() * 1000)
PLACE = Place("some-bucket", "pre/")
FOLDER = os.environ.get("STATEKIT_GCS_VECTORS")


@pytest.fixture(scope="module")
def account():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    info = {"client_email": "a@b.example", "private_key": pem.decode(), "token_uri": "http://127.0.0.1:9/"}
    return service_account.Credentials.from_service_account_info(info)


@pytest.mark.parametrize("key", ["a", "a/ü b%2F~.jpg", "a+b&c=d?e#f", "(x)'y'*!"])
def test_a_download_is_signed_as_googles_client_signs_it(account, monkeypatch, key):
    monkeypatch.setattr(_signing, "_NOW", lambda _: datetime.fromtimestamp(NOW / 1000, UTC))
    overrides = {"response-content-disposition": 'attachment; filename="a"', "response-content-type": "image/png"}
    signed = sign(account, URL, PLACE, Grant(method="GET", key=key, lifetime=60, overrides=overrides), NOW)
    blob = storage.Client("p", AnonymousCredentials()).bucket("some-bucket").blob(f"pre/{key}")
    theirs = blob.generate_signed_url(
        version="v4",
        expiration=timedelta(seconds=60),
        credentials=account,
        response_disposition=overrides["response-content-disposition"],
        response_type=overrides["response-content-type"],
    )
    assert dict(parse_qsl(urlsplit(signed.url).query)) == dict(parse_qsl(urlsplit(theirs).query))
    assert urlsplit(signed.url).path == urlsplit(theirs).path
    assert signed.expires_at == NOW + 60_000


def test_an_upload_is_signed_as_googles_client_signs_it(account, monkeypatch):
    monkeypatch.setattr(_signing, "_NOW", lambda _: datetime.fromtimestamp(NOW / 1000, UTC))
    meta = Meta("image/png", "max-age=1", None, {"who": "ada"})
    grant = Grant(method="PUT", key="a", lifetime=60, meta=meta, size=(5, 5), if_absent=True)
    signed = sign(account, URL, PLACE, grant, NOW)
    assert signed.headers["x-goog-content-length-range"] == "5,5"
    assert signed.headers["x-goog-if-generation-match"] == "0"
    assert signed.headers["Content-Type"] == "image/png"
    blob = storage.Client("p", AnonymousCredentials()).bucket("some-bucket").blob("pre/a")
    theirs = blob.generate_signed_url(
        version="v4", expiration=timedelta(seconds=60), credentials=account, method="PUT", headers=dict(signed.headers)
    )
    assert dict(parse_qsl(urlsplit(signed.url).query)) == dict(parse_qsl(urlsplit(theirs).query))


def test_a_form_signs_every_field_and_the_size(account):
    meta = Meta("image/png", None, None, {"who": "ada"})
    grant = Grant(method="POST", key="up/", prefix=True, lifetime=60, meta=meta, size=(1, 9))
    signed = sign(account, URL, PLACE, grant, NOW)
    policy = json.loads(base64.b64decode(signed.fields["policy"]))
    assert ["content-length-range", 1, 9] in policy["conditions"]
    assert ["starts-with", "$key", "pre/up/"] in policy["conditions"]
    judged = {name for condition in policy["conditions"] if isinstance(condition, dict) for name in condition}
    assert set(signed.fields) - {"policy", "x-goog-signature", "key"} <= judged
    assert policy["expiration"] == "2026-02-10T02:01:00Z"
    assert bytes.fromhex(signed.fields["x-goog-signature"]) == account.sign_bytes(signed.fields["policy"].encode())
    assert signed.url == f"{URL}/some-bucket/"


def test_what_has_no_key_says_what_to_set(monkeypatch):
    monkeypatch.setattr("google.auth.default", lambda: (AnonymousCredentials(), None))
    with pytest.raises(KeylessError) as caught:
        account_of(AnonymousCredentials())
    failure = fault(caught.value)
    assert failure.fault is Fault.MISCONFIGURED
    assert "service_account_file" in failure.advice


def vectors():
    if FOLDER is None:
        return [pytest.param(None, marks=pytest.mark.skip(reason="STATEKIT_GCS_VECTORS is not set"))]
    found = json.loads((Path(FOLDER) / "v4_signatures.json").read_text())["signingV4Tests"]
    plain = [
        one
        for one in found
        if not one.get("urlStyle")
        and not one.get("emulatorHostname")
        and one.get("object")
        and not one.get("universeDomain")
        and not one.get("clientEndpoint")
        and not one.get("hostname")
        and "X-Goog-Content-SHA256" not in one.get("headers", {})
    ]
    return [pytest.param(one, id=one["description"]) for one in plain]


@pytest.mark.parametrize("vector", vectors())
def test_the_published_vectors(vector):
    file = Path(FOLDER) / "test_service_account.not-a-test.json"
    account = service_account.Credentials.from_service_account_file(str(file))
    moment = datetime.fromisoformat(vector["timestamp"])
    signing = _Signing(account, f"{vector['scheme']}://storage.googleapis.com", moment)
    path = urlsplit(vector["expectedUrl"]).path
    query = signing.query(
        vector["method"], path, vector.get("headers", {}), vector.get("queryParameters", {}), int(vector["expiration"])
    )
    assert dict(parse_qsl(query)) == dict(parse_qsl(urlsplit(vector["expectedUrl"]).query))
