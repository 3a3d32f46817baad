"""The XML API's multipart uploads, by the library's own transfer manager and by plain requests."""

import os
import re

import pytest
from google.cloud.storage import transfer_manager

from statekit_conformance.engines.gcs.part_uploads import SMALLEST


@pytest.fixture
def place(shared_engine, bucket):
    return f"{shared_engine.url}/{bucket.name}/parts"


def begin(web, place, **headers):
    answer = web.request("POST", f"{place}?uploads", headers=headers)
    assert answer.status == 200
    return re.search("<UploadId>(.*)</UploadId>", answer.data.decode())[1]


def send(web, place, upload, number, data, **headers):
    return web.request("PUT", f"{place}?partNumber={number}&uploadId={upload}", body=data, headers=headers)


def complete(web, place, upload, *parts):
    items = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>" for number, etag in parts)
    document = f"<CompleteMultipartUpload>{items}</CompleteMultipartUpload>"
    return web.request("POST", f"{place}?uploadId={upload}", body=document)


def code(answer):
    return answer.status, re.search("<Code>(.*)</Code>", answer.data.decode())[1]


def test_the_transfer_manager_uploads_a_file_and_reads_it_back(bucket, tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(2 * SMALLEST + 1))
    blob = bucket.blob("large")
    blob.content_type, blob.metadata = "text/x", {"k": "v"}
    options = {"worker_type": transfer_manager.THREAD, "max_workers": 3, "chunk_size": SMALLEST}
    transfer_manager.upload_chunks_concurrently(str(source), blob, **options)
    transfer_manager.download_chunks_concurrently(blob, str(target), **options)
    assert target.read_bytes() == source.read_bytes()
    blob.reload()
    assert (blob.size, blob.content_type, blob.metadata) == (2 * SMALLEST + 1, "text/x", {"k": "v"})
    assert (blob.md5_hash, blob.component_count) == (None, None)


def test_nothing_is_visible_before_it_is_complete_and_an_aborted_upload_is_gone(web, place, bucket):
    upload = begin(web, place)
    etag = send(web, place, upload, 1, b"one").headers["ETag"]
    assert not bucket.blob("parts").exists()
    assert web.request("DELETE", f"{place}?uploadId={upload}").status == 204
    assert code(complete(web, place, upload, (1, etag))) == (404, "NoSuchUpload")
    assert code(send(web, place, upload, 2, b"two")) == (404, "NoSuchUpload")
    assert web.request("DELETE", f"{place}?uploadId={upload}").status == 404
    assert not bucket.blob("parts").exists()


def test_a_part_that_is_sent_again_replaces_the_first_and_its_tag_is_the_newest_ones(web, place, bucket):
    upload = begin(web, place)
    first = send(web, place, upload, 1, b"first").headers["ETag"]
    second = send(web, place, upload, 1, b"second").headers["ETag"]
    assert code(complete(web, place, upload, (1, first))) == (400, "InvalidPart")
    assert complete(web, place, upload, (1, second)).status == 200
    assert bucket.blob("parts").download_as_bytes() == b"second"
    assert complete(web, place, upload, (1, second)).status == 404


def test_parts_are_named_once_each_in_order_and_only_the_last_may_be_small(web, place):
    upload = begin(web, place)
    tags = [send(web, place, upload, number, b"%d" % number).headers["ETag"] for number in (1, 2)]
    one, two = (1, tags[0]), (2, tags[1])
    for named in ((two, one), (one, one), ()):
        assert code(complete(web, place, upload, *named)) == (400, "InvalidPartOrder")
    assert code(complete(web, place, upload, one, (3, tags[1]))) == (400, "InvalidPart")
    assert code(complete(web, place, upload, one, two)) == (400, "EntityTooSmall")
    assert complete(web, place, upload, two).status == 200


def test_a_wrong_checksum_a_wrong_number_or_a_list_that_is_none_is_refused(web, place):
    upload = begin(web, place)
    assert send(web, place, upload, 1, b"data", **{"x-goog-hash": "crc32c=AAAAAA=="}).status == 400
    for number in (0, 10_001, "x"):
        assert send(web, place, upload, number, b"data").status == 400
    for document in ("", "<a", "<a><Part/></a>"):
        answer = web.request("POST", f"{place}?uploadId={upload}", body=document)
        assert code(answer) == (400, "MalformedCompleteMultipartUploadRequest")


def test_preconditions_and_listings_are_refused_rather_than_ignored(web, place):
    condition = {"x-goog-if-generation-match": "0"}
    upload = begin(web, place)
    answers = [
        web.request("POST", f"{place}?uploads", headers=condition),
        web.request("POST", f"{place}?uploadId={upload}", headers=condition),
        web.request("GET", f"{place}?uploads"),
        web.request("GET", f"{place}?uploadId={upload}"),
    ]
    assert [code(answer) for answer in answers] == [(501, "NotImplemented")] * 4


def test_parts_outlive_the_engine(start_engine, web):
    engine = start_engine()
    client = engine.client()
    client.create_bucket("kept")
    place = f"{engine.url}/kept/object"
    upload, data = begin(web, place), os.urandom(SMALLEST)
    tags = [send(web, place, upload, 1, data).headers["ETag"]]
    engine.kill()
    engine.start()
    tags.append(send(web, place, upload, 2, b"end").headers["ETag"])
    assert complete(web, place, upload, *enumerate(tags, 1)).status == 200
    assert client.bucket("kept").blob("object").download_as_bytes() == data + b"end"
    client.close()


def test_an_upload_is_not_begun_where_there_is_no_bucket(shared_engine, web):
    assert code(web.request("POST", f"{shared_engine.url}/nowhere/object?uploads")) == (404, "NoSuchBucket")
