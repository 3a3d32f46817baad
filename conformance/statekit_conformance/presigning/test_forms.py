"""Presigned forms: a file within its bounds, as its type, under its key or prefix, or nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from statekit.errors import InvalidInputError, InvalidKeyError, UnsupportedError
from statekit_conformance import clause
from statekit_conformance.engines.findings import poll
from statekit_conformance.presigning.browser import post, spoilt

JPEG = "image/jpeg"
MIB = 1024 * 1024


def stored(view):
    return [item.key for item in view.objects.list()]


@clause("O-31")
def test_a_form_stores_a_file_with_what_was_signed(view):
    signed = view.objects.presign_post(
        "a/Größe Ω.jpg",
        max_size=5,
        content_type=JPEG,
        cache_control="max-age=60",
        content_disposition="attachment",
        metadata={"who": "Ada Ω"},
    )
    answer = post(signed, b"hello", filename="whatever.exe")
    assert (signed.method, answer.status) == ("POST", 204)
    found = view.objects.get("a/Größe Ω.jpg")
    assert found.data == b"hello"
    info = found.info
    assert (info.content_type, info.cache_control, info.content_disposition) == (JPEG, "max-age=60", "attachment")
    assert info.metadata == {"who": "Ada Ω"}


@clause("O-31")
@pytest.mark.parametrize("size", [2, 5])
def test_the_bounds_of_a_form_are_within_them(view, size):
    signed = view.objects.presign_post("a", min_size=2, max_size=5, content_type=JPEG)
    assert post(signed, b"x" * size).taken
    assert view.objects.get("a").data == b"x" * size


@clause("O-31")
@pytest.mark.parametrize("size", [0, 1, 6, 2 * MIB], ids=["none", "one too few", "one too many", "far too many"])
def test_a_form_outside_its_bounds_stores_nothing(view, size):
    signed = view.objects.presign_post("a", min_size=2, max_size=5, content_type=JPEG)
    assert post(signed, b"x" * size).refused
    assert stored(view) == []


@clause("O-31")
def test_a_form_may_allow_an_empty_file(view):
    assert post(view.objects.presign_post("a", max_size=5, content_type=JPEG), b"").taken
    assert view.objects.get("a").data == b""


@clause("O-31")
def test_a_form_of_64_mib_is_stored(view):
    size = 64 * MIB
    signed = view.objects.presign_post("large", max_size=size, content_type=JPEG)
    assert post(signed, (bytes([n]) * MIB for n in range(64)), size=size).taken
    assert view.objects.stat("large").size == size
    assert view.objects.get("large", start=63 * MIB, length=1).data == bytes([63])


@clause("O-31")
@pytest.mark.parametrize(("name", "value"), [("Content-Type", "text/html"), ("success_action_status", "200")])
def test_a_form_with_another_value_stores_nothing(view, name, value):
    signed = view.objects.presign_post("a", max_size=5, content_type=JPEG)
    assert post(signed, b"x", fields={name: value}).refused
    assert stored(view) == []


@clause("O-42")
@pytest.mark.parametrize(("name", "value"), [("Cache-Control", "no-store"), ("acl", "public-read")])
def test_a_form_with_a_field_that_nobody_signed_stores_nothing(view, name, value):
    signed = view.objects.presign_post("a", max_size=5, content_type=JPEG)
    assert post(signed, b"x", fields={name: value}).refused
    assert stored(view) == []


@clause("O-31")
@pytest.mark.parametrize("key", ["b", "a/b", "a2"])
def test_a_form_for_a_key_takes_no_other(view, key):
    signed = view.objects.presign_post("a", max_size=5, content_type=JPEG)
    other = signed.fields["key"][: -len("a")] + key
    assert post(signed, b"x", fields={"key": other}).refused
    assert stored(view) == []


@clause("O-31")
def test_a_form_answers_as_was_signed(view):
    assert post(view.objects.presign_post("a", max_size=5, content_type=JPEG, success=200), b"x").status == 200
    created = post(view.objects.presign_post("a", max_size=5, content_type=JPEG, success=201), b"x")
    assert created.status == 201
    assert b"<Key>" in created.body
    sent = view.objects.presign_post("a", max_size=5, content_type=JPEG, success="http://127.0.0.1:9/done")
    answer = post(sent, b"x")
    assert answer.status == 303
    assert answer.headers["location"].startswith("http://127.0.0.1:9/done?")
    assert "key=" in answer.headers["location"]


@clause("O-32")
@pytest.mark.parametrize(
    ("filename", "key"),
    [
        ("photo.jpg", "up/photo.jpg"),
        ("Größe Ω.jpg", "up/Größe Ω.jpg"),
        ("a/b/c.jpg", "up/c.jpg"),
        ("../../c.jpg", "up/c.jpg"),
        ("/etc/passwd", "up/passwd"),
        ("x..jpg", "up/x..jpg"),
    ],
)
def test_a_form_for_a_prefix_takes_the_name_of_the_file(view, filename, key):
    signed = view.objects.presign_post(prefix="up/", max_size=5, content_type=JPEG)
    assert signed.fields["key"].endswith("up/${filename}")
    assert post(signed, b"hello", filename=filename).taken
    assert view.objects.get(key).data == b"hello"
    assert stored(view) == [key]


@clause("O-32")
@pytest.mark.parametrize("filename", ["..", "a/..", "../", "."])
def test_a_name_that_is_none_leads_nowhere_else(view, filename):
    view.objects.put("other", b"1")
    signed = view.objects.presign_post(prefix="up/sub/", max_size=5, content_type=JPEG)
    post(signed, b"hello", filename=filename)
    assert [key for key in stored(view) if not key.startswith("up/sub/")] == ["other"]
    assert view.objects.get("other").data == b"1"


@clause("O-32")
def test_a_page_may_name_the_object_below_the_prefix(view):
    signed = view.objects.presign_post(prefix="up/", max_size=5, content_type=JPEG)
    own = signed.fields["key"].replace("${filename}", "sub/own.jpg")
    assert post(signed, b"hello", fields={"key": own}).taken
    assert stored(view) == ["up/sub/own.jpg"]


@clause("O-32")
@pytest.mark.parametrize("key", ["other/x", "upx", "u", "", "UP/x"])
def test_a_key_outside_the_prefix_stores_nothing(view, key):
    signed = view.objects.presign_post(prefix="up/", max_size=5, content_type=JPEG)
    start = signed.fields["key"].removesuffix("up/${filename}")
    assert post(signed, b"x", fields={"key": start + key}).refused
    assert stored(view) == []


@clause("O-36")
def test_a_changed_form_stores_nothing(view):
    signed = view.objects.presign_post("a", max_size=5, content_type=JPEG, metadata={"who": "ada"})
    for what, wrong in spoilt(signed).items():
        assert post(wrong, b"x").refused, what
    assert stored(view) == []


@clause("O-36")
def test_a_form_without_its_policy_stores_nothing(view):
    signed = view.objects.presign_post("a", max_size=5, content_type=JPEG)
    other = view.objects.presign_post("b", max_size=5, content_type=JPEG)
    assert post(signed, b"x", fields={"policy": ""}).refused
    assert post(signed, b"x", fields={"policy": other.fields["policy"]}).refused
    assert stored(view) == []


@clause("O-33", "O-36")
def test_a_form_is_refused_once_it_has_ended(view, subject):
    signed = view.objects.presign_post("a", max_size=1, content_type=JPEG, expires_in=timedelta(seconds=1))
    subject.clock.advance(1)
    poll(lambda: post(signed, b"x").refused, "what was signed for 1 s is still taken")


@clause("O-34")
def test_a_form_with_a_condition_is_not_signed(view):
    with pytest.raises(UnsupportedError):
        view.objects.presign_post("a", max_size=1, content_type=JPEG, if_absent=True)


@clause("O-32", "K-02")
@pytest.mark.parametrize("prefix", ["", "/", "up", "../", "up//", ".statekit/", "${filename}/"])
def test_a_prefix_that_is_no_directory_is_not_signed(view, prefix):
    with pytest.raises(InvalidKeyError):
        view.objects.presign_post(prefix=prefix, max_size=1, content_type=JPEG)


@clause("O-31")
def test_a_form_is_for_a_key_or_a_prefix(view):
    for target in ({}, {"key": "a", "prefix": "b/"}):
        with pytest.raises(InvalidInputError):
            view.objects.presign_post(**target, max_size=1, content_type=JPEG)
