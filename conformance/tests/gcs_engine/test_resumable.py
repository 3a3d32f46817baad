"""Resumable sessions, request by request: spans, retransmission, refusals, cancelling, expiry."""

import os
import threading

import pytest
import urllib3

QUANTUM = 256 * 1024


@pytest.fixture
def begin(web, shared_engine, bucket):
    def begun(engine=shared_engine, to=None, **parameters):
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        url = f"{engine.url}/upload/storage/v1/b/{to or bucket.name}/o?uploadType=resumable&name=a&{query}"
        answer = web.request("POST", url)
        assert answer.status == 200
        return answer.headers["location"]

    return begun


@pytest.fixture
def put(web):
    def sent(url, data, start, total="*", **headers):
        span = f"bytes {start}-{start + len(data) - 1}/{total}" if data else f"bytes */{total}"
        return web.request("PUT", url, body=data, headers={"Content-Range": span, **headers})

    return sent


def test_a_span_sent_again_is_taken_once(begin, put, bucket):
    data, url = os.urandom(3 * QUANTUM + 9), begin()
    for _ in range(2):
        answer = put(url, data[: 2 * QUANTUM], 0)
        assert (answer.status, answer.headers["range"]) == (308, f"bytes=0-{2 * QUANTUM - 1}")
    assert put(url, data[QUANTUM:], QUANTUM, len(data)).status == 200
    assert put(url, data[QUANTUM:], QUANTUM, len(data)).status == 200
    assert bucket.blob("a").download_as_bytes() == data


def test_spans_that_are_refused_change_nothing(begin, put, bucket):
    url = begin()
    assert put(url, bytes(QUANTUM), QUANTUM).status == 400
    assert put(url, bytes(QUANTUM - 1), 0).status == 400
    assert put(url, bytes(QUANTUM), 0, QUANTUM - 1).status == 400
    answer = put(url, b"", 0)
    assert (answer.status, "range" in answer.headers) == (308, False)
    assert put(url, bytes(QUANTUM), 0, 2 * QUANTUM).status == 308
    assert not bucket.blob("a").exists()


def test_a_broken_connection_keeps_whole_quanta(begin, put, shared_engine, bucket):
    import socket

    data, url = os.urandom(3 * QUANTUM), begin()
    path = url.partition(str(shared_engine.port))[2]
    head = f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", shared_engine.port)) as raw:
        raw.sendall(head + data[: 2 * QUANTUM + 77])
        raw.shutdown(socket.SHUT_WR)
        assert raw.recv(100).startswith(b"HTTP/1.1 400")
    answer = put(url, b"", 0, len(data))
    assert answer.headers["range"] == f"bytes=0-{2 * QUANTUM - 1}"
    assert put(url, data[2 * QUANTUM :], 2 * QUANTUM, len(data)).status == 200
    assert bucket.blob("a").download_as_bytes() == data


def test_conditions_are_judged_when_the_upload_is_complete(begin, put, bucket):
    url = begin(ifGenerationMatch=0)
    assert put(url, bytes(QUANTUM), 0).status == 308
    bucket.blob("a").upload_from_string(b"somebody else's")
    assert put(url, b"x", QUANTUM, QUANTUM + 1).status == 412
    assert put(url, b"", 0).status == 404
    assert bucket.blob("a").download_as_bytes() == b"somebody else's"
    empty = begin(ifGenerationMatch=bucket.get_blob("a").generation)
    assert put(empty, b"", 0, 0).status == 200
    assert bucket.blob("a").download_as_bytes() == b""


def test_a_checksum_that_differs_ends_the_upload(begin, put, bucket):
    url = begin()
    refused = put(url, b"data", 0, 4, **{"x-goog-hash": "crc32c=AAAAAA=="})
    assert refused.status == 400
    assert put(url, b"", 0).status == 404
    assert not bucket.blob("a").exists()


def test_a_cancelled_upload_is_gone(begin, put, web, bucket):
    url = begin()
    assert put(url, bytes(QUANTUM), 0).status == 308
    assert web.request("DELETE", url).status == 499
    assert put(url, b"", 0).status == 404
    assert not bucket.blob("a").exists()


def test_an_upload_lasts_a_week(start_engine, begin, put):
    engine = start_engine()
    client = engine.client()
    client.create_bucket("week")
    client.close()
    url = begin(engine, "week")
    for offset, status in ((7 * 24 * 3600 - 60, 308), (7 * 24 * 3600 + 60, 404)):
        engine.stop()
        engine.options = ("--clock-offset", str(offset))
        engine.start()
        assert put(url, b"", 0).status == status


def test_browsers_may_upload_to_a_session(begin, web):
    url = begin()
    origin = {"Origin": "https://app.test"}
    asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-range"}
    answer = web.request("OPTIONS", url, headers={**origin, **asked})
    assert answer.headers["access-control-allow-origin"] == "https://app.test"
    assert "PUT" in answer.headers["access-control-allow-methods"]
    answer = web.request("PUT", url, body=b"x", headers=origin)
    assert answer.headers["access-control-allow-origin"] == "https://app.test"


def test_a_token_is_not_asked_of_a_session_but_of_everything_else(start_engine, web):
    engine = start_engine("--token", "T")
    bearer = {"Authorization": "Bearer T"}
    web.request("POST", f"{engine.url}/storage/v1/b", body=b'{"name": "guarded"}', headers=bearer)
    url = f"{engine.url}/upload/storage/v1/b/guarded/o?uploadType=resumable&name=a"
    assert web.request("POST", url).status == 401
    session = web.request("POST", url, headers=bearer).headers["location"]
    assert web.request("PUT", session, body=b"x").status == 200
    assert web.request("GET", f"{engine.url}/storage/v1/b/guarded/o/a?alt=media&upload_id=1").status == 401


def test_writers_to_one_session_never_mix(begin, shared_engine, bucket):
    """Eight writers send the same span with bytes of their own: one is taken, whole."""
    span = {"Content-Range": f"bytes 0-{4 * QUANTUM - 1}/*"}
    for _ in range(10):
        url, barrier, statuses = begin(), threading.Barrier(8), []

        def send(writer, url=url, barrier=barrier, statuses=statuses):
            with urllib3.PoolManager(retries=False, timeout=30) as pool:
                barrier.wait(30)
                statuses.append(pool.request("PUT", url, body=bytes([writer]) * 4 * QUANTUM, headers=span).status)

        writers = [threading.Thread(target=send, args=(writer,)) for writer in range(8)]
        for thread in writers:
            thread.start()
        for thread in writers:
            thread.join()
        assert 308 in statuses
        assert set(statuses) <= {308, 503}
        with urllib3.PoolManager(retries=False, timeout=30) as pool:
            assert pool.request("PUT", url, headers={"Content-Range": f"bytes */{4 * QUANTUM}"}).status == 200
        stored = bucket.blob("a").download_as_bytes()
        assert stored == stored[:1] * 4 * QUANTUM
