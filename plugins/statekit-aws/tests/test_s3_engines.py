"""The object driver on SeaweedFS, which honours every condition, and what it makes of servers that do less."""

import secrets
import threading

import boto3
import pytest
from google_crc32c import value as crc32c
from statekit_aws.faults import ChangedError
from statekit_aws.opening import open_drivers
from statekit_aws.provision import provision
from statekit_aws.s3 import copying, requests

import statekit
from statekit.driver import ABSENT, ANY, Chunk, Committed, Continue, Fault, Gone, Match, Meta, Refused
from statekit_conformance.proxy import LoseReply, Proxy, Truncate, any_request, named

WRITERS = 16
MIB = 1 << 20


@pytest.fixture
def bucket(engine, opening, unique):
    """Return what opens a new bucket on an engine, by way of an address if one is given."""
    opened = []

    def get(name="seaweedfs", address=None, **options):
        endpoint = engine(name).endpoints["s3"]
        provision(opening("s3", unique, endpoint=endpoint), dry_run=False)
        opened.append(open_drivers(opening("s3", unique, endpoint=address or endpoint, **options)))
        return opened[-1]

    yield get
    for drivers in opened:
        drivers.close()


def address_of(server):
    host, _, port = server.endpoints["s3"].removeprefix("http://").partition(":")
    return host, int(port)


def meta(**more):
    return Meta(write_id=secrets.token_urlsafe(12), **more)


def put(objects, key, data, expect=ANY):
    return objects.write(key, data, meta=meta(), crc32c=crc32c(data), expect=expect, timeout=30)


def settled(objects, function, *args, **options):
    """Call again what the engine was too busy for, as core would."""
    for _ in range(100):
        try:
            return function(*args, **options)
        except Exception as error:
            if objects.fault(error).fault is not Fault.BUSY:
                raise
    raise AssertionError


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


def test_of_sixteen_writers_one_wins(bucket):
    objects = bucket().objects
    for number in range(1):
        key = f"race-{number}"
        created = race(lambda n, key=key: settled(objects, put, objects, key, b"%d" % n, ABSENT))
        assert sum(isinstance(answer, Committed) for answer in created) == 1
        version = objects.stat(key, timeout=30).version
        replaced = race(lambda n, key=key, v=version: settled(objects, put, objects, key, b"#%d" % n, Match(v)))
        (winner,) = (answer for answer in replaced if isinstance(answer, Committed))
        assert objects.stat(key, timeout=30).version == winner.version


def test_of_two_completions_the_first_wins(bucket):
    """One after the other: at once, both were seen to succeed on SeaweedFS."""
    objects = bucket().objects
    data = [b"%d" % number * (5 * MIB) for number in range(2)]
    begun = [objects.begin("big", meta=meta(), timeout=30) for _ in data]
    parts = [objects.part(begun[n], 1, data[n], crc32c=crc32c(data[n]), timeout=30) for n in range(2)]
    done = [
        objects.finish(begun[n], [parts[n]], size=5 * MIB, crc32c=crc32c(data[n]), expect=ABSENT, timeout=30)
        for n in range(2)
    ]
    assert isinstance(done[0], Committed)
    assert done[1] == Refused()


@pytest.mark.parametrize("name", ["seaweedfs", "moto"])
def test_a_delete_says_whether_there_was_anything(bucket, name):
    objects = bucket(name).objects
    version = put(objects, "a", b"1").version
    assert isinstance(objects.delete("a", expect=Match("0" * 32), timeout=30), Refused)
    assert objects.delete("a", expect=ANY, timeout=30) is Gone.DELETED
    assert objects.delete("a", expect=ANY, timeout=30) is Gone.ABSENT
    assert objects.delete("a", expect=Match(version), timeout=30) in (Gone.ABSENT, Refused())


def test_of_two_deletes_of_one_object_one_says_so(bucket, monkeypatch):
    """SeaweedFS says of an absent object what other servers say of any, so it is looked for: by then it is there."""
    objects, other, told = bucket().objects, bucket().objects, []
    call = objects._client.call

    def beside(operation, timeout, parameters):
        if operation == "head_object" and not told:
            put(other, "a", b"1")
            answer = call(operation, timeout, parameters)
            told.append(other.delete("a", expect=ANY, timeout=30))
            return answer
        return call(operation, timeout, parameters)

    monkeypatch.setattr(objects._client, "call", beside)
    assert objects.delete("a", expect=ANY, timeout=30) is Gone.ABSENT
    assert told == [Gone.DELETED]


def test_a_delete_of_what_others_keep_overwriting_ends(bucket, monkeypatch):
    objects, call = bucket().objects, bucket().objects._client.call

    def beside(operation, timeout, parameters):
        if operation == "delete_object" and parameters.get("IfMatch") == "*":
            parameters = {**parameters, "IfMatch": '"unknown"'}  # a server that does not know it
        answer = call(operation, timeout, parameters)
        if operation == "head_object":
            put(other, "a", secrets.token_bytes(8))
        return answer

    other = bucket().objects
    put(other, "a", b"1")
    monkeypatch.setattr(objects._client, "call", beside)
    with pytest.raises(ChangedError) as caught:
        objects.delete("a", expect=ANY, timeout=30)
    assert objects.fault(caught.value).fault is Fault.BUSY


@pytest.mark.parametrize("checksum", ["crc32c", "none"])
@pytest.mark.parametrize("size", [0, 1, 8 * MIB, 9 * MIB])
def test_a_whole_read_has_the_checksum_that_was_stored(bucket, size, checksum):
    objects = bucket(checksum=checksum).objects
    data = secrets.token_bytes(size)
    put(objects, "a", data)
    chunk = objects.read("a", start=0, length=8 * MIB, expect=ANY, timeout=30)
    assert chunk.data == data[: 8 * MIB]
    assert (chunk.stat.size, chunk.stat.crc32c) == (size, crc32c(data) if checksum == "crc32c" else None)


@pytest.mark.parametrize(("start", "length", "data"), [(0, 3, b"abc"), (2, 99, b"cdef"), (6, 1, b""), (99, 1, b"")])
def test_a_range_is_cut_at_the_end(bucket, start, length, data):
    objects = bucket().objects
    version = put(objects, "a", b"abcdef").version
    chunk = objects.read("a", start=start, length=length, expect=Match(version), timeout=30)
    assert isinstance(chunk, Chunk)
    assert (chunk.data, chunk.stat.size, chunk.stat.version) == (data, 6, version)
    assert isinstance(objects.read("a", start=99, length=1, expect=Match("0" * 32), timeout=30), Refused)


def test_bytes_that_are_not_what_was_meant_are_not_stored(bucket):
    for checksum in ("crc32c", "none"):
        objects = bucket(checksum=checksum).objects
        with pytest.raises(Exception) as caught:
            objects.write("a", b"x", meta=meta(), crc32c=crc32c(b"y"), expect=ANY, timeout=30)
        assert objects.fault(caught.value).fault is Fault.REJECTED
        assert objects.stat("a", timeout=30) is None


def test_parts_that_are_not_the_whole_are_found_out_before_anything_is_sent(bucket):
    objects = bucket(checksum="none").objects
    data = b"p" * (5 * MIB)
    upload = objects.begin("a", meta=meta(), timeout=30)
    part = objects.part(upload, 1, data, crc32c=crc32c(data), timeout=30)
    with pytest.raises(Exception) as caught:
        objects.finish(upload, [part], size=len(data), crc32c=crc32c(b"y"), expect=ANY, timeout=30)
    assert objects.fault(caught.value).fault is Fault.REJECTED
    assert isinstance(
        objects.finish(upload, [part], size=len(data), crc32c=crc32c(data), expect=ANY, timeout=30), Committed
    )


def test_an_upload_that_is_not_there_is_lost_and_forgetting_it_is_success(bucket):
    objects = bucket().objects
    data = b"p"
    upload = objects.begin("a", meta=meta(), timeout=30)
    part = objects.part(upload, 1, data, crc32c=crc32c(data), timeout=30)
    objects.abort(upload, timeout=30)
    objects.abort(upload, timeout=30)
    with pytest.raises(Exception, match="NoSuchUpload") as caught:
        objects.finish(upload, [part], size=1, crc32c=crc32c(data), expect=ANY, timeout=30)
    assert objects.fault(caught.value).fault is Fault.LOST


@pytest.fixture
def small_steps(monkeypatch):
    """Make CopyObject's limit so low that a test can exceed it; S3's own refusal is imitated by the test."""
    monkeypatch.setattr(copying, "LARGEST_COPY", 6 * MIB)
    monkeypatch.setattr(requests, "_STEP", 5 * MIB)


def stepwise(objects, target, pinned, token, expect, before=lambda: None):
    answer = Continue(token)
    while isinstance(answer, Continue):
        before()
        answer = objects.copy("s", target, pinned=pinned, meta=meta(), expect=expect, resume=answer.token, timeout=30)
    return answer


def begun_copy(objects, target):
    """Begin a copy by parts as if CopyObject had said that the source is too large."""
    upload = objects.begin(target, meta=meta(content_type="text/y"), timeout=30)
    return requests.CopySteps(upload.id, 12 * MIB).token


def test_a_large_copy_goes_by_steps_under_its_conditions(bucket, small_steps):
    objects = bucket().objects
    data = secrets.token_bytes(12 * MIB)
    pinned = Match(put(objects, "s", data).version)
    first = stepwise(objects, "t", pinned, begun_copy(objects, "t"), ABSENT)
    assert isinstance(first, Committed)
    stat = objects.stat("t", timeout=30)
    assert (stat.version, stat.size, stat.crc32c, stat.meta.content_type) == (
        first.version,
        len(data),
        crc32c(data),
        "text/y",
    )
    assert isinstance(stepwise(objects, "t", pinned, begun_copy(objects, "t"), ABSENT), Refused)
    assert objects.uploads("", cursor=None, limit=10, timeout=30).items == ()


def test_a_large_copy_whose_source_changes_is_given_up(bucket, small_steps):
    objects = bucket().objects
    pinned = Match(put(objects, "s", b"a" * (12 * MIB)).version)
    changes = iter([lambda: None, lambda: put(objects, "s", b"other")])
    answer = stepwise(objects, "t", pinned, begun_copy(objects, "t"), ABSENT, lambda: next(changes)())
    assert answer is None
    assert objects.stat("t", timeout=30) is None
    assert objects.uploads("", cursor=None, limit=10, timeout=30).items == ()


def test_a_copy_says_whether_source_or_target_refused(bucket):
    objects = bucket().objects
    pinned, there = Match(put(objects, "s", b"1").version), put(objects, "t", b"2").version

    def copy(source, pin, expect):
        return objects.copy(source, "t", pinned=pin, meta=meta(), expect=expect, resume=None, timeout=30)

    assert copy("s", Match("0" * 32), Match(there)) is None
    assert copy("nothing", pinned, ABSENT) is None
    assert copy("nothing", pinned, ANY) is None
    assert isinstance(copy("s", pinned, ABSENT), Refused)
    assert isinstance(copy("s", pinned, Match("0" * 32)), Refused)
    assert isinstance(copy("s", pinned, Match(there)), Committed)


def test_an_object_that_is_its_own_copy_gets_other_metadata(bucket):
    objects = bucket().objects
    pinned = Match(put(objects, "s", b"1").version)
    described = meta(content_type="text/z")
    objects.copy("s", "s", pinned=pinned, meta=described, expect=pinned, resume=None, timeout=30)
    assert objects.stat("s", timeout=30).meta.content_type == "text/z"


def test_an_object_of_somebody_elses_is_valid(bucket, engine, unique):
    objects = bucket().objects
    client = boto3.client("s3", endpoint_url=engine("seaweedfs").endpoints["s3"])
    client.put_object(Bucket=unique, Key="theirs", Body=b"data", Metadata={"Author": "they"})
    client.close()
    chunk = objects.read("theirs", start=0, length=8 * MIB, expect=ANY, timeout=30)
    assert (chunk.data, chunk.stat.meta.write_id, chunk.stat.meta.user) == (b"data", None, {"author": "they"})


def test_a_bucket_that_is_missing_is_never_an_absent_object(engine, opening, unique):
    endpoint = engine("seaweedfs").endpoints["s3"]
    objects = open_drivers(opening("s3", unique, endpoint=endpoint)).objects
    calls = [
        lambda: objects.stat("a", timeout=30),
        lambda: objects.read("a", start=0, length=1, expect=ANY, timeout=30),
        lambda: put(objects, "a", b"x"),
        lambda: objects.delete("a", expect=ANY, timeout=30),
        lambda: objects.page("", delimiter=None, start_after=None, cursor=None, limit=1, timeout=30),
    ]
    for call in calls:
        with pytest.raises(Exception) as caught:
            call()
        failure = objects.fault(caught.value)
        assert (failure.fault, "provision" in failure.advice) == (Fault.MISCONFIGURED, True)


def test_a_lost_reply_is_a_fault_after_one_request(bucket, engine):
    address = address_of(engine("seaweedfs"))
    with Proxy(address) as proxy:
        objects = bucket(address=proxy.url()).objects
        put(objects, "warm", b"")
        proxy.forget()
        with proxy.arm(LoseReply()), pytest.raises(Exception, match="closed") as caught:
            put(objects, "a", b"1", ABSENT)
        assert proxy.count(any_request) == 1
        assert objects.fault(caught.value).fault is Fault.LOST
        assert objects.stat("a", timeout=30).size == 1


def test_a_body_that_ends_early_is_a_fault(bucket, engine):
    address = address_of(engine("seaweedfs"))
    with Proxy(address) as proxy:
        objects = bucket(address=proxy.url()).objects
        put(objects, "a", b"x" * 1000)
        for start, length in ((0, 8 * MIB), (5, 100)):
            with proxy.arm(Truncate(), when=named("GET")), pytest.raises(Exception) as caught:
                objects.read("a", start=start, length=length, expect=ANY, timeout=30)
            assert objects.fault(caught.value).fault is Fault.LOST


@pytest.mark.parametrize("size", [10, 17 * MIB])
def test_a_put_whose_replies_are_lost_is_no_conflict_with_itself(bucket, engine, unique, size):
    address = address_of(engine("seaweedfs"))
    with Proxy(address) as proxy:
        bucket()
        data = secrets.token_bytes(size)
        with statekit.open(sessions="memory:", objects=f"s3://{unique}?endpoint={proxy.url()}", timeout=30) as state:
            for condition in ({"if_absent": True}, {}):
                last = named("POST", target="uploadId") if size > 8 * MIB else named("PUT")
                with proxy.arm(LoseReply(), when=last):
                    info = state.objects.put("a", data, **condition)
                assert state.objects.get("a").data == data
                assert state.objects.stat("a").version == info.version


def test_keys_have_the_prefix_and_listings_do_not(bucket, engine, opening, unique):
    plain = bucket().objects
    endpoint = engine("seaweedfs").endpoints["s3"]
    inner = open_drivers(opening("s3", unique, "/in/side", endpoint=endpoint)).objects
    for key in ("a/1", "a/2", "b"):
        put(inner, key, b"x")
    put(plain, "in/other", b"x")
    options = {"start_after": None, "cursor": None, "limit": 10, "timeout": 30}
    assert [stat.key for stat in inner.page("", delimiter=None, **options).items] == ["a/1", "a/2", "b"]
    assert inner.page("", delimiter="/", **options).prefixes == ("a/",)
    assert plain.stat("in/side/b", timeout=30).size == 1
    assert [u.key for u in inner.uploads("", cursor=None, limit=10, timeout=30).items] == []
