"""Metadata: comes back as it went in, and belongs to its version."""

from __future__ import annotations

import string

import pytest

from statekit.driver import Match, Meta
from statekit_conformance import clause
from statekit_conformance.drivers import write_id

PRINTABLE = "".join(chr(code) for code in range(33, 127))
FULL = {f"k{number:02}{'-_'[number % 2]}": "v" * 60 for number in range(24)}
METAS = {
    "nothing": {},
    "headers": {
        "content_type": "text/html; charset=utf-8",
        "cache_control": "public, max-age=31536000, immutable",
        "content_disposition": "attachment; filename=\"a b.txt\"; filename*=UTF-8''%e2%82%ac",
    },
    "odd headers": {"content_type": "x", "cache_control": PRINTABLE, "content_disposition": "~"},
    "long headers": {
        "content_type": "a/" + "b" * 253,
        "cache_control": "c" * 255,
        "content_disposition": "d" * 255,
    },
    "a type that engines put in by themselves": {"content_type": "application/octet-stream"},
    "user": {"user": {"a": "b", "a-b": "1", "c_d": "2", "0": "x"}},
    "user values": {"user": {"printable": PRINTABLE, "base64": "=b64=w6k", "quoted": '"x"', "comma": "a, b"}},
    "as much as core sends": {"user": FULL},
    "a key of 64 characters": {"user": {string.ascii_lowercase * 2 + "0123456789-_": "x"}},
    "replaced": {"replaces": '"0123456789abcdef"'},
    "replaced nothing": {"replaces": "-"},
}


ALIKE = clause(takes=("objects.metadata_names",))
GIVEN = [
    *(pytest.param(meta, id=name) for name, meta in METAS.items()),
    pytest.param({"user": {"a-b": "1", "a_b": "2"}}, id="user names that look alike", marks=ALIKE),
]


def same(found, meta):
    """Whether metadata is what was written; no user metadata and empty user metadata are the same."""
    assert dict(found.user or {}) == dict(meta.user or {})
    for name in ("content_type", "cache_control", "content_disposition", "write_id", "replaces"):
        assert getattr(found, name) == getattr(meta, name), name
    return True


@clause("O-58")
@pytest.mark.parametrize("given", GIVEN)
def test_metadata_comes_back_as_it_was_written(objects_driver, given):
    key, meta = objects_driver.key("described"), Meta(**{"write_id": write_id(), **given})
    objects_driver.put(key, b"bytes", meta=meta)
    assert same(objects_driver.stat(key).meta, meta)
    assert same(objects_driver.read(key).stat.meta, meta)


@clause("O-58", "O-66", needs=("multipart",))
@pytest.mark.parametrize("given", GIVEN)
def test_metadata_of_an_upload_in_parts_comes_back_as_it_was_written(objects_driver, given):
    key, meta = objects_driver.key("parts"), Meta(**{"write_id": write_id(), **given})
    multipart = objects_driver.multipart
    upload = multipart.begin(key, meta=meta)
    multipart.finish(upload, [multipart.part(upload, 1, b"bytes")], b"bytes")
    assert same(objects_driver.stat(key).meta, meta)


@clause("O-58", "O-59")
@pytest.mark.parametrize("given", GIVEN)
def test_metadata_of_a_copy_comes_back_as_it_was_written(objects_driver, given):
    source, key, meta = (
        objects_driver.key("source"),
        objects_driver.key("copy"),
        Meta(**{"write_id": write_id(), **given}),
    )
    version = objects_driver.put(source, b"bytes", meta=Meta("a/b", "c", "d", {"e": "f"}, write_id(), "-"))
    objects_driver.copy(source, key, pinned=version, meta=meta)
    assert same(objects_driver.stat(key).meta, meta)


@clause("O-58")
def test_an_overwrite_replaces_all_metadata(objects_driver):
    key = objects_driver.key("overwritten")
    version = objects_driver.put(key, b"first", meta=Meta("a/b", "c", "d", {"e": "f"}, write_id(), "-"))
    meta = Meta(user={"g": "h"}, write_id=write_id())
    objects_driver.put(key, b"second", meta=meta, expect=Match(version))
    assert same(objects_driver.stat(key).meta, meta)


@clause("O-58")
def test_a_rewrite_of_the_same_bytes_has_its_own_write_id(objects_driver):
    key, ids = objects_driver.key("same"), [write_id(), write_id()]
    for name in ids:
        objects_driver.put(key, b"same", meta=Meta(write_id=name))
        assert objects_driver.stat(key).meta.write_id == name


@clause("O-58")
def test_a_write_id_of_every_letter_comes_back(objects_driver):
    alphabet = string.ascii_letters + string.digits + "-_"
    for start in range(0, 64, 16):
        key, name = objects_driver.key(f"{start}"), alphabet[start : start + 16]
        objects_driver.put(key, b"x", meta=Meta(write_id=name))
        assert objects_driver.stat(key).meta.write_id == name
