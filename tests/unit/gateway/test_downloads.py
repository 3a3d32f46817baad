"""Downloads by signed requests over HTTP, and what keeps an uploaded page from running as the site's own."""

from __future__ import annotations

import re
from datetime import timedelta
from email.utils import format_datetime

import pytest

from statekit.errors import InvalidInputError, LimitExceededError, UnsupportedError

BODY = bytes(range(256)) * 8


@pytest.fixture
def stored(site):
    return site.state.objects.put("a/ü.bin", BODY, content_type="image/png")


def test_a_download_is_the_object(site, stored):
    answer = site.send("GET", site.state.objects.presign_get("a/ü.bin").url)
    assert (answer.status, answer.body) == (200, BODY)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["etag"] == f'"{stored.version}"'
    assert answer.headers["content-length"] == str(len(BODY))


def test_head_is_the_same_without_the_body(site, stored):
    url = site.state.objects.presign_get("a/ü.bin").url
    head, whole = site.send("HEAD", url), site.send("GET", url)
    assert (head.status, head.body) == (200, b"")
    for name in ("etag", "content-type", "content-length", "last-modified", "content-disposition", "accept-ranges"):
        assert head.headers[name] == whole.headers[name]


def test_what_is_not_there_is_404(site):
    url = site.state.objects.presign_get("a").url
    assert site.send("GET", url).status == 404
    assert site.send("HEAD", url).status == 404


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-0", 206, BODY[:1]),
        ("bytes=10-19", 206, BODY[10:20]),
        ("bytes=2000-", 206, BODY[2000:]),
        ("bytes=-48", 206, BODY[-48:]),
        ("bytes=-99999", 200, BODY),
        ("bytes=2047-5000", 206, BODY[2047:]),
        ("bytes=2048-", 416, None),
        ("bytes=-0", 416, None),
        ("bytes=5-2", 200, BODY),
        ("bytes=0-1,5-6", 200, BODY),
        ("bytes=-", 200, BODY),
        ("lines=1-2", 200, BODY),
        ("bytes=" + "9" * 30 + "-", 200, BODY),
    ],
)
def test_ranges(site, stored, asked, status, part):
    answer = site.send("GET", site.state.objects.presign_get("a/ü.bin").url, headers={"Range": asked})
    assert answer.status == status
    if part is not None:
        assert answer.body == part
    if status == 416:
        assert answer.headers["content-range"] == "bytes */2048"


def test_conditions(site, stored):
    url = site.state.objects.presign_get("a/ü.bin").url
    tag, moment = f'"{stored.version}"', format_datetime(stored.modified_at, usegmt=True)
    old = format_datetime(stored.modified_at - timedelta(hours=1), usegmt=True)

    def status(**headers):
        return site.send("GET", url, headers={name.replace("_", "-"): value for name, value in headers.items()}).status

    assert status(If_None_Match=tag) == status(If_None_Match=f'"x", W/{tag}') == status(If_None_Match="*") == 304
    assert status(If_None_Match='"x"') == 200
    assert status(If_Match='"x"') == 412
    assert status(If_Match=tag) == 200
    assert status(If_Modified_Since=moment) == 304
    assert status(If_Modified_Since=old) == 200
    assert status(If_Modified_Since="yesterday") == 200
    assert status(If_Unmodified_Since=old) == 412
    assert status(Range="bytes=0-1", If_Range=tag) == 206
    assert status(Range="bytes=0-1", If_Range='"x"') == 200


def test_an_empty_object_is_downloaded(site):
    site.state.objects.put("empty", b"")
    url = site.state.objects.presign_get("empty").url
    assert (site.send("GET", url).status, site.send("GET", url).body) == (200, b"")
    assert site.send("GET", url, headers={"Range": "bytes=0-"}).status == 416


def test_an_uploaded_page_does_not_run_as_the_sites_own(site):
    site.state.objects.put("page", b"<script>alert(1)</script>", content_type="text/html", content_disposition="inline")
    answer = site.send("GET", site.state.objects.presign_get("page").url)
    assert answer.headers["content-disposition"] == "attachment"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")


@pytest.mark.parametrize(
    "content_type", [None, "text/html", "image/svg+xml", "application/pdf", "text/xml", "IMAGE/SVG+XML"]
)
def test_what_may_run_is_never_shown_inline(site, content_type):
    with pytest.raises(UnsupportedError):
        site.state.objects.presign_get("page", inline=True, content_type=content_type)


def test_an_image_is_shown_inline_as_the_type_that_was_signed(site):
    site.state.objects.put("page", b"<script>", content_type="text/html")
    signed = site.state.objects.presign_get("page", inline=True, content_type="image/png")
    answer = site.send("GET", signed.url)
    assert (answer.headers["content-type"], answer.headers["content-disposition"]) == ("image/png", "inline")


def test_a_file_is_called_as_was_signed(site, stored):
    signed = site.state.objects.presign_get("a/ü.bin", filename='Größe "1" %41.png')
    found = site.send("GET", signed.url).headers["content-disposition"]
    assert found == (
        "attachment; filename=\"Gr__e _1_ _41.png\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%221%22%20%2541.png"
    )


@pytest.mark.parametrize("filename", ["a\r\nX-Evil: 1", "a\nb", "a\x00", "a/b", "a\\b", "", "\x85", "\ud800"])
def test_a_files_name_brings_no_header_of_its_own(site, filename):
    with pytest.raises(InvalidInputError):
        site.state.objects.presign_get("a", filename=filename)


@pytest.mark.parametrize("content_type", ["text/plain\r\nX-Evil: 1", "ü", "", " a"])
def test_a_type_brings_no_header_of_its_own(site, content_type):
    with pytest.raises(InvalidInputError):
        site.state.objects.presign_get("a", content_type=content_type)


def test_pages_of_listed_origins_may_read_answers_and_refusals(site, stored):
    url = site.state.objects.presign_get("a/ü.bin").url
    for target in (url, url.replace("signature=", "signature=0")):
        answer = site.send("GET", target, headers={"Origin": "https://shop.example"})
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
        assert answer.headers["vary"] == "Origin"
        other = site.send("GET", target, headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize(
    ("origin", "method", "headers", "status"),
    [
        ("https://shop.example", "PUT", "content-type,if-none-match", 204),
        ("https://shop.example", "GET", "", 204),
        ("https://shop.example", "DELETE", "", 403),
        ("https://shop.example", "PUT", "authorization", 403),
        ("https://evil.example", "PUT", "", 403),
        ("null", "PUT", "", 403),
        ("https://shop.example.evil.example", "PUT", "", 403),
    ],
)
def test_preflights(site, origin, method, headers, status):
    asked = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    answer = site.send("OPTIONS", f"{site.base}/a", headers=asked)
    assert answer.status == status
    if status == 204:
        assert answer.headers["access-control-allow-origin"] == origin
        assert method in answer.headers["access-control-allow-methods"]


@pytest.mark.parametrize(
    ("expires_in", "error"),
    [
        (timedelta(0), InvalidInputError),
        (timedelta(seconds=-1), InvalidInputError),
        (timedelta(milliseconds=999), InvalidInputError),
        (timedelta(days=7, milliseconds=1), LimitExceededError),
    ],
)
def test_a_signature_lasts_from_a_second_to_a_week(site, expires_in, error):
    with pytest.raises(error):
        site.state.objects.presign_get("a", expires_in=expires_in)
    assert site.state.objects.presign_get("a", expires_in=timedelta(days=7))


def test_what_does_not_hold_everywhere_is_refused_when_signing(site):
    objects = site.state.objects
    with pytest.raises(UnsupportedError):
        objects.presign_post("a", max_size=1, content_type="a/b", if_absent=True)
    for options in (
        {"key": "a${filename}"},
        {"key": "a", "prefix": "b/"},
        {},
        {"prefix": "b"},
        {"prefix": ""},
        {"prefix": "/"},
        {"prefix": ".statekit/"},
        {"key": "a", "min_size": 2},
        {"key": "a", "success": 302},
        {"key": "a", "success": "javascript:alert(1)"},
        {"key": "a", "success": "https://a.example/\r\nX: 1"},
        {"key": ".statekit/a"},
        {"key": "a", "content_type": "a\r\nb"},
        {"key": "a", "max_size": 5 * 1024**3 + 1},
    ):
        with pytest.raises(InvalidInputError):
            objects.presign_post(**{"max_size": 1, "content_type": "a/b", **options})
    for size in (-1, 5 * 1024**3 + 1, 1.5, True, None):
        with pytest.raises(InvalidInputError):
            objects.presign_put("a", size=size, content_type="a/b")


def test_nothing_signed_is_in_a_repr(site):
    signed = site.state.objects.presign_post("secret", max_size=1, content_type="a/b")
    assert re.search("secret|policy|http", repr(signed)) is None
