"""What is sent to DynamoDB for each call, and what its answers mean, without a server."""

import pytest
from botocore.exceptions import ClientError
from statekit_aws.dynamodb import answers
from statekit_aws.dynamodb.requests import Cursor, RecordRequests
from statekit_aws.faults import UnreadableError
from statekit_aws.versions import is_foreign

from statekit.driver import ABSENT, ANY, UNSEEN, Entry, Gone, Match, Record, Refused

TABLE = RecordRequests("tab")
ITEM = {"k": {"S": "s/1"}, "v": {"S": "w1"}, "d": {"B": b"bytes"}, "x": {"N": "1234"}, "t": {"N": "9"}}


def refused(**more):
    return ClientError({"Error": {"Code": "ConditionalCheckFailedException"}, **more}, "PutItem")


def test_reads_are_consistent():
    assert TABLE.read("s/1") == {"TableName": "tab", "Key": {"k": {"S": "s/1"}}, "ConsistentRead": True}
    assert TABLE.page("", cursor=Cursor())["ConsistentRead"] is True


def test_a_write_is_conditional_on_the_version_alone_and_asks_for_what_refuses_it():
    create = TABLE.write("s/1", b"x", expires_at=None, write_id="w", expect=ABSENT)
    assert create["ConditionExpression"] == "attribute_not_exists(k)"
    replace = TABLE.write("s/1", b"x", expires_at=None, write_id="w", expect=Match("v7"))
    assert replace["ConditionExpression"] == "v = :v"
    assert replace["ExpressionAttributeValues"] == {":v": {"S": "v7"}}
    assert create["ReturnValuesOnConditionCheckFailure"] == replace["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"


@pytest.mark.parametrize(
    ("expires_at", "seconds"),
    [(1000, 86_401), (1001, 86_402), (1999, 86_402), (0, 86_400), (-1500, 86_399)],
)
def test_time_to_live_is_a_day_late_at_least_and_in_seconds(expires_at, seconds):
    item = TABLE.write("s/1", b"x", expires_at=expires_at, write_id="w", expect=ABSENT)["Item"]
    assert (item["x"], item["t"]) == ({"N": str(expires_at)}, {"N": str(seconds)})
    assert seconds * 1000 >= expires_at + 86_400_000


def test_a_record_without_expiry_has_no_attributes_of_it():
    assert set(TABLE.write("s/1", b"x", expires_at=None, write_id="w", expect=ABSENT)["Item"]) == {"k", "v", "d"}


def test_the_largest_record_is_an_item_that_dynamodb_takes():
    """Its 400 KB are counted with names: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""
    key, value = "k" * 1000, bytes(320 * 1024)
    item = TABLE.write(key, value, expires_at=2**53, write_id="w" * 16, expect=ABSENT)["Item"]
    sizes = [len(name) + len(next(iter(content.values()))) for name, content in item.items()]
    assert sum(sizes) < 400 * 1024


def test_a_touch_is_conditional_on_version_and_expiry_and_changes_neither_value_nor_version():
    request = TABLE.touch("s/1", seen=Record(b"", "v7", 5), expires_at=9000)
    assert request["ConditionExpression"] == "v = :v AND x = :w"
    assert request["UpdateExpression"] == "SET x = :x, t = :t"
    assert request["ExpressionAttributeValues"][":w"] == {"N": "5"}
    never = TABLE.touch("s/1", seen=Record(b"", "v7", None), expires_at=9000)
    assert never["ConditionExpression"] == "v = :v AND attribute_not_exists(x)"


def test_a_delete_succeeds_where_nothing_is_stored_and_says_so():
    assert "ConditionExpression" not in TABLE.delete("s/1", expect=ANY)
    assert TABLE.delete("s/1", expect=ANY)["ReturnValues"] == "ALL_OLD"
    match = TABLE.delete("s/1", expect=Match("v7"))
    assert match["ConditionExpression"] == "attribute_not_exists(k) OR (v = :v)"
    entry = TABLE.delete("s/1", expect=Entry("s/1", "v7", 5))
    assert entry["ConditionExpression"] == "attribute_not_exists(k) OR (v = :v AND x = :w)"
    assert answers.deleted({"Attributes": ITEM}) is Gone.DELETED
    assert answers.deleted({}) is Gone.ABSENT


def test_an_item_is_a_record():
    assert answers.record(ITEM) == Record(b"bytes", "w1", 1234)
    assert answers.record(None) is None


@pytest.mark.parametrize("item", [{}, {"v": {"S": "w"}}, {**ITEM, "d": {"S": "text"}}, {**ITEM, "x": {"N": "soon"}}])
def test_an_item_of_another_form_is_corrupt_and_not_absent(item):
    with pytest.raises(UnreadableError):
        answers.record(item)


def test_a_refusal_shows_the_item_where_it_is_told():
    assert answers.refusal(refused(Item=ITEM)) == Refused(Record(b"bytes", "w1", 1234))
    assert answers.refusal(refused()) == Refused(UNSEEN)


def test_another_error_is_no_refusal():
    error = ClientError({"Error": {"Code": "TransactionConflictException"}}, "PutItem")
    with pytest.raises(ClientError) as caught:
        answers.refusal(error)
    assert caught.value is error


def items(*keys):
    return [{"k": {"S": key}, "v": {"S": "w"}} for key in keys]


def test_a_page_that_takes_less_than_was_scanned_is_continued_behind_its_last_key():
    scanned = {"Items": items("c", "a", "b"), "LastEvaluatedKey": {"k": {"S": "z"}}}
    first = answers.page(scanned, Cursor(), 2)
    assert [entry.key for entry in first.items] == ["c", "a"]
    cursor = Cursor.read(first.cursor)
    assert cursor == Cursor(None, "a")
    second = answers.page(scanned, cursor, 2)
    assert [entry.key for entry in second.items] == ["b"]
    assert Cursor.read(second.cursor) == Cursor("z")


def test_a_page_whose_last_key_is_gone_begins_anew():
    page = answers.page({"Items": items("c", "b")}, Cursor(None, "a"), 2)
    assert ([entry.key for entry in page.items], page.cursor) == (["c", "b"], None)


def test_an_empty_page_may_be_followed_by_others_and_the_last_has_no_cursor():
    assert answers.page({"Items": [], "LastEvaluatedKey": {"k": {"S": "z"}}}, Cursor(), 5).cursor is not None
    assert answers.page({"Items": []}, Cursor(), 5).cursor is None


def test_an_item_without_a_version_is_not_listed():
    assert answers.page({"Items": [{"k": {"S": "foreign"}}]}, Cursor(), 5).items == ()


@pytest.mark.parametrize("version", ["", "*", '"a"', "a,b", "a b", "a\n", "ü", "\ud800", "x" * 256])
def test_a_version_that_cannot_be_one_is_not_sent(version):
    assert is_foreign(Match(version))


@pytest.mark.parametrize("version", ["d41d8cd98f00b204e9800998ecf8427e-12", "AbC_-9", "a*", "x"])
def test_a_version_that_may_be_one_is(version):
    assert not is_foreign(Match(version))
    assert not is_foreign(ANY)
    assert not is_foreign(ABSENT)
