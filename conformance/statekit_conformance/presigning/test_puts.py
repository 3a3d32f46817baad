"""Presigned PUT: exactly the bytes' number, the type and the condition that were signed, or nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from statekit.errors import InvalidInputError, LimitExceededError
from statekit_conformance import clause
from statekit_conformance.engines.findings import poll
from statekit_conformance.presigning.browser import put, send, spoilt

PNG = "image/png"


def stored(view):
    return [item.key for item in view.objects.list()]


@clause("O-29")
@pytest.mark.parametrize("key", ["a", "photos/Größe Ω.jpg", "a b+c&d=e?f#g%2F~"])
def test_a_presigned_put_stores_what_was_signed(view, key):
    signed = view.objects.presign_put(
        key, size=5, content_type=PNG, cache_control="max-age=60", metadata={"who": "Ada Ω", "n": "1"}
    )
    assert signed.method == "PUT"
    assert put(signed, b"hello").taken
    found = view.objects.get(key)
    assert found.data == b"hello"
    assert (found.info.content_type, found.info.cache_control) == (PNG, "max-age=60")
    assert found.info.content_disposition is None
    assert found.info.metadata == {"who": "Ada Ω", "n": "1"}


@clause("O-29")
def test_a_presigned_put_of_no_bytes_is_stored(view):
    assert put(view.objects.presign_put("a", size=0, content_type=PNG), b"").taken
    assert view.objects.get("a").data == b""


@clause("O-29")
@pytest.mark.parametrize("data", [b"hell", b"hello!", b""], ids=["one too few", "one too many", "none"])
def test_a_presigned_put_of_another_size_stores_nothing(view, data):
    assert put(view.objects.presign_put("a", size=5, content_type=PNG), data).refused
    assert stored(view) == []


@clause("O-29")
def test_a_presigned_put_of_another_type_stores_nothing(view):
    signed = view.objects.presign_put("a", size=5, content_type=PNG)
    assert put(signed, b"hello", {**signed.headers, "Content-Type": "text/html"}).refused
    assert stored(view) == []


@clause("O-29")
def test_a_presigned_put_without_its_headers_stores_nothing(view):
    signed = view.objects.presign_put("a", size=5, content_type=PNG, if_absent=True)
    for name in signed.headers:
        rest = {other: value for other, value in signed.headers.items() if other != name}
        assert put(signed, b"hello", rest).refused, name
    assert stored(view) == []


@clause("O-29")
def test_a_presigned_put_overwrites(view):
    view.objects.put("a", b"before")
    signed = view.objects.presign_put("a", size=5, content_type=PNG)
    assert put(signed, b"hello").taken
    assert put(signed, b"again").taken
    assert view.objects.get("a").data == b"again"


@clause("O-29")
def test_64_mib_are_put(view):
    size = 64 * 1024 * 1024
    signed = view.objects.presign_put("large", size=size, content_type=PNG)
    pieces = (bytes([n % 251]) * 1_048_576 for n in range(64))
    assert send("PUT", signed.url, pieces, {**signed.headers, "Content-Length": str(size)}).taken
    assert view.objects.stat("large").size == size
    assert view.objects.get("large", start=63 * 1_048_576, length=1).data == bytes([63])


@clause("O-30")
def test_a_presigned_put_if_absent_is_taken_once(view):
    signed = view.objects.presign_put("a", size=1, content_type=PNG, if_absent=True)
    assert put(signed, b"1").taken
    assert put(signed, b"2").refused
    assert view.objects.get("a").data == b"1"


@clause("O-30")
def test_a_presigned_put_if_absent_leaves_what_is_there(view):
    view.objects.put("a", b"0")
    assert put(view.objects.presign_put("a", size=1, content_type=PNG, if_absent=True), b"1").refused
    assert view.objects.get("a").data == b"0"


@clause("O-36")
def test_a_changed_put_stores_nothing(view):
    signed = view.objects.presign_put("a", size=5, content_type=PNG, if_absent=True)
    for what, wrong in spoilt(signed).items():
        assert put(wrong, b"hello").refused, what
    assert stored(view) == []


@clause("O-36")
def test_a_put_is_no_download(view):
    view.objects.put("a", b"secret")
    signed = view.objects.presign_put("a", size=5, content_type=PNG)
    assert send("GET", signed.url, None, signed.headers).refused
    assert send("DELETE", signed.url).refused
    assert view.objects.get("a").data == b"secret"


@clause("O-33", "O-36")
def test_a_put_is_refused_once_it_has_ended(view, subject):
    signed = view.objects.presign_put("a", size=1, content_type=PNG, expires_in=timedelta(seconds=1), if_absent=True)
    subject.clock.advance(1)
    poll(lambda: put(signed, b"xx").refused and put(signed, b"x").refused, "what was signed for 1 s is still taken")


@clause("O-34")
@pytest.mark.parametrize("size", [-1, 1.5, None, True])
def test_a_put_without_a_size_is_not_signed(view, size):
    with pytest.raises(InvalidInputError):
        view.objects.presign_put("a", size=size, content_type=PNG)


@clause("O-34")
def test_a_put_larger_than_one_request_is_not_signed(view):
    with pytest.raises(LimitExceededError):
        view.objects.presign_put("a", size=5 * 1024**3 + 1, content_type=PNG)
