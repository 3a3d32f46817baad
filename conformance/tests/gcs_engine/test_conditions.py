"""Preconditions: on every operation, in every sense, and atomic when sixteen writers race."""

import threading

import pytest
from google.api_core import exceptions
from google.cloud.storage.exceptions import InvalidResponse

WRITERS, ROUNDS = 16, 25
Refused = exceptions.PreconditionFailed


@pytest.fixture
def blob(bucket):
    made = bucket.blob("a")
    made.upload_from_string(b"one")
    return made


def upload(blob, **conditions):
    blob.bucket.blob(blob.name).upload_from_string(b"two", retry=None, **conditions)


def upload_in_chunks(blob, **conditions):
    chunked = blob.bucket.blob(blob.name, chunk_size=256 * 1024)
    chunked.upload_from_string(bytes(9 * 1024 * 1024), retry=None, **conditions)


def patch(blob, **conditions):
    other = blob.bucket.blob(blob.name)
    other.metadata = {"k": "v"}
    other.patch(retry=None, **conditions)


def delete(blob, **conditions):
    blob.bucket.blob(blob.name).delete(retry=None, **conditions)


def rewrite(blob, **conditions):
    source = blob.bucket.blob("source")
    source.upload_from_string(b"source")
    blob.bucket.blob(blob.name).rewrite(source, retry=None, **conditions)


def copy(blob, **conditions):
    source = blob.bucket.blob("source")
    source.upload_from_string(b"source")
    blob.bucket.copy_blob(source, blob.bucket, blob.name, retry=None, **conditions)


def compose(blob, **conditions):
    source = blob.bucket.blob("source")
    source.upload_from_string(b"source")
    blob.bucket.blob(blob.name).compose([source], retry=None, **conditions)


CREATING = [upload, upload_in_chunks, rewrite, copy, compose]
CHANGING = [*CREATING, patch, delete]
NEGATIVE = [upload, upload_in_chunks, rewrite, copy, patch, delete]


@pytest.mark.parametrize("operation", CHANGING)
def test_a_change_needs_the_generation_and_metageneration_that_it_names(blob, operation):
    for wrong in (blob.generation + 1, blob.generation - 1, 0):
        with pytest.raises(Refused):
            operation(blob, if_generation_match=wrong)
    with pytest.raises(Refused):
        operation(blob, if_metageneration_match=2)
    assert blob.download_as_bytes() == b"one"
    operation(blob, if_generation_match=blob.generation, if_metageneration_match=1)
    fresh = blob.bucket.get_blob("a")
    assert fresh is None or fresh.etag != blob.etag


@pytest.mark.parametrize("operation", NEGATIVE)
def test_a_negative_condition_refuses_what_it_names(blob, operation):
    with pytest.raises(exceptions.NotModified):
        operation(blob, if_generation_not_match=blob.generation)
    if operation in (upload, upload_in_chunks):
        with pytest.raises(exceptions.BadRequest, match="ifMetaGenerationNotMatch"):  # as the SDK misspells it
            operation(blob, if_metageneration_not_match=1)
    else:
        with pytest.raises(exceptions.NotModified):
            operation(blob, if_metageneration_not_match=1)
    assert blob.download_as_bytes() == b"one"
    operation(blob, if_generation_not_match=1)


@pytest.mark.parametrize("operation", CREATING)
def test_generation_zero_creates_only(bucket, operation):
    absent = bucket.blob("a")
    with pytest.raises(Refused):
        operation(absent, if_generation_match=1)
    if operation is not compose:  # it has no negative conditions
        with pytest.raises(exceptions.NotModified):
            operation(absent, if_generation_not_match=0)
    assert not absent.exists()
    operation(absent, if_generation_match=0)
    with pytest.raises(Refused):
        operation(absent, if_generation_match=0)


@pytest.mark.parametrize("operation", [patch, delete])
def test_what_is_absent_is_not_found_whatever_the_condition(bucket, operation):
    for condition in ({}, {"if_generation_match": 1}):
        with pytest.raises(exceptions.NotFound):
            operation(bucket.blob("a"), **condition)


def test_reads_are_conditional(blob):
    for read in (blob.download_as_bytes, blob.reload):
        read(if_generation_match=blob.generation, if_metageneration_match=1)
        read(if_etag_match=blob.etag, if_etag_not_match="other")
        with pytest.raises(Refused):
            read(if_generation_match=blob.generation + 1)
        with pytest.raises(Refused):
            read(if_metageneration_match=2)
        with pytest.raises(Refused):
            read(if_etag_match="other")
        with pytest.raises((exceptions.NotModified, Exception), match="304"):
            read(if_generation_not_match=blob.generation)
        with pytest.raises((exceptions.NotModified, Exception), match="304"):
            read(if_etag_not_match=blob.etag)


def test_the_source_of_a_copy_is_conditional(bucket, blob):
    for wrong in ({"if_source_generation_match": 1}, {"if_source_metageneration_match": 2}):
        with pytest.raises(Refused):
            bucket.blob("b").rewrite(blob, **wrong)
        with pytest.raises(Refused):
            bucket.copy_blob(blob, bucket, "b", **wrong)
    with pytest.raises(exceptions.NotModified):
        bucket.blob("b").rewrite(blob, if_source_generation_not_match=blob.generation)
    bucket.blob("b").rewrite(blob, if_source_generation_match=blob.generation)


def test_each_source_of_a_composition_is_conditional(bucket, blob):
    with pytest.raises(Refused):
        bucket.blob("b").compose([blob, blob], if_source_generation_match=[blob.generation, 1])
    bucket.blob("b").compose([blob, blob], if_source_generation_match=[blob.generation, blob.generation])
    assert bucket.blob("b").download_as_bytes() == b"oneone"


def race(rounds, contend):
    """Let all writers contend in each round; return the winners of each."""
    barrier, winners = threading.Barrier(WRITERS), [[] for _ in range(rounds)]
    failures = []

    def run(writer):
        try:
            for number in range(rounds):
                barrier.wait(60)
                if contend(writer, number):
                    winners[number].append(writer)
                barrier.wait(60)
        except BaseException as error:
            failures.append(error)
            barrier.abort()

    threads = [threading.Thread(target=run, args=(writer,)) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    return winners


def test_one_of_sixteen_creators_wins_each_round(bucket):
    def contend(writer, number):
        try:
            bucket.blob(f"r{number}").upload_from_string(str(writer), if_generation_match=0, retry=None)
        except Refused:
            return False
        return True

    winners = race(ROUNDS, contend)
    assert [len(each) for each in winners] == [1] * ROUNDS
    for number, (winner,) in enumerate(winners):
        assert bucket.blob(f"r{number}").download_as_bytes() == str(winner).encode()


@pytest.mark.parametrize("kind", ["overwrite", "patch", "delete", "compose", "rewrite", "resumable"])
def test_one_of_sixteen_changers_wins_each_round(bucket, kind):
    source = bucket.blob("source")
    source.upload_from_string(b"source")
    start = bucket.blob("a")
    start.upload_from_string(b"start")
    state = {0: (start.generation, start.metageneration)}
    guard = threading.Lock()

    def contend(writer, number):
        with guard:
            if number not in state:
                fresh = bucket.get_blob("a")
                if fresh is None:
                    fresh = bucket.blob("a")
                    fresh.upload_from_string(b"again")
                state[number] = (fresh.generation, fresh.metageneration)
        generation, metageneration = state[number]
        blob = bucket.blob("a", chunk_size=256 * 1024 if kind == "resumable" else None)
        conditions = {"if_generation_match": generation, "retry": None}
        try:
            if kind == "overwrite":
                blob.upload_from_string(str(writer), **conditions)
            elif kind == "resumable":
                with blob.open("wb", **conditions) as out:
                    out.write(bytes(300 * 1024))
            elif kind == "patch":
                blob.metadata = {"writer": str(writer)}
                blob.patch(if_metageneration_match=metageneration, **conditions)
            elif kind == "delete":
                blob.delete(**conditions)
            elif kind == "compose":
                blob.compose([source], **conditions)
            else:
                blob.rewrite(source, **conditions)
        except (Refused, exceptions.NotFound):
            return False
        except InvalidResponse as error:
            if error.response.status_code != 412:
                raise
            return False
        return True

    winners = race(10, contend)
    assert [len(each) for each in winners] == [1] * 10
