"""Presigned downloads: by whoever holds the URL, as a download, as long as it says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from statekit.errors import InvalidInputError, InvalidKeyError, LimitExceededError, UnsupportedError
from statekit_conformance import clause
from statekit_conformance.engines.findings import poll
from statekit_conformance.presigning.browser import download, put, send, spoilt

DATA = bytes(range(256)) * 5


@clause("O-28")
@pytest.mark.parametrize("key", ["a", "photos/Größe Ω.jpg", "a b+c&d=e?f#g%2F~", "deep/" * 20 + "x"])
def test_a_presigned_get_is_the_object(view, key):
    view.objects.put(key, DATA, content_type="image/png")
    signed = view.objects.presign_get(key)
    answer = download(signed)
    assert (signed.method, answer.status, answer.body) == ("GET", 200, DATA)
    assert answer.headers["content-type"] == "image/png"


@clause("O-28")
def test_a_presigned_get_gives_ranges_and_an_empty_object(view):
    view.objects.put("a", DATA)
    view.objects.put("empty", b"")
    part = download(view.objects.presign_get("a"), Range="bytes=10-19")
    assert (part.status, part.body) == (206, DATA[10:20])
    assert download(view.objects.presign_get("empty")).body == b""


@clause("O-28")
def test_a_presigned_get_names_the_file_and_its_type(view):
    view.objects.put("a", DATA, content_type="application/octet-stream")
    signed = view.objects.presign_get("a", filename="Größe.csv", content_type="text/csv")
    headers = download(signed).headers
    assert headers["content-type"] == "text/csv"
    assert headers["content-disposition"] == "attachment; filename=\"Gr__e.csv\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.csv"


@clause("O-28")
def test_a_presigned_get_of_nothing_is_404(view):
    assert download(view.objects.presign_get("nothing")).status == 404


@clause("O-28")
def test_a_large_object_is_downloaded_whole(view):
    data = DATA * 16_000
    view.objects.put("large", data)
    assert download(view.objects.presign_get("large")).body == data


@clause("O-36")
def test_a_changed_download_is_refused(view):
    view.objects.put("a", DATA)
    view.objects.put("a-2", DATA)
    signed = view.objects.presign_get("a", filename="b.txt", content_type="text/plain")
    for what, wrong in spoilt(signed).items():
        assert download(wrong).refused, what


@clause("O-36")
def test_a_download_is_no_upload_and_no_deletion(view):
    view.objects.put("a", DATA)
    signed = view.objects.presign_get("a")
    assert put(signed, b"x").refused
    assert send("DELETE", signed.url).refused
    assert view.objects.get("a").data == DATA


@clause("O-33", "O-36")
def test_a_download_is_refused_once_it_has_ended(view, subject):
    view.objects.put("a", DATA)
    signed = view.objects.presign_get("a", expires_in=timedelta(seconds=2))
    assert download(signed).taken
    subject.clock.advance(2)
    poll(lambda: download(signed).refused, "what was signed for 2 s is still answered")


@clause("O-33")
def test_a_signature_says_when_it_ends(view):
    for seconds in (1, 3600, 7 * 86_400):
        signed = view.objects.presign_get("a", expires_in=timedelta(seconds=seconds))
        left = (signed.expires_at - datetime.now(UTC)).total_seconds()
        assert seconds - 30 < left <= seconds + 2


@clause("O-33")
@pytest.mark.parametrize("expires_in", [timedelta(0), timedelta(seconds=-1), timedelta(milliseconds=999)])
def test_a_signature_lasts_a_second_at_least(view, expires_in):
    with pytest.raises(InvalidInputError):
        view.objects.presign_get("a", expires_in=expires_in)


@clause("O-33")
def test_a_signature_lasts_a_week_at_most(view):
    with pytest.raises(LimitExceededError):
        view.objects.presign_get("a", expires_in=timedelta(days=7, seconds=1))


@clause("O-35")
def test_a_download_is_saved_and_not_run(view):
    view.objects.put("page", b"<script>", content_type="text/html", content_disposition="inline")
    assert download(view.objects.presign_get("page")).headers["content-disposition"] == "attachment"


@clause("O-35")
@pytest.mark.parametrize("content_type", [None, "text/html", "image/svg+xml", "application/pdf", "text/javascript"])
def test_what_may_run_is_not_signed_inline(view, content_type):
    with pytest.raises(UnsupportedError):
        view.objects.presign_get("page", inline=True, content_type=content_type)


@clause("O-35")
def test_what_is_signed_inline_is_said_to_be_of_its_type(view):
    view.objects.put("page", b"<script>", content_type="text/html")
    headers = download(view.objects.presign_get("page", inline=True, content_type="image/png")).headers
    assert (headers["content-type"], headers["content-disposition"]) == ("image/png", "inline")


@clause("K-02", "O-28")
@pytest.mark.parametrize("key", ["", "/a", "a//b", "../a", "a\x00", ".statekit/a"])
def test_a_key_outside_the_grammar_is_not_signed(view, key):
    with pytest.raises(InvalidKeyError):
        view.objects.presign_get(key)


@clause("O-28")
@pytest.mark.parametrize("filename", ["a\r\nX-Evil: 1", "a/b", "a\\b", "", "\x7f"])
def test_a_files_name_brings_no_header_of_its_own(view, filename):
    with pytest.raises(InvalidInputError):
        view.objects.presign_get("a", filename=filename)
