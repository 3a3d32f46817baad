"""The drivers against the engine: races, lost replies, and what a broken server leaves unknown."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from google_crc32c import value as crc32c_of
from statekit_gcs.provision import provision
from urllib3.exceptions import HTTPError

import statekit
from statekit.driver import ABSENT, ANY, Committed, Entry, Fault, Gone, Match, Meta, Record, Refused

proxy = pytest.importorskip("statekit_conformance.proxy", reason="statekit-conformance is not installed")

WRITE = "w" * 16
BUCKET = "statekit-gcs-tests"


def record_of(drivers, key):
    return drivers.records.read(key, timeout=5.0)


def write(drivers, key, value, expect=ABSENT, expires_at=None, timeout=5.0):
    fixed = {"expires_at": expires_at, "write_id": WRITE, "expect": expect}
    return drivers.records.write(key, value, timeout=timeout, **fixed)


def put(drivers, key, data, expect=ANY, timeout=5.0, **meta):
    described = Meta(write_id=WRITE, **meta)
    return drivers.objects.write(key, data, meta=described, crc32c=crc32c_of(data), expect=expect, timeout=timeout)


def together(count, act):
    """Run the same in several threads that begin at once."""
    gate = threading.Barrier(count)

    def run(number):
        gate.wait()
        return act(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_of_many_writes_under_one_condition_one_commits(drivers):
    answers = together(8, lambda n: write(drivers, "race", b"%d" % n))
    assert sum(isinstance(answer, Committed) for answer in answers) == 1
    seen = Match(record_of(drivers, "race").version)
    answers = together(8, lambda n: write(drivers, "race", b"%d" % n, seen))
    assert sum(isinstance(answer, Committed) for answer in answers) == 1


def test_a_touch_and_a_delete_of_one_sight_do_not_both_succeed(drivers):
    for number in range(5):
        key = f"sight-{number}"
        write(drivers, key, b"x", expires_at=1_000)
        seen = record_of(drivers, key)
        entry = Entry(key, seen.version, seen.expires_at, seen.stamp)
        touched, gone = together(
            2,
            lambda n, key=key, seen=seen, entry=entry: (
                drivers.records.delete(key, expect=entry, timeout=5.0)
                if n
                else drivers.records.touch(key, seen=seen, expires_at=2_000, timeout=5.0)
            ),
        )
        assert isinstance(touched, Committed) != (gone is Gone.DELETED)


@pytest.mark.parametrize("expires_at", [None, -1, 0, 1, 1_795_466_004_107, 10**14, 10**17])
def test_an_expiry_comes_back_to_the_millisecond(drivers, expires_at):
    key = f"expiry-{expires_at}-"
    answer = write(drivers, key, b"x", expires_at=expires_at)
    assert record_of(drivers, key) == Record(b"x", answer.version, expires_at)
    entries = drivers.records.page(key, cursor=None, limit=10, timeout=5.0).items
    assert entries == (Entry(key, answer.version, expires_at),)


def test_a_new_write_may_expire_earlier_than_the_one_before(drivers):
    first = write(drivers, "earlier", b"x", expires_at=10**12)
    assert isinstance(write(drivers, "earlier", b"y", Match(first.version), expires_at=5), Committed)
    assert record_of(drivers, "earlier").expires_at == 5


def test_connections_are_kept(drivers):
    put(drivers, "kept", b"x")
    sender = drivers.objects._run.__self__
    session = sender._lender._idle[-1]
    for _ in range(3):
        put(drivers, "kept", b"x")
        drivers.objects.stat("kept", timeout=5.0)
        drivers.objects.stat("not there", timeout=5.0)
        drivers.objects.delete("kept", expect=ANY, timeout=5.0)
    assert list(sender._lender._idle) == [session]
    pool = session.get_adapter("http://").poolmanager.pools
    assert [pool[key].num_connections for key in list(pool.keys())] == [1]


def test_objects_that_others_wrote_gzipped_come_as_they_are(drivers, endpoint):
    import gzip

    import requests

    data = gzip.compress(b"hello" * 100)
    requests.post(
        f"{endpoint}/upload/storage/v1/b/statekit-gcs-tests/o?uploadType=media&name=some/place/zip&contentEncoding=gzip",
        data=data,
        headers={"Content-Type": "text/plain"},
        timeout=5,
    ).raise_for_status()
    chunk = drivers.objects.read("zip", start=0, length=10_000, expect=ANY, timeout=5.0)
    assert (chunk.data, chunk.stat.crc32c) == (data, crc32c_of(data))


def test_a_missing_bucket_is_no_absence(opened):
    elsewhere = opened(bucket="nowhere-at-all")
    for call in (
        lambda: record_of(elsewhere, "k"),
        lambda: write(elsewhere, "k", b"x"),
        lambda: elsewhere.records.delete("k", expect=ANY, timeout=5.0),
        lambda: elsewhere.records.touch("k", seen=Record(b"", "1", 1), expires_at=2, timeout=5.0),
        lambda: elsewhere.objects.stat("k", timeout=5.0),
        lambda: elsewhere.objects.copy("k", "l", pinned=Match("1"), meta=Meta(), expect=ANY, resume=None, timeout=5.0),
        elsewhere.check,
    ):
        with pytest.raises(Exception, match="exist") as caught:
            call()
        assert elsewhere.records.fault(caught.value).fault is Fault.MISCONFIGURED


def test_damaged_bytes_are_refused(drivers):
    with pytest.raises(Exception, match="crc32c") as caught:
        drivers.objects.write("damaged", b"x", meta=Meta(), crc32c=1, expect=ANY, timeout=5.0)
    assert drivers.objects.fault(caught.value).fault is Fault.REJECTED
    assert drivers.objects.stat("damaged", timeout=5.0) is None


@pytest.fixture
def between(engine):
    """A proxy before the engine."""
    with proxy.Proxy(engine.addresses[0]) as standing:
        yield standing


def test_a_lost_reply_is_unknown_and_the_request_is_not_repeated(opened, between):
    drivers = opened(between.url())
    with between.arm(proxy.LoseReply(), when=proxy.named("POST")), pytest.raises(OSError) as caught:
        write(drivers, "lost", b"x")
    assert drivers.records.fault(caught.value).fault is Fault.LOST
    assert between.count(proxy.named("POST")) == 1
    assert record_of(drivers, "lost").value == b"x"


def test_a_reply_that_does_not_come_times_out_and_is_not_waited_for(opened, between):
    drivers = opened(between.url())
    with between.arm(proxy.Swallow(), when=proxy.named("PATCH")):
        write(drivers, "silent", b"x", expires_at=1)
        with pytest.raises(OSError) as caught:
            drivers.records.touch("silent", seen=record_of(drivers, "silent"), expires_at=2, timeout=0.2)
    assert drivers.records.fault(caught.value).fault is Fault.TIMED_OUT
    assert between.count(proxy.named("PATCH")) == 1
    assert record_of(drivers, "silent").expires_at == 2


def test_an_answer_that_never_ends_is_given_up(opened, between):
    put(opened(), "slow", bytes(3 << 20))
    drivers = opened(between.url())
    slowly = proxy.Dribble(piece=40_000, pause=0.05)
    with between.arm(slowly, when=proxy.named("GET")), pytest.raises(OSError) as caught:
        drivers.objects.read("slow", start=0, length=8 << 20, expect=ANY, timeout=0.4)
    assert drivers.objects.fault(caught.value).fault is Fault.TIMED_OUT
    assert drivers.objects.stat("slow", timeout=5.0).size == 3 << 20


def test_what_is_not_sent_for_want_of_time_was_not_applied(drivers):
    with pytest.raises(Exception) as caught:
        put(drivers, "unsent", b"x", timeout=0.0)
    assert drivers.objects.fault(caught.value).fault is Fault.UNREACHED
    assert drivers.objects.stat("unsent", timeout=5.0) is None


def test_an_answer_that_ends_early_is_no_object(opened, between):
    put(opened(), "short", b"x" * 1_000)
    drivers = opened(between.url())
    with between.arm(proxy.Truncate(), when=proxy.named("GET")), pytest.raises(HTTPError) as caught:
        drivers.objects.read("short", start=0, length=8 << 20, expect=ANY, timeout=5.0)
    assert drivers.objects.fault(caught.value).fault is Fault.LOST


def test_a_delete_whose_reply_was_lost_finds_nothing_the_second_time(opened, between):
    drivers = opened(between.url())
    put(drivers, "gone", b"x")
    with between.arm(proxy.LoseReply(), when=proxy.named("DELETE")), pytest.raises(OSError):
        drivers.objects.delete("gone", expect=ANY, timeout=5.0)
    assert drivers.objects.delete("gone", expect=ANY, timeout=5.0) is Gone.ABSENT


@pytest.fixture
def paced(tmp_path):
    """An engine that takes one change a second to one object."""
    app = pytest.importorskip("statekit_conformance.engines.gcs.app")
    from statekit_conformance.engines.gcs.server import serve

    server = serve(app.Engine(tmp_path, app.Settings(one_change_a_second=True)), "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve)
    thread.start()
    yield f"http://127.0.0.1:{server.bind_addr[1]}"
    server.stop()
    thread.join()


def test_a_service_that_asks_for_a_slower_pace_is_heard(paced, opened, opening):
    provision(opening(paced), dry_run=False)
    drivers = opened(paced)
    put(drivers, "paced", b"x")
    with pytest.raises(Exception, match="slow down") as caught:
        put(drivers, "paced", b"y")
    failure = drivers.objects.fault(caught.value)
    assert (failure.fault, failure.retry_after) == (Fault.THROTTLED, 1.0)
    drivers.close()


def test_a_session_that_changes_twice_within_a_second_waits_for_one_and_is_saved(paced, opening, caplog):
    provision(opening(paced), dry_run=False)
    caplog.set_level("DEBUG", "statekit")
    with statekit.open(f"gs://{BUCKET}/some/place?endpoint={paced}&anonymous=true") as state:
        session = state.sessions.create({"n": 0})
        session["n"] = 1
        state.sessions.save(session)
        assert state.sessions.load(session.id)["n"] == 1
    events = [record.statekit for record in caplog.records if hasattr(record, "statekit")]
    save = next(event for event in events if event.operation == "save")
    assert (save.outcome, save.attempts) == ("ok", 2)
    assert save.seconds >= 1.0


def test_a_stale_version_is_refused_and_a_copy_says_which_side(drivers):
    first = put(drivers, "source", b"one")
    put(drivers, "source", b"two")
    copying = {"meta": Meta(write_id=WRITE), "resume": None, "timeout": 5.0}
    assert drivers.objects.copy("source", "target", pinned=Match(first.version), expect=ANY, **copying) is None
    now = drivers.objects.stat("source", timeout=5.0).version
    assert isinstance(drivers.objects.copy("source", "target", pinned=Match(now), expect=ABSENT, **copying), Committed)
    assert drivers.objects.copy("source", "target", pinned=Match(now), expect=ABSENT, **copying) == Refused()
