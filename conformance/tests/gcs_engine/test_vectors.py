"""The published vectors of V4 signing, verified by the engine's pure functions."""

import json
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from statekit_conformance.engines.gcs import moments, post_policy, signing
from statekit_conformance.engines.gcs.errors import Refusal
from statekit_conformance.engines.gcs.keys import ServiceAccounts

HERE = Path(__file__).parent
VECTORS = json.loads((HERE / "v4_vectors.json").read_text())
SECOND = moments.MICROSECONDS


def named(kind):
    return [pytest.param(vector, id=vector["description"]) for vector in VECTORS[kind]]


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "account.json"
    path.write_text(json.dumps(VECTORS["account"]))
    return ServiceAccounts.of_files([path])


def arguments(vector):
    url = urlsplit(vector["expectedUrl"])
    headers = {name.lower(): value for name, value in vector.get("headers", {}).items()}
    return vector["method"], url.path, parse_qsl(url.query), {"host": url.netloc, **headers}


@pytest.mark.parametrize("vector", named("urls"))
def test_the_canonical_request_and_the_string_to_sign(vector):
    method, path, pairs, headers = arguments(vector)
    signed = signing.Signed.of(dict(pairs))
    canonical = signing.canonical_request(method, path, pairs, headers, signed.headers)
    assert canonical == vector["expectedCanonicalRequest"]
    message = signing.string_to_sign(signed.date, str(signed.scope), canonical)
    assert message == vector["expectedStringToSign"]


@pytest.mark.parametrize("vector", named("urls"))
def test_the_signature_holds_until_it_expires_and_for_nothing_else(vector, keys):
    method, path, pairs, headers = arguments(vector)
    start = moments.parse_rfc3339(vector["timestamp"])
    last = start + vector["expiration"] * SECOND
    for now in (start, last):
        signing.verify_url(method, path, pairs, headers, keys=keys, now=now)
    with pytest.raises(Refusal, match="expired"):
        signing.verify_url(method, path, pairs, headers, keys=keys, now=last + 1)
    with pytest.raises(Refusal, match="does not fit"):
        signing.verify_url("HEAD", path, pairs, headers, keys=keys, now=start)
    with pytest.raises(Refusal, match="does not fit"):
        signing.verify_url(method, path + "x", pairs, headers, keys=keys, now=start)
    with pytest.raises(Refusal, match="does not fit"):
        signing.verify_url(method, path, [*pairs, ("a", "b")], headers, keys=keys, now=start)


@pytest.mark.parametrize("vector", named("policies"))
def test_a_policy_holds_for_its_own_fields(vector, keys):
    fields = {name.lower(): value for name, value in vector["fields"].items()}
    policy = post_policy.verify(fields, keys)
    now = moments.parse_rfc3339(vector["timestamp"])
    fields |= {"acl": "public-read"} if "ACL" in vector["description"] else {}
    policy.check(fields, vector["bucket"], fields["key"], now)
    assert (policy.limits.smallest, policy.limits.largest) == (
        (246, 266) if "Range" in vector["description"] else (0, None)
    )
    assert json.loads(vector["expectedDecodedPolicy"])["expiration"]
    with pytest.raises(Refusal, match="expired"):
        policy.check(fields, vector["bucket"], fields["key"], policy.expiration + 1)
    with pytest.raises(Refusal, match="satisfy"):
        policy.check(fields, vector["bucket"] + "x", fields["key"], now)


@pytest.mark.parametrize("vector", named("policies"))
def test_a_policy_changed_by_one_byte_does_not(vector, keys):
    fields = {name.lower(): value for name, value in vector["fields"].items()}
    for name in ("policy", "x-goog-signature"):
        text = fields[name]
        spoiled = text[:40] + ("0" if text[40] != "0" else "1") + text[41:]
        with pytest.raises(Refusal):
            post_policy.verify({**fields, name: spoiled}, keys)
