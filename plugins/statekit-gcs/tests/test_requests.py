"""What is sent for each call, without a server."""

import json
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from statekit_gcs import meta, sights
from statekit_gcs.flows import ObjectFlows, RecordFlows
from statekit_gcs.place import Place
from statekit_gcs.requests import NEVER, Bucket, crc32c_text, generation
from statekit_gcs.uploads import UploadFlows

from statekit.driver import ABSENT, ANY, Entry, Match, Meta, Part, Record, Upload

PLACE = Place("bucket", "some/place/")
RECORDS, OBJECTS, UPLOADS = RecordFlows(PLACE), ObjectFlows(PLACE), UploadFlows(PLACE)
VERSION = sights.version_of("17", 1_000)
META = Meta("text/plain", "no-cache", None, {"k": "v"}, "w1", "-")


def first(flow):
    """Return the first request of a flow."""
    return next(flow)


def query(request):
    return {name: values[0] for name, values in parse_qs(urlsplit(request.target).query).items()}


def parts_of(request):
    """Return the resource and the bytes of an upload."""
    head = b"Content-Type: " + request.headers["Content-Type"].encode() + b"\r\n\r\n"
    resource, media = BytesParser(policy=HTTP).parsebytes(head + request.body).iter_parts()
    return json.loads(resource.get_payload(decode=True)), media


@pytest.mark.parametrize(
    ("expect", "asked"),
    [
        (ANY, None),
        (ABSENT, "0"),
        (Match("1795466001778798"), "1795466001778798"),
        *(
            (Match(version), NEVER)
            for version in ("", "0", "01", "-1", "1e3", "x", "²", "\\u0661", "9" * 30, "1 ", "+1")
        ),
    ],
)
def test_an_expectation_is_a_generation_and_a_malformed_one_never_was(expect, asked):
    assert generation(expect) == asked


def test_a_record_is_written_in_one_request_with_its_expiry_twice():
    request = first(RECORDS.write("s/1", b"\x00value", 1_795_000_000_123, ABSENT))
    resource, media = parts_of(request)
    assert (request.method, query(request)["ifGenerationMatch"]) == ("POST", "0")
    assert resource["name"] == "some/place/.statekit/gcs/records/s/1"
    assert resource["metadata"] == {meta.EXPIRES: "1795000000123", meta.WRITTEN: "1795000000123"}
    assert resource["customTime"] == "2026-11-18T11:06:40.123Z"
    assert media.get_payload(decode=True) == b"\x00value"


def test_a_record_without_expiry_has_no_time_that_a_lifecycle_rule_could_count_from():
    resource, _ = parts_of(first(RECORDS.write("s/1", b"", None, ABSENT)))
    assert "customTime" not in resource
    assert "metadata" not in resource


def test_a_touch_asks_for_generation_and_metageneration():
    request = first(RECORDS.touch("s/1", Record(b"", VERSION, 1_000), 2_000))
    assert request.method == "PATCH"
    assert (query(request)["ifGenerationMatch"], query(request)["ifMetagenerationMatch"]) == ("17", "1")
    assert json.loads(request.body)["metadata"] == {meta.EXPIRES: "2000"}
    touched = Record(b"", VERSION, 2_000, sights.stamp_of("3", 2_000))
    assert query(first(RECORDS.touch("s/1", touched, 3_000)))["ifMetagenerationMatch"] == "3"


def test_a_touch_never_moves_the_custom_time_backwards():
    """Also where no calendar reaches: the service refuses an earlier one."""
    for expiry in (-5, 0, 10**15, 10**18):
        body = json.loads(first(RECORDS.touch("s/1", Record(b"", VERSION, 1_000), expiry)).body)
        assert "1970" <= body["customTime"] <= "9999-12-31T23:59:59.999Z"
        assert body["metadata"] == {meta.EXPIRES: str(expiry)}


@pytest.mark.parametrize(
    "mistaken",
    [
        Record(b"", VERSION, 999),
        Record(b"", VERSION, None),
        Record(b"", VERSION, 2_000, sights.stamp_of("2", 2_001)),
        Record(b"", VERSION, 1_000, "2"),
        Entry("s/1", VERSION, 1_001),
        Entry("s/1", VERSION[:-1], 1_000),
        Entry("s/1", VERSION.replace("1000", "1001"), 1_001),
        Entry("s/1", "17", 1_000),
        Entry("s/1", "\ud800", 1_000),
    ],
)
def test_a_sight_whose_parts_do_not_belong_together_gets_a_condition_that_never_holds(mistaken):
    assert NEVER in sights.conditions(mistaken)


def test_a_read_takes_bytes_as_they_are_stored_and_hides_no_dots_in_the_path():
    request = first(OBJECTS.read("a/./b c", 5, 3, Match("7")))
    assert request.path == "/bucket/some%2Fplace%2Fa%2F.%2Fb%20c"
    assert request.headers == {"Accept-Encoding": "gzip", "Range": "bytes=5-7", "x-goog-if-generation-match": "7"}
    assert request.exact


def test_an_object_is_written_with_checksum_and_metadata():
    resource, media = parts_of(first(OBJECTS.write("k", memoryview(b"hello"), META, 0x9A71BB4C, Match("3"))))
    assert resource["crc32c"] == crc32c_text(0x9A71BB4C) == "mnG7TA=="
    assert (resource["contentType"], resource["cacheControl"]) == ("text/plain", "no-cache")
    assert resource["metadata"] == {
        "k": "v",
        "statekit-write-id": "w1",
        "statekit-replaces": "-",
        "statekit-unset": "contentDisposition",
    }
    assert media.get_content_type() == "text/plain"


def test_a_copy_pins_its_source_and_replaces_metadata():
    request = first(OBJECTS.copy("a", "b", Match("3"), META, ABSENT, "token"))
    asked = query(request)
    assert request.path.endswith("/o/some%2Fplace%2Fa/rewriteTo/b/bucket/o/some%2Fplace%2Fb")
    assert (asked["ifSourceGenerationMatch"], asked["ifGenerationMatch"], asked["rewriteToken"]) == ("3", "0", "token")
    assert json.loads(request.body)["metadata"]["statekit-write-id"] == "w1"


def test_a_listing_begins_behind_a_key_and_goes_on_from_the_same_place():
    asked = query(first(OBJECTS.page("d/", "/", "d/x", None, 10)))
    assert (asked["prefix"], asked["startOffset"]) == ("some/place/d/", "some/place/d/x ")
    asked = query(first(OBJECTS.page("d/", "/", None, "token some%2Fplace%2Fd%2Fx%20", 10)))
    assert (asked["pageToken"], asked["startOffset"]) == ("token", "some/place/d/x ")
    assert "startOffset" not in query(first(OBJECTS.page("d/", "/", None, "token ", 10)))


def test_parts_are_joined_by_generation_under_a_name_that_stands_for_them():
    upload = Upload("k", "u1", META, None)
    one = first(UPLOADS.finish(upload, [Part(1, "11", 3), Part(2, "12", 3)], 6, 0, ANY))
    other = first(UPLOADS.finish(upload, [Part(1, "11", 3), Part(2, "13", 3)], 6, 0, ANY))
    sources = json.loads(one.body)["sourceObjects"]
    assert [source["generation"] for source in sources] == ["11", "12"]
    assert sources[0]["name"] == "some/place/.statekit/gcs/parts/u1/00001"
    assert query(one)["ifGenerationMatch"] == "0"
    assert one.path != other.path


def test_a_part_goes_as_it_stands():
    request = first(UPLOADS.part(Upload("k", "u1", META, None), 7, b"hello", 0x9A71BB4C))
    assert (request.body, query(request)["uploadType"]) == (b"hello", "media")
    assert query(request)["name"] == "some/place/.statekit/gcs/parts/u1/00007"
    assert request.headers["x-goog-hash"] == "crc32c=mnG7TA=="


def test_a_mark_names_the_key_that_an_upload_will_have():
    resource, _ = parts_of(first(UPLOADS.begin("ä/b", META)))
    assert unquote(resource["metadata"][meta.KEY]) == "ä/b"
    assert resource["metadata"][meta.KEY].isascii()


def test_a_batch_names_every_object():
    request = Bucket("bucket").delete_all(["a/1", "a/2"])
    assert request.path == "/batch/storage/v1"
    assert request.body.count(b"DELETE /storage/v1/b/bucket/o/a%2F") == 2
