"""The gateway as a blueprint of Flask's: real requests, beside the application's own pages and sessions."""

from __future__ import annotations

import io
import tracemalloc
from typing import Any

import pytest
from flask import Flask, Response, request, session

import statekit
from statekit._core.seal import generate
from statekit.errors import ConfigError
from statekit.integrations.flask import Cookie, Gateway, Sessions
from tests.unit.gateway.browser import form_of, post, put, send, served

MIB = 1024 * 1024
JPEG = "image/jpeg"
ORIGIN = "https://shop.example"


class Shop:
    """An application with pages, sessions and the gateway, behind a real server."""

    def __init__(self, path: str, **options: Any) -> None:
        self.events: list[statekit.Event] = []
        self.app = Flask("shop")
        self.path = path
        self.options = options
        self.application: Any = self.app

        @self.app.get("/")
        def home() -> str:
            session["seen"] = True
            return "home"

        @self.app.after_request
        def mark(response: Response) -> Response:
            response.headers["X-Shop"] = "yes"
            return response

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.application(environ, start_response)

    def open(self, base: str, **settings: Any) -> None:
        self.base = base
        self.state = statekit.open(
            "memory:", keys=[generate()], gateway=f"{base}{self.path}", on_event=self.events.append, **settings
        )
        self.objects = self.state.objects
        self.app.session_interface = Sessions(self.state, cookie=Cookie(secure=False))
        self.app.register_blueprint(Gateway(self.state, origins=[ORIGIN]), **self.options)

    def stores_asked(self) -> set[str]:
        return {event.store for event in self.events}


@pytest.fixture
def shop():
    shop = Shop("/files")
    with served(shop) as base:
        shop.open(base)
        with shop.state:
            yield shop


def test_a_put_is_stored_and_a_download_is_ranged(shop):
    stored = put(shop.objects.presign_put("a/ü b.jpg", size=5, content_type=JPEG), b"hello")
    assert stored.status == 200
    url = shop.objects.presign_get("a/ü b.jpg").url
    whole = send("GET", url)
    assert (whole.status, whole.body, whole.headers["content-type"]) == (200, b"hello", JPEG)
    assert whole.headers["etag"] == stored.headers["etag"]
    part = send("GET", url, headers={"Range": "bytes=1-3"})
    assert (part.status, part.body, part.headers["content-range"]) == (206, b"ell", "bytes 1-3/5")
    assert send("GET", url, headers={"Range": "bytes=9-"}).status == 416
    assert send("GET", url, headers={"If-None-Match": whole.headers["etag"]}).status == 304
    head = send("HEAD", url)
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "5")


def test_a_form_is_stored_under_the_name_of_its_file(shop):
    signed = shop.objects.presign_post(prefix="up/", max_size=5, content_type=JPEG, success=201)
    answer = post(signed, b"hello", filename="cat.jpg")
    assert answer.status == 201
    assert b"<Key>up/cat.jpg</Key>" in answer.body
    assert shop.objects.get("up/cat.jpg").data == b"hello"


def test_what_was_not_signed_is_refused_with_a_document_and_stores_nothing(shop):
    signed = shop.objects.presign_put("a", size=5, content_type=JPEG)
    form = shop.objects.presign_post("a", max_size=5, content_type=JPEG)
    refused = {
        "EntityTooLarge": [put(signed, b"hello!"), post(form, b"hello!")],
        "AccessDenied": [
            put(signed, b"hello", Content_Type="text/html"),
            post(form, b"x", fields={"key": "b"}),
            send("PUT", signed.url.replace("/files/a?", "/files/b?"), b"hello", signed.headers),
        ],
        "SignatureDoesNotMatch": [
            send("PUT", signed.url + "0", b"hello", signed.headers),
            send("GET", shop.base + "/files/a"),
        ],
        "MethodNotAllowed": [send("DELETE", signed.url), send("PATCH", signed.url, b"x")],
    }
    for code, answers in refused.items():
        for answer in answers:
            assert answer.status in (403, 405, 413)
            assert f"<Code>{code}</Code>".encode() in answer.body, answer
    assert list(shop.objects.list()) == []


@pytest.mark.parametrize("path", ["/", "/%FF", "//a", "/a//b", "/../a", "/a%0Ab", "/%2F"])
def test_the_gateway_judges_every_path_below_its_own_and_nothing_is_redirected(shop, path):
    answer = send("GET", f"{shop.base}/files{path}")
    assert (answer.status, b"<Code>SignatureDoesNotMatch" in answer.body) == (403, True)


def test_pages_of_an_allowed_origin_may_ask_and_read(shop):
    signed = shop.objects.presign_put("a", size=1, content_type=JPEG)
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"}
    preflight = send("OPTIONS", signed.url, headers=asked)
    assert preflight.status == 204
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    assert put(signed, b"x", Origin=ORIGIN).headers["access-control-allow-origin"] == ORIGIN
    assert send("OPTIONS", signed.url, headers={**asked, "Origin": "https://evil.example"}).status == 403


def test_no_session_is_loaded_and_no_cookie_sent(shop):
    cookie = send("GET", f"{shop.base}/").headers["set-cookie"].partition(";")[0]
    shop.events.clear()
    answer = put(shop.objects.presign_put("a", size=1, content_type=JPEG), b"x", Cookie=cookie)
    assert answer.status == 200
    assert shop.stores_asked() == {"objects"}
    assert "set-cookie" not in answer.headers


def test_the_applications_hooks_run_around_it(shop):
    assert put(shop.objects.presign_put("a", size=1, content_type=JPEG), b"x").headers["x-shop"] == "yes"


def test_what_was_signed_says_how_large_a_body_may_be(shop):
    shop.app.config["MAX_CONTENT_LENGTH"] = 3
    assert put(shop.objects.presign_put("a", size=5, content_type=JPEG), b"hello").status == 200
    assert post(shop.objects.presign_post("b", max_size=5, content_type=JPEG), b"hello").status == 204


def test_a_body_that_somebody_else_has_read_stores_nothing(shop):
    shop.app.before_request(lambda: request.get_data() and None)
    assert put(shop.objects.presign_put("a", size=5, content_type=JPEG), b"hello").status == 400
    assert not shop.objects.exists("a")


def test_an_object_that_is_gone_is_a_404_with_a_document(shop):
    answer = send("GET", shop.objects.presign_get("gone").url)
    assert (answer.status, b"<Code>NoSuchKey</Code>" in answer.body) == (404, True)


@pytest.mark.parametrize("path", ["", "/a/b"])
def test_the_path_is_that_of_the_configured_url(path):
    shop = Shop(path)
    with served(shop) as base:
        shop.open(base)
        with shop.state:
            assert put(shop.objects.presign_put("x/y", size=1, content_type=JPEG), b"x").status == 200
            assert post(shop.objects.presign_post("form", max_size=1, content_type=JPEG), b"x").status == 204
            assert send("GET", f"{base}/").body == b"home"


def test_below_a_mounted_application_the_prefix_is_what_is_left_of_it():
    from werkzeug.middleware.dispatcher import DispatcherMiddleware

    shop = Shop("/shop/files", url_prefix="/files")
    shop.application = DispatcherMiddleware(Flask("other"), {"/shop": shop.app})
    with served(shop) as base:
        shop.open(base)
        with shop.state:
            assert put(shop.objects.presign_put("x", size=1, content_type=JPEG), b"x").status == 200


def test_two_states_have_two_gateways():
    app = Flask("shop")
    states = [statekit.open("memory:", keys=[generate()], gateway=f"https://shop.example/{n}") for n in ("one", "two")]
    for number, state in enumerate(states):
        app.register_blueprint(Gateway(state, name=f"gateway{number}"))
    for state in states:
        signed = state.objects.presign_put("a", size=1, content_type=JPEG)
        answer = app.test_client().put(signed.url, data=b"x", headers=dict(signed.headers))
        assert answer.status_code == 200
        assert state.objects.exists("a")
        state.close()


class Endless(io.RawIOBase):
    """A body that is made while it is read."""

    def __init__(self, *pieces: bytes | int) -> None:
        self._pieces = list(pieces)

    def read(self, size: int = -1) -> bytes:
        while self._pieces:
            first = self._pieces.pop(0)
            if isinstance(first, int):
                taken = min(size, first)
                self._pieces[:0] = [first - taken] if first > taken else []
                return b"x" * taken
            self._pieces[:0] = [first[size:]] if len(first) > size else []
            return first[:size]
        return b""


def ask(app: Flask, method: str, url: str, body: Any, length: int, content_type: str) -> tuple[int, int]:
    """Return the status and the bytes of the answer."""
    path, _, query = url.partition("?")
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, "SERVER_NAME": "shop.example"}
    environ |= {"SERVER_PORT": "443", "wsgi.url_scheme": "https", "wsgi.input": body, "wsgi.errors": io.StringIO()}
    statuses: list[int] = []
    pieces = app.wsgi_app(
        {**environ, "CONTENT_LENGTH": str(length), "CONTENT_TYPE": content_type},
        lambda status, *_: statuses.append(int(status[:3])),
    )
    size = sum(len(piece) for piece in pieces)
    pieces.close()
    return statuses[0], size


def test_64_mib_pass_in_bounded_memory(tmp_path):
    app = Flask("shop")
    with statekit.open(f"local:{tmp_path}/state", keys=[generate()], gateway="https://shop.example/files") as state:
        app.register_blueprint(Gateway(state))
        head, _, tail = form_of(
            state.objects.presign_post("form", max_size=64 * MIB, content_type=JPEG).fields, b"|"
        ).partition(b"|")
        form = "multipart/form-data; boundary=----statekit-form"
        urls = [
            signed.url.removeprefix("https://shop.example")
            for signed in (
                state.objects.presign_put("put", size=64 * MIB, content_type=JPEG),
                state.objects.presign_get("put"),
            )
        ]
        tracemalloc.start()
        try:
            assert ask(app, "PUT", urls[0], Endless(64 * MIB), 64 * MIB, JPEG)[0] == 200
            length = len(head) + 64 * MIB + len(tail)
            assert ask(app, "POST", "/files/", Endless(head, 64 * MIB, tail), length, form)[0] == 204
            assert ask(app, "GET", urls[1], io.BytesIO(), 0, "") == (200, 64 * MIB)
            assert tracemalloc.get_traced_memory()[1] < 28 * MIB
        finally:
            tracemalloc.stop()
        assert [item.size for item in state.objects.list()] == [64 * MIB, 64 * MIB]


def test_a_reader_that_goes_away_ends_the_download(shop):
    shop.objects.put("a", b"x" * 3 * MIB)
    path = shop.objects.presign_get("a").url.removeprefix(shop.base)
    with shop.app.test_client() as client:
        answer = client.get(path, buffered=False)
        next(answer.iter_encoded())
        answer.close()
    last = shop.events[-1]
    assert (last.operation, last.size) == ("read", MIB)


def test_what_cannot_be_mounted_says_why():
    with statekit.open("memory:") as state, pytest.raises(ConfigError, match="STATEKIT_GATEWAY_URL"):
        Gateway(state)
    with pytest.raises(ConfigError, match="ASGIGateway"):
        Gateway(statekit.aopen("memory:", keys=[generate()], gateway="https://shop.example/files"))  # type: ignore[arg-type]
