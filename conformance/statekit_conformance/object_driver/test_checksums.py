"""Checksums: damaged bytes are never an object."""

from __future__ import annotations

import pytest
from google_crc32c import value as crc32c_of

from statekit.driver import ABSENT, ANY, Failure
from statekit_conformance import clause


@clause("O-57")
@pytest.mark.parametrize("expect", [ANY, ABSENT], ids=["any", "absent"])
@pytest.mark.parametrize("size", [0, 10, 300_000])
def test_bytes_that_do_not_match_their_checksum_are_not_stored(objects_driver, expect, size):
    key, data = objects_driver.key("damaged"), b"x" * size
    with pytest.raises(Exception) as caught:
        objects_driver.write(key, data, crc32c=crc32c_of(data) ^ 1, expect=expect)
    assert isinstance(objects_driver.fault(caught.value), Failure)
    assert objects_driver.stat(key) is None


@clause("O-57")
def test_bytes_that_do_not_match_their_checksum_leave_what_was_there(objects_driver):
    key = objects_driver.key("kept")
    objects_driver.put(key, b"whole")
    before = objects_driver.stat(key)
    with pytest.raises(Exception):  # noqa: B017 - whatever the SDK raises
        objects_driver.write(key, b"damaged", crc32c=crc32c_of(b"other"))
    assert objects_driver.stat(key) == before
    assert objects_driver.bytes_of(key) == b"whole"


@clause("O-57")
def test_a_stat_says_the_right_checksum_or_none(objects_driver):
    key, data = objects_driver.key("sound"), b"some bytes" * 1_000
    objects_driver.put(key, data)
    assert objects_driver.stat(key).crc32c in (None, crc32c_of(data))
    assert objects_driver.read(key, start=5, length=7).stat.crc32c in (None, crc32c_of(data))


@clause("O-57", "O-66", needs=("multipart",))
def test_a_part_that_does_not_match_its_checksum_is_not_taken(objects_driver):
    multipart = objects_driver.multipart
    upload = multipart.begin(objects_driver.key("parts"))
    with pytest.raises(Exception):  # noqa: B017 - whatever the SDK raises
        multipart.part(upload, 1, b"damaged", crc32c=crc32c_of(b"other"))
    multipart.abort(upload)
    assert objects_driver.stat(objects_driver.key("parts")) is None
