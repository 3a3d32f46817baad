"""Compositions and rewrites: bytes, checksums, metadata, steps."""

import base64
import os

import google_crc32c
import pytest
from google.api_core import exceptions

MIB = 1024 * 1024


def upload(bucket, name, data, **attributes):
    blob = bucket.blob(name)
    for attribute, value in attributes.items():
        setattr(blob, attribute, value)
    blob.upload_from_string(data, content_type="text/plain")
    return blob


def test_a_composition_has_crc32c_and_components_but_no_md5(bucket):
    parts = [os.urandom(size) for size in (0, 1, 5 * MIB, 300)]
    sources = [upload(bucket, f"p{at}", part) for at, part in enumerate(parts)]
    whole = bucket.blob("whole")
    whole.content_type = "image/png"
    whole.metadata = {"k": "v"}
    whole.compose(sources)
    whole.reload()
    data = b"".join(parts)
    assert whole.crc32c == base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()
    assert (whole.md5_hash, whole.component_count, whole.size) == (None, 4, len(data))
    assert (whole.content_type, whole.metadata) == ("image/png", {"k": "v"})
    assert whole.download_as_bytes() == data
    chained = bucket.blob("chained")
    chained.compose([whole, whole, sources[1]])
    assert chained.component_count == 9
    for blob in [*sources, whole]:
        blob.delete()
    assert chained.download_as_bytes() == data + data + parts[1]


def test_an_object_composed_onto_itself(bucket):
    log = upload(bucket, "log", b"one,")
    tail = upload(bucket, "tail", b"two,")
    for expected in (b"one,two,", b"one,two,two,"):
        log.compose([log, tail], if_generation_match=log.generation)
        assert log.download_as_bytes() == expected


def test_at_most_thirty_two_sources_and_at_least_one(bucket):
    source = upload(bucket, "s", b"x")
    bucket.blob("whole").compose([source] * 32)
    assert bucket.blob("whole").download_as_bytes() == b"x" * 32
    for count in (0, 33):
        with pytest.raises(exceptions.BadRequest):
            bucket.blob("whole").compose([source] * count)


def test_a_missing_source_changes_nothing(bucket):
    target = upload(bucket, "whole", b"before")
    with pytest.raises(exceptions.NotFound):
        target.compose([target, bucket.blob("missing")])
    stale = bucket.blob("whole", generation=target.generation - 1)
    with pytest.raises(exceptions.NotFound):
        target.compose([stale])
    assert target.download_as_bytes() == b"before"


def test_a_copy_takes_the_metadata_along_unless_it_says_its_own(client, bucket):
    other = client.create_bucket(bucket.name + "2")
    source = upload(bucket, "s", b"data", metadata={"k": "v"}, cache_control="no-store")
    copied = bucket.copy_blob(source, other, "t")
    assert (copied.metadata, copied.cache_control, copied.content_type) == (
        {"k": "v"},
        "no-store",
        "text/plain",
    )
    assert (copied.md5_hash, copied.metageneration) == (source.md5_hash, 1)
    said = bucket.blob("said")
    said.metadata = {"own": "1"}
    said.content_type = "image/png"
    said.rewrite(source)
    said.reload()
    assert (said.metadata, said.cache_control, said.content_type) == ({"own": "1"}, None, "image/png")
    source.delete()
    assert copied.download_as_bytes() == said.download_as_bytes() == b"data"


def test_the_client_may_limit_a_step(bucket):
    source = upload(bucket, "s", os.urandom(2 * MIB + 1))
    path = f"{source.path}/rewriteTo{bucket.blob('t').path}"
    call = bucket.client._connection.api_request
    answer = call("POST", path, query_params={"maxBytesRewrittenPerCall": MIB}, data={})
    assert (answer["done"], answer["totalBytesRewritten"], answer["objectSize"]) == (
        False,
        str(MIB),
        str(2 * MIB + 1),
    )
    with pytest.raises(exceptions.BadRequest):
        call("POST", path, query_params={"maxBytesRewrittenPerCall": MIB + 1}, data={})
    answer = call("POST", path, query_params={"rewriteToken": answer["rewriteToken"]}, data={})
    assert (answer["done"], answer["resource"]["size"]) == (True, str(2 * MIB + 1))


def test_steps_judge_again(start_engine):
    engine = start_engine("--rewrite-step", str(MIB))
    client = engine.client()
    bucket = client.create_bucket("steps")
    source, target = upload(bucket, "s", os.urandom(2 * MIB)), bucket.blob("t")
    token, _, _ = target.rewrite(source, if_generation_match=0)
    upload(bucket, "t", b"somebody else's")
    with pytest.raises(exceptions.PreconditionFailed):
        target.rewrite(source, token=token, if_generation_match=0)
    upload(bucket, "s", os.urandom(2 * MIB))
    with pytest.raises(exceptions.NotFound):
        target.rewrite(source, token=token)  # the SDK pins the generation that it uploaded
    with pytest.raises(exceptions.BadRequest):
        target.rewrite(bucket.blob("s"), token=token)
    with pytest.raises(exceptions.BadRequest):
        bucket.blob("elsewhere").rewrite(bucket.blob("s"), token=token)
    assert target.download_as_bytes() == b"somebody else's"
    client.close()


def test_a_second_change_within_a_second_is_refused(start_engine):
    engine = start_engine("--one-change-a-second")
    client = engine.client()
    bucket = client.create_bucket("paced")
    blob = upload(bucket, "a", b"one")
    blob.metadata = {"k": "v"}
    changes = (
        lambda: bucket.blob("a").upload_from_string(b"two", retry=None),
        lambda: blob.patch(retry=None),
        lambda: blob.delete(retry=None),
        lambda: bucket.blob("a").compose([blob], retry=None),
        lambda: bucket.blob("a").rewrite(blob, retry=None),
    )
    for change in changes:
        with pytest.raises(exceptions.TooManyRequests) as refused:
            change()
        shown = refused.value.errors[0]["reason"] if refused.value.errors else str(refused.value)
        assert "rateLimitExceeded" in shown
    bucket.blob("b").upload_from_string(b"other names are free", retry=None)
    assert blob.download_as_bytes() == b"one"
    bucket.blob("a").upload_from_string(b"two")  # the SDK backs off and tries again
    assert blob.bucket.blob("a").download_as_bytes() == b"two"
    client.close()
