"""The record driver on dynalite, which is real on disk, and on moto, which shows what refused."""

import secrets
import threading

import pytest
from statekit_aws.dynamodb import requests
from statekit_aws.opening import open_drivers
from statekit_aws.provision import provision

import statekit
from statekit.driver import ABSENT, ANY, UNSEEN, Committed, Entry, Fault, Gone, Match, Record, Refused
from statekit_conformance.proxy import LoseReply, Proxy, any_request

WRITERS = 16


@pytest.fixture
def table(engine, opening, unique):
    """Return what opens a new table on an engine, by way of an address if one is given."""
    opened = []

    def get(name, address=None):
        endpoint = engine(name).endpoints["dynamodb"]
        provision(opening("dynamodb", unique, endpoint=endpoint), dry_run=False)
        opened.append(open_drivers(opening("dynamodb", unique, endpoint=address or endpoint)))
        return opened[-1]

    yield get
    for drivers in opened:
        drivers.close()


def write(records, key, value=b"x", expect=ABSENT, expires_at=None):
    return records.write(
        key, value, expires_at=expires_at, write_id=secrets.token_urlsafe(12), expect=expect, timeout=30
    )


def race(function):
    """Call it in sixteen threads at once and return what they got."""
    gate, answers = threading.Barrier(WRITERS), []
    threads = [threading.Thread(target=lambda n=n: (gate.wait(), answers.append(function(n)))) for n in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == WRITERS
    return answers


@pytest.mark.parametrize("name", ["dynalite", "moto"])
def test_of_sixteen_writers_one_wins(table, name):
    records = table(name).records
    for number in range(5):
        created = race(lambda _, key=f"r/{number}": write(records, key))
        assert sum(isinstance(answer, Committed) for answer in created) == 1
        seen = records.read(f"r/{number}", timeout=30)
        replaced = race(lambda n, key=f"r/{number}", v=seen.version: write(records, key, b"%d" % n, Match(v)))
        (winner,) = (answer for answer in replaced if isinstance(answer, Committed))
        assert records.read(f"r/{number}", timeout=30).version == winner.version


def test_a_refusal_shows_the_record_where_the_engine_does(table):
    records = table("moto").records
    assert isinstance(write(records, "a", b"1", expires_at=7), Committed)
    refused = write(records, "a", b"2")
    assert (refused.current.value, refused.current.expires_at) == (b"1", 7)


def test_a_refusal_is_silent_where_the_engine_is(table):
    records = table("dynalite").records
    write(records, "a", b"1")
    assert write(records, "a", b"2") == Refused(UNSEEN)


@pytest.mark.parametrize("name", ["dynalite", "moto"])
def test_a_delete_says_whether_there_was_anything(table, name):
    records = table(name).records
    version = write(records, "a", expires_at=5).version
    assert isinstance(records.delete("a", expect=Match("other"), timeout=30), Refused)
    assert isinstance(records.delete("a", expect=Entry("a", version, 6), timeout=30), Refused)
    assert records.delete("a", expect=Entry("a", version, 5), timeout=30) is Gone.DELETED
    for expect in (ANY, Match(version), Entry("a", version, 5)):
        assert records.delete("a", expect=expect, timeout=30) is Gone.ABSENT


def test_a_table_that_is_missing_names_the_command_that_creates_it(engine, opening, unique):
    endpoint = engine("dynalite").endpoints["dynamodb"]
    records = open_drivers(opening("dynamodb", unique, endpoint=endpoint)).records
    with pytest.raises(Exception, match="ResourceNotFound") as caught:
        records.read("a", timeout=30)
    failure = records.fault(caught.value)
    assert failure.fault is Fault.MISCONFIGURED
    assert "provision" in failure.advice


def test_a_lost_reply_is_a_fault_after_one_request(table, engine):
    (address,) = engine("dynalite").addresses
    with Proxy(address) as proxy:
        records = table("dynalite", proxy.url()).records
        write(records, "warm")
        proxy.forget()
        with proxy.arm(LoseReply()), pytest.raises(Exception, match="closed") as caught:
            write(records, "a", b"1")
        assert proxy.count(any_request) == 1
        assert records.fault(caught.value).fault is Fault.LOST
        assert records.read("a", timeout=30).value == b"1"


def test_a_session_that_was_created_under_a_lost_reply_is_no_conflict(table, engine, unique):
    (address,) = engine("dynalite").addresses
    with Proxy(address) as proxy:
        table("dynalite")
        url = f"dynamodb://{unique}?endpoint={proxy.url()}"
        with statekit.open(sessions=url, objects="memory:", timeout=30) as state:
            session = state.sessions.create({"n": 0})
            for number in range(1, 4):
                session["n"] = number
                with proxy.arm(LoseReply()):
                    state.sessions.save(session)
            assert state.sessions.load(session.id)["n"] == 3


def test_a_table_of_another_shape_is_refused_by_check(engine, opening, unique):
    import boto3

    endpoint = engine("dynalite").endpoints["dynamodb"]
    client = boto3.client("dynamodb", endpoint_url=endpoint)
    client.create_table(
        TableName=unique,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.close()
    drivers = open_drivers(opening("dynamodb", unique, endpoint=endpoint))
    with pytest.raises(Exception) as caught:
        drivers.check()
    assert drivers.records.fault(caught.value).fault is Fault.MISCONFIGURED
    drivers.close()


def test_check_warns_of_a_table_that_reclaims_nothing(table):
    assert "time to live" in table("dynalite").check()[0]
    assert table("moto").check() == ()


def test_a_listing_larger_than_one_scan_is_complete(table, monkeypatch):
    monkeypatch.setattr(requests, "SCANNED", 50)
    records = table("moto").records
    wanted = {f"n/{number:03}" for number in range(110)}
    for key in wanted:
        write(records, key, b"")
    seen, cursor, pages = set(), None, 0
    while True:
        page = records.page("n/", cursor=cursor, limit=40, timeout=30)
        seen, cursor, pages = seen | {entry.key for entry in page.items}, page.cursor, pages + 1
        assert len(page.items) <= 40
        if cursor is None:
            break
    assert (seen, pages) == (wanted, 5)


def test_a_version_that_cannot_be_one_deletes_and_touches_nothing(table):
    records = table("dynalite").records
    write(records, "a", b"1", expires_at=5)
    assert records.delete("a", expect=Match("\ud800"), timeout=30).current.value == b"1"
    assert records.delete("b", expect=Match("*"), timeout=30) is Gone.ABSENT
    assert records.touch("a", seen=Record(b"1", "", 5), expires_at=9, timeout=30) == Refused()
