"""What is sent for each call, and what the answers mean, without a server."""

import pytest
from statekit_redis import answers
from statekit_redis.flows import Scanning
from statekit_redis.requests import DAY, SHARDS, ObjectRequests, RecordRequests

from statekit.driver import ABSENT, ANY, Committed, Entry, Gone, Match, Meta, Part, Record, Refused, Upload

RECORDS = RecordRequests("app:")
OBJECTS = ObjectRequests("app:")
META = Meta("text/plain", None, None, {"k": "v"}, "w1", "-")


def tag(key: bytes) -> bytes:
    return key[key.index(b"{") + 1 : key.index(b"}")]


@pytest.mark.parametrize(("expect", "words"), [(ABSENT, ("A", b"")), (Match("v7"), ("M", b"v7")), (ANY, ("*", b""))])
def test_an_expectation_is_two_words(expect, words):
    run = RECORDS.write("s/1", b"x", expires_at=None, write_id="w", expect=expect)
    assert run.arguments[:2] == words


def test_the_servers_own_expiry_is_a_day_later():
    run = RECORDS.write("s/1", b"x", expires_at=1_000, write_id="w", expect=ABSENT)
    assert run.arguments[4:] == (1_000, 1_000 + DAY)
    assert RECORDS.touch("s/1", seen=Record(b"", "v", 5), expires_at=9).arguments == (b"v", 5, 9, 9 + DAY)


def test_a_record_without_expiry_gets_none():
    run = RECORDS.write("s/1", b"x", expires_at=None, write_id="w", expect=ABSENT)
    assert run.arguments[4:] == ("", "")


def test_a_delete_of_an_entry_names_version_and_expiry():
    assert RECORDS.delete("s/1", expect=Entry("s/1", "v", 5)).arguments == ("E", b"v", 5)
    assert RECORDS.delete("s/1", expect=Entry("s/1", "v", None)).arguments == ("E", b"v", "")


def test_all_keys_of_an_object_live_in_one_slot():
    upload = Upload("a/{b}.txt", "u1", META, 1)
    finish = OBJECTS.finish(upload, [Part(1, "", 3)], meta=META, size=3, crc32c=1, now=1, expect=ANY)
    begin = OBJECTS.begin(upload.key, "u1", meta=META, now=1)
    keys = {*finish.keys, *OBJECTS.part(upload, 1, b"abc").keys, *OBJECTS.abort(upload).keys, *begin.keys}
    keys |= {OBJECTS.stat(upload.key).key}
    assert len({tag(key) for key in keys}) == 1


def test_a_listing_asks_every_shard():
    runs = OBJECTS.page("a/", delimiter="/", after=b"", limit=10)
    assert len({tag(run.keys[0]) for run in runs}) == SHARDS


@pytest.mark.parametrize(
    ("prefix", "after", "bound"),
    [("", b"", b"-"), ("a/", b"", b"[a/"), ("a/", b"a/x", b"(a/x"), ("b", b"a", b"[b"), ("", b"x", b"(x")],
)
def test_a_listing_begins_at_the_later_of_prefix_and_last_key(prefix, after, bound):
    run = OBJECTS.page(prefix, delimiter=None, after=after, limit=10)[0]
    assert run.arguments[3] == bound


def test_the_answer_to_a_write_is_the_write_id_or_what_stands_there():
    assert answers.record_written(1, "w") == Committed("w")
    assert answers.record_written([b"v", b"value", b"7"], "w") == Refused(Record(b"value", "v", 7))
    assert answers.record_written([None, None, None], "w") == Refused(None)


def test_the_answer_to_a_delete_says_whether_there_was_anything():
    assert answers.record_gone(1) is Gone.DELETED
    assert answers.record_gone(0) is Gone.ABSENT
    assert answers.record_gone([b"v", b"", b""]) == Refused(Record(b"", "v", None))


def test_shards_are_merged_in_byte_order_and_folded_prefixes_once():
    shards = [[[b"a/"], [b"c", b"v", b"1", b"2", b"3"]], [[b"a/"], [b"b", b"v", b"1", b"2", b"3"]]]
    page, last = answers.listed(shards, 10)
    assert [stat.key for stat in page.items] == ["b", "c"]
    assert page.prefixes == ("a/",)
    assert last == b""


def test_a_full_page_goes_on_behind_its_last_line():
    shards = [[[b"a"] + [b"1"] * 4], [[b"b/"]]]
    page, last = answers.listed(shards, 1)
    assert ([stat.key for stat in page.items], page.prefixes, last) == (["a"], (), b"a")
    page, last = answers.listed([[[b"b/"]], [[b"c"] + [b"1"] * 4]], 1)
    assert (page.prefixes, last) == (("b/",), b"b/\xff")


def test_keys_that_are_too_many_for_a_page_wait_in_the_cursor():
    rest = Scanning(1, 17, (b"x", b"\xff"), ended=True)
    assert Scanning.read(rest.write()) == rest
    assert Scanning(1, 0, (), ended=True).write() is None
    assert Scanning(1, 0, (), ended=False).write() is not None
