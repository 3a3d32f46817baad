"""The proxy does to a request what the test said, to that request only, and counts what arrived."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from statekit_conformance.engines import engine, vendor
from statekit_conformance.proxy import (
    DeliverLate,
    Dribble,
    LoseReply,
    Proxy,
    ProxyError,
    ResetBefore,
    Swallow,
    Truncate,
    named,
)

REPLY = b"stored, all forty bytes of it, thank you"


class Store(BaseHTTPRequestHandler):
    """Keeps what was put, in the order in which it was applied."""

    protocol_version = "HTTP/1.1"
    applied: ClassVar[list[str]] = []

    def do_PUT(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(size) if size else self.read_chunks()
        self.applied.append(f"{self.path}={body.decode()}")
        self.answer(REPLY)

    def do_GET(self) -> None:
        if self.path == "/chunked":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"4\r\nabcd\r\n3;x=y\r\nefg\r\n0\r\nTrailer: 1\r\n\r\n")
        elif self.path == "/until-the-end":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(REPLY)
            self.close_connection = True
        else:
            self.answer(REPLY)

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()

    def do_DELETE(self) -> None:
        self.send_response(204)
        self.end_headers()

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def read_chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A connection that the proxy reset is no news."""


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    Store.applied.clear()
    server = Server(("127.0.0.1", 0), Store)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    with Proxy(server.server_address[:2]) as proxy:  # type: ignore[arg-type]  # typed as bytes too
        yield proxy
    server.shutdown()
    thread.join()
    server.server_close()


def ask(proxy: Proxy, method: str = "PUT", path: str = "/k", body: Any = b"v", timeout: float = 10.0) -> bytes:
    with closing(http.client.HTTPConnection(*proxy.address, timeout=timeout)) as connection:
        connection.request(method, path, body if method == "PUT" else None)
        with connection.getresponse() as response:
            return response.read()


def test_requests_and_answers_pass_unchanged(proxy: Proxy) -> None:
    assert ask(proxy) == REPLY
    assert ask(proxy, body=iter([b"in ", b"chunks"])) == REPLY
    assert ask(proxy, "GET", "/chunked") == b"abcdefg"
    assert ask(proxy, "GET", "/until-the-end") == REPLY
    assert ask(proxy, "HEAD") == b""
    assert ask(proxy, "DELETE") == b""
    assert Store.applied == ["/k=v", "/k=in chunks"]


def test_one_connection_carries_many_requests_each_counted(proxy: Proxy) -> None:
    with closing(http.client.HTTPConnection(*proxy.address, timeout=10)) as connection:
        for method in ("HEAD", "GET", "DELETE", "PUT", "GET"):
            connection.request(method, "/k?q=1", b"v" if method == "PUT" else None)
            connection.getresponse().read()
    assert [request.name for request in proxy.requests()] == ["HEAD", "GET", "DELETE", "PUT", "GET"]
    assert (proxy.count(), proxy.count(named("get")), proxy.count(named(target=r"\?q="))) == (5, 2, 5)
    proxy.forget()
    assert proxy.count() == 0


def test_a_lost_reply_was_delivered_and_is_seen_as_a_reset(proxy: Proxy) -> None:
    with proxy.arm(LoseReply()), pytest.raises(ConnectionResetError):
        ask(proxy)
    assert Store.applied == ["/k=v"]
    assert ask(proxy) == REPLY


def test_a_reset_before_delivery_is_never_heard_of_by_the_server(proxy: Proxy) -> None:
    with proxy.arm(ResetBefore()), pytest.raises(ConnectionResetError):
        ask(proxy)
    assert Store.applied == []
    assert proxy.count() == 1, "an attempt counts even if it was not delivered"


def test_a_swallowed_reply_was_delivered_and_the_client_times_out(proxy: Proxy) -> None:
    with proxy.arm(Swallow()) as armed, pytest.raises(TimeoutError):
        ask(proxy, timeout=0.2)
    assert Store.applied == ["/k=v"]
    armed.wait_settled()


def test_a_request_is_delivered_after_its_client_gave_up(proxy: Proxy) -> None:
    with proxy.arm(DeliverLate()) as armed:
        with pytest.raises(TimeoutError):
            ask(proxy, timeout=0.2)
        armed.wait_settled()
    assert Store.applied == ["/k=v"]


def test_a_late_request_can_be_held_until_others_have_passed_it(proxy: Proxy) -> None:
    with proxy.arm(DeliverLate(on_release=True)) as armed:
        with pytest.raises(TimeoutError):
            ask(proxy, body=b"early", timeout=0.2)
        ask(proxy, body=b"later")
        assert Store.applied == ["/k=later"]
        armed.release()
        armed.wait_settled()
    assert Store.applied == ["/k=later", "/k=early"]


def test_a_truncated_reply_is_noticed_to_be_short(proxy: Proxy) -> None:
    with proxy.arm(Truncate()), pytest.raises(http.client.IncompleteRead) as raised:
        ask(proxy)
    assert raised.value.partial == REPLY[:-1]
    with proxy.arm(Truncate(keep=10)), pytest.raises(http.client.HTTPException):
        ask(proxy)
    assert Store.applied == ["/k=v", "/k=v"]


def test_a_dribbled_reply_arrives_whole_and_its_connection_lives_on(proxy: Proxy) -> None:
    with closing(http.client.HTTPConnection(*proxy.address, timeout=10)) as connection:
        for _ in range(2):
            with proxy.arm(Dribble(piece=7, pause=0.0001)):
                connection.request("GET", "/k")
                assert connection.getresponse().read() == REPLY


def test_a_fault_strikes_as_often_as_it_was_armed_and_what_it_was_armed_for(proxy: Proxy) -> None:
    with proxy.arm(ResetBefore(), times=2, when=named("PUT", target="^/odd")) as armed:
        assert ask(proxy, path="/even") == REPLY
        assert ask(proxy, "GET", "/odd") == REPLY
        for _ in range(2):
            with pytest.raises(ConnectionResetError):
                ask(proxy, path="/odd")
        assert ask(proxy, path="/odd") == REPLY
    assert armed.struck == 2


def test_faults_strike_in_the_order_of_arming(proxy: Proxy) -> None:
    with proxy.arm(ResetBefore()), proxy.arm(LoseReply()):
        for _ in range(2):
            with pytest.raises(ConnectionResetError):
                ask(proxy)
    assert Store.applied == ["/k=v"]


def test_a_fault_that_struck_nothing_fails_the_test_that_armed_it(proxy: Proxy) -> None:
    with pytest.raises(ProxyError, match="struck nothing"), proxy.arm(LoseReply(), when=named("POST")):
        ask(proxy)


def test_a_fault_whose_context_has_ended_strikes_no_more(proxy: Proxy) -> None:
    with proxy.arm(ResetBefore(), times=5), pytest.raises(ConnectionResetError):
        ask(proxy)
    assert ask(proxy) == REPLY


def test_waiting_for_a_strike_that_does_not_come_is_one_clear_error(proxy: Proxy) -> None:
    armed = proxy.arm(LoseReply())
    with pytest.raises(ProxyError, match=r"LoseReply\(\) has not struck anything within 0\.01 s"):
        armed.wait_struck(timeout=0.01)


def test_idle_connections_can_be_dropped(proxy: Proxy) -> None:
    with closing(http.client.HTTPConnection(*proxy.address, timeout=10)) as connection:
        connection.auto_open = 0
        connection.connect()
        connection.request("GET", "/k")
        connection.getresponse().read()
        proxy.drop_connections()
        assert connection.sock.recv(1) == b""


def test_a_server_that_is_down_is_a_reset_and_never_a_hang(proxy: Proxy) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        nobody = listener.getsockname()
    with Proxy(nobody) as before_nobody, pytest.raises(OSError, match=r"reset|closed|Broken"):
        ask(before_nobody, timeout=5)


def test_closing_ends_what_is_held_and_every_thread(proxy: Proxy) -> None:
    proxy.arm(DeliverLate(on_release=True))
    client = socket.create_connection(proxy.address)
    client.sendall(b"PUT /k HTTP/1.1\r\nContent-Length: 1\r\n\r\nv")
    with closing(client):
        while not proxy.requests():
            pass
        proxy.close()
        proxy.close()
        assert client.recv(1) == b""
    assert Store.applied == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("proxy-")]


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    with engine("valkey") as server:
        if reason := server.available():
            pytest.skip(f"valkey: {reason}")
        server.start(tmp_path_factory.mktemp("valkey"))
        yield server.addresses[0]


def test_a_command_is_counted_once_and_the_handshake_apart(valkey: tuple[str, int]) -> None:
    with Proxy(valkey) as proxy, vendor.redis_client(proxy.url("redis")) as client:
        client.set("k", b"\r\n*3\r\n$binary")
        assert client.get("k") == b"\r\n*3\r\n$binary"
        assert [(request.name, request.target) for request in proxy.requests() if not request.handshake] == [
            ("SET", "k"),
            ("GET", "k"),
        ]
        assert any(request.handshake for request in proxy.requests())
        assert proxy.count() == 2


def test_nested_empty_and_null_answers_of_both_protocols_pass(valkey: tuple[str, int]) -> None:
    for protocol in (2, 3):
        with (
            Proxy(valkey) as proxy,
            vendor.redis_client(f"{proxy.url('redis')}?protocol={protocol}") as client,
        ):
            client.delete("h", "none", "list")
            client.hset("h", mapping={"a": "1", "b": ""})
            client.rpush("list", *[b"x" * 100_000] * 3)
            answers = [
                client.hgetall("h"),
                client.get("none"),
                client.lrange("list", 0, -1),
                client.lrange("none", 0, -1),
            ]
            assert answers == [{b"a": b"1", b"b": b""}, None, [b"x" * 100_000] * 3, []]
            assert client.eval("return {1, {2, {}, 'x'}, false}", 0) == [1, [2, [], b"x"], None]


def test_a_pipeline_is_answered_in_order_and_a_lost_exec_was_executed(valkey: tuple[str, int]) -> None:
    with Proxy(valkey) as proxy, vendor.redis_client(proxy.url("redis")) as client:
        client.delete("n")
        with client.pipeline(transaction=True) as pipeline:
            pipeline.incr("n")
            pipeline.incr("n")
            pipeline.get("n")
            assert pipeline.execute() == [1, 2, b"2"]
        with (
            proxy.arm(LoseReply(), when=named("EXEC")),
            client.pipeline(transaction=True) as pipeline,
        ):
            pipeline.incr("n")
            with pytest.raises(lost()):
                pipeline.execute()
        assert client.get("n") == b"3"
        assert proxy.count(named("EXEC")) == 2


def test_a_script_whose_reply_is_lost_ran_once_and_its_caller_knows_nothing(valkey: tuple[str, int]) -> None:
    with Proxy(valkey) as proxy, vendor.redis_client(proxy.url("redis")) as client:
        client.delete("n")
        with proxy.arm(LoseReply(), when=named("EVAL")), pytest.raises(lost()):
            client.eval("return redis.call('incr', KEYS[1])", 1, "n")
        assert client.get("n") == b"1"
        assert proxy.count(named("EVAL")) == 1


def lost() -> type[Exception]:
    from redis.exceptions import ConnectionError as Lost

    return Lost


def test_a_client_that_asks_to_continue_sends_its_body_and_is_signed_for_the_proxy(tmp_path: Path) -> None:
    from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

    with engine("seaweedfs") as server:
        if reason := server.available():
            pytest.skip(f"seaweedfs: {reason}")
        server.start(tmp_path)
        with Proxy(server.addresses[0]) as proxy, vendor.s3_client(proxy.url(), timeout=5) as client:
            vendor.make_bucket(client, "box")
            client.put_object(Bucket="box", Key="k", Body=b"one")
            put = next(request for request in proxy.requests() if request.target.startswith("/box/k"))
            assert b"100-continue" in put.head.lower()
            with (
                proxy.arm(LoseReply(), when=named("PUT", target="^/box/k")),
                pytest.raises(ConnectionClosedError),
            ):
                client.put_object(Bucket="box", Key="k", Body=b"two")
            assert client.get_object(Bucket="box", Key="k")["Body"].read() == b"two"
            assert proxy.count(named("PUT", target="^/box/k")) == 2
        with Proxy(server.addresses[0]) as proxy, vendor.s3_client(proxy.url(), timeout=0.3) as client:
            with proxy.arm(DeliverLate()) as armed:
                with pytest.raises(ReadTimeoutError):
                    client.put_object(Bucket="box", Key="k", Body=b"three")
                armed.wait_settled()
            proxy.forget()
        with Proxy(server.addresses[0]) as proxy, vendor.s3_client(proxy.url(), timeout=5) as client:
            assert client.get_object(Bucket="box", Key="k")["Body"].read() == b"three"
