"""Permits: what is signed, and that nothing else verifies. URLs are honoured by the next release, too."""

from __future__ import annotations

import hmac
from urllib.parse import parse_qs, urlsplit

import pytest

from statekit._core.permits import PermitError, Signer
from statekit.driver import Grant, Meta, Signed

NOW = 1_800_000_000_000
KEYS = [b"k" * 32, b"o" * 32]
URL = "https://shop.example/files"
META = Meta("image/png", "max-age=60", None, {"who": "ada"})
PUT = Grant(method="PUT", key="a/ü.png", lifetime=60, meta=META, size=(5, 5), if_absent=True)


def shown(signed: Signed) -> tuple[str, str]:
    query = parse_qs(urlsplit(signed.url).query)
    return query["policy"][0], query["signature"][0]


@pytest.fixture
def signer() -> Signer:
    return Signer(KEYS, URL, "shop")


def test_a_permit_is_what_was_granted(signer: Signer) -> None:
    permit = signer.verify(*shown(signer.sign(PUT, NOW)), NOW)
    assert (permit.method, permit.key, permit.smallest, permit.largest, permit.if_absent) == (
        "PUT",
        PUT.key,
        5,
        5,
        True,
    )
    assert (permit.meta, permit.expires_at) == (META, NOW + 60_000)


def test_the_format_is_for_as_long_as_signatures_last(signer: Signer) -> None:
    text, signature = shown(signer.sign(PUT, NOW))
    assert text == (
        "eyJtZXRob2QiOiJQVVQiLCJrZXkiOiJhL8O8LnBuZyIsImV4cGlyZXNfYXQiOjE4MDAwMDAwNjAwMDAsInNtYWxsZXN0Ijo1LCJsYXJnZXN0"
        "Ijo1LCJpZl9hYnNlbnQiOnRydWUsImNvbnRlbnRfdHlwZSI6ImltYWdlL3BuZyIsImNhY2hlX2NvbnRyb2wiOiJtYXgtYWdlPTYwIiwidXNl"
        "ciI6eyJ3aG8iOiJhZGEifX0"
    )
    message = f"statekit gateway 1\n{URL}\nshop\n{text}".encode()
    assert signature == hmac.digest(KEYS[0], message, "sha256").hex()


def test_every_key_of_the_ring_verifies_and_the_first_signs(signer: Signer) -> None:
    old = Signer(KEYS[1:], URL, "shop").sign(PUT, NOW)
    assert signer.verify(*shown(old), NOW).key == PUT.key
    with pytest.raises(PermitError):
        Signer(KEYS[1:], URL, "shop").verify(*shown(signer.sign(PUT, NOW)), NOW)


@pytest.mark.parametrize(
    "other", [Signer(KEYS, URL, "other"), Signer(KEYS, f"{URL}2", "shop"), Signer([b"x"], URL, "shop")]
)
def test_a_permit_is_for_one_gateway_and_namespace(signer: Signer, other: Signer) -> None:
    with pytest.raises(PermitError):
        signer.verify(*shown(other.sign(PUT, NOW)), NOW)


def test_every_character_counts(signer: Signer) -> None:
    text, signature = shown(signer.sign(PUT, NOW))
    for at in range(len(text)):
        with pytest.raises(PermitError):
            signer.verify(text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :], signature, NOW)
    for at in range(len(signature)):
        with pytest.raises(PermitError):
            signer.verify(text, signature[:at] + ("0" if signature[at] != "0" else "1") + signature[at + 1 :], NOW)
    for wrong in (text + "=", text + "A", text[:-1], text.upper(), "", "é", "x" * 20_000):
        with pytest.raises(PermitError):
            signer.verify(wrong, signature, NOW)
    for wrong in ("", signature[:-1], signature + "0", signature.upper(), "é" * 64, "\udc80"):
        with pytest.raises(PermitError):
            signer.verify(text, wrong, NOW)


def test_a_permit_ends_to_the_millisecond(signer: Signer) -> None:
    shows = shown(signer.sign(PUT, NOW))
    assert signer.verify(*shows, NOW + 59_999)
    with pytest.raises(PermitError) as caught:
        signer.verify(*shows, NOW + 60_000)
    assert caught.value.expired


def test_a_condition_of_a_later_release_is_not_ignored(signer: Signer) -> None:
    from base64 import urlsafe_b64encode

    text = (
        urlsafe_b64encode(b'{"method":"GET","key":"a","expires_at":9999999999999,"country":"de"}').decode().rstrip("=")
    )
    with pytest.raises(PermitError):
        signer.verify(text, signer._mac(KEYS[0], text), NOW)


def test_a_form_has_s3s_fields(signer: Signer) -> None:
    grant = Grant(method="POST", key="up/", prefix=True, lifetime=60, meta=META, size=(1, 9), success="https://a/b")
    fields = signer.sign(grant, NOW).fields
    assert list(fields) == ["key", "Content-Type", "success_action_redirect", "policy", "x-amz-signature"]
    assert fields["key"] == "up/${filename}"
