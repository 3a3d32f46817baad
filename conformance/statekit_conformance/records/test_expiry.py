"""Expiry: stored as it was written, and judged by nobody below core."""

from __future__ import annotations

import pytest

from statekit.driver import Committed, Match, Refused
from statekit.testing import FakeClock
from statekit_conformance import clause

NOW = FakeClock().now()
HOUR = 3_600_000
DAY = 24 * HOUR
TIMES = {
    "none": None,
    "23 hours ago": NOW - 23 * HOUR,
    "an hour ago": NOW - HOUR,
    "a millisecond ago": NOW - 1,
    "now": NOW,
    "in a millisecond": NOW + 1,
    "in a second and a bit": NOW - NOW % 1000 + 1_999,
    "on the second": NOW - NOW % 1000 + 2_000,
    "in 90 days": NOW + 90 * DAY,
    "in 10 years": NOW + 3_650 * DAY + 1,
    "in the year 9999": 253_402_300_799_999 - DAY,
}


@clause("R-15")
@pytest.mark.parametrize("expires_at", TIMES.values(), ids=TIMES)
def test_the_expiry_comes_back_to_the_millisecond(records, expires_at):
    key = records.key("timed")
    before = records.create(key, b"value", expires_at=expires_at)
    assert records.read(key) == before
    (entry,) = set(records.entries())
    assert entry.expires_at == expires_at
    refused = records.write(key, b"other")
    assert isinstance(refused, Refused)
    again = records.write(key, b"other", expect=Match(before.version), expires_at=expires_at)
    assert isinstance(again, Committed)
    assert records.read(key).expires_at == expires_at


@clause("R-15")
def test_an_expiry_can_be_given_and_taken_away(records):
    key = records.key("changing")
    record = records.create(key, b"value")
    for expires_at in (NOW + HOUR, None, NOW - HOUR, None, NOW + DAY, NOW + HOUR):
        records.write(key, b"value", expect=Match(record.version), expires_at=expires_at)
        record = records.read(key)
        assert record.expires_at == expires_at


@clause("R-16", "R-15")
@pytest.mark.parametrize("ago", [1, HOUR, 23 * HOUR, DAY - 10 * 60_000], ids=["1 ms", "1 h", "23 h", "23 h 50 min"])
def test_a_record_that_expired_less_than_a_day_ago_is_returned(records, ago):
    key = records.key("leftover")
    before = records.create(key, b"value", expires_at=FakeClock().now() - ago)
    for _ in range(5):
        assert records.read(key) == before
    assert [entry.key for entry in records.entries()] == [key]


@clause("R-16")
def test_a_touched_record_lives_as_long_as_its_new_expiry_says(records):
    key = records.key("prolonged")
    seen = records.create(key, b"value", expires_at=NOW - 23 * HOUR)
    records.touch(key, seen=seen, expires_at=NOW - HOUR)
    assert records.read(key).expires_at == NOW - HOUR
