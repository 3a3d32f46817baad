"""Uploads by signed requests over HTTP: what is taken, and that nothing else is stored."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta

import pytest

from statekit._core.seal import generate
from statekit.errors import ConflictError

JPEG = "image/jpeg"
BOUNDARY = "----statekit-form"


def test_a_put_stores_bytes_type_and_metadata(site):
    signed = site.state.objects.presign_put(
        "a/ü photo.jpg", size=5, content_type=JPEG, cache_control="max-age=60", metadata={"who": "Ada Ω"}
    )
    answer = site.put(signed, b"hello")
    assert answer.status == 200
    found = site.state.objects.get("a/ü photo.jpg")
    assert found.data == b"hello"
    info = found.info
    assert (info.content_type, info.cache_control, info.metadata) == (JPEG, "max-age=60", {"who": "Ada Ω"})
    assert answer.headers["etag"].strip('"') == info.version


@pytest.mark.parametrize("data", [b"hell", b"hello!", b""])
def test_a_put_of_another_size_stores_nothing(site, data):
    signed = site.state.objects.presign_put("a", size=5, content_type=JPEG)
    assert site.put(signed, data).status in (400, 413)
    assert site.keys_stored() == []


def test_a_put_of_no_bytes_is_stored(site):
    assert site.put(site.state.objects.presign_put("a", size=0, content_type=JPEG), b"").status == 200
    assert site.state.objects.get("a").data == b""


def test_a_put_of_another_type_stores_nothing(site):
    signed = site.state.objects.presign_put("a", size=1, content_type=JPEG)
    assert site.put(signed, b"x", Content_Type="text/html").status == 403
    assert site.send("PUT", signed.url, b"x").status == 403
    assert site.keys_stored() == []


def test_a_put_if_absent_is_taken_once(site):
    signed = site.state.objects.presign_put("a", size=1, content_type=JPEG, if_absent=True)
    assert site.send("PUT", signed.url, b"0", {"Content-Type": JPEG}).status == 403
    assert site.put(signed, b"1").status == 200
    assert site.put(signed, b"2").status == 412
    assert site.state.objects.get("a").data == b"1"


def test_a_signature_is_for_one_key_and_one_method(site):
    objects = site.state.objects
    signed = objects.presign_put("a", size=1, content_type=JPEG)
    assert site.send("PUT", signed.url.replace("/files/a?", "/files/b?"), b"x", signed.headers).status == 403
    assert site.send("GET", signed.url).status == 403
    assert site.send("DELETE", signed.url).status == 405
    got = objects.presign_get("a")
    assert site.send("PUT", got.url, b"x", signed.headers).status == 403
    form = objects.presign_post("a", max_size=9, content_type=JPEG)
    query = f"policy={form.fields['policy']}&signature={form.fields['x-amz-signature']}"
    assert site.send("PUT", f"{site.base}/a?{query}", b"x", signed.headers).status == 403
    pairs = dict(part.split("=") for part in signed.url.partition("?")[2].split("&"))
    fields = {"policy": pairs["policy"], "x-amz-signature": pairs["signature"]}
    assert site.post(form, b"x", fields=fields).status == 403
    assert site.keys_stored() == []


def test_a_signature_expires_to_the_millisecond(site):
    objects = site.state.objects
    signed = objects.presign_put("a", size=1, content_type=JPEG, expires_in=timedelta(seconds=2))
    form = objects.presign_post("b", max_size=1, content_type=JPEG, expires_in=timedelta(seconds=2))
    assert signed.expires_at.timestamp() * 1000 == site.clock.now() + 2000
    site.clock.advance(1.999)
    assert site.put(signed, b"x").status == 200
    site.clock.advance(0.001)
    assert site.put(signed, b"x").status == 403
    assert site.post(form, b"x").status == 403
    assert site.keys_stored() == ["a"]


CHANGES = {
    "method": "GET",
    "key": "b",
    "expires_at": 9_999_999_999_999,
    "prefix": True,
    "smallest": 0,
    "largest": 99,
    "if_absent": False,
    "content_type": "text/html",
    "success": 200,
    "user": {"a": "b"},
    "overrides": {"response-content-type": "text/html"},
}


@pytest.mark.parametrize("field", CHANGES)
def test_a_permit_that_was_changed_is_none(site, field):
    signed = site.state.objects.presign_put("a", size=1, content_type=JPEG, if_absent=True)
    head, _, rest = signed.url.partition("policy=")
    text, _, signature = rest.partition("&signature=")
    permit = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    permit[field] = CHANGES[field]
    forged = urlsafe_b64encode(json.dumps(permit).encode()).decode().rstrip("=")
    assert site.send("PUT", f"{head}policy={forged}&signature={signature}", b"x", signed.headers).status == 403
    assert site.keys_stored() == []


@pytest.mark.parametrize("signature", ["", "0" * 64, "é", "0", "A" * 5000])
def test_another_signature_is_none(site, signature):
    from urllib.parse import quote

    signed = site.state.objects.presign_put("a", size=1, content_type=JPEG)
    head, _, _ = signed.url.partition("&signature=")
    assert site.send("PUT", f"{head}&signature={quote(signature)}", b"x", signed.headers).status == 403
    assert site.send("PUT", signed.url.partition("?")[0], b"x", signed.headers).status == 403


def test_other_keys_namespaces_and_gateways_sign_nothing_for_this_one(site):
    for changes in (
        {"keys": (generate(),)},
        {"namespace": "other"},
        {"gateway": site.base.replace("/files", "/elsewhere")},
    ):
        signed = site.other(**changes).objects.presign_put("a", size=1, content_type=JPEG)
        url = signed.url.replace("/elsewhere", "/files")
        assert site.send("PUT", url, b"x", signed.headers).status == 403, changes
    assert site.keys_stored() == []


def test_a_ring_that_gained_a_key_honours_what_the_old_one_signed(site):
    from statekit.gateway import WSGIGateway

    signed = site.state.objects.presign_put("a", size=1, content_type=JPEG)
    rotated = site.other(keys=(generate(), *site.keys))
    statuses = []
    query = signed.url.partition("?")[2]
    import io

    environ = {
        "REQUEST_METHOD": "PUT",
        "PATH_INFO": "/a",
        "QUERY_STRING": query,
        "CONTENT_TYPE": JPEG,
        "CONTENT_LENGTH": "1",
        "wsgi.input": io.BytesIO(b"x"),
    }
    list(WSGIGateway(rotated)(environ, lambda status, headers: statuses.append(status)))
    assert statuses == ["200 OK"]
    assert site.put(rotated.objects.presign_put("a", size=1, content_type=JPEG), b"x").status == 403


def test_a_form_stores_the_file_under_its_key(site):
    signed = site.state.objects.presign_post(
        "a/b.jpg", max_size=5, min_size=2, content_type=JPEG, metadata={"who": "Ω"}, content_disposition="attachment"
    )
    assert site.post(signed, b"hello", filename="whatever.exe").status == 204
    found = site.state.objects.get("a/b.jpg")
    assert (found.data, found.info.content_type, found.info.metadata) == (b"hello", JPEG, {"who": "Ω"})
    assert found.info.content_disposition == "attachment"
    assert site.post(signed, b"he").status == 204
    assert site.state.objects.get("a/b.jpg").data == b"he"


@pytest.mark.parametrize(("data", "status"), [(b"hello!", 413), (b"h", 400), (b"", 400)])
def test_a_form_of_another_size_stores_nothing(site, data, status):
    signed = site.state.objects.presign_post("a", max_size=5, min_size=2, content_type=JPEG)
    answer = site.post(signed, data)
    assert answer.status == status
    assert b"<Code>EntityTo" in answer.body
    assert site.keys_stored() == []


@pytest.mark.parametrize(
    "fields",
    [
        {"Content-Type": "text/html"},
        {"key": "b"},
        {"key": "a/../b"},
        {"success_action_status": "200"},
        {"success_action_redirect": "https://evil.example/"},
        {"x-amz-meta-a": "b"},
        {"acl": "public-read"},
        {"policy": ""},
        {"x-amz-signature": "0" * 64},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_form_with_another_field_stores_nothing(site, fields):
    signed = site.state.objects.presign_post("a", max_size=5, content_type=JPEG)
    assert site.post(signed, b"x", fields=fields).status == 403
    assert site.keys_stored() == []


def test_fields_that_nobody_judges_are_let_pass(site):
    signed = site.state.objects.presign_post("a", max_size=5, content_type=JPEG)
    assert site.post(signed, b"x", fields={"x-ignore-me": "1"}).status == 204


@pytest.mark.parametrize(
    ("filename", "stored"),
    [
        ("photo.jpg", "up/photo.jpg"),
        ("Größe Ω.jpg", "up/Größe Ω.jpg"),
        ("/etc/passwd", "up/passwd"),
        ("C:\\fakepath\\x.jpg", "up/x.jpg"),
        ("a/b/../c.jpg", "up/c.jpg"),
        ("..", None),
        ("../..", None),
        ("", None),
        ("a/", None),
        ("x" * 256, None),
    ],
)
def test_a_prefix_takes_the_name_of_the_file_and_never_its_folders(site, filename, stored):
    signed = site.state.objects.presign_post(prefix="up/", max_size=5, content_type=JPEG)
    answer = site.post(signed, b"x", filename=filename)
    assert answer.taken is (stored is not None), answer
    assert site.keys_stored() == ([stored] if stored else [])


@pytest.mark.parametrize(
    "key", ["up/sub/own.jpg", "up/../x", "up//x", "other/x", "u", "up/", "up/./x", "up/\\x", "/up/x", ".statekit/x", ""]
)
def test_a_page_may_choose_a_key_below_the_prefix_within_the_grammar(site, key):
    signed = site.state.objects.presign_post(prefix="up/", max_size=5, content_type=JPEG)
    answer = site.post(signed, b"x", fields={"key": key})
    assert answer.taken is (key == "up/sub/own.jpg")
    assert site.keys_stored() == (["up/sub/own.jpg"] if answer.taken else [])


def test_a_form_answers_as_was_signed(site):
    objects = site.state.objects
    created = site.post(objects.presign_post("a", max_size=5, content_type=JPEG, success=201), b"x")
    assert created.status == 201
    assert b"<Key>a</Key>" in created.body
    assert site.post(objects.presign_post("a", max_size=5, content_type=JPEG, success=200), b"x").status == 200
    sent = objects.presign_post("a", max_size=5, content_type=JPEG, success="https://shop.example/done?n=1")
    answer = site.post(sent, b"x")
    assert answer.status == 303
    assert answer.headers["location"].startswith("https://shop.example/done?n=1&key=a&etag=")


def malformed(body: bytes) -> dict[str, bytes]:
    end = f"--{BOUNDARY}--\r\n".encode()
    after = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n'.encode()
    return {
        "cut": body[: len(body) - len(end) - 3],
        "without its end": body.removesuffix(end),
        "empty": b"",
        "going on after the file": body.removesuffix(end) + after + end,
        "with two files": body.removesuffix(end) + body,
        "with a field twice": after * 2 + body,
        "no form": b"x" * 100,
        "with a nameless field": b"--" + BOUNDARY.encode() + b"\r\n\r\n1\r\n" + body,
        "with a field that is no UTF-8": body.replace(b'name="key"\r\n\r\n', b'name="key"\r\n\r\n\xff'),
    }


@pytest.mark.parametrize("what", malformed(b""))
def test_a_malformed_form_stores_nothing(site, what):
    signed = site.state.objects.presign_post("a", max_size=50, content_type=JPEG)
    body = malformed(site.form_of(signed.fields, b"x"))[what]
    answer = site.send("POST", signed.url, body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})
    assert answer.status in (400, 403)
    assert site.keys_stored() == []


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "multipart/form-data", "multipart/form-data; boundary=" + "x" * 300]
)
def test_a_form_of_another_kind_is_none(site, kind):
    signed = site.state.objects.presign_post("a", max_size=50, content_type=JPEG)
    answer = site.send("POST", signed.url, site.form_of(signed.fields, b"x"), {"Content-Type": kind})
    assert answer.status in (400, 415)


def test_fields_have_a_bound(site):
    signed = site.state.objects.presign_post("a", max_size=50, content_type=JPEG)
    assert site.post(signed, b"x", fields={"x-ignore-me": "y" * 300_000}).status == 400
    assert site.post(signed, b"x", fields={f"x-ignore-{n}": "y" for n in range(60)}).status == 400


def test_a_body_that_says_no_length_is_refused(site):
    signed = site.state.objects.presign_put("a", size=3, content_type=JPEG)
    chunked = site.send("PUT", signed.url, iter([b"abc"]), {**signed.headers, "Transfer-Encoding": "chunked"})
    assert chunked.status == 411
    assert site.keys_stored() == []


def test_a_put_that_loses_a_race_changes_nothing(site):
    site.state.objects.put("a", b"1")
    signed = site.state.objects.presign_put("a", size=1, content_type=JPEG, if_absent=True)
    assert site.put(signed, b"2").status == 412
    with pytest.raises(ConflictError):
        site.state.objects.put("a", b"3", if_absent=True)
    assert site.state.objects.get("a").data == b"1"
