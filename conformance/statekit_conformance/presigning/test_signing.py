"""The signing driver alone: the engine enforces each member of a grant, and the value says when it ends."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from statekit.driver import Grant, Meta, Signed
from statekit.types import Presigned
from statekit_conformance import clause
from statekit_conformance.engines.findings import poll
from statekit_conformance.presigning.browser import download, post, put, spoilt

META = Meta("image/png", "max-age=60", None, {"who": "ada"})


@pytest.fixture
def sign(objects_driver):
    """Sign a grant, as a request that can be sent."""

    def signed(**options):
        grant = Grant(**{"lifetime": 60, "key": objects_driver.key("a"), **options})
        answer = objects_driver.once("sign", grant)
        assert isinstance(answer, Signed)
        expires_at = datetime.fromtimestamp(answer.expires_at / 1000, UTC)
        return Presigned(grant.method, answer.url, answer.headers, answer.fields, expires_at)

    return signed


@clause("O-74", needs=("signing",))
def test_a_signed_download_is_answered_with_its_overrides_and_for_its_key(objects_driver, sign):
    objects_driver.put(objects_driver.key("a"), b"hello")
    overrides = {"response-content-type": "text/csv", "response-content-disposition": "attachment"}
    signed = sign(method="GET", overrides=overrides)
    answer = download(signed)
    assert answer.body == b"hello"
    assert (answer.headers["content-type"], answer.headers["content-disposition"]) == ("text/csv", "attachment")
    for what, wrong in spoilt(signed).items():
        assert download(wrong).refused, what


@clause("O-74", needs=("signing",))
def test_a_signed_put_is_bound_to_size_type_metadata_and_absence(objects_driver, sign):
    signed = sign(method="PUT", meta=META, size=(5, 5), if_absent=True)
    for name in signed.headers:
        assert put(signed, b"hello", {**signed.headers, name: f"{signed.headers[name]}0"}).refused, name
    assert put(signed, b"hello!").refused
    assert objects_driver.stat(objects_driver.key("a")) is None
    assert put(signed, b"hello").taken
    assert put(signed, b"again").refused
    stat = objects_driver.stat(objects_driver.key("a"))
    assert (stat.size, stat.meta.content_type, stat.meta.cache_control) == (5, "image/png", "max-age=60")
    assert stat.meta.user == {"who": "ada"}


@clause("O-74", needs=("signing",))
def test_a_signed_form_is_bound_to_size_type_and_metadata(objects_driver, sign):
    signed = sign(method="POST", meta=META, size=(2, 5))
    for size in (1, 6):
        assert post(signed, b"x" * size).refused
    for name in ("Content-Type", "Cache-Control"):
        assert post(signed, b"xx", fields={name: "text/html"}).refused
    assert objects_driver.stat(objects_driver.key("a")) is None
    assert post(signed, b"xx").taken
    stat = objects_driver.stat(objects_driver.key("a"))
    assert (stat.size, stat.meta.content_type, stat.meta.user) == (2, "image/png", {"who": "ada"})


@clause("O-75", needs=("signing",))
@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
def test_a_signature_says_when_it_ends(sign, method):
    uploads = {} if method == "GET" else {"meta": META, "size": (1, 1)}
    for lifetime in (1, 3600, 604_800):
        signed = sign(method=method, lifetime=lifetime, **uploads)
        left = (signed.expires_at - datetime.now(UTC)).total_seconds()
        assert lifetime - 30 < left <= lifetime + 1


@clause("O-75", needs=("signing",))
def test_a_signature_holds_until_then_and_no_longer(objects_driver, sign):
    objects_driver.put(objects_driver.key("a"), b"hello")
    signed = sign(method="GET", lifetime=2)
    taken = []

    def over():
        before = datetime.now(UTC)
        answer = download(signed)
        if datetime.now(UTC) < signed.expires_at:
            taken.append(answer.taken)
        return before > signed.expires_at and answer.refused

    poll(over, "what was signed for 2 s is still answered")
    assert all(taken)
