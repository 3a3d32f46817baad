"""What the gateway costs, what becomes of it when its store fails, and what it has to be given."""

from __future__ import annotations

import io
import threading
import tracemalloc

import pytest

import statekit
from statekit._core.permits import Signer
from statekit._core.seal import generate
from statekit.driver import Fault
from statekit.errors import ConfigError, UnsupportedError
from statekit.gateway import ASGIGateway, WSGIGateway
from statekit.testing import FaultyDriver

MIB = 1024 * 1024
JPEG = "image/jpeg"
URL = "https://shop.example/files"


class Endless(io.RawIOBase):
    """A body that is made while it is read."""

    def __init__(self, size: int, around: tuple[bytes, bytes] = (b"", b"")) -> None:
        self._before, self._left, self._after = around[0], size, around[1]

    def read(self, size: int = -1) -> bytes:
        if self._before:
            piece, self._before = self._before[:size], self._before[size:]
        elif self._left:
            piece = b"x" * min(size, self._left)
            self._left -= len(piece)
        else:
            piece, self._after = self._after[:size], self._after[size:]
        return piece


def ask(gateway, method, path, query="", body=b"", length=None, **headers):
    stream = body if hasattr(body, "read") else io.BytesIO(body)
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "wsgi.input": stream}
    size = len(body) if length is None else length
    environ |= {"CONTENT_LENGTH": str(size), "CONTENT_TYPE": headers.pop("content_type", "")}
    statuses: list[int] = []
    pieces = gateway(environ, lambda status, _: statuses.append(int(status[:3])))
    return statuses[0], pieces


@pytest.fixture
def state(tmp_path):
    with statekit.open(f"local:{tmp_path}/state", keys=[generate()], gateway=URL) as state:
        yield state


def peak_of(call):
    tracemalloc.start()
    try:
        result = call()
        return result, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_64_mib_go_through_a_put_in_bounded_memory(state):
    gateway = WSGIGateway(state)
    signed = state.objects.presign_put("big", size=64 * MIB, content_type=JPEG)
    query = signed.url.partition("?")[2]
    (status, _), peak = peak_of(
        lambda: ask(gateway, "PUT", "/big", query, Endless(64 * MIB), 64 * MIB, content_type=JPEG)
    )
    assert status == 200
    assert state.objects.stat("big").size == 64 * MIB
    assert peak < 28 * MIB


def test_64_mib_go_through_a_form_in_bounded_memory(state):
    gateway = WSGIGateway(state)
    signed = state.objects.presign_post("big", max_size=64 * MIB, content_type=JPEG)
    head = (
        "".join(
            f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in signed.fields.items()
        )
        + '--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    )
    around = head.encode(), b"\r\n--b--\r\n"
    length = 64 * MIB + len(around[0]) + len(around[1])
    kind = "multipart/form-data; boundary=b"
    (status, _), peak = peak_of(
        lambda: ask(gateway, "POST", "/", "", Endless(64 * MIB, around), length, content_type=kind)
    )
    assert status == 204
    assert state.objects.stat("big").size == 64 * MIB
    assert peak < 28 * MIB


def test_64_mib_are_downloaded_in_bounded_memory(state):
    with state.objects.open("big", "wb") as file:
        for _ in range(64):
            file.write(b"y" * MIB)
    gateway = WSGIGateway(state)
    query = state.objects.presign_get("big").url.partition("?")[2]

    def download():
        status, pieces = ask(gateway, "GET", "/big", query)
        assert status == 200
        return sum(len(piece) for piece in pieces)

    size, peak = peak_of(download)
    assert size == 64 * MIB
    assert peak < 16 * MIB


def test_a_body_that_ends_early_stores_nothing(state):
    gateway = WSGIGateway(state)
    query = state.objects.presign_put("a", size=100, content_type=JPEG).url.partition("?")[2]
    status, _ = ask(gateway, "PUT", "/a", query, io.BytesIO(b"x" * 99), 100, content_type=JPEG)
    assert status == 400
    assert not state.objects.exists("a")


@pytest.mark.parametrize(
    ("fault", "status"), [(Fault.UNREACHED, 503), (Fault.THROTTLED, 503), (Fault.DENIED, 500), (Fault.CORRUPT, 500)]
)
def test_a_failing_store_is_a_5xx_and_stores_nothing(state, fault, status):
    link = state._assembly.object_link
    driver = FaultyDriver(link.drivers().objects)
    state.objects._plans._driver = lambda: driver
    driver.refuse("write", fault=fault, times=1000)
    query = state.objects.presign_put("a", size=1, content_type=JPEG).url.partition("?")[2]
    plans = state.objects._plans
    plans.wire.timeout = 0.05
    assert ask(WSGIGateway(state), "PUT", "/a", query, b"x", content_type=JPEG)[0] == status
    assert list(state.objects.list()) == []


def test_a_download_that_is_overwritten_midway_breaks_off(state):
    state.objects.put("a", b"1" * (3 * MIB))
    query = state.objects.presign_get("a").url.partition("?")[2]
    _, pieces = ask(WSGIGateway(state), "GET", "/a", query)
    pieces = iter(pieces)
    next(pieces)
    state.objects.put("a", b"2" * (3 * MIB))
    with pytest.raises(statekit.ConflictError):
        list(pieces)


def test_uploads_beside_each_other_have_one_winner(state):
    gateway = WSGIGateway(state)
    query = state.objects.presign_put("a", size=1, content_type=JPEG, if_absent=True).url.partition("?")[2]
    statuses: list[int] = []

    def upload():
        environ = {
            "REQUEST_METHOD": "PUT",
            "PATH_INFO": "/a",
            "QUERY_STRING": query,
            "CONTENT_LENGTH": "1",
            "CONTENT_TYPE": JPEG,
            "HTTP_IF_NONE_MATCH": "*",
            "wsgi.input": io.BytesIO(b"x"),
        }
        list(gateway(environ, lambda status, _: statuses.append(int(status[:3]))))

    threads = [threading.Thread(target=upload) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, *[412] * 7]


def test_without_a_gateway_signing_says_what_to_set():
    with statekit.open("memory:", keys=[generate()]) as state:
        with pytest.raises(UnsupportedError, match="STATEKIT_GATEWAY_URL"):
            state.objects.presign_get("a")
        with pytest.raises(ConfigError, match="STATEKIT_GATEWAY_URL"):
            WSGIGateway(state)


def test_a_gateway_without_keys_is_a_mistake_at_opening():
    with pytest.raises(ConfigError, match="STATEKIT_KEYS"):
        statekit.open("memory:", gateway=URL)


@pytest.mark.parametrize(
    "url",
    ["shop.example", "ftp://a/", "https://", "https://a/?b", "https://a/#b", "https://u:p@a/", "https://a b/", ""],
)
def test_a_gateway_that_is_no_url_is_a_mistake_at_opening(url):
    with pytest.raises(ConfigError, match="gateway"):
        statekit.open("memory:", keys=[generate()], gateway=url)


def test_the_gateway_may_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("STATEKIT_GATEWAY_URL", "https://shop.example/files/")
    monkeypatch.setenv("STATEKIT_KEYS", generate())
    with statekit.open("memory:") as state:
        assert state.objects.presign_get("a").url.startswith("https://shop.example/files/a?policy=")


def test_each_gateway_takes_the_state_of_its_colour():
    with statekit.open("memory:", keys=[generate()], gateway=URL) as state, pytest.raises(ConfigError):
        ASGIGateway(state)
    with pytest.raises(ConfigError):
        WSGIGateway(statekit.aopen("memory:", keys=[generate()], gateway=URL))
    with statekit.open("memory:", keys=[generate()], gateway=URL) as state, pytest.raises(ConfigError):
        WSGIGateway(state, origins="https://shop.example")


def test_a_signer_shows_no_key():
    assert repr(Signer([b"secret"], URL, "")) == "Signer(<1 keys>)"


def test_a_closed_state_is_unavailable(state):
    gateway = WSGIGateway(state)
    query = state.objects.presign_get("a").url.partition("?")[2]
    state.close()
    assert ask(gateway, "GET", "/a", query)[0] == 503


@pytest.mark.parametrize("sent", [0, 1, 3])
def test_a_download_is_one_event_however_far_it_comes(tmp_path, sent):
    events = []
    with statekit.open(f"local:{tmp_path}/state", keys=[generate()], gateway=URL, on_event=events.append) as state:
        state.objects.put("a", b"1" * (3 * MIB))
        query = state.objects.presign_get("a").url.partition("?")[2]
        events.clear()
        _, body = ask(WSGIGateway(state), "GET", "/a", query)
        pieces = iter(body)
        for _ in range(sent):
            next(pieces)
        body.close()
        body.close()
    assert [event.operation for event in events] == ["read"]
