"""What the answers mean, without a server."""

import json

import pytest
from google.api_core.exceptions import NotFound
from statekit_gcs import answers, meta, moments, sights
from statekit_gcs.answers import Answer, UnreadableError
from statekit_gcs.faults import ChangedError
from statekit_gcs.flows import ObjectFlows, RecordFlows, missing
from statekit_gcs.place import Place
from statekit_gcs.requests import Bucket

from statekit.driver import ANY, Chunk, Committed, Continue, Entry, Gone, Match, Meta, Record, Refused

PLACE = Place("bucket", "p/")
RECORDS, OBJECTS = RecordFlows(PLACE), ObjectFlows(PLACE)
HEADERS = {
    "content-type": "application/octet-stream",
    "content-length": "5",
    "x-goog-generation": "17",
    "x-goog-metageneration": "1",
    "x-goog-hash": "crc32c=mnG7TA==,md5=XUFAKrxLKna5cZ2REBfFkg==",
    "x-goog-stored-content-length": "5",
    "last-modified": "Mon, 23 Nov 2026 20:33:24 GMT",
}
NO_OBJECT = Answer(404, {}, b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>")
NO_BUCKET = Answer(404, {}, b"<?xml version='1.0'?><Error><Code>NoSuchBucket</Code></Error>")
NO_OBJECT_EITHER = Answer(404, {}, b'{"error": {"code": 404, "message": "No such object: bucket/x"}}')
REFUSED = Answer(412, {}, b"{}")


def told(flow, *answered):
    """Run a flow on these answers."""
    next(flow)
    try:
        for answer in answered:
            flow.send(answer)
    except StopIteration as end:
        return end.value
    raise AssertionError("it asks for more")


def ok(resource):
    return Answer(200, {}, json.dumps(resource).encode())


def test_a_record_has_everything_from_one_answer():
    headers = {**HEADERS, "x-goog-meta-statekit-expires": "123", "x-goog-meta-statekit-written": "123"}
    assert told(RECORDS.read("k"), Answer(200, headers, b"hello")) == Record(
        b"hello", sights.version_of("17", 123), 123
    )
    headers |= {"x-goog-metageneration": "2", "x-goog-meta-statekit-expires": "456"}
    seen = told(RECORDS.read("k"), Answer(200, headers, b"hello"))
    assert seen == Record(b"hello", sights.version_of("17", 123), 456, sights.stamp_of("2", 456))


def test_a_write_and_its_reading_give_one_version():
    written = told(RECORDS.write("k", b"", 123, ANY), ok({"generation": "17"}))
    assert written == Committed(sights.version_of("17", 123))


def test_a_listed_record_is_what_a_read_gives():
    custom = {"statekit-expires": "456", "statekit-written": "123"}
    item = {"name": PLACE.record("a/b"), "generation": "17", "metageneration": "2", "metadata": custom}
    page = told(RECORDS.page("a", None, 10), ok({"items": [item], "nextPageToken": "t"}))
    assert page.items == (Entry("a/b", sights.version_of("17", 123), 456, sights.stamp_of("2", 456)),)
    assert page.cursor == "t"


def test_an_expiry_that_nobody_wrote_is_unreadable():
    with pytest.raises(UnreadableError):
        told(RECORDS.read("k"), Answer(200, {**HEADERS, "x-goog-meta-statekit-expires": "soon"}, b""))


@pytest.mark.parametrize(
    ("flow", "absent"),
    [
        (lambda: RECORDS.read("k"), None),
        (lambda: RECORDS.touch("k", Record(b"", "v", 1), 2), Refused(None)),
        (lambda: RECORDS.delete("k", Match("v")), Gone.ABSENT),
        (lambda: OBJECTS.read("k", 0, 1, ANY), None),
        (lambda: OBJECTS.stat("k"), None),
        (lambda: OBJECTS.delete("k", ANY), Gone.ABSENT),
    ],
)
@pytest.mark.parametrize("answer", [NO_OBJECT, NO_OBJECT_EITHER], ids=["xml", "json"])
def test_a_missing_object_is_absence(flow, absent, answer):
    assert told(flow(), answer) == absent


def test_a_missing_bucket_is_no_absence():
    with pytest.raises(NotFound):
        told(RECORDS.read("k"), NO_BUCKET, NO_BUCKET)


def test_a_server_that_does_not_say_what_is_missing_is_asked_for_a_listing():
    flow = missing(Bucket("bucket"), "name", Answer(404, {}, b"Not Found"))
    assert next(flow).path == "/storage/v1/b/bucket/o"
    with pytest.raises(StopIteration):
        flow.send(ok({}))


@pytest.mark.parametrize(
    "flow",
    [
        RECORDS.write("k", b"", None, ANY),
        RECORDS.touch("k", Record(b"", "v", 1), 2),
        RECORDS.delete("k", Match("v")),
        OBJECTS.write("k", b"", Meta(), 0, ANY),
        OBJECTS.read("k", 0, 1, Match("v")),
        OBJECTS.delete("k", Match("v")),
    ],
)
def test_a_failed_condition_is_a_refusal_that_saw_nothing(flow):
    assert told(flow, REFUSED) == Refused()


def test_an_object_is_described_by_the_headers_of_its_read():
    chunk = told(OBJECTS.read("k", 1, 3, ANY), Answer(206, HEADERS, b"ell"))
    assert isinstance(chunk, Chunk)
    assert (chunk.data, chunk.stat.version, chunk.stat.size, chunk.stat.crc32c) == (b"ell", "17", 5, 0x9A71BB4C)
    assert chunk.stat.modified_at == 1_795_466_004_000


def test_a_service_that_ignores_the_range_is_understood():
    assert told(OBJECTS.read("k", 1, 3, ANY), Answer(200, HEADERS, b"hello")).data == b"ell"


def test_fewer_bytes_than_there_are_is_no_answer():
    with pytest.raises(UnreadableError):
        told(OBJECTS.read("k", 1, 3, ANY), Answer(206, HEADERS, b"el"))


def test_a_read_behind_the_end_describes_the_object():
    chunk = told(OBJECTS.read("k", 5, 3, ANY), Answer(416, {}), Answer(200, HEADERS))
    assert (chunk.data, chunk.stat.size) == (b"", 5)


def test_an_object_that_grew_between_two_requests_is_read_again():
    with pytest.raises(ChangedError):
        told(
            OBJECTS.read("k", 5, 3, ANY), Answer(416, {}), Answer(200, {**HEADERS, "x-goog-stored-content-length": "9"})
        )


def test_a_copy_says_which_side_its_refusal_speaks_of():
    def copying():
        return OBJECTS.copy("a", "b", Match("17"), Meta(), ANY, None)

    one_byte = Answer(206, {**HEADERS, "content-length": "1"}, b"h")
    assert told(copying(), REFUSED, one_byte) == Refused()
    assert told(copying(), REFUSED, REFUSED) is None
    assert told(copying(), NO_OBJECT_EITHER, NO_OBJECT) is None
    with pytest.raises(NotFound):
        told(copying(), NO_BUCKET, one_byte)


def test_a_copy_goes_on_in_steps():
    flow = OBJECTS.copy("a", "b", Match("17"), Meta(), ANY, None)
    assert told(flow, ok({"done": False, "rewriteToken": "t"})) == Continue("t")


def test_a_listing_hides_what_is_not_an_object_of_core_s():
    item = {"name": PLACE.record("a"), "generation": "1", "size": "0", "updated": "2026-11-23T20:33:24.107Z"}
    page = told(OBJECTS.page("", "/", None, None, 10), ok({"items": [item], "prefixes": ["p/.statekit/gcs/", "p/a/"]}))
    assert (page.items, page.prefixes, page.cursor) == ((), ("a/",), None)


@pytest.mark.parametrize(
    "said",
    [
        Meta(),
        Meta("text/plain", "no-store", "attachment", {"a": "1"}, "w", "r"),
        Meta("application/octet-stream", None, None, {}, "w", None),
    ],
)
def test_metadata_comes_back_as_it_was_written_whatever_the_service_fills_in(said):
    resource = meta.to_resource(said)
    headers = {
        "content-type": resource["contentType"],
        "cache-control": resource.get("cacheControl", "private, max-age=0"),
        **{f"x-goog-meta-{name}": text for name, text in resource["metadata"].items()},
    }
    if said.content_disposition:
        headers["content-disposition"] = resource["contentDisposition"]
    read = meta.of_headers(headers)
    assert read == Meta(
        *(getattr(said, name) for name in ("content_type", "cache_control", "content_disposition")),
        said.user or {},
        said.write_id,
        said.replaces,
    )


def test_objects_that_others_wrote_have_metadata_too():
    read = meta.of_headers({"content-type": "text/css", "x-goog-meta-who": "them"})
    assert read == Meta("text/css", None, None, {"who": "them"}, None, None)


def test_moments_round_trip():
    for moment in (0, 1, 1_795_466_004_107, 253_402_300_799_999):
        assert moments.of_rfc3339(moments.to_rfc3339(moment)) == moment


def test_a_batchs_answer_has_a_status_for_each_call():
    body = b"--b\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n--b\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\n--b--"
    assert answers.statuses(Answer(200, {}, body)) == (204, 404)
