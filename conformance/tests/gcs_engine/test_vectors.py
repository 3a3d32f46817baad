"""V4 signing without a server: what the SDK signs verifies, and so do the vectors that Google publishes.

The published vectors are not part of this repository. Set STATEKIT_GCS_VECTORS to the folder ``storage/v1`` of a
checkout of github.com/googleapis/conformance-tests to have them verified too.
"""

import hashlib
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from statekit_conformance.engines.gcs import moments, post_policy, signing
from statekit_conformance.engines.gcs.errors import Refusal
from statekit_conformance.engines.gcs.keys import ServiceAccounts

FOLDER = os.environ.get("STATEKIT_GCS_VECTORS")
CASES = [
    {},
    {"name": "/path/with/slashes/under_score/amper&sand/file.ext"},
    {"name": "a b+c%2F~é\U0001f600?#"},
    {"headers": {"BAR": "b", "foo": "f", "x-goog-meta-k": "2026-02-10T02:00:00Z"}},
    {"headers": {"leading": "    xyz", "trailing": "abc    ", "collapsed": "abc    def", "tabs": "\ta\t\tb\t"}},
    {"headers": {"multiple": " xyz ,  abc, def  , xyz   "}},
    {"query_parameters": {"aA0é/=%-_.~": "~ ._-%=/é0Aa", "prefix": "/foo", "X-Goog-Meta-Foo": "bar"}},
    {"headers": {"X-Goog-Content-SHA256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"}},
    {"virtual_hosted_style": True},
    {"method": "POST", "headers": {"X-Goog-Resumable": "start"}},
]


def published(kind):
    """Return the published vectors of a kind, or one that says why it is skipped."""
    if FOLDER is None:
        return [pytest.param(None, marks=pytest.mark.skip(reason="STATEKIT_GCS_VECTORS is not set"))]
    vectors = json.loads((Path(FOLDER) / "v4_signatures.json").read_text())[kind]
    return [pytest.param(vector, id=vector["description"]) for vector in vectors]


def judge(keys, now, method, url, headers):
    parts = urlsplit(url)
    sent = {name.lower(): value for name, value in headers.items()}
    sent.setdefault("host", parts.netloc)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    return signing.verify_url(method, parts.path, pairs, sent, keys=keys, now=now)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_the_sdk_signs_verifies_and_nothing_else_does(account, case):
    keys = ServiceAccounts.of_files([account.path])
    client = storage.Client(project="test", credentials=AnonymousCredentials())
    options = {"name": "a", "method": "GET", "headers": {}, **case}
    blob = client.bucket("some-bucket").blob(options.pop("name"))
    before = int(datetime.now(UTC).timestamp()) * moments.MICROSECONDS
    url = blob.generate_signed_url(
        version="v4", expiration=timedelta(seconds=10), credentials=account.credentials, **options
    )
    client.close()
    method, headers = options["method"], options["headers"]
    signed = judge(keys, before, method, url, headers)
    judge(keys, signed.moment + 10 * moments.MICROSECONDS, method, url, headers)
    with pytest.raises(Refusal, match="expired"):
        judge(keys, signed.moment + 10 * moments.MICROSECONDS + 1, method, url, headers)
    for other in (("PUT", url, headers), (method, url + "&a=b", headers), (method, url.replace("/", "/x", 4), headers)):
        with pytest.raises(Refusal, match="does not fit"):
            judge(keys, before, *other)
    for name in headers:
        with pytest.raises(Refusal, match="does not fit"):
            judge(keys, before, method, url, {**headers, name: headers[name] + "x"})


@pytest.fixture(scope="module")
def published_keys():
    return ServiceAccounts.of_files([Path(FOLDER or "") / "test_service_account.not-a-test.json"])


@pytest.mark.parametrize("vector", published("signingV4Tests"))
def test_a_published_url(vector, published_keys):
    url = urlsplit(vector["expectedUrl"])
    pairs = parse_qsl(url.query)
    headers = {"host": url.netloc} | {name.lower(): text for name, text in vector.get("headers", {}).items()}
    signed = signing.Signed.of(dict(pairs))
    host = next(line[5:] for line in vector["expectedCanonicalRequest"].split("\n") if line.startswith("host:"))
    sent = {**headers, "host": host}  # some vectors leave the port out
    canonical = signing.canonical_request(vector["method"], url.path, pairs, sent, signed.headers)
    message = signing.string_to_sign(signed.date, str(signed.scope), canonical)
    assert message == vector["expectedStringToSign"]
    digest = hashlib.sha256(vector["expectedCanonicalRequest"].encode()).hexdigest()
    if message.endswith(digest):  # one vector's canonical request is not the one that it signs
        assert canonical == vector["expectedCanonicalRequest"]
    now = moments.parse_rfc3339(vector["timestamp"])
    judge(published_keys, now, vector["method"], vector["expectedUrl"], headers)
    with pytest.raises(Refusal, match="does not fit"):
        judge(published_keys, now, vector["method"], vector["expectedUrl"] + "&a=b", headers)


@pytest.mark.parametrize("vector", published("postPolicyV4Tests"))
def test_a_published_policy(vector, published_keys):
    given = vector["policyInput"]
    fields = {name.lower(): text for name, text in vector["policyOutput"]["fields"].items()}
    policy = post_policy.verify(fields, published_keys)
    now = moments.parse_rfc3339(given["timestamp"])
    if "startsWith" in given.get("conditions", {}):
        fields |= {"acl": "public-read"}
    policy.check(fields, given["bucket"], given["object"], now)
    limits = tuple(given.get("conditions", {}).get("contentLengthRange", (0, None)))
    assert (policy.limits.smallest, policy.limits.largest) == limits
    with pytest.raises(Refusal, match="expired"):
        policy.check(fields, given["bucket"], given["object"], policy.expiration + 1)
    with pytest.raises(Refusal, match="satisfy"):
        policy.check(fields, given["bucket"] + "x", given["object"], now)
    for name in ("policy", "x-goog-signature"):
        text = fields[name]
        spoiled = text[:40] + ("0" if text[40] != "0" else "1") + text[41:]
        with pytest.raises(Refusal):
            post_policy.verify({**fields, name: spoiled}, published_keys)
