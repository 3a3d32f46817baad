"""POST policies made by the SDK: a form passes as promised; a condition broken by one byte is refused."""

import base64
import json
import select
import socket
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import pytest
from urllib3.filepost import encode_multipart_formdata


@pytest.fixture
def make(shared_engine, account, client, bucket):
    def policy(key="up/a.bin", conditions=(), fields=None, seconds=60, credentials=None):
        return client.generate_signed_post_policy_v4(
            bucket.name,
            key,
            expiration=datetime.now(UTC) + timedelta(seconds=seconds),
            conditions=list(conditions),
            fields=fields,
            credentials=credentials or account.credentials,
            virtual_hosted_style=False,
        )["fields"]

    return policy


@pytest.fixture
def post(web, shared_engine, bucket):
    def posted(fields, data=b"data", filename="a.bin", where=None, after=(), file_type="text/html"):
        parts = [*fields.items(), ("file", (filename, data, file_type)), *after]
        body, content_type = encode_multipart_formdata(parts)
        url = f"{shared_engine.url}/{where or bucket.name}"
        return web.request("POST", url, body=body, headers={"Content-Type": content_type}, redirect=False)

    return posted


def code(answer):
    return ET.fromstring(answer.data).findtext("Code")


def stored(bucket):
    return {blob.name: blob.download_as_bytes() for blob in bucket.list_blobs()}


def test_a_form_stores_its_file(make, post, bucket):
    said = {"Content-Type": "image/png", "x-goog-meta-k": "v", "Cache-Control": "no-store"}
    answer = post(make(fields=said), b"\x89PNG\r\n--data")
    assert (answer.status, answer.data) == (204, b"")
    blob = bucket.get_blob("up/a.bin")
    assert blob.download_as_bytes() == b"\x89PNG\r\n--data"
    assert (blob.content_type, blob.metadata, blob.cache_control) == ("image/png", {"k": "v"}, "no-store")
    assert answer.headers["x-goog-generation"] == str(blob.generation)


def test_a_form_may_ask_for_its_answer(make, post, bucket):
    created = post(make(fields={"success_action_status": "201"}))
    assert created.status == 201
    document = ET.fromstring(created.data)
    assert (document.findtext("Bucket"), document.findtext("Key")) == (bucket.name, "up/a.bin")
    assert document.findtext("ETag") == f'"{bucket.get_blob("up/a.bin").md5_hash and created.headers["etag"][1:-1]}"'
    assert post(make(fields={"success_action_status": "200"})).status == 200
    sent_on = post(make(fields={"success_action_redirect": "https://app.test/done?a=1"}))
    assert sent_on.status == 303
    assert sent_on.headers["location"].startswith("https://app.test/done?")
    query = parse_qs(urlsplit(sent_on.headers["location"]).query)
    assert (query["a"], query["bucket"], query["key"]) == (["1"], [bucket.name], ["up/a.bin"])


@pytest.mark.parametrize(("size", "passes"), [(4, False), (5, True), (9, True), (10, False), (5_000_000, False)])
def test_the_length_is_limited_to_the_byte(make, post, bucket, size, passes):
    answer = post(make(conditions=[["content-length-range", 5, 9]]), bytes(size))
    assert answer.status == (204 if passes else 400)
    assert list(stored(bucket)) == (["up/a.bin"] if passes else [])


def test_the_length_is_enforced_while_reading(make, shared_engine, bucket):
    """The file is announced with a gigabyte; the refusal comes when a few bytes too many have arrived."""
    fields = make(conditions=[["content-length-range", 0, 1000]])
    body, content_type = encode_multipart_formdata([*fields.items(), ("file", ("a", b"", "text/plain"))])
    head = f"POST /{bucket.name} HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n"
    with socket.create_connection(("127.0.0.1", shared_engine.port), 30) as raw:
        raw.sendall(f"{head}Content-Length: {1 << 30}\r\n\r\n".encode())
        raw.sendall(body[: body.rindex(b"\r\n--")])
        answer = b""
        for _ in range(100):
            raw.sendall(bytes(60_000))
            if select.select([raw], [], [], 0.05)[0]:
                break
        while b"</Error>" not in answer and (piece := raw.recv(65536)):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"EntityTooLarge" in answer
    assert stored(bucket) == {}


@pytest.mark.parametrize(
    ("condition", "field", "good", "bad"),
    [
        ({"Content-Type": "image/png"}, "Content-Type", "image/png", ["image/pnG", "image/pn", "image/png "]),
        (["eq", "$Content-Type", "image/png"], "content-type", "image/png", ["image/jpg"]),
        (["starts-with", "$Content-Type", "image/"], "Content-Type", "image/x", ["image", "imagE/x"]),
        (["starts-with", "$x-goog-meta-k", "v"], "x-goog-meta-k", "v", ["w", "", None]),
        (["eq", "$acl", "private"], "acl", "private", ["public", None]),
    ],
)
def test_each_field_condition_broken_by_one_byte(make, post, bucket, condition, field, good, bad):
    fields = make(conditions=[condition])
    for value in bad:
        spoiled = fields | ({} if value is None else {field: value})
        answer = post(spoiled)
        assert (answer.status, code(answer)) == (400, "InvalidPolicyDocument")
    assert stored(bucket) == {}
    assert post(fields | {field: good}).status == 204


def test_key_and_bucket_are_bound(make, post, client, bucket):
    other = client.create_bucket(bucket.name + "2")
    fields = make()
    for key in ("up/a.biN", "up/a.bin2", "up/a.bi", ""):
        assert post(fields | {"key": key}).status == 400
    assert post(fields, where=other.name).status == 400
    assert (stored(bucket), stored(other)) == ({}, {})


def test_a_field_that_nobody_spoke_for_is_refused(make, post, bucket):
    assert post(make() | {"x-goog-meta-extra": "1"}).status == 400
    assert post(make() | {"x-goog-custom-time": "2030-01-01T00:00:00Z"}).status == 400
    assert stored(bucket) == {}
    assert post(make() | {"x-ignore-me": "1"}).status == 204


def test_the_files_name_fills_in(make, post, bucket):
    fields = make("up/${filename}")
    for filename in ("one.txt", "C:\\folder\\two.txt", "/etc/three.txt", "../four.txt"):
        assert post(fields, filename=filename).status == 204
    assert sorted(stored(bucket)) == ["up/four.txt", "up/one.txt", "up/three.txt", "up/two.txt"]


def test_a_starts_with_key(account, post, bucket):
    fields = by_hand(account, bucket, [["starts-with", "$key", "user/1/"]])
    assert post(fields | {"key": "user/2/a"}).status == 400
    assert post(fields | {"key": "user/1"}).status == 400
    assert post(fields | {"key": "user/1/${filename}"}, filename="x").status == 204
    assert list(stored(bucket)) == ["user/1/x"]


def by_hand(account, bucket, conditions, spoil=None):
    """Sign a policy without the SDK, which always binds the key."""
    now = datetime.now(UTC)
    fields = {
        "x-goog-algorithm": "GOOG4-RSA-SHA256",
        "x-goog-credential": f"signer@test.invalid/{now:%Y%m%d}/auto/storage/goog4_request",
        "x-goog-date": f"{now:%Y%m%dT%H%M%SZ}",
    }
    document = {
        "expiration": f"{now + timedelta(seconds=60):%Y-%m-%dT%H:%M:%SZ}",
        "conditions": [
            {"bucket": bucket.name},
            *({name: value} for name, value in fields.items()),
            *conditions,
        ],
        **(spoil or {}),
    }
    policy = base64.b64encode(json.dumps(document).encode()).decode()
    return {**fields, "policy": policy, "x-goog-signature": account.credentials.sign_bytes(policy).hex()}


@pytest.mark.parametrize(
    "document",
    [
        {"conditions": [["regex", "$key", ".*"]]},
        {"conditions": [["eq", "$key"]]},
        {"conditions": [["content-length-range", "a", "b"]]},
        {"conditions": "all"},
        {"conditions": [{"key": 1}]},
        {"expiration": "tomorrow"},
        {"expiration": None},
    ],
)
def test_a_malformed_policy_is_refused_even_when_signed(account, post, bucket, document):
    answer = post(by_hand(account, bucket, [["starts-with", "$key", ""]], document) | {"key": "a"})
    assert (answer.status, code(answer)) == (400, "InvalidPolicyDocument")


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("x-goog-signature", "00" * 256, 403),
        ("x-goog-signature", "zz", 400),
        ("x-goog-signature", None, 403),
        ("policy", None, 403),
        ("policy", base64.b64encode(b'{"conditions": []}').decode(), 403),
        ("x-goog-credential", "other@test.invalid/20300101/auto/storage/goog4_request", 400),
        ("x-goog-algorithm", "GOOG4-HMAC-SHA256", 501),
        ("x-goog-date", "20200101T000000Z", 400),
    ],
)
def test_every_part_of_the_signature_counts(make, post, bucket, field, value, status):
    fields = make()
    fields.pop(field)
    assert post(fields | ({} if value is None else {field: value})).status == status
    assert stored(bucket) == {}


def test_a_strangers_and_an_expired_policy_are_refused(make, post, bucket, stranger):
    assert code(post(make(credentials=stranger.credentials))) == "SignatureDoesNotMatch"
    assert code(post(make(seconds=-5))) == "ExpiredToken"
    assert stored(bucket) == {}


def test_the_file_comes_last_and_once(make, post, bucket):
    assert code(post(make(), after=[("late", "1")])) == "MalformedPOSTRequest"
    assert code(post(make(), after=[("file", ("b", b"two", "text/plain"))])) == "MalformedPOSTRequest"
    assert stored(bucket) == {}


def test_a_field_twice_no_file_and_a_broken_body(make, web, shared_engine, bucket):
    url, fields = f"{shared_engine.url}/{bucket.name}", make()
    for parts in ([*fields.items(), ("key", "up/b"), ("file", ("a", b"x"))], [*fields.items()]):
        body, content_type = encode_multipart_formdata(parts)
        refused = web.request("POST", url, body=body, headers={"Content-Type": content_type})
        assert code(refused) == "MalformedPOSTRequest"
    body, content_type = encode_multipart_formdata([*fields.items(), ("file", ("a", b"x"))])
    cut = web.request("POST", url, body=body[:-10], headers={"Content-Type": content_type})
    assert code(cut) == "MalformedPOSTRequest"
    assert web.request("POST", url, body=b"x", headers={"Content-Type": "text/plain"}).status == 400
    assert stored(bucket) == {}


def test_a_browsers_post_gets_its_cors_headers(make, web, shared_engine, bucket):
    bucket.cors = [{"origin": ["https://app.test"], "method": ["POST"], "responseHeader": ["x-goog-generation"]}]
    bucket.patch()
    body, content_type = encode_multipart_formdata([*make().items(), ("file", ("a", b"x"))])
    headers = {"Content-Type": content_type, "Origin": "https://app.test"}
    answer = web.request("POST", f"{shared_engine.url}/{bucket.name}", body=body, headers=headers)
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (204, "https://app.test")
