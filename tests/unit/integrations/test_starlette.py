"""Starlette's and FastAPI's middleware, through their own client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from statekit.errors import BackendError
from statekit.integrations.starlette import (
    Cookie,
    SessionMiddleware,
    StarletteSession,
    devices,
    load,
    login,
    logout,
    logout_everywhere,
    save,
)
from tests.unit.integrations.stores import Store

NAME = "__Host-session"


async def still(_: Request) -> Response:
    return PlainTextResponse("nothing")


async def read(request: Request) -> Response:
    return JSONResponse(dict(await load(request)))


async def write(request: Request) -> Response:
    session = await load(request)
    session[request.path_params["key"]] = request.path_params["value"]
    return PlainTextResponse("written")


async def clear(request: Request) -> Response:
    request.session.clear()
    return PlainTextResponse("cleared")


async def log_in(request: Request) -> Response:
    await login(request.session, request.path_params["owner"])
    return PlainTextResponse("in")


async def log_out(request: Request) -> Response:
    await logout(request.session)
    return PlainTextResponse("out")


async def everywhere(request: Request) -> Response:
    keep = request.query_params.get("keep") == "1"
    return PlainTextResponse(str(await logout_everywhere(request.session, keep=keep)))


async def who(request: Request) -> Response:
    session = await load(request)
    found = {device.label: device.handle == session.handle for device in await devices(session)}
    return JSONResponse({"owner": session.owner, "devices": found})


async def slow(request: Request) -> Response:
    session = await load(request)
    await request.app.state.meanwhile()
    session["slow"] = "written late"
    return PlainTextResponse("done")


async def stream(request: Request) -> Response:
    session = await load(request)

    async def body() -> AsyncIterator[str]:
        yield session["a"]
        with pytest.raises(RuntimeError, match="stored when the response began"):
            session["b"] = 1
        yield "!"

    session["a"] = "streamed"
    return StreamingResponse(body())


async def later(request: Request) -> Response:
    session = await load(request)

    async def task() -> None:
        session["late"] = 1

    return PlainTextResponse("soon", background=BackgroundTask(task))


async def odd(request: Request) -> Response:
    (await load(request))["odd"] = object()
    return PlainTextResponse("odd")


async def unloaded(request: Request) -> Response:
    return JSONResponse(dict(request.session))


async def talk(websocket: WebSocket) -> None:
    session = await load(websocket)
    session.setdefault("visits", 0)
    session["visits"] += 1
    await websocket.accept()
    async for text in websocket.iter_text():
        match text:
            case "read":
                await websocket.send_json(dict(session))
            case "save":
                await save(session)
                await websocket.send_json("saved")
            case "login":
                with pytest.raises(RuntimeError, match="no cookie"):
                    await login(session, "ada")
                await websocket.send_json("refused")
            case _:
                session["said"] = text
                await websocket.send_json("noted")


async def hang(websocket: WebSocket) -> None:
    session = await load(websocket)
    await websocket.accept()
    session["said"] = await websocket.receive_text()
    await websocket.receive_text()  # raises when the browser leaves


async def mute(websocket: WebSocket) -> None:
    await websocket.accept()
    session = await load(websocket)
    with pytest.raises(RuntimeError, match="no cookie"):
        session["a"] = 1
    await websocket.close()


ROUTES = [
    Route("/still", still),
    Route("/read", read),
    Route("/write/{key}/{value}", write),
    Route("/clear", clear),
    Route("/login/{owner}", log_in),
    Route("/logout", log_out),
    Route("/everywhere", everywhere),
    Route("/who", who),
    Route("/slow", slow),
    Route("/stream", stream),
    Route("/later", later),
    Route("/odd", odd),
    Route("/unloaded", unloaded),
    WebSocketRoute("/talk", talk),
    WebSocketRoute("/hang", hang),
    WebSocketRoute("/mute", mute),
]


def application(store: Store, **options: Any) -> Starlette:
    return Starlette(routes=ROUTES, middleware=[Middleware(SessionMiddleware, state=store.astate, **options)])


def browser(app: Any, cookie: str | None = None, **options: Any) -> TestClient:
    client = TestClient(app, base_url="https://testserver", **options)
    if cookie is not None:
        client.cookies.set(NAME, cookie)
    return client


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def app(store: Store) -> Starlette:
    return application(store)


@pytest.fixture
def client(app: Starlette) -> TestClient:
    return browser(app)


def identifier(client: TestClient) -> str | None:
    return client.cookies.get(NAME)


def test_a_request_that_does_not_look_at_its_session_asks_the_store_nothing(store, client) -> None:
    client.get("/write/a/1")
    store.asked()
    answer = client.get("/still")
    assert store.asked() == []
    assert "Set-Cookie" not in answer.headers
    assert "Vary" not in answer.headers


def test_reading_costs_one_round_trip_and_sets_no_cookie(store, client) -> None:
    client.get("/write/a/1")
    store.asked()
    answer = client.get("/read")
    assert answer.json() == {"a": "1"}
    assert store.asked() == ["read"]
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Vary"] == "Cookie"


def test_the_first_write_makes_a_session_when_the_response_begins(store, client) -> None:
    answer = client.get("/write/a/1")
    assert store.asked() == ["write"]
    header = answer.headers["Set-Cookie"]
    assert header.startswith(f"{NAME}=")
    assert header.endswith("; Max-Age=7776000; Path=/; HttpOnly; SameSite=Lax; Secure")
    assert answer.headers["Vary"] == "Cookie"
    assert store.sessions.load(identifier(client))["a"] == "1"


def test_a_later_write_sets_no_cookie_and_an_equal_one_stores_nothing(store, client) -> None:
    client.get("/write/a/1")
    store.asked()
    assert "Set-Cookie" not in client.get("/write/a/2").headers
    assert store.asked() == ["read", "write"]
    client.get("/write/a/2")
    assert store.asked() == ["read"]


def test_the_expiry_is_extended_once_per_interval(store, client) -> None:
    client.get("/write/a/1")
    store.clock.advance(61)
    store.asked()
    client.get("/read")
    client.get("/read")
    assert store.asked() == ["read", "touch", "read"]


def test_looking_at_a_session_that_is_not_loaded_says_how_to_load_it(app) -> None:
    for client in (browser(app, "A" * 43), browser(app)):
        with pytest.raises(RuntimeError, match=r"await load\(request\)"):
            client.get("/unloaded")


def test_eager_sessions_are_there_at_once(store) -> None:
    client = browser(application(store, eager=True))
    client.get("/write/a/1")
    store.asked()
    assert client.get("/unloaded").json() == {"a": "1"}
    assert store.asked() == ["read"]


def test_fastapi_gets_it_as_a_dependency(store) -> None:
    app = FastAPI()
    app.add_middleware(SessionMiddleware, state=store.astate)

    async def count(session: Any) -> dict[str, int]:
        session["count"] = session.get("count", 0) + 1
        return {"count": session["count"]}

    count.__annotations__ = {"session": Annotated[StarletteSession, Depends(load)]}
    app.get("/count")(count)
    client = browser(app)
    assert client.get("/count").json() == {"count": 1}
    assert client.get("/count").json() == {"count": 2}


def test_an_unknown_id_is_never_adopted_and_causes_no_cookie(store, app) -> None:
    client = browser(app, "A" * 43)
    assert "Set-Cookie" not in client.get("/read").headers
    assert client.get("/write/a/1").headers["Set-Cookie"]
    assert store.sessions.load("A" * 43) is None


def test_a_login_gives_another_id_and_the_old_one_is_dead(store, app, client) -> None:
    client.get("/write/cart/tea")
    before = identifier(client)
    client.get("/login/ada", headers={"User-Agent": "Firefox"})
    after = identifier(client)
    assert after != before
    assert store.sessions.load(before) is None
    session = store.sessions.load(after)
    assert (session.owner, dict(session)) == ("ada", {"cart": "tea"})
    browser(app).get("/login/ada", headers={"User-Agent": "Safari"})
    assert client.get("/who").json() == {"owner": "ada", "devices": {"Firefox": True, "Safari": False}}


def test_a_logout_ends_the_session_and_removes_the_cookie(store, client) -> None:
    client.get("/login/ada")
    before = identifier(client)
    answer = client.get("/logout")
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert store.sessions.load(before) is None
    assert identifier(client) is None


def test_clearing_needs_no_loading(store, client) -> None:
    client.get("/write/a/1")
    before = identifier(client)
    client.get("/clear")
    assert store.sessions.load(before) is None
    assert identifier(client) is None


def test_logging_out_everywhere_ends_all_devices_or_all_others(app) -> None:
    here, there = browser(app), browser(app)
    here.get("/login/ada")
    there.get("/login/ada")
    assert here.get("/everywhere?keep=1").text == "1"
    assert there.get("/who").json()["owner"] is None
    assert here.get("/who").json()["owner"] == "ada"
    assert "Max-Age=0" in here.get("/everywhere").headers["Set-Cookie"]


def meanwhile(store: Store, app: Starlette, operation: str, *args: Any, **options: Any) -> None:
    """Let the slow request's view do something to the store that another request would."""

    async def then() -> None:
        await getattr(store.astate.sessions, operation)(*args, **options)

    app.state.meanwhile = then


def test_a_slow_request_does_not_bring_back_what_a_logout_ended(store, app, client) -> None:
    client.get("/write/a/1")
    meanwhile(store, app, "destroy", identifier(client))
    answer = client.get("/slow")
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert store.count() == 0


def test_a_slow_request_does_not_wipe_the_cookie_of_a_login_that_overtook_it(store, app, client) -> None:
    client.get("/write/a/1")
    meanwhile(store, app, "rotate", store.sessions.load(identifier(client)), owner="ada")
    answer = client.get("/slow")
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers


def test_two_requests_at_once_both_keep_their_changes(store, app, client) -> None:
    client.get("/write/a/1")
    meanwhile(store, app, "update", identifier(client), lambda session: session.update(fast=1))
    client.get("/slow")
    assert client.get("/read").json() == {"a": "1", "fast": 1, "slow": "written late"}


def test_an_outage_is_a_503_and_never_a_logout(store, client) -> None:
    client.get("/login/ada")
    before = identifier(client)
    store.go_down()
    for path in ("/read", "/write/a/1", "/logout", "/clear", "/login/bob"):
        answer = client.get(path)
        assert answer.status_code == 503, path
        assert int(answer.headers["Retry-After"]) > 0
        assert "Set-Cookie" not in answer.headers
    assert client.get("/still").status_code == 200
    store.come_back()
    assert identifier(client) == before
    assert client.get("/who").json()["owner"] == "ada"


def test_an_outage_when_the_response_begins_is_a_503_with_nothing_of_the_page(store, client) -> None:
    store.go_down("write")
    answer = client.get("/write/a/1")
    assert answer.status_code == 503
    assert "written" not in answer.text


def test_an_eager_outage_is_a_503(store) -> None:
    store.go_down()
    assert browser(application(store, eager=True), "A" * 43).get("/still").status_code == 503


def test_the_application_answers_an_outage_its_own_way(store) -> None:
    busy = PlainTextResponse("back soon", status_code=503)
    client = browser(application(store, unavailable=busy), "A" * 43)
    store.go_down()
    assert client.get("/read").text == "back soon"


def test_an_application_that_handles_outages_itself_is_let(store) -> None:
    async def handle(_: Request, error: Exception) -> Response:
        return PlainTextResponse(type(error).__name__, status_code=503)

    app = application(store)
    app.add_exception_handler(BackendError, handle)
    store.go_down()
    assert browser(app, "A" * 43).get("/read").text == "UnavailableError"


def test_an_outage_of_something_else_is_not_ours_to_answer(store) -> None:
    async def fail(_: Request) -> Response:
        raise BackendError("elsewhere")

    app = Starlette(routes=[Route("/fail", fail)], middleware=[Middleware(SessionMiddleware, state=store.astate)])
    assert browser(app, raise_server_exceptions=False).get("/fail").status_code == 500


def test_a_value_that_would_not_come_back_is_the_applications_error(app) -> None:
    answer = browser(app, raise_server_exceptions=False).get("/odd")
    assert answer.status_code == 500
    assert "Set-Cookie" not in answer.headers


def test_a_stream_reads_the_session_and_cannot_write_what_would_be_lost(client) -> None:
    assert client.get("/stream").text == "streamed!"
    assert client.get("/read").json() == {"a": "streamed"}


def test_a_background_task_cannot_write_what_would_be_lost(client) -> None:
    with pytest.raises(RuntimeError, match="stored when the response began"):
        client.get("/later")


def test_over_http_a_plain_cookie_is_asked_for(store) -> None:
    client = TestClient(application(store, cookie=Cookie(secure=False, name="dev")))
    assert client.get("/write/a/1").headers["Set-Cookie"].startswith("dev=")
    assert client.get("/read").json() == {"a": "1"}


def test_other_protocols_pass(store) -> None:
    seen: list[str] = []

    async def lifespan(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    asyncio.run(SessionMiddleware(lifespan, store.astate)({"type": "lifespan"}, None, None))
    assert seen == ["lifespan"]


def test_a_websocket_has_its_session_and_the_handshake_sets_the_cookie(store, client) -> None:
    with client.websocket_connect("wss://testserver/talk") as websocket:
        header = dict(websocket.extra_headers or [])[b"set-cookie"].decode()
        value = header.partition("=")[2].partition(";")[0]
        assert store.sessions.load(value)["visits"] == 1
        websocket.send_text("read")
        assert websocket.receive_json() == {"visits": 1}


def test_what_a_websocket_writes_is_stored_when_it_ends_or_when_it_says_so(store, client) -> None:
    client.get("/write/a/1")
    with client.websocket_connect("wss://testserver/talk") as websocket:
        websocket.send_text("hello")
        websocket.receive_json()
        assert "said" not in store.sessions.load(identifier(client))
        websocket.send_text("save")
        websocket.receive_json()
        assert store.sessions.load(identifier(client))["said"] == "hello"
        websocket.send_text("bye")
        websocket.receive_json()
    assert store.sessions.load(identifier(client))["said"] == "bye"


def test_a_browser_that_leaves_loses_nothing_that_was_written(store, client) -> None:
    client.get("/write/a/1")
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("wss://testserver/hang") as websocket:
        websocket.send_text("last words")
        websocket.close()
    assert store.sessions.load(identifier(client))["said"] == "last words"


def test_a_websocket_that_was_accepted_cannot_log_in_or_begin_a_session(client) -> None:
    client.get("/write/a/1")
    with client.websocket_connect("wss://testserver/talk") as websocket:
        websocket.send_text("login")
        assert websocket.receive_json() == "refused"
    with browser(client.app).websocket_connect("wss://testserver/mute"):
        pass


def test_a_websocket_is_refused_during_an_outage(store, app) -> None:
    store.go_down()
    with (
        pytest.raises(WebSocketDenialResponse) as refused,
        browser(app, "A" * 43).websocket_connect("wss://testserver/talk"),
    ):
        pass
    assert refused.value.status_code == 503


def test_a_server_that_cannot_send_a_refusal_closes_the_websocket(store, app) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": "/talk",
        "root_path": "",
        "headers": [(b"cookie", f"{NAME}={'A' * 43}".encode())],
        "query_string": b"",
    }
    store.go_down()
    asyncio.run(app(scope, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1013}]
