"""V4 signing without a server: what the SDK signs verifies, and so does what Google publishes (see `published`)."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from statekit_conformance.engines.gcs import moments, post_policy, signing
from statekit_conformance.engines.gcs.errors import Refusal
from statekit_conformance.engines.gcs.keys import ServiceAccounts

FILE = Path(__file__).with_name("published.json")
PUBLISHED = json.loads(FILE.read_text())
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
def keys():
    return ServiceAccounts.of_files([FILE])


def named(vectors, *fields):
    return [pytest.param(vector, id=" ".join(vector[field] for field in fields)) for vector in vectors]


@pytest.mark.parametrize("vector", named(PUBLISHED["urls"], "method", "canonical_request"))
def test_a_published_url_has_the_published_canonical_request_and_verifies(vector, keys):
    method, url, headers = vector["method"], urlsplit(vector["url"]), vector["headers"]
    pairs = parse_qsl(url.query)
    signed = signing.Signed.of(dict(pairs))
    sent = {name.lower(): text for name, text in headers.items()}
    hosts = {url.netloc, url.hostname}  # some were signed without the port
    requests = [
        signing.canonical_request(method, url.path, pairs, {**sent, "host": host}, signed.headers) for host in hosts
    ]
    digests = {f"sha256:{hashlib.sha256(request.encode()).hexdigest()}" for request in requests}
    assert vector["canonical_request"] in digests
    last = signed.moment + signed.expires * moments.MICROSECONDS
    judge(keys, last, method, vector["url"], headers)
    with pytest.raises(Refusal, match="expired"):
        judge(keys, last + 1, method, vector["url"], headers)
    with pytest.raises(Refusal, match="does not fit"):
        judge(keys, last, method, vector["url"] + "&a=b", headers)


@pytest.mark.parametrize("vector", named(PUBLISHED["forms"], "bucket", "key"))
def test_a_published_form_verifies_and_its_policy_says_what_it_should(vector, keys):
    fields = {name.lower(): text for name, text in parse_qsl(vector["fields"])}
    policy = post_policy.verify(fields, keys)
    signed_at = moments.parse_rfc3339(vector["signed_at"])
    assert policy.expiration == signed_at + vector["seconds"] * moments.MICROSECONDS
    assert [policy.limits.smallest, policy.limits.largest] == (vector["sizes"] or [0, None])
    if any(condition.field == "acl" for condition in policy.conditions):
        fields.setdefault("acl", "public-read")  # one policy asks for a field that its form leaves to the browser
    place = vector["bucket"], vector["key"]
    policy.check(fields, *place, policy.expiration)
    with pytest.raises(Refusal, match="expired"):
        policy.check(fields, *place, policy.expiration + 1)
    with pytest.raises(Refusal, match="satisfy"):
        policy.check(fields, vector["bucket"] + "x", vector["key"], signed_at)
    for name in ("policy", "x-goog-signature"):
        text = fields[name]
        spoilt = text[:40] + ("0" if text[40] != "0" else "1") + text[41:]
        with pytest.raises(Refusal):
            post_policy.verify({**fields, name: spoilt}, keys)


def test_nobody_else_signed_what_is_published(account):
    form = {name.lower(): text for name, text in parse_qsl(PUBLISHED["forms"][0]["fields"])}
    with pytest.raises(Refusal, match="does not fit"):
        post_policy.verify(form, ServiceAccounts.of_files([account.path]))
