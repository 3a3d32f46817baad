"""Listing: the order of UTF-8 bytes, delimiters, offsets and pages, against a model in a few lines."""

import random
from uuid import uuid4

import pytest
from google.api_core import exceptions

NAMES = [
    "a",
    "a/",
    "a/b",
    "a/b/c",
    "a/b/d",
    "a/é",
    "a0",
    "a-",
    "b//x",
    "b/y",
    "z/\U0001f600/1",
    "z/\U0001f600/2",
    "z/\ud7ff",
    "z/\ue000",
    "z/\uffff",
    "Ä",
    "ä/x",
]


def model(names, prefix="", delimiter="", start="", end=None, *, trailing=False):
    items, prefixes = [], []
    for name in sorted(names, key=str.encode):
        if not name.startswith(prefix) or name < start or (end is not None and name >= end):
            continue
        at = name.find(delimiter, len(prefix)) if delimiter else -1
        group = name[: at + len(delimiter)] if at >= 0 else None
        if group is None or (trailing and group == name):
            items.append(name)
        if group is not None and group not in prefixes:
            prefixes.append(group)
    return items, prefixes


@pytest.fixture(scope="module")
def filled(shared_engine):
    client = shared_engine.client()
    bucket = client.create_bucket(f"listing-{uuid4().hex}")  # workers come back to a module whose tests they share
    for name in random.sample(NAMES, len(NAMES)):
        bucket.blob(name).upload_from_string(b"")
    yield bucket
    client.close()


def listed(bucket, **options):
    found = bucket.list_blobs(**options)
    items = [blob.name for page in found.pages for blob in page]
    return items, sorted(found.prefixes, key=str.encode)


@pytest.mark.parametrize("page_size", [None, 1, 2, 3])
@pytest.mark.parametrize("delimiter", ["", "/", "b", "//", "\U0001f600/"])
@pytest.mark.parametrize("prefix", ["", "a", "a/", "z/", "none"])
def test_a_listing_is_what_the_model_says(filled, prefix, delimiter, page_size):
    for start, end in (("", None), ("a/b", None), ("", "b"), ("a/b/c", "z/\ue000")):
        options = {"prefix": prefix, "delimiter": delimiter, "page_size": page_size}
        found = listed(filled, start_offset=start, end_offset=end, **options)
        assert found == model(NAMES, prefix, delimiter, start, end)


def test_a_trailing_delimiter_is_an_item_too_if_asked_for(filled):
    found = listed(filled, delimiter="/", include_trailing_delimiter=True)
    assert found == model(NAMES, delimiter="/", trailing=True)


def test_pages_neither_skip_nor_repeat_while_others_write(bucket):
    for number in range(20):
        bucket.blob(f"n{number:02}").upload_from_string(b"")
    seen = []
    for page in bucket.list_blobs(page_size=3).pages:
        seen += [blob.name for blob in page]
        bucket.blob(f"{seen[-1]}+").upload_from_string(b"")
        bucket.blob("a").upload_from_string(b"")
        bucket.delete_blob(seen[0], if_generation_match=None) if len(seen) == 3 else None
    stable = [name for name in seen if "+" not in name]
    assert stable == [f"n{number:02}" for number in range(20)]


def test_max_results_and_bad_arguments(filled, client):
    assert len(list(filled.list_blobs(max_results=4))) == 4
    with pytest.raises(exceptions.BadRequest):
        list(filled.list_blobs(page_token="%%%"))
    with pytest.raises(exceptions.NotFound):
        list(client.list_blobs("no-such-bucket"))
