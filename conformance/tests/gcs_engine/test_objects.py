"""Objects through the SDK: what goes in comes out, under what was said about it, with true checksums."""

import base64
import hashlib
import io
import os
from datetime import UTC, datetime, timedelta

import google_crc32c
import pytest
from google.api_core import exceptions
from google.cloud.storage.exceptions import InvalidResponse

EARLY = datetime(2030, 1, 1, tzinfo=UTC)


def crc32c_of(data):
    return base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()


def md5_of(data):
    return base64.b64encode(hashlib.md5(data).digest()).decode()


@pytest.mark.parametrize("size", [0, 1, 1000, 5 * 1024 * 1024])
@pytest.mark.parametrize("checksum", ["crc32c", "md5", None])
def test_an_upload_comes_back_with_its_checksums(bucket, size, checksum):
    data = os.urandom(size)
    blob = bucket.blob("folder/a file?#%é.bin")
    blob.upload_from_string(data, content_type="application/x-thing", checksum=checksum)
    fresh = bucket.get_blob(blob.name)
    assert (fresh.size, fresh.crc32c, fresh.md5_hash) == (size, crc32c_of(data), md5_of(data))
    assert fresh.content_type == "application/x-thing"
    assert fresh.generation == blob.generation
    assert fresh.download_as_bytes(checksum="md5") == data


def test_every_attribute_comes_back(bucket):
    blob = bucket.blob("a")
    blob.metadata = {"write_id": "W1", "Grüße": "ünï"}
    blob.cache_control, blob.content_language = "no-store", "de"
    blob.content_disposition = 'attachment; filename="x"'
    blob.custom_time = EARLY
    blob.storage_class = "NEARLINE"
    blob.upload_from_string(b"x", content_type="text/plain")
    fresh = bucket.get_blob("a")
    assert fresh.metadata == {"write_id": "W1", "Grüße": "ünï"}
    assert (fresh.cache_control, fresh.content_language) == ("no-store", "de")
    assert (fresh.content_disposition, fresh.custom_time) == ('attachment; filename="x"', EARLY)
    assert (fresh.storage_class, fresh.metageneration) == ("NEARLINE", 1)
    assert fresh.time_created <= fresh.updated


def test_patch_merges_and_update_replaces(bucket):
    blob = bucket.blob("a")
    blob.metadata = {"one": "1", "two": "2"}
    blob.upload_from_string(b"x", content_type="text/plain")
    generation = blob.generation
    blob.metadata = {"one": None, "three": "3"}
    blob.patch()
    assert blob.metadata == {"two": "2", "three": "3"}
    assert (blob.generation, blob.metageneration) == (generation, 2)
    other = bucket.blob("a")
    other.metadata = {"four": "4"}
    other.update()
    assert other.metadata == {"four": "4"}
    assert (other.generation, other.metageneration, other.content_type) == (generation, 3, None)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0, 0, b"0"), (3, 5, b"345"), (7, None, b"789"), (-4, None, b"6789"), (5, 500, b"56789")],
)
def test_ranges(bucket, start, end, expected):
    blob = bucket.blob("digits")
    blob.upload_from_string(b"0123456789")
    assert blob.download_as_bytes(start=start, end=end) == expected


def test_a_range_past_the_end_is_refused(bucket):
    blob = bucket.blob("digits")
    blob.upload_from_string(b"0123456789")
    with pytest.raises(exceptions.RequestRangeNotSatisfiable):
        blob.download_as_bytes(start=10)


def test_a_range_across_stored_chunks(bucket):
    data = os.urandom(9 * 1024 * 1024)
    blob = bucket.blob("large")
    blob.upload_from_file(io.BytesIO(data), size=len(data))
    edge = 4 * 1024 * 1024
    assert blob.download_as_bytes(start=edge - 3, end=edge + 2) == data[edge - 3 : edge + 3]
    assert blob.download_as_bytes() == data


def test_an_old_generation_is_gone(bucket):
    blob = bucket.blob("a")
    blob.upload_from_string(b"one")
    pinned = bucket.blob("a", generation=blob.generation)
    blob.upload_from_string(b"two")
    with pytest.raises(exceptions.NotFound):
        pinned.download_as_bytes()
    with pytest.raises(exceptions.NotFound):
        pinned.delete()
    assert blob.download_as_bytes() == b"two"


def test_generations_rise_across_names_and_deletions(bucket):
    seen = []
    for round_ in range(5):
        blob = bucket.blob(f"n{round_ % 2}")
        blob.upload_from_string(b"x")
        seen.append(blob.generation)
        blob.delete()
    assert seen == sorted(set(seen))


@pytest.mark.parametrize("kind", ["crc32c", "md5"])
@pytest.mark.parametrize("size", [10, 9 * 1024 * 1024])
def test_a_checksum_that_differs_is_refused_and_nothing_is_stored(bucket, kind, size):
    blob = bucket.blob("a")
    blob.upload_from_string(b"before")
    wrong = crc32c_of(b"other") if kind == "crc32c" else md5_of(b"other")
    spoiled = bucket.blob("a")
    if kind == "crc32c":
        spoiled.crc32c = wrong
        spoiled._changes.add("crc32c")
    else:
        spoiled.md5_hash = wrong
    with pytest.raises((exceptions.BadRequest, InvalidResponse)):
        spoiled.upload_from_string(bytes(size), checksum=None)
    assert blob.download_as_bytes() == b"before"


@pytest.mark.parametrize("header", ["x-goog-hash", "content-md5"])
def test_a_checksum_in_a_header_is_checked_too(bucket, web, shared_engine, header):
    url = f"{shared_engine.url}/upload/storage/v1/b/{bucket.name}/o?uploadType=media&name=a"
    right, wrong = md5_of(b"data"), md5_of(b"other")
    prefix = "md5=" if header == "x-goog-hash" else ""
    assert web.request("POST", url, body=b"data", headers={header: prefix + wrong}).status == 400
    assert bucket.get_blob("a") is None
    assert web.request("POST", url, body=b"data", headers={header: prefix + right}).status == 200


def test_a_custom_time_only_moves_forward(bucket):
    blob = bucket.blob("a")
    blob.upload_from_string(b"x")
    for moment in (EARLY, EARLY, EARLY + timedelta(microseconds=1)):
        blob.custom_time = moment
        blob.patch()
    for refused in (EARLY, None):
        blob.custom_time = refused
        with pytest.raises(exceptions.BadRequest):
            blob.patch()
    with pytest.raises(exceptions.BadRequest):
        bucket.blob("a").update()
    blob.reload()
    assert (blob.custom_time, blob.metageneration) == (EARLY + timedelta(microseconds=1), 4)
    bucket.blob("a").upload_from_string(b"a new generation starts anew")
    assert bucket.get_blob("a").custom_time is None


@pytest.mark.parametrize("name", [".", "..", "x" * 1025, "a\nb", ".well-known/acme-challenge/x"])
def test_a_name_that_the_service_does_not_take(bucket, name):
    with pytest.raises(exceptions.BadRequest):
        bucket.blob(name).upload_from_string(b"x")


@pytest.mark.parametrize(
    "name", ["/", "a//b", "./a", "a/../b", "%2F", "ü" * 512, "a ", "a/", "a", "a/o/b/rewriteTo/b/c/o/d"]
)
def test_a_name_that_it_does_take(bucket, name):
    bucket.blob(name).upload_from_string(name.encode())
    assert bucket.get_blob(name).download_as_bytes() == name.encode()
    assert [blob.name for blob in bucket.list_blobs()] == [name]
    bucket.delete_blob(name)
    assert not bucket.blob(name).exists()


def test_custom_metadata_has_a_limit(bucket):
    blob = bucket.blob("a")
    blob.metadata = {"k": "v" * 8191}
    blob.upload_from_string(b"x")
    blob.metadata = {"k": "v" * 8192}
    with pytest.raises(exceptions.BadRequest):
        blob.patch()


def test_what_would_be_ignored_is_refused(bucket, client):
    with pytest.raises(exceptions.MethodNotImplemented):
        list(client.list_blobs(bucket, match_glob="*", retry=None))
    bucket.versioning_enabled = True
    with pytest.raises(exceptions.MethodNotImplemented):
        bucket.patch(retry=None)


def test_a_batch(bucket, client):
    for name in ("a", "b"):
        bucket.blob(name).upload_from_string(b"x")
    with client.batch():
        bucket.blob("a").delete()
        changed = bucket.blob("b")
        changed.metadata = {"k": "v"}
        changed.patch()
    assert bucket.get_blob("a") is None
    assert bucket.get_blob("b").metadata == {"k": "v"}
    with pytest.raises(exceptions.NotFound), client.batch():
        bucket.blob("a").delete()


def test_chunked_request_bodies_and_expect_continue(bucket, web, shared_engine):
    url = f"{shared_engine.url}/upload/storage/v1/b/{bucket.name}/o?uploadType=media&name=a"
    pieces = [os.urandom(100_000) for _ in range(20)]
    answer = web.request("POST", url, body=iter(pieces), headers={"Expect": "100-continue"}, chunked=True)
    assert answer.status == 200
    assert bucket.blob("a").download_as_bytes() == b"".join(pieces)


def test_an_upload_that_breaks_off_stores_nothing(bucket, shared_engine):
    import socket

    bucket.blob("a").upload_from_string(b"before")
    head = f"POST /upload/storage/v1/b/{bucket.name}/o?uploadType=media&name=a HTTP/1.1\r\n"
    with socket.create_connection(("127.0.0.1", shared_engine.port)) as raw:
        raw.sendall(f"{head}Host: x\r\nContent-Length: 6000000\r\n\r\n".encode() + bytes(5_000_000))
        raw.shutdown(socket.SHUT_WR)
        assert raw.recv(100).startswith(b"HTTP/1.1 400")
    assert bucket.blob("a").download_as_bytes() == b"before"
