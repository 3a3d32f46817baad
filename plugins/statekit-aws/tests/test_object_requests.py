"""What is sent to S3 for each call, and what its answers mean, without a server."""

from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError
from google_crc32c import value as crc32c
from hypothesis import given
from hypothesis import strategies as st
from statekit_aws.faults import UnreadableError
from statekit_aws.s3 import answers
from statekit_aws.s3.answers import Answer
from statekit_aws.s3.checksums import decoded, encoded
from statekit_aws.s3.metadata import packed, unpacked
from statekit_aws.s3.requests import WHOLE, CopySteps, ObjectRequests, tag, untagged

from statekit.driver import ABSENT, ANY, Committed, Match, Meta, Part, Upload

BUCKET = ObjectRequests("bkt", "pre/", checks=True)
UNCHECKED = ObjectRequests("bkt", "", checks=False)
META = Meta("text/plain", "no-store", "attachment", {"k": "v"}, "w1", "-")
PLACE = {"Bucket": "bkt", "Key": "pre/a"}


@pytest.mark.parametrize(
    ("expect", "headers"), [(ANY, {}), (ABSENT, {"IfNoneMatch": "*"}), (Match("e1"), {"IfMatch": '"e1"'})]
)
def test_an_expectation_is_a_header_on_every_kind_of_write(expect, headers):
    upload, parts = Upload("a", "u", None, None), [Part(1, tag("e", 1), 1)]
    requests = [
        BUCKET.write("a", b"x", meta=META, crc32c=1, expect=expect),
        BUCKET.copy("s", "a", pinned=Match("e0"), meta=META, expect=expect),
        BUCKET.finish(upload, parts, size=1, crc32c=1, expect=expect),
        BUCKET.finish_copy(upload, CopySteps("u", 1, ("e",)), expect),
    ]
    for request in requests:
        assert {name: request[name] for name in ("IfMatch", "IfNoneMatch") if name in request} == headers


def test_a_delete_of_any_version_asks_whether_there_is_one():
    assert BUCKET.delete("a", ANY) == {**PLACE, "IfMatch": "*"}
    assert BUCKET.delete("a", Match("e1")) == {**PLACE, "IfMatch": '"e1"'}


def test_a_range_is_inclusive_and_pinned():
    assert BUCKET.read("a", start=3, length=4, expect=Match("e1")) == {**PLACE, "IfMatch": '"e1"', "Range": "bytes=3-6"}


def test_who_asks_for_everything_gets_it_with_its_checksum():
    assert BUCKET.read("a", start=0, length=WHOLE, expect=ANY) == {**PLACE, "ChecksumMode": "ENABLED"}
    assert UNCHECKED.read("a", start=0, length=WHOLE, expect=ANY) == {"Bucket": "bkt", "Key": "a"}


def test_a_copy_pins_its_source_and_replaces_the_metadata():
    request = BUCKET.copy("s", "a", pinned=Match("e0"), meta=META, expect=ANY)
    assert request["CopySource"] == {"Bucket": "bkt", "Key": "pre/s"}
    assert request["CopySourceIfMatch"] == '"e0"'
    assert request["MetadataDirective"] == "REPLACE"
    assert request["Metadata"]["statekit-write-id"] == "w1"


def test_data_may_be_a_view():
    assert BUCKET.write("a", memoryview(b"xyz")[1:], meta=META, crc32c=1, expect=ANY)["Body"] == b"yz"


def test_checksums_are_sent_unless_the_server_takes_none():
    request = BUCKET.write("a", b"x", meta=META, crc32c=crc32c(b"x"), expect=ANY)
    assert request["ChecksumCRC32C"] == encoded(crc32c(b"x"))
    assert not any("Checksum" in name for name in UNCHECKED.write("a", b"x", meta=META, crc32c=1, expect=ANY))
    assert not any("Checksum" in name for name in UNCHECKED.begin("a", meta=META))


def test_a_completion_names_every_part_and_the_whole():
    parts = [Part(1, tag("e1", 1), 5), Part(2, tag("e2", 2), 3)]
    request = BUCKET.finish(Upload("a", "u", None, None), parts, size=8, crc32c=7, expect=ANY)
    assert request["MultipartUpload"]["Parts"] == [
        {"PartNumber": 1, "ETag": '"e1"', "ChecksumCRC32C": encoded(1)},
        {"PartNumber": 2, "ETag": '"e2"', "ChecksumCRC32C": encoded(2)},
    ]
    assert (request["MpuObjectSize"], request["ChecksumCRC32C"]) == (8, encoded(7))


def test_a_listing_starts_after_a_key_once_and_then_continues():
    first = BUCKET.page("x", delimiter="/", start_after="x/1", cursor=None, limit=5)
    assert first == {"Bucket": "bkt", "Prefix": "pre/x", "MaxKeys": 5, "Delimiter": "/", "StartAfter": "pre/x/1"}
    then = BUCKET.page("x", delimiter=None, start_after=None, cursor="c", limit=5)
    assert then == {"Bucket": "bkt", "Prefix": "pre/x", "MaxKeys": 5, "ContinuationToken": "c"}


@pytest.mark.parametrize("meta", [META, Meta(write_id="w"), Meta(None, None, "x", {}, "w", "r")])
def test_metadata_comes_back_as_it_went_in(meta):
    stored = packed(meta)
    shouted = {key.title(): value for key, value in stored["Metadata"].items()}
    stored = {"ContentType": "binary/octet-stream", **stored, "Metadata": shouted}
    found = unpacked(stored)
    assert (found.content_type, found.cache_control, found.content_disposition) == (
        meta.content_type,
        meta.cache_control,
        meta.content_disposition,
    )
    assert (found.user, found.write_id, found.replaces) == (dict(meta.user or {}), meta.write_id, meta.replaces)


def test_an_object_of_somebody_elses_is_valid():
    found = answers.stat("a", {"ETag": '"e"', "ContentLength": 3, "LastModified": datetime(2026, 1, 1, tzinfo=UTC)})
    assert (found.version, found.size, found.crc32c, found.meta) == ("e", 3, None, Meta(user={}))


@pytest.mark.parametrize("etag", ['"e-1"', "e-1", 'W/"e-1"'])
def test_a_version_has_no_quotes(etag):
    assert answers.version(etag) == "e-1"
    assert answers.copied({"CopyObjectResult": {"ETag": etag}}) == Committed("e-1")


def described(**more):
    return {"ETag": '"e"', "ContentLength": 3, "LastModified": datetime(2026, 1, 1, tzinfo=UTC), **more}


def test_only_a_checksum_of_the_whole_counts():
    whole = encoded(7)
    assert answers.stat("a", described(ChecksumCRC32C=whole)).crc32c == 7
    assert answers.stat("a", described(ChecksumCRC32C=whole, ChecksumType="FULL_OBJECT")).crc32c == 7
    assert answers.stat("a", described(ChecksumCRC32C=whole, ChecksumType="COMPOSITE")).crc32c is None
    assert answers.stat("a", described(ChecksumCRC32C=f"{whole}-3")).crc32c is None
    assert answers.stat("a", described(ChecksumCRC32C=whole, ContentRange="bytes 0-2/3")).crc32c is None


def test_a_range_says_how_large_the_whole_is():
    assert answers.size(described(ContentRange="bytes 0-2/100")) == 100
    assert answers.size(described()) == 3


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("NoSuchKey", Answer.ABSENT),
        ("404", Answer.ABSENT),
        ("PreconditionFailed", Answer.UNMATCHED),
        ("412", Answer.UNMATCHED),
        ("InvalidRange", Answer.BEYOND),
        ("416", Answer.BEYOND),
        ("NoSuchBucket", None),
        ("NoSuchUpload", None),
        ("ConditionalRequestConflict", None),
        ("409", None),
        ("InternalError", None),
    ],
)
def test_an_error_may_be_an_answer(code, meaning):
    assert answers.meaning(ClientError({"Error": {"Code": code}}, "PutObject")) is meaning


def test_uploads_are_continued_from_the_markers_that_the_server_gave():
    line = {"Key": "pre/a", "UploadId": "u1", "Initiated": datetime(2026, 1, 1, tzinfo=UTC)}
    told = {"Uploads": [line], "IsTruncated": True, "NextUploadIdMarker": "u1"}
    page = answers.uploads({**told, "NextKeyMarker": "pre/a"}, BUCKET.name)
    assert (page.items[0].key, page.items[0].id, page.items[0].meta) == ("a", "u1", None)
    request = BUCKET.uploads("", cursor=page.cursor, limit=5)
    assert (request["KeyMarker"], request["UploadIdMarker"]) == ("pre/a", "u1")
    by_upload = answers.uploads(told, BUCKET.name)
    assert "KeyMarker" not in BUCKET.uploads("", cursor=by_upload.cursor, limit=5)
    assert answers.uploads({"Uploads": [line]}, BUCKET.name).cursor is None


def test_a_listing_that_does_not_advance_is_an_error_and_not_endless():
    told = {"IsTruncated": True, "NextContinuationToken": "c"}
    assert answers.listed(told, BUCKET.name, None).cursor == "c"
    with pytest.raises(UnreadableError):
        answers.listed(told, BUCKET.name, "c")


@given(st.integers(0, 2**32 - 1))
def test_a_checksum_is_written_and_read(checksum):
    assert decoded(encoded(checksum)) == checksum


@pytest.mark.parametrize("text", [None, "", "x", "AAAA", "AAAAAA==-2"])
def test_what_is_no_checksum_is_none(text):
    assert decoded(text) is None


@pytest.mark.parametrize("size", [1, 5 * 1024**3 + 1, 5 * 1024**4])
def test_a_copy_in_steps_covers_the_source_exactly(size):
    steps, end, number = CopySteps("u", size), 0, 0
    while steps.start < steps.size:
        if number in (0, 1, 9_998) or steps.start + steps.step >= size:
            request = BUCKET.copy_part("s", "t", steps, pinned=Match("e"))
            first, last = map(int, request["CopySourceRange"].removeprefix("bytes=").split("-"))
            assert (first, request["PartNumber"]) == (steps.start, number + 1)
            assert last + 1 == min(steps.start + steps.step, size)
        end, number = min(steps.start + steps.step, size), number + 1
        steps = CopySteps("u", size, ("e",) * number)
    assert (end, number <= 10_000) == (size, True)


def test_a_token_carries_what_the_next_step_needs():
    steps = CopySteps("u", 10, (tag("e1", 1), tag("e2", None)))
    assert CopySteps.read(steps.token) == steps
    assert [untagged(part) for part in steps.tags] == [("e1", 1), ("e2", None)]
