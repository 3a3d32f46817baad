"""What the multipart driver owes."""

from __future__ import annotations

import random

import pytest
from google_crc32c import value as crc32c_of

from statekit.driver import ABSENT, ANY, Committed, Fault, Match, Meta, Part, Refused, Upload

T = 10.0


def begin(local, key="k", write_id="u1"):
    return local.objects.begin(key, meta=Meta("text/x", user={"a": "b"}, write_id=write_id), timeout=T)


def send(local, upload, number, data):
    return local.objects.part(upload, number, data, crc32c=crc32c_of(data), timeout=T)


def finish(local, upload, parts, whole, expect=ANY):
    return local.objects.finish(upload, parts, size=len(whole), crc32c=crc32c_of(whole), expect=expect, timeout=T)


def fault_of(local, call, *args, **kwargs):
    with pytest.raises(Exception) as caught:
        call(*args, **kwargs)
    return local.objects.fault(caught.value).fault


def test_the_bounds_suit_core(local):
    assert local.objects.parts.smallest <= 8 << 20 <= local.objects.parts.largest


def test_nothing_is_visible_before_the_end(local, open_local):
    upload = begin(local)
    send(local, upload, 1, bytes(50_000))
    other = open_local()
    assert other.objects.stat("k", timeout=T) is None
    page = other.objects.page("", delimiter=None, start_after=None, cursor=None, limit=9, timeout=T)
    assert page.items == ()


def test_parts_in_any_order_become_one_object(local):
    data = random.Random(2).randbytes(100_000)
    pieces = [data[:40_000], data[40_000:40_001], data[40_001:40_001], data[40_001:]]
    upload = begin(local)
    parts = [send(local, upload, n + 1, pieces[n]) for n in (2, 0, 3, 1)]
    assert finish(local, upload, parts, data) == Committed("u1")
    stat = local.objects.stat("k", timeout=T)
    assert (stat.size, stat.crc32c, stat.version) == (len(data), crc32c_of(data), "u1")
    assert stat.meta == Meta("text/x", user={"a": "b"}, write_id="u1")
    for start in [0, 39_999, 40_000, 40_001, 99_999, 100_000]:
        for length in [1, 2, 3, 100_000]:
            chunk = local.objects.read("k", start=start, length=length, expect=ANY, timeout=T)
            assert chunk.data == data[start : start + length]


def test_an_upload_of_nothing_is_an_empty_object(local):
    upload = begin(local)
    finish(local, upload, [send(local, upload, 1, b"")], b"")
    assert local.get("k") == b""
    finish(local, begin(local, "x"), [], b"")
    assert local.get("x") == b""


def test_a_part_sent_again_counts_as_its_tag_says(local, stored):
    upload = begin(local)
    first, second = send(local, upload, 1, b"1" * 9), send(local, upload, 1, b"2" * 9)
    assert first.tag != second.tag
    assert finish(local, upload, [second], b"2" * 9) == Committed("u1")
    assert local.get("k") == b"2" * 9
    assert stored() == {second.tag}


def test_finish_needs_its_condition_and_a_refused_upload_stays(local):
    local.put("k", b"old", "w1")
    upload = begin(local)
    part = send(local, upload, 1, b"new")
    there = local.objects.stat("k", timeout=T)
    assert finish(local, upload, [part], b"new", ABSENT) == Refused(there)
    assert finish(local, upload, [part], b"new", Match("w0")) == Refused(there)
    assert local.get("k") == b"old"
    assert finish(local, upload, [part], b"new", Match("w1")) == Committed("u1")


def test_an_upload_that_is_not_there_any_more_is_lost(local, stored):
    upload = begin(local)
    part = send(local, upload, 1, b"new")
    finish(local, upload, [part], b"new")
    assert fault_of(local, finish, local, upload, [part], b"new") is Fault.LOST
    aborted = begin(local)
    local.objects.abort(aborted, timeout=T)
    assert fault_of(local, finish, local, aborted, [], b"") is Fault.LOST
    assert fault_of(local, send, local, aborted, 1, b"late") is Fault.REJECTED
    assert local.get("k") == b"new"
    assert stored() == {part.tag}


def test_a_part_that_does_not_match_its_checksum_is_refused(local, stored):
    upload = begin(local)
    fault = fault_of(local, local.objects.part, upload, 1, b"data", crc32c=1, timeout=T)
    assert fault is Fault.REJECTED
    assert stored() == set()


def test_parts_that_are_not_the_uploads_are_refused(local):
    mine, yours = begin(local), begin(local, "x")
    part, foreign = send(local, mine, 1, b"mine"), send(local, yours, 1, b"your")
    for parts in ([foreign], [part, part], [Part(1, "\ud800", 4)], [Part(1, part.tag, 5)]):
        size = sum(part.size for part in parts)
        assert fault_of(local, finish, local, mine, parts, bytes(size)) is Fault.REJECTED
    assert fault_of(local, finish, local, mine, [part], b"longer") is Fault.REJECTED
    assert finish(local, mine, [part], b"mine") == Committed("u1")


def test_abort_forgets_the_parts_and_is_always_success(local, stored):
    upload = begin(local)
    send(local, upload, 1, bytes(100))
    for _ in range(2):
        local.objects.abort(upload, timeout=T)
    local.objects.abort(Upload("k", "foreign", None, None), timeout=T)
    assert stored() == set()
    assert local.objects.uploads("", cursor=None, limit=9, timeout=T).items == ()


def test_an_abort_does_not_touch_what_was_finished(local):
    upload = begin(local)
    finish(local, upload, [send(local, upload, 1, b"new")], b"new")
    local.objects.abort(upload, timeout=T)
    assert local.get("k") == b"new"


@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_unfinished_uploads_are_listed(local, limit):
    uploads = {begin(local, key).id: key for key in ["p/a", "p/a", "p/b", "q", "p"]}
    found, cursor = [], None
    while True:
        page = local.objects.uploads("p/", cursor=cursor, limit=limit, timeout=T)
        found += page.items
        cursor = page.cursor
        if cursor is None:
            break
    assert {upload.id: upload.key for upload in found} == {
        id_: key for id_, key in uploads.items() if key.startswith("p/")
    }
    assert found[0].started_at == local.clock.time
    assert found[0].meta.write_id == "u1"


def test_an_upload_is_finished_by_another_process_too(local, open_local):
    upload = begin(local)
    part = send(local, upload, 1, b"data")
    local.drivers.close()
    other = open_local()
    assert finish(other, upload, [part], b"data") == Committed("u1")
    assert other.get("k") == b"data"
