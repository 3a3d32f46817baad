"""Openings: closed after any use, and followed by others that work."""

from __future__ import annotations

import pytest

from statekit.driver import ABSENT, Committed, Match
from statekit_conformance import clause
from statekit_conformance.drivers import ObjectCalls, RecordCalls
from statekit_conformance.threads import together


@pytest.fixture
def open_one(subject):
    """Open a backend, and return its drivers as calls, and what closes it."""

    def opened(store):
        settings = subject.site.settings
        place = settings.sessions if store == "records" else settings.objects
        found = subject.site.open(place, subject.clock, native=subject.colour == "async")
        loop = subject.site.loop if found.native else None
        kind = RecordCalls if store == "records" else ObjectCalls
        driver = getattr(found.drivers, store)
        return kind(driver, loop, subject.namespace, subject.site.timeout, None), found.close

    return opened


@clause("P-52", needs=("records",))
def test_an_opening_of_records_that_was_never_used_can_be_closed(open_one):
    _, close = open_one("records")
    close()
    records, close = open_one("records")
    records.create(records.key("after"), b"value")
    close()


@clause("P-52", needs=("records", "reopen"))
def test_what_one_opening_of_records_wrote_the_next_one_reads(open_one):
    records, close = open_one("records")
    key, written = records.key("kept"), records.create(records.key("kept"), b"value")
    close()
    for _ in range(3):
        records, close = open_one("records")
        assert records.read(key) == written
        close()


@clause("P-52", needs=("records", "reopen"))
def test_closing_one_opening_of_records_leaves_the_others_working(open_one):
    (first, close_first), (second, close_second) = open_one("records"), open_one("records")
    key = first.key("shared")
    version = first.create(key, b"first").version
    assert second.read(key).version == version
    close_first()
    assert isinstance(second.write(key, b"second", expect=Match(version)), Committed)
    close_second()


@clause("P-52", "R-22", needs=("records",))
def test_an_opening_of_records_that_many_threads_used_can_be_closed(open_one):
    records, close = open_one("records")
    together(8, lambda thread: [records.read(records.key(f"{thread}-{number}")) for number in range(5)])
    close()


@clause("P-52", needs=("records",))
def test_an_opening_of_records_whose_last_call_failed_can_be_closed(open_one):
    records, close = open_one("records")
    with pytest.raises(Exception):  # noqa: B017 - whatever the driver makes of nonsense
        records.once("write", records.key("odd"), object(), expires_at=None, write_id="x" * 16, expect=ABSENT)
    close()
    records, close = open_one("records")
    assert records.read(records.key("odd")) is None
    close()


@clause("P-52", needs=("objects",))
def test_an_opening_of_objects_can_be_closed_after_any_use(open_one):
    _, close = open_one("objects")
    close()
    objects, close = open_one("objects")
    objects.put(objects.key("whole"), b"x" * 100_000)
    together(8, lambda _: objects.bytes_of(objects.key("whole")))
    close()


@clause("P-52", needs=("objects", "multipart"))
def test_an_opening_of_objects_can_be_closed_during_an_upload(open_one):
    objects, close = open_one("objects")
    upload = objects.multipart.begin(objects.key("begun"))
    objects.multipart.part(upload, 1, b"x" * 100_000)
    close()
    objects, close = open_one("objects")
    assert objects.stat(objects.key("begun")) is None
    objects.multipart.abort(upload)
    close()


@clause("P-52", needs=("objects", "reopen"))
def test_what_one_opening_of_objects_wrote_the_next_one_reads(open_one):
    objects, close = open_one("objects")
    key, version = objects.key("kept"), objects.put(objects.key("kept"), b"x" * 100_000)
    close()
    objects, close = open_one("objects")
    assert objects.stat(key).version == version
    assert objects.bytes_of(key) == b"x" * 100_000
    close()
