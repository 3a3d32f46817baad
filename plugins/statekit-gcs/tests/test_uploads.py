"""Uploads in parts against the engine."""

from itertools import count

import pytest
from google_crc32c import value as crc32c_of

from statekit.driver import ABSENT, ANY, Committed, Fault, Match, Meta, Refused

proxy = pytest.importorskip("statekit_conformance.proxy", reason="statekit-conformance is not installed")

META = Meta("text/plain", None, None, {"k": "v"}, "w" * 16, "-")
EVERYTHING = {"delimiter": None, "start_after": None, "cursor": None, "limit": 1000, "timeout": 5.0}


class Transfer:
    """One upload of some bytes."""

    def __init__(self, objects, key, pieces):
        self.objects, self.pieces, self.whole = objects, pieces, b"".join(pieces)
        self.upload = objects.begin(key, meta=META, timeout=5.0)
        self.parts = [
            objects.part(self.upload, number, piece, crc32c=crc32c_of(piece), timeout=5.0)
            for number, piece in enumerate(pieces, 1)
        ]

    def finish(self, expect=ANY, crc32c=None, timeout=10.0):
        checksum = crc32c_of(self.whole) if crc32c is None else crc32c
        fixed = {"size": len(self.whole), "crc32c": checksum, "expect": expect, "timeout": timeout}
        return self.objects.finish(self.upload, self.parts, **fixed)


@pytest.fixture
def objects(drivers):
    return drivers.objects


def unfinished(objects, key):
    return objects.uploads(key, cursor=None, limit=1000, timeout=5.0).items


def leftovers(objects, transfer):
    """Names under the reserved prefix, which a listing of objects hides."""
    from statekit_gcs.place import Place
    from statekit_gcs.requests import LISTED_NAMES, Bucket

    place = Place("statekit-gcs-tests", "some/place/")
    listing = Bucket(place.bucket).list(place.parts + transfer.upload.id, fields=LISTED_NAMES, limit=1000)

    def asking():
        return (yield listing).json().get("items", [])

    return objects._run(asking(), 5.0)


@pytest.mark.parametrize("pieces", [1, 2, 32, 33, 70])
def test_parts_become_one_object_by_number(objects, pieces):
    key = f"whole-{pieces}"
    transfer = Transfer(objects, key, [b"%d-" % number for number in range(pieces)])
    transfer.parts.reverse()
    transfer.parts.sort(key=lambda part: part.number)
    answer = transfer.finish(ABSENT)
    chunk = objects.read(key, start=0, length=10_000, expect=Match(answer.version), timeout=5.0)
    assert (chunk.data, chunk.stat.meta) == (transfer.whole, META)
    assert chunk.stat.crc32c == crc32c_of(transfer.whole)
    assert unfinished(objects, key) == ()
    assert leftovers(objects, transfer) == []


def test_nothing_is_visible_before_it_is_finished(objects):
    transfer = Transfer(objects, "unseen/x", [b"a", b"b"])
    assert objects.stat("unseen/x", timeout=5.0) is None
    assert objects.page("unseen/", **EVERYTHING).items == ()
    assert not [stat.key for stat in objects.page("", **EVERYTHING).items if stat.key.startswith(".statekit")]
    assert [upload.id for upload in unfinished(objects, "unseen/")] == [transfer.upload.id]
    objects.abort(transfer.upload, timeout=5.0)
    assert leftovers(objects, transfer) == []
    objects.abort(transfer.upload, timeout=5.0)


def test_the_condition_is_the_last_request_s_and_a_refusal_keeps_the_parts(objects):
    there = objects.write("taken", b"x", meta=META, crc32c=crc32c_of(b"x"), expect=ANY, timeout=5.0)
    transfer = Transfer(objects, "taken", [b"a", b"b"])
    assert transfer.finish(ABSENT) == Refused()
    assert transfer.finish(Match("1")) == Refused()
    assert isinstance(transfer.finish(Match(there.version)), Committed)


def test_a_wrong_checksum_is_found_before_anything_is_visible(objects):
    transfer = Transfer(objects, "damaged-whole", [b"a", b"b"])
    with pytest.raises(Exception) as caught:
        transfer.finish(crc32c=5)
    assert objects.fault(caught.value).fault is Fault.REJECTED
    assert objects.stat("damaged-whole", timeout=5.0) is None


def test_finishing_what_is_gone_is_for_core_to_settle(objects):
    transfer = Transfer(objects, "twice", [b"a", b"b"])
    transfer.finish()
    with pytest.raises(Exception) as caught:
        transfer.finish()
    assert objects.fault(caught.value).fault is Fault.LOST


@pytest.mark.parametrize("lost", [1, 2], ids=["the joint's", "the object's"])
def test_a_lost_reply_in_the_middle_can_be_sent_again(opened, engine, lost):
    with proxy.Proxy(engine.addresses[0]) as between:
        objects = opened(between.url()).objects
        transfer = Transfer(objects, f"again-{lost}", [b"a", b"b"])
        composing = proxy.named("POST", target="/compose" if lost == 1 else "again-.*/compose")
        with between.arm(proxy.LoseReply(), when=composing), pytest.raises(OSError) as caught:
            transfer.finish(ABSENT)
        assert objects.fault(caught.value).fault is Fault.LOST
        answer = transfer.finish(ABSENT)
        assert isinstance(answer, Committed) if lost == 1 else answer == Refused()
        assert objects.stat(f"again-{lost}", timeout=5.0).meta.write_id == META.write_id


def test_a_finish_that_ran_out_of_time_is_gone_on_with(opened, engine):
    with proxy.Proxy(engine.addresses[0]) as between:
        objects = opened(between.url()).objects
        transfer = Transfer(objects, "long", [b"%d-" % number for number in range(100)])
        root, composed = proxy.named("POST", target="/compose"), count(1)
        fourth = between.arm(proxy.Swallow(), when=lambda request: root(request) and next(composed) == 4)
        with fourth, pytest.raises(OSError):
            transfer.finish(timeout=2.0)
        between.forget()
        assert isinstance(transfer.finish(), Committed)
        assert between.count(root) <= 3


def test_what_cannot_be_deleted_afterwards_is_left_to_the_sweep(opened, engine):
    with proxy.Proxy(engine.addresses[0]) as between:
        objects = opened(between.url()).objects
        transfer = Transfer(objects, "untidy", [b"a", b"b"])
        with between.arm(proxy.ResetBefore(), when=proxy.named("POST", target="/batch/")):
            assert isinstance(transfer.finish(), Committed)
        (left,) = unfinished(objects, "untidy")
        objects.abort(left, timeout=5.0)
        assert unfinished(objects, "untidy") == ()
