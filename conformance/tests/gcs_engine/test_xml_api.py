"""The XML API without signatures: one answer with everything, conditions, CORS, errors."""

import base64
import hashlib
import os
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

CORS = [
    {
        "origin": ["https://app.test"],
        "method": ["GET", "PUT"],
        "responseHeader": ["Content-Type", "x-goog-meta-*", "x-goog-generation"],
        "maxAgeSeconds": 60,
    },
    {"origin": ["*"], "method": ["GET"], "responseHeader": ["*"]},
]


@pytest.fixture
def url(shared_engine, bucket):
    return f"{shared_engine.url}/{bucket.name}/folder/a%20b"


@pytest.fixture
def blob(bucket):
    made = bucket.blob("folder/a b")
    made.metadata = {"write_id": "W1", "greeting": "grüße"}
    made.custom_time = datetime(2030, 1, 1, tzinfo=UTC)
    made.upload_from_string(b"0123456789", content_type="text/plain")
    return made


def code(answer):
    return ET.fromstring(answer.data).findtext("Code")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_one_answer_has_everything(web, url, blob, method):
    answer = web.request(method, url)
    assert answer.status == 200
    assert answer.data == (b"0123456789" if method == "GET" else b"")
    assert answer.headers["content-length"] == "10"
    assert answer.headers["content-type"] == "text/plain"
    assert answer.headers["x-goog-generation"] == str(blob.generation)
    assert answer.headers["x-goog-metageneration"] == "1"
    assert answer.headers["x-goog-meta-write_id"] == "W1"
    assert answer.headers["x-goog-meta-greeting"].encode("latin-1").decode() == "grüße"
    assert answer.headers["x-goog-custom-time"] == "2030-01-01T00:00:00.000Z"
    assert answer.headers["x-goog-hash"] == f"crc32c={blob.crc32c},md5={blob.md5_hash}"
    assert answer.headers["x-goog-stored-content-length"] == "10"
    assert answer.headers["etag"] == f'"{hashlib.md5(b"0123456789").hexdigest()}"'


def test_a_media_read_of_the_json_api_shows_no_metadata(web, shared_engine, blob):
    answer = web.request("GET", f"{shared_engine.url}{blob.path.replace('/b/', '/storage/v1/b/', 1)}?alt=media")
    assert answer.headers["x-goog-generation"] == str(blob.generation)
    assert not [name for name in answer.headers if name.lower().startswith("x-goog-meta-")]


@pytest.mark.parametrize(
    ("wanted", "status", "expected"),
    [
        ("bytes=2-4", 206, b"234"),
        ("bytes=-3", 206, b"789"),
        ("bytes=4-2", 200, None),
        ("bytes=10-", 416, None),
    ],
)
def test_ranges(web, url, blob, wanted, status, expected):
    answer = web.request("GET", url, headers={"Range": wanted})
    assert answer.status == status
    if expected:
        assert answer.data == expected
        assert answer.headers["content-range"].endswith("/10")


def test_put_stores_what_its_headers_say(web, url, bucket):
    headers = {
        "Content-Type": "text/plain",
        "Cache-Control": "no-store",
        "x-goog-meta-one_two": "1",
        "x-goog-custom-time": "2031-02-03T04:05:06.789Z",
        "x-goog-if-generation-match": "0",
    }
    answer = web.request("PUT", url, body=b"data", headers=headers)
    assert answer.status == 200
    blob = bucket.get_blob("folder/a b")
    assert answer.headers["x-goog-generation"] == str(blob.generation)
    assert (blob.metadata, blob.content_type, blob.cache_control) == (
        {"one_two": "1"},
        "text/plain",
        "no-store",
    )
    assert blob.custom_time == datetime(2031, 2, 3, 4, 5, 6, 789000, tzinfo=UTC)
    refused = web.request("PUT", url, body=b"data", headers=headers)
    assert (refused.status, code(refused)) == (412, "PreconditionFailed")


def test_conditions_of_get_put_and_delete(web, url, blob):
    stale, right = str(blob.generation - 1), str(blob.generation)
    for method in ("GET", "PUT", "DELETE"):
        body = b"x" if method == "PUT" else None
        for header, wrong in (("x-goog-if-generation-match", stale), ("x-goog-if-metageneration-match", "2")):
            assert web.request(method, url, body=body, headers={header: wrong}).status == 412
    etag = web.request("HEAD", url).headers["etag"]
    assert web.request("GET", url, headers={"If-None-Match": etag}).status == 304
    assert web.request("GET", url, headers={"If-Match": '"other"'}).status == 412
    assert web.request("DELETE", url, headers={"x-goog-if-generation-match": right}).status == 204
    assert web.request("DELETE", url).status == 404


def test_errors_are_xml_and_a_head_has_no_body(web, shared_engine, bucket, url):
    missing = web.request("GET", url)
    assert (missing.status, code(missing)) == (404, "NoSuchKey")
    assert code(web.request("GET", f"{shared_engine.url}/no-such-bucket/a")) == "NoSuchBucket"
    assert web.request("HEAD", url).data == b""
    assert web.request("POST", url).status == 501
    assert web.request("GET", f"{shared_engine.url}/{bucket.name}").status == 501


def test_bad_checksums_are_refused(web, url):
    md5 = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    refused = web.request("PUT", url, body=b"data", headers={"Content-MD5": md5})
    assert (refused.status, code(refused)) == (400, "BadDigest")
    refused = web.request("PUT", url, body=b"data", headers={"x-goog-hash": "crc32c=AAAAAA=="})
    assert (refused.status, code(refused)) == (400, "CrcMismatch")
    assert web.request("PUT", url, body=b"data", headers={"Content-MD5": "nonsense"}).status == 400
    assert web.request("GET", url).status == 404


def test_a_large_refused_body_does_not_hold_the_connection(web, url):
    refused = web.request("PUT", url, body=bytes(1_000_000), headers={"x-goog-if-generation-match": "1"})
    assert refused.status == 412
    assert web.request("PUT", url, body=b"x").status == 200


def test_a_resumable_upload_started_by_post(web, url, bucket):
    started = web.request("POST", url, headers={"x-goog-resumable": "start", "x-goog-meta-k": "v"})
    assert started.status == 201
    data, first = os.urandom(300 * 1024), 256 * 1024
    headers = {"Content-Range": f"bytes 0-{first - 1}/{len(data)}"}
    going_on = web.request("PUT", started.headers["location"], body=data[:first], headers=headers)
    assert (going_on.status, going_on.headers["range"]) == (308, f"bytes=0-{first - 1}")
    headers = {"Content-Range": f"bytes {first}-{len(data) - 1}/{len(data)}"}
    assert web.request("PUT", started.headers["location"], body=data[first:], headers=headers).status == 200
    blob = bucket.get_blob("folder/a b")
    assert (blob.download_as_bytes(), blob.metadata) == (data, {"k": "v"})


def test_a_preflight_is_answered_by_the_buckets_rules(web, url, bucket):
    def preflight(origin, method, *names):
        headers = {"Origin": origin, "Access-Control-Request-Method": method}
        if names:
            headers["Access-Control-Request-Headers"] = ", ".join(names)
        answer = web.request("OPTIONS", url, headers=headers)
        assert answer.status == 200
        return answer.headers

    assert "access-control-allow-origin" not in preflight("https://app.test", "PUT")
    bucket.cors = CORS
    bucket.patch()
    allowed = preflight("https://app.test", "PUT", "content-type", "X-Goog-Meta-K")
    assert allowed["access-control-allow-origin"] == "https://app.test"
    assert allowed["access-control-allow-methods"] == "GET, PUT"
    assert allowed["access-control-allow-headers"] == "content-type, X-Goog-Meta-K"
    assert allowed["access-control-max-age"] == "60"
    assert "access-control-allow-origin" not in preflight("https://app.test", "PUT", "x-other")
    assert "access-control-allow-origin" not in preflight("https://app.test", "DELETE")
    assert "access-control-allow-origin" not in preflight("https://evil.test", "PUT")
    assert preflight("https://evil.test", "GET", "x-any")["access-control-allow-origin"] == "*"


def test_answers_and_refusals_carry_the_cors_headers(web, url, bucket, blob):
    bucket.cors = CORS
    bucket.patch()
    mine = {"Origin": "https://app.test"}
    answer = web.request("GET", url, headers=mine)
    assert answer.headers["access-control-allow-origin"] == "https://app.test"
    assert "x-goog-generation" in answer.headers["access-control-expose-headers"]
    refused = web.request("GET", url, headers={**mine, "x-goog-if-generation-match": "1"})
    assert (refused.status, refused.headers["access-control-allow-origin"]) == (412, "https://app.test")
    assert "access-control-allow-origin" not in web.request("DELETE", url, headers=mine).headers


def test_with_a_token_only_its_bearers_pass(start_engine, web):
    engine = start_engine("--token", "T0K3N")
    bearer = {"Authorization": "Bearer T0K3N"}
    create = {"method": "POST", "url": f"{engine.url}/storage/v1/b", "body": b'{"name": "guarded"}'}
    assert web.request(**create).status == 401
    assert web.request(**create, headers={"Authorization": "Bearer other"}).status == 401
    assert web.request(**create, headers=bearer).status == 200
    url = f"{engine.url}/guarded/a"
    assert code(web.request("PUT", url, body=b"x")) == "AuthenticationRequired"
    assert web.request("PUT", url, body=b"x", headers=bearer).status == 200
    assert web.request("GET", url).status == 401
