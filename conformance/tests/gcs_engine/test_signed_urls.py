"""V4 signed URLs made by the SDK: accepted as signed, refused when any part is changed or time is over."""

import hashlib
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit
from xml.etree import ElementTree as ET

import pytest

WEEK = 7 * 24 * 3600


@pytest.fixture
def blob(bucket):
    made = bucket.blob("folder/a b+é~?.txt")
    made.upload_from_string(b"0123456789", content_type="text/plain")
    return made


@pytest.fixture
def sign(shared_engine, account):
    def signed(blob, method="GET", expires=60, **options):
        return blob.generate_signed_url(
            version="v4",
            expiration=timedelta(seconds=expires),
            method=method,
            api_access_endpoint=shared_engine.url,
            credentials=options.pop("credentials", account.credentials),
            **options,
        )

    return signed


def code(answer):
    return ET.fromstring(answer.data).findtext("Code")


def changed(url, **parameters):
    """Return a URL with query parameters replaced; ``_`` stands for ``-`` and None removes."""
    parts = urlsplit(url)
    new = {f"X-Goog-{name}": value for name, value in parameters.items()}
    pairs = [(name, new.get(name, value)) for name, value in parse_qsl(parts.query)]
    kept = [(name, value) for name, value in pairs if value is not None]
    return urlunsplit(parts._replace(query=urlencode(kept, quote_via=quote)))


def test_a_signed_get(web, sign, blob):
    answer = web.request("GET", sign(blob))
    assert (answer.status, answer.data) == (200, b"0123456789")
    assert web.request("GET", sign(blob), headers={"Range": "bytes=1-2"}).data == b"12"
    assert web.request("HEAD", sign(blob, "HEAD")).status == 200


def test_signed_overrides_of_the_answer(web, sign, blob):
    url = sign(blob, response_disposition='attachment; filename="x.txt"', response_type="image/png")
    answer = web.request("GET", url)
    assert answer.headers["content-disposition"] == 'attachment; filename="x.txt"'
    assert answer.headers["content-type"] == "image/png"
    unsigned = web.request("GET", f"{urlsplit(url)._replace(query='').geturl()}?response-content-type=image/png")
    assert unsigned.headers["content-type"] == "text/plain"


def test_signed_put_and_delete(web, sign, bucket):
    blob = bucket.blob("put")
    url = sign(blob, "PUT", content_type="text/plain", headers={"x-goog-meta-k": "v"})
    headers = {"Content-Type": "text/plain", "x-goog-meta-k": "v"}
    assert web.request("PUT", url, body=b"data", headers=headers).status == 200
    fresh = bucket.get_blob("put")
    assert (fresh.content_type, fresh.metadata, fresh.size) == ("text/plain", {"k": "v"}, 4)
    assert web.request("DELETE", sign(blob, "DELETE")).status == 204
    assert not blob.exists()


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Content-Type": "text/html", "x-goog-meta-k": "v"}, "SignatureDoesNotMatch"),
        ({"Content-Type": "text/plain", "x-goog-meta-k": "w"}, "SignatureDoesNotMatch"),
        ({"Content-Type": "text/plain"}, "MalformedSecurityHeader"),
        (
            {"Content-Type": "text/plain", "x-goog-meta-k": "v", "x-goog-meta-l": "v"},
            "MalformedSecurityHeader",
        ),
        (
            {"Content-Type": "text/plain", "x-goog-meta-k": "v", "x-goog-if-generation-match": "0"},
            "MalformedSecurityHeader",
        ),
    ],
)
def test_signed_headers_must_be_sent_as_signed_and_no_others(web, sign, bucket, headers, expected):
    url = sign(bucket.blob("put"), "PUT", content_type="text/plain", headers={"x-goog-meta-k": "v"})
    assert code(web.request("PUT", url, body=b"data", headers=headers)) == expected
    assert not bucket.blob("put").exists()


@pytest.mark.parametrize(
    ("size", "expected"),
    [(4, "EntityTooSmall"), (5, None), (9, None), (10, "EntityTooLarge"), (3_000_000, "?")],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_a_signed_length_range(web, sign, bucket, size, expected, chunked):
    headers = {"x-goog-content-length-range": "5,9"}
    url = sign(bucket.blob("put"), "PUT", headers=headers)
    body = iter([bytes(size)]) if chunked else bytes(size)
    answer = web.request("PUT", url, body=body, headers=headers, chunked=chunked)
    assert answer.status == (400 if expected else 200)
    if expected and expected != "?":
        assert code(answer) == expected
    assert bucket.blob("put").exists() == (expected is None)


@pytest.mark.parametrize(
    "change",
    [
        {"Signature": "00" * 256},
        {"Signature": "not hexadecimal"},
        {"Signature": None},
        {"Expires": "61"},
        {"Expires": str(WEEK + 1)},
        {"Expires": "0"},
        {"Expires": None},
        {"Date": "20200101T000000Z"},
        {"Date": "yesterday"},
        {"Algorithm": "GOOG4-HMAC-SHA256"},
        {"Credential": "other@test.invalid/20300101/auto/storage/goog4_request"},
        {"Credential": "signer@test.invalid/20300101/auto/storage"},
        {"SignedHeaders": ""},
        {"SignedHeaders": "host;x-goog-meta-k"},
    ],
)
def test_any_changed_parameter_is_refused(web, sign, blob, change):
    answer = web.request("GET", changed(sign(blob), **change))
    assert answer.status in (400, 403, 501)


def test_any_other_change_is_refused(web, sign, bucket, blob):
    other = bucket.blob("folder/other")
    other.upload_from_string(b"secret")
    url = sign(blob)
    assert code(web.request("HEAD", url) and web.request("DELETE", url)) == "SignatureDoesNotMatch"
    assert web.request("HEAD", url).status == 403
    moved = urlsplit(url)._replace(path=f"/{bucket.name}/folder/other").geturl()
    assert code(web.request("GET", moved)) == "SignatureDoesNotMatch"
    assert code(web.request("GET", url + "&generation=1")) == "SignatureDoesNotMatch"
    assert code(web.request("GET", url + "&response-content-type=text/html")) == "SignatureDoesNotMatch"
    assert code(web.request("GET", url, headers={"Host": "localhost"})) == "SignatureDoesNotMatch"
    assert other.exists()
    assert blob.exists()


def test_a_bearer_token_does_not_mend_a_bad_signature(web, sign, blob):
    url = changed(sign(blob), Signature="00" * 256)
    assert web.request("GET", url, headers={"Authorization": "Bearer any"}).status == 403


def test_a_stranger_with_the_same_name_is_refused(web, sign, stranger, blob):
    answer = web.request("GET", sign(blob, credentials=stranger.credentials))
    assert (answer.status, code(answer)) == (403, "SignatureDoesNotMatch")


def test_the_engines_clock_decides_about_expiry(start_engine, account, web, blob):
    """An engine 100 seconds ahead takes what is valid for 160 and refuses what is valid for 40."""
    engine = start_engine("--service-account", str(account.path), "--clock-offset", "100")
    client = engine.client()
    ahead = client.create_bucket("ahead").blob("a")
    ahead.upload_from_string(b"x")
    assert ahead.time_created > datetime.now(UTC) + timedelta(seconds=90)

    def url(seconds):
        return ahead.generate_signed_url(
            version="v4",
            expiration=timedelta(seconds=seconds),
            api_access_endpoint=engine.url,
            credentials=account.credentials,
        )

    assert web.request("GET", url(160)).status == 200
    expired = web.request("GET", url(40))
    assert (expired.status, code(expired)) == (400, "ExpiredToken")
    client.close()


def test_a_signature_from_the_future_is_refused(start_engine, account, web):
    engine = start_engine("--service-account", str(account.path), "--clock-offset", "-2000")
    client = engine.client()
    blob = client.create_bucket("behind").blob("a")
    blob.upload_from_string(b"x")
    url = blob.generate_signed_url(
        version="v4", expiration=60, api_access_endpoint=engine.url, credentials=account.credentials
    )
    assert web.request("GET", url).status == 403
    client.close()


def test_a_signature_passes_where_a_token_is_required(start_engine, account, web):
    engine = start_engine("--service-account", str(account.path), "--token", "T")
    bearer = {"Authorization": "Bearer T"}
    web.request("POST", f"{engine.url}/storage/v1/b", body=b'{"name": "guarded"}', headers=bearer)
    client = engine.client()
    blob = client.bucket("guarded").blob("a")
    url = blob.generate_signed_url(
        version="v4",
        expiration=60,
        method="PUT",
        api_access_endpoint=engine.url,
        credentials=account.credentials,
    )
    assert web.request("PUT", url, body=b"x").status == 200
    assert web.request("GET", url.partition("?")[0]).status == 401
    client.close()


def test_a_signed_resumable_upload(web, sign, bucket):
    headers = {"x-goog-resumable": "start", "x-goog-content-length-range": "1,5"}
    url = sign(bucket.blob("large"), "POST", headers=headers)
    assert web.request("POST", url, headers={"x-goog-resumable": "start"}).status == 400
    for size, status in ((6, 400), (5, 200)):
        started = web.request("POST", url, headers=headers)
        assert started.status == 201
        assert web.request("PUT", started.headers["location"], body=bytes(size)).status == status
    assert bucket.get_blob("large").size == 5


def test_a_signed_payload_must_be_the_one_sent(web, sign, bucket):
    headers = {"x-goog-content-sha256": hashlib.sha256(b"data").hexdigest()}
    url = sign(bucket.blob("put"), "PUT", headers=headers)
    assert code(web.request("PUT", url, body=b"dat4", headers=headers)) == "BadDigest"
    assert not bucket.blob("put").exists()
    assert web.request("PUT", url, body=b"data", headers=headers).status == 200
