"""The small pure pieces that everything else stands on."""

import json
import os
import random

import google_crc32c
import pytest

from statekit_conformance.engines.gcs import attributes, cors, listing, moments
from statekit_conformance.engines.gcs.checksums import joined_crc32c
from statekit_conformance.engines.gcs.errors import Refusal
from statekit_conformance.engines.gcs.limits import Limits
from statekit_conformance.engines.gcs.uploads import Span


@pytest.mark.parametrize("sizes", [(0, 0), (0, 7), (7, 0), (1, 1), (3, 1000), (100_000, 99_999)])
def test_joined_checksums_are_those_of_the_joined_bytes(sizes):
    first, second = map(os.urandom, sizes)
    joined = joined_crc32c(google_crc32c.value(first), google_crc32c.value(second), len(second))
    assert joined == google_crc32c.value(first + second)


def test_after_prefix_is_the_smallest_text_behind_it():
    alphabet = "a/0\x00\ud7ff\ue000\U0010ffff"
    for _ in range(500):
        prefix = "".join(random.choices(alphabet, k=random.randint(1, 4)))
        after = listing.after_prefix(prefix).encode()
        assert (prefix + "\U0010ffff" * 3).encode() < after
        other = "".join(random.choices(alphabet, k=4))
        assert other.startswith(prefix) or not prefix.encode() <= other.encode() < after


@pytest.mark.parametrize(
    "text", ["1970-01-01T00:00:00.000Z", "2026-11-23T19:22:00.120Z", "2026-11-23T19:22:00.123456Z"]
)
def test_moments_come_back(text):
    assert moments.rfc3339(moments.parse_rfc3339(text)) == text


def test_moments_in_other_spellings():
    moment = moments.parse_rfc3339("2026-11-23T20:22:00.5+01:00")
    assert moments.rfc3339(moment) == "2026-11-23T19:22:00.500Z"
    assert moments.http_date(moment) == "Mon, 23 Nov 2026 19:22:00 GMT"
    assert moments.parse_basic("20261123T192200Z") == moment - moments.MICROSECONDS // 2
    for text in ("2026-11-23", "2026-13-01T00:00:00Z", "", "2026-11-23T19:22:00"):
        with pytest.raises(ValueError):
            moments.parse_rfc3339(text)


@pytest.mark.parametrize(
    "header",
    ["bytes 0-9", "bytes 0-9/5", "bytes 5-2/9", "bytes 0-9/*", "items 0-9/10", "bytes 0-9/20"],
)
def test_spans_that_are_refused(header):
    with pytest.raises(Refusal):
        Span.of(header, None)


def test_spans():
    assert Span.of(None, 7) == Span(0, 7, 7)
    assert Span.of("bytes */*", 0) == Span(None, None, None)
    assert Span.of("bytes */9", 0) == Span(None, None, 9)
    assert Span.of("bytes 0-262143/*", 262144) == Span(0, 262144, None)
    with pytest.raises(Refusal):
        Span.of("bytes 0-262143/*", 262143)


def test_limits_at_their_edges():
    limits = Limits.of_headers({"x-goog-content-length-range": "5, 9"})
    assert limits == Limits(5, 9)
    for size in (5, 9):
        limits.check(size)
    for size in (4, 10):
        with pytest.raises(Refusal):
            limits.check(size)
    with pytest.raises(Refusal):
        Limits.of_headers({"x-goog-content-length-range": "5"})


@pytest.mark.parametrize(
    "resource", [{"metadata": {"k": 1}}, {"metadata": "k"}, {"customTime": "today"}, {"contentType": 3}]
)
def test_attributes_that_are_refused(resource):
    with pytest.raises(Refusal):
        attributes.of_resource(resource)


def test_refusals_say_the_same_in_both_shapes():
    refusal = Refusal(412, "conditionNotMet", "PreconditionFailed", "no <good>", Extra="1")
    shown = json.loads(refusal.as_json())["error"]
    assert (shown["code"], shown["message"]) == (412, "no <good>")
    assert shown["errors"] == [{"message": "no <good>", "domain": "global", "reason": "conditionNotMet"}]
    assert b"<Code>PreconditionFailed</Code><Message>no &lt;good&gt;</Message>" in refusal.as_xml()


def test_cors_without_an_origin_says_nothing():
    assert cors.exposed([{"origin": ["*"], "method": ["*"]}], {}, "GET") == []
