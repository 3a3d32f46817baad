"""Thousands of broken requests: no 5xx, nothing stored that was not signed, no header of the client's own, little memory."""

from __future__ import annotations

import asyncio
import io
import random
import re
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

import statekit
from statekit._core.keys import check_key
from statekit._core.seal import generate
from statekit.errors import InvalidKeyError
from statekit.gateway import ASGIGateway, WSGIGateway
from statekit.types import Presigned

BOUNDARY = b"----fuzz"
URL = "https://shop.example/files"
TYPE = "image/png"
BOUNDS = (4, 40)
NASTY = [
    "", "\x00", "\r\nX-Evil: 1", "\n", "..", "../", "/", "%00", "%0d%0aX-Evil:%201", "\xff", "é", "\udc80", "A" * 5000, "*",
    "bytes=0-", "0", "-1", "9" * 40, "${filename}", "<script>", '"', "\\", ";", "=", "&", "multipart/form-data",
    "multipart/form-data; boundary=", "multipart/form-data; boundary=----fuzz; boundary=x", "chunked", "gzip", "null",
]  # fmt: skip


@dataclass(frozen=True)
class Sent:
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    length: str | None = None
    prefix: bool = False
    pieces: int = 65_536
    fields: dict[str, str] = field(default_factory=dict)


def form_of(signed: Presigned, data: bytes, filename: str) -> Sent:
    lines = [
        b"--" + BOUNDARY + f'\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in signed.fields.items()
    ]
    head = f'\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'.encode()
    body = b"".join(lines) + b"--" + BOUNDARY + head + data + b"\r\n--" + BOUNDARY + b"--\r\n"
    kind = {"content-type": f"multipart/form-data; boundary={BOUNDARY.decode()}"}
    return Sent("POST", "/", "", kind, body, prefix=signed.fields["key"] != "target")


def originals(objects: Any, rng: random.Random) -> list[Sent]:
    data = rng.randbytes(rng.randint(*BOUNDS))
    put = objects.presign_put("target", size=len(data), content_type=TYPE, if_absent=rng.random() < 0.5)
    get = objects.presign_get("there")
    bounds = {"min_size": BOUNDS[0], "max_size": BOUNDS[1], "content_type": TYPE}
    headers = {name.lower(): value for name, value in put.headers.items()}
    return [
        Sent("PUT", "/target", put.url.partition("?")[2], headers, data),
        Sent("GET", "/there", get.url.partition("?")[2], {}, b""),
        form_of(objects.presign_post("target", **bounds), data, "f.png"),
        form_of(
            objects.presign_post(prefix="up/", **bounds),
            data,
            rng.choice(["f.png", *NASTY]).encode("utf-8", "replace").decode(),
        ),
    ]


def flip(rng: random.Random, data: bytes) -> bytes:
    if not data:
        return b"x"
    at = rng.randrange(len(data))
    return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]


def spliced(rng: random.Random, data: bytes) -> bytes:
    start, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    return rng.choice([data[:start], data[start:], data[:start] + data[end:], data[:end] + data[start:], data * 2])


def header(rng: random.Random, sent: Sent) -> Sent:
    names = [
        "content-type",
        "if-none-match",
        "if-match",
        "range",
        "origin",
        "if-range",
        "if-modified-since",
        "transfer-encoding",
        "access-control-request-headers",
        "access-control-request-method",
        "host",
        "expect",
    ]
    return replace(sent, headers={**sent.headers, rng.choice(names): rng.choice(NASTY)})


def words(rng: random.Random, sent: Sent) -> Sent:
    word = rng.choice([BOUNDARY, b"\r\n", b"form-data", b"name=", b"file", b"key", b"policy", b"Content-Disposition"])
    other = rng.choice(
        [b"", b"\r\n", b"\r\n\r\n", b"x" * 3000, b"\xff\xfe", b'"', b"--", rng.choice(NASTY).encode("utf-8", "replace")]
    )
    return replace(sent, body=sent.body.replace(word, other, rng.choice([1, -1])))


MUTATIONS: list[Callable[[random.Random, Sent], Sent]] = [
    lambda rng, sent: replace(sent, body=flip(rng, sent.body)),
    lambda rng, sent: replace(sent, body=spliced(rng, sent.body)),
    words,
    header,
    lambda rng, sent: replace(sent, method=rng.choice(["GET", "PUT", "POST", "HEAD", "OPTIONS", "DELETE", "PATCH", "X"])),
    lambda rng, sent: replace(sent, path=rng.choice(["", "/", "/target", "/there", "//target", "/../target", "/up/x",
                                                     "/.statekit/x", "/" + rng.choice(NASTY), sent.path + "/x"])),
    lambda rng, sent: replace(sent, query=flip(rng, sent.query.encode("utf-8", "replace")).decode("latin-1")),
    lambda rng, sent: replace(sent, query=spliced(rng, sent.query.encode("utf-8", "replace")).decode("latin-1")),
    lambda rng, sent: replace(sent, query=f"{sent.query}&{rng.choice(['policy', 'signature', 'x'])}={rng.choice(NASTY)}"),
    lambda rng, sent: replace(sent, length=rng.choice([None, "", "0", "5", "-1", "1e3", "9" * 15, "9" * 30, "٣", "12abc"])),
    lambda rng, sent: replace(sent, pieces=rng.choice([1, 2, 3, 7, 100])),
]  # fmt: skip


class Slow(io.RawIOBase):
    """A body in small pieces."""

    def __init__(self, data: bytes, most: int) -> None:
        self._data, self._most = io.BytesIO(data), most

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(size, self._most) if size >= 0 else self._most)


def latin(text: str) -> str:
    """A header's or query's text as a WSGI server would give it."""
    return text.encode("utf-8", "replace").decode("latin-1")


def by_wsgi(gateway: WSGIGateway, sent: Sent) -> tuple[int, list[tuple[str, str]]]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": sent.method,
        "PATH_INFO": latin(sent.path),
        "QUERY_STRING": latin(sent.query),
        "CONTENT_LENGTH": str(len(sent.body)) if sent.length is None else sent.length,
        "wsgi.input": Slow(sent.body, sent.pieces),
    }
    for name, value in sent.headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = latin(value)
    answers: list[tuple[int, list[tuple[str, str]]]] = []
    list(gateway(environ, lambda status, headers: answers.append((int(status[:3]), headers))))
    return answers[0]


async def by_asgi(gateway: ASGIGateway, sent: Sent) -> tuple[int, list[tuple[str, str]]]:
    headers = [(name.encode(), latin(value).encode("latin-1")) for name, value in sent.headers.items()]
    headers.append((b"content-length", (str(len(sent.body)) if sent.length is None else sent.length).encode("utf-8")))
    scope = {
        "type": "http",
        "method": sent.method,
        "path": sent.path.encode("utf-8", "replace").decode("utf-8"),
        "query_string": latin(sent.query).encode("latin-1"),
        "headers": headers,
    }
    body = Slow(sent.body, sent.pieces)
    answers: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        piece = body.read(65_536)
        return {"type": "http.request", "body": piece, "more_body": True} if piece else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        answers.append(message)

    await gateway(scope, receive, send)
    return answers[0]["status"], [(n.decode("latin-1"), v.decode("latin-1")) for n, v in answers[0]["headers"]]


def mutated(rng: random.Random, objects: Any) -> Sent:
    sent = rng.choice(originals(objects, rng))
    for _ in range(rng.randint(1, 3)):
        sent = rng.choice(MUTATIONS)(rng, sent)
    return sent


def judge(sent: Sent, status: int, headers: list[tuple[str, str]], state: statekit.State) -> None:
    """Judge one answer by what may be stored at all, whatever was sent."""
    assert status < 500, (status, sent)
    for name, value in headers:
        assert re.fullmatch(r"[A-Za-z-]+", name), name
        assert not re.search(r"[\r\n\x00]", value), value
        assert "evil" not in name.lower()
    for info in state.objects.list():
        if info.key == "there":
            continue
        assert status in (200, 204), (status, sent)
        assert info.key == "target" or info.key.startswith("up/"), sent
        check_key(info.key)
        assert BOUNDS[0] <= info.size <= BOUNDS[1], sent
        assert state.objects.stat(info.key).content_type == TYPE
        state.objects.delete(info.key)


@pytest.fixture
def state() -> Iterator[statekit.State]:
    with statekit.open(f"memory:fuzz{random.randrange(10**9)}", keys=[generate()], gateway=URL) as state:
        state.objects.put("there", b"secret" * 100)
        yield state


@pytest.mark.parametrize("seed", range(10))
def test_broken_requests_by_wsgi(state: statekit.State, seed: int) -> None:
    rng, gateway = random.Random(seed), WSGIGateway(state, origins=["https://shop.example"])
    taken = peak = 0
    if not seed:
        tracemalloc.start()  # which makes everything slower
    for _ in range(1000):
        sent = mutated(rng, state.objects)
        status, headers = by_wsgi(gateway, sent)
        judge(sent, status, headers, state)
        taken += status < 300
    if not seed:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 8 * 1024 * 1024
    assert taken < 700  # or the mutations break nothing


def test_broken_requests_by_asgi() -> None:
    place, keys = f"memory:fuzz{random.randrange(10**9)}", [generate()]
    rng = random.Random(99)
    with statekit.open(place, keys=keys, gateway=URL) as state:
        state.objects.put("there", b"secret")

        async def run() -> None:
            async with statekit.aopen(place, keys=keys, gateway=URL) as other:
                gateway = ASGIGateway(other)
                for _ in range(2000):
                    sent = mutated(rng, state.objects)
                    judge(sent, *await by_asgi(gateway, sent), state)

        asyncio.run(run())


def test_the_judge_judges(state: statekit.State) -> None:
    state.objects.put("elsewhere", b"12345", content_type=TYPE)
    with pytest.raises(AssertionError):
        judge(Sent("PUT", "/", "", {}, b""), 200, [], state)
    with pytest.raises(InvalidKeyError):
        check_key("up/..")
