"""Uploads in parts: invisible until they are finished, then one object, or forgotten."""

from __future__ import annotations

import pytest

from statekit.driver import ABSENT, ANY, UNSEEN, Committed, Fault, Match, Meta, Refused
from statekit_conformance import clause
from statekit_conformance.drivers import write_id
from statekit_conformance.threads import together

MIB = 1024 * 1024
PART = 8 * MIB
TAIL = 12_345


@pytest.fixture
def multipart(objects_driver):
    return objects_driver.multipart


@pytest.fixture
def pieces():
    """Two full parts and an uneven last one."""
    return [bytes([number + 1]) * size for number, size in enumerate((PART, PART, TAIL))]


def uploaded(multipart, key, pieces, **options):
    """Begin an upload and send its parts; return both."""
    upload = multipart.begin(key, **options)
    return upload, [multipart.part(upload, number, piece) for number, piece in enumerate(pieces, 1)]


def small(multipart, key, data=b"in parts", **options):
    """Begin an upload of one small part, which is its last."""
    return uploaded(multipart, key, [data], **options)


def read_all(objects_driver, key):
    """Return an object's bytes, however many."""
    size, data = objects_driver.stat(key).size, b""
    while len(data) < size:
        data += objects_driver.read(key, start=len(data), length=PART).data
    return data


@clause("O-66")
def test_one_part_size_fits_every_engine(multipart):
    bounds = multipart.parts
    assert bounds.smallest <= PART <= bounds.largest
    assert bounds.most >= 1_000


@clause("O-65", "O-68")
def test_a_begun_upload_is_not_visible_and_is_listed(multipart, objects_driver, pieces):
    key = objects_driver.key("begun")
    upload = multipart.begin(key)
    assert_invisible(objects_driver, key)
    multipart.part(upload, 1, pieces[0])
    assert_invisible(objects_driver, key)
    assert [(found.key, found.id) for found in multipart.uploads()] == [(key, upload.id)]


@clause("O-65")
def test_a_begun_upload_leaves_what_is_stored_as_it_is(multipart, objects_driver, pieces):
    key = objects_driver.key("kept")
    objects_driver.put(key, b"kept")
    before = objects_driver.stat(key)
    uploaded(multipart, key, pieces[:2])
    assert objects_driver.stat(key) == before
    assert objects_driver.keys() == [key]


@clause("O-66")
def test_finish_makes_one_object_of_the_parts(multipart, objects_driver, pieces):
    key, meta = objects_driver.key("whole"), Meta("a/b", "c", "d", {"e": "f"}, write_id(), "-")
    upload, parts = uploaded(multipart, key, pieces, meta=meta)
    answer = multipart.finish(upload, parts, b"".join(pieces), expect=ABSENT)
    assert isinstance(answer, Committed)
    found = objects_driver.stat(key)
    assert (found.version, found.size, found.meta) == (answer.version, 2 * PART + TAIL, meta)
    assert read_all(objects_driver, key) == b"".join(pieces)
    assert objects_driver.keys() == [key]
    assert multipart.uploads() == []


@clause("O-66")
def test_a_range_across_parts_is_what_was_asked_for(multipart, objects_driver, pieces):
    key, whole = objects_driver.key("ranges"), b"".join(pieces)
    upload, parts = uploaded(multipart, key, pieces)
    multipart.finish(upload, parts, whole)
    for start, length in (
        (PART - 5, 10),
        (PART, 1),
        (PART - 1, 2),
        (2 * PART - 3, PART),
        (PART // 2, PART),
        (len(whole), 9),
    ):
        assert objects_driver.read(key, start=start, length=length).data == whole[start : start + length]


@clause("O-66")
def test_parts_may_arrive_in_any_order_and_be_named_in_it(multipart, objects_driver, pieces):
    key = objects_driver.key("unordered")
    upload = multipart.begin(key)
    parts = {number: multipart.part(upload, number, pieces[number - 1]) for number in (3, 1, 2)}
    multipart.finish(upload, [parts[number] for number in (1, 2, 3)], b"".join(pieces))
    assert read_all(objects_driver, key) == b"".join(pieces)


@clause("O-66")
def test_parts_may_arrive_at_once(multipart, objects_driver, pieces):
    key = objects_driver.key("at-once")
    upload = multipart.begin(key)
    parts = together(3, lambda thread: multipart.part(upload, thread + 1, pieces[thread]))
    multipart.finish(upload, parts, b"".join(pieces))
    assert read_all(objects_driver, key) == b"".join(pieces)


@clause("O-66")
def test_a_part_that_is_sent_again_counts_once(multipart, objects_driver, pieces):
    key = objects_driver.key("resent")
    upload = multipart.begin(key)
    first = multipart.part(upload, 1, pieces[0])
    multipart.part(upload, 2, b"damaged on its way, and sent again")
    last = multipart.part(upload, 2, pieces[2])
    again = multipart.part(upload, 1, pieces[0])
    assert again.number == first.number == 1
    multipart.finish(upload, [again, last], pieces[0] + pieces[2])
    assert read_all(objects_driver, key) == pieces[0] + pieces[2]
    assert multipart.uploads() == []


@clause("O-66")
@pytest.mark.parametrize("size", [0, 1, TAIL])
def test_a_single_part_may_be_small(multipart, objects_driver, size):
    key = objects_driver.key("small")
    upload, parts = small(multipart, key, b"x" * size)
    assert isinstance(multipart.finish(upload, parts, b"x" * size), Committed)
    assert objects_driver.bytes_of(key) == b"x" * size


@clause("O-66", "O-55")
def test_finish_that_expects_absence_is_refused_where_an_object_is_stored(multipart, objects_driver):
    key = objects_driver.key("taken")
    upload, parts = small(multipart, key)
    objects_driver.put(key, b"first")
    before = objects_driver.stat(key)
    answer = multipart.finish(upload, parts, b"in parts", expect=ABSENT)
    assert isinstance(answer, Refused)
    assert answer.current is UNSEEN or answer.current.version == before.version
    assert objects_driver.stat(key) == before


@clause("O-66", "O-55")
def test_finish_that_expects_a_version_commits_exactly_if_it_holds(multipart, objects_driver):
    key = objects_driver.key("versions")
    stale = objects_driver.put(key, b"first")
    current = objects_driver.put(key, b"second")
    upload, parts = small(multipart, key)
    assert isinstance(multipart.finish(upload, parts, b"in parts", expect=Match(stale)), Refused)
    assert objects_driver.bytes_of(key) == b"second"
    upload, parts = small(multipart, key)
    assert isinstance(multipart.finish(upload, parts, b"in parts", expect=Match(current)), Committed)
    assert objects_driver.bytes_of(key) == b"in parts"


@clause("O-66", "O-70")
def test_finish_that_expects_a_malformed_version_is_refused(multipart, objects_driver):
    key = objects_driver.key("odd")
    objects_driver.put(key, b"first")
    for version in ("", "*", "é", "0", "' OR '1'='1"):
        upload, parts = small(multipart, key)
        assert isinstance(multipart.finish(upload, parts, b"in parts", expect=Match(version)), Refused), version
        multipart.abort(upload)
    assert objects_driver.bytes_of(key) == b"first"


@clause("O-66", "O-55")
@pytest.mark.parametrize("create", [True, False], ids=["absent", "version"])
def test_of_many_finishes_under_one_expectation_exactly_one_commits(multipart, objects_driver, create):
    for attempt in range(4):
        key = objects_driver.key(f"attempt-{attempt}")
        expect = ABSENT if create else Match(objects_driver.put(key, b"before"))
        begun = [small(multipart, key, b"%d" % number) for number in range(8)]

        def finish(thread, begun=begun, expect=expect):
            upload, parts = begun[thread]
            return multipart.finish(upload, parts, b"%d" % thread, expect=expect)

        answers = together(8, finish)
        won = [thread for thread, answer in enumerate(answers) if isinstance(answer, Committed)]
        assert len(won) == 1
        assert objects_driver.bytes_of(key) == b"%d" % won[0]


@clause("O-66", "O-55")
def test_of_a_finish_and_writes_under_one_expectation_exactly_one_commits(multipart, objects_driver):
    for attempt in range(4):
        key = objects_driver.key(f"attempt-{attempt}")
        upload, parts = small(multipart, key)

        def act(thread, key=key, upload=upload, parts=parts):
            if thread == 0:
                return multipart.finish(upload, parts, b"in parts", expect=ABSENT)
            return objects_driver.write(key, b"%d" % thread, expect=ABSENT)

        answers = together(4, act)
        assert sum(isinstance(answer, Committed) for answer in answers) == 1


@clause("O-66")
def test_a_finish_whose_upload_is_not_there_is_a_lost_one(multipart, objects_driver):
    key = objects_driver.key("finished")
    upload, parts = small(multipart, key)
    done, again, faults = multipart.finish(upload, parts, b"in parts", expect=ANY), None, []
    try:
        again = multipart.finish(upload, parts, b"in parts", expect=ANY)
    except Exception as error:
        faults.append(objects_driver.fault(error).fault)
    assert faults == [Fault.LOST] or again == done  # an engine may remember what it did


@clause("O-67")
def test_abort_forgets_an_upload_and_its_parts(multipart, objects_driver, pieces):
    key = objects_driver.key("aborted")
    upload, parts = uploaded(multipart, key, pieces[:1])
    multipart.abort(upload)
    assert multipart.uploads() == []
    assert_invisible(objects_driver, key)
    with pytest.raises(Exception) as caught:
        multipart.finish(upload, parts, pieces[0])
    assert objects_driver.fault(caught.value).fault is Fault.LOST
    assert_invisible(objects_driver, key)


@clause("O-67")
def test_aborting_an_upload_that_is_not_there_is_success(multipart, objects_driver):
    upload, _ = small(multipart, objects_driver.key("aborted"))
    multipart.abort(upload)
    multipart.abort(upload)
    key = objects_driver.key("finished")
    upload, parts = small(multipart, key)
    multipart.finish(upload, parts, b"in parts")
    multipart.abort(upload)
    assert objects_driver.bytes_of(key) == b"in parts"


@clause("O-67")
def test_aborting_one_upload_of_a_key_leaves_the_other(multipart, objects_driver):
    key = objects_driver.key("two")
    first, _ = small(multipart, key, b"first")
    second, parts = small(multipart, key, b"second")
    multipart.abort(first)
    assert isinstance(multipart.finish(second, parts, b"second"), Committed)
    assert objects_driver.bytes_of(key) == b"second"


@clause("O-68")
def test_uploads_lists_what_was_begun_and_neither_finished_nor_aborted(multipart, objects_driver):
    keys = [objects_driver.key(f"a/{number}") for number in range(7)] + [objects_driver.key("b/1")]
    begun = {key: small(multipart, key) for key in keys}
    multipart.finish(*begun[keys[0]], b"in parts")
    multipart.abort(begun[keys[1]][0])
    for limit in (1, 2, 1000):
        assert sorted(found.key for found in multipart.uploads(limit=limit)) == keys[2:]
        assert sorted(found.key for found in multipart.uploads(objects_driver.key("a/"), limit=limit)) == keys[2:7]


@clause("O-68")
def test_uploads_lists_each_upload_of_one_key_also_before_its_first_part(multipart, objects_driver):
    key = objects_driver.key("two")
    first, second = multipart.begin(key), small(multipart, key)[0]
    assert sorted(found.id for found in multipart.uploads()) == sorted([first.id, second.id])


@clause("O-68")
def test_a_listed_upload_can_be_aborted(multipart, objects_driver):
    for number in range(3):
        small(multipart, objects_driver.key(f"{number}"))
    for found in multipart.uploads():
        multipart.abort(found)
    assert multipart.uploads() == []


@clause("O-68", needs=("reopen",))
def test_another_opening_lists_what_was_begun_and_can_finish_it(multipart, objects_driver):
    key = objects_driver.key("begun")
    upload, parts = small(multipart, key)
    other = objects_driver.another().multipart
    assert [found.key for found in other.uploads()] == [key]
    assert isinstance(other.finish(upload, parts, b"in parts"), Committed)
    assert objects_driver.bytes_of(key) == b"in parts"


def assert_invisible(objects_driver, key):
    """Nothing is stored under a key."""
    assert objects_driver.stat(key) is None
    assert objects_driver.read(key) is None
    assert objects_driver.keys() == []
    assert isinstance(objects_driver.write(key, b"probe", expect=Match("x")), Refused)
