"""Flask's session interface, through Flask's own client."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, Response, session, stream_with_context
from flask.testing import FlaskClient

from statekit.errors import ConflictError
from statekit.integrations.flask import Cookie, Sessions, devices, login, logout, logout_everywhere
from tests.unit.integrations.stores import Store

NAME = "__Host-session"
FLASK = "flask"


def application(store: Store, cookie: Cookie | None = None) -> Flask:
    app = Flask(FLASK)
    app.session_interface = Sessions(store.state, cookie=cookie)

    @app.get("/still")
    def still() -> str:
        return "nothing"

    @app.get("/read")
    def read() -> dict[str, Any]:
        return dict(session)

    @app.get("/write/<key>/<value>")
    def write(key: str, value: str) -> str:
        session[key] = value
        return "written"

    @app.get("/append/<value>")
    def append(value: str) -> str:
        session.setdefault("list", []).append(value)
        return "appended"

    @app.get("/pop/<key>")
    def pop(key: str) -> str:
        session.pop(key)
        return "popped"

    @app.get("/slow")
    def slow() -> str:
        seen = dict(session)
        app.extensions["meanwhile"]()
        session["slow"] = "written late"
        return str(seen)

    @app.get("/clear")
    def clear() -> str:
        session.clear()
        return "cleared"

    @app.get("/login/<owner>")
    def log_in(owner: str) -> str:
        login(session, owner)
        return "in"

    @app.get("/logout")
    def log_out() -> str:
        logout(session)
        return "out"

    @app.get("/everywhere")
    def everywhere() -> str:
        return str(logout_everywhere(session))

    @app.get("/elsewhere")
    def elsewhere() -> str:
        return str(logout_everywhere(session, keep=True))

    @app.get("/who")
    def who() -> dict[str, Any]:
        found = {device.label: device.handle == session.handle for device in devices(session)}
        return {"owner": session.owner, "devices": found}

    return app


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def app(store: Store) -> Flask:
    return application(store)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def identifier(client: FlaskClient) -> str | None:
    cookie = client.get_cookie(NAME)
    return cookie.value if cookie else None


def with_cookie(app: Flask, value: str) -> FlaskClient:
    client = app.test_client()
    client.set_cookie(NAME, value)
    return client


def during(client: FlaskClient, then: Any) -> Response:
    """Send a request, and do something else while its view runs."""
    client.application.extensions["meanwhile"] = then
    return client.get("/slow")


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
    assert answer.json == {"a": "1"}
    assert store.asked() == ["read"]
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Vary"] == "Cookie"


def test_a_visitor_who_writes_nothing_gets_no_session(store, client) -> None:
    answer = client.get("/read")
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Vary"] == "Cookie"
    assert store.asked() == []


def test_the_first_write_makes_a_session_when_the_request_ends(store, client) -> None:
    answer = client.get("/write/a/1")
    assert store.asked() == ["write"]
    header = answer.headers["Set-Cookie"]
    assert header.startswith(f"{NAME}=")
    assert header.endswith("; Max-Age=7776000; Path=/; HttpOnly; SameSite=Lax; Secure")
    assert answer.headers["Vary"] == "Cookie"
    assert store.sessions.load(identifier(client))["a"] == "1"


def test_a_later_write_sets_no_cookie(store, client) -> None:
    client.get("/write/a/1")
    store.asked()
    answer = client.get("/write/a/2")
    assert "Set-Cookie" not in answer.headers
    assert store.asked() == ["read", "write"]


def test_writing_what_is_there_already_stores_nothing(store, client) -> None:
    client.get("/write/a/1")
    store.asked()
    client.get("/write/a/1")
    assert store.asked() == ["read"]


def test_nested_changes_are_noticed(client) -> None:
    client.get("/append/1")
    client.get("/append/2")
    assert client.get("/read").json == {"list": ["1", "2"]}


def test_the_expiry_is_extended_once_per_interval(store, client) -> None:
    client.get("/write/a/1")
    store.clock.advance(30)
    store.asked()
    client.get("/read")
    assert store.asked() == ["read"]
    store.clock.advance(31)
    client.get("/read")
    assert store.asked() == ["read", "touch"]
    client.get("/read")
    assert store.asked() == ["read"]


def test_an_id_that_nobody_handed_out_costs_nothing_and_is_never_adopted(store, app) -> None:
    client = with_cookie(app, "A" * 43)
    assert client.get("/read").json == {}
    client.get("/write/a/1")
    assert identifier(client) != "A" * 43
    assert store.sessions.load("A" * 43) is None


def test_an_unknown_id_causes_no_cookie(app) -> None:
    for value in ("A" * 43, "rubbish"):
        answer = with_cookie(app, value).get("/read")
        assert "Set-Cookie" not in answer.headers


def test_a_login_gives_another_id_and_the_old_one_is_dead(store, app, client) -> None:
    client.get("/write/cart/tea")
    before = identifier(client)
    client.get("/login/ada", headers={"User-Agent": "Firefox"})
    after = identifier(client)
    assert after != before
    assert store.sessions.load(before) is None
    session = store.sessions.load(after)
    assert (session.owner, dict(session)) == ("ada", {"cart": "tea"})
    app.test_client().get("/login/ada", headers={"User-Agent": "Safari"})
    assert client.get("/who").json == {"owner": "ada", "devices": {"Firefox": True, "Safari": False}}


def test_an_attacker_who_planted_the_id_is_not_logged_in(app, client) -> None:
    attacker = app.test_client()
    attacker.get("/write/planted/1")
    victim = with_cookie(app, identifier(attacker))
    victim.get("/login/ada")
    assert attacker.get("/who").json == {"owner": None, "devices": {}}
    assert victim.get("/who").json["owner"] == "ada"


def test_a_login_of_somebody_else_keeps_none_of_the_data(store, client) -> None:
    client.get("/login/ada")
    client.get("/write/secret/1")
    before = identifier(client)
    client.get("/login/bob")
    assert client.get("/read").json == {}
    assert client.get("/who").json["owner"] == "bob"
    assert store.sessions.load(before) is None


def test_a_login_without_a_session_creates_one(store, client) -> None:
    client.get("/login/ada")
    assert store.sessions.load(identifier(client)).owner == "ada"


def test_a_login_that_began_before_everything_was_revoked_is_refused(store, app) -> None:
    mark = store.sessions.owner_mark("ada")
    store.sessions.revoke_all("ada")
    with app.test_request_context("/"), pytest.raises(ConflictError):
        login(session, "ada", since=mark)


def test_a_logout_ends_the_session_and_removes_the_cookie(store, client) -> None:
    client.get("/login/ada")
    before = identifier(client)
    answer = client.get("/logout")
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert store.sessions.load(before) is None
    assert identifier(client) is None


def test_a_logout_of_a_session_that_is_gone_leaves_the_browsers_cookie_alone(store, client) -> None:
    client.get("/login/ada")
    store.sessions.destroy(identifier(client))
    assert "Set-Cookie" not in client.get("/logout").headers


def test_clearing_is_a_logout_and_what_follows_is_another_session(store, app, client) -> None:
    @app.get("/tutorial")
    def tutorial() -> str:
        session.clear()
        session["user_id"] = 7
        return "in"

    client.get("/write/a/1")
    before = identifier(client)
    client.get("/tutorial")
    assert identifier(client) != before
    assert store.sessions.load(before) is None
    assert client.get("/read").json == {"user_id": 7}
    client.get("/clear")
    assert identifier(client) is None


def test_popping_the_last_key_ends_an_anonymous_session_and_not_a_login(store, client) -> None:
    client.get("/write/a/1")
    client.get("/pop/a")
    assert identifier(client) is None
    client.get("/login/ada")
    client.get("/write/a/1")
    client.get("/pop/a")
    assert client.get("/who").json["owner"] == "ada"


def test_logging_out_everywhere_ends_all_devices(app) -> None:
    here, there, other = app.test_client(), app.test_client(), app.test_client()
    here.get("/login/ada")
    there.get("/login/ada")
    other.get("/login/bob")
    answer = here.get("/everywhere")
    assert answer.text == "2"
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert there.get("/who").json["owner"] is None
    assert other.get("/who").json["owner"] == "bob"


def test_logging_out_everywhere_else_keeps_this_one(app) -> None:
    here, there = app.test_client(), app.test_client()
    here.get("/login/ada")
    there.get("/login/ada")
    answer = here.get("/elsewhere")
    assert "Set-Cookie" not in answer.headers
    assert here.get("/who").json["owner"] == "ada"
    assert there.get("/who").json["owner"] is None


def test_nobody_who_is_not_logged_in_logs_anybody_out(client) -> None:
    client.get("/write/a/1")
    assert client.get("/everywhere").text == "0"
    assert client.get("/read").json == {"a": "1"}


def test_a_slow_request_does_not_bring_back_what_a_logout_ended(store, app, client) -> None:
    client.get("/write/a/1")
    before = identifier(client)
    other = with_cookie(app, before)
    answer = during(client, lambda: other.get("/logout"))
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert store.sessions.load(before) is None
    assert store.count() == 0


def test_a_slow_request_does_not_wipe_the_cookie_of_a_login_that_overtook_it(store, app, client) -> None:
    client.get("/write/a/1")
    other = with_cookie(app, identifier(client))
    answer = during(client, lambda: other.get("/login/ada"))
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert other.get("/who").json["owner"] == "ada"


def test_two_requests_at_once_both_keep_their_changes(app, client) -> None:
    client.get("/write/a/1")
    other = with_cookie(app, identifier(client))
    during(client, lambda: other.get("/write/fast/1"))
    assert client.get("/read").json == {"a": "1", "fast": "1", "slow": "written late"}


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
    assert client.get("/who").json["owner"] == "ada"


def test_an_outage_when_the_request_ends_is_a_503_with_nothing_of_the_page(store, app, client) -> None:
    @app.get("/page")
    def page() -> Response:
        session["a"] = 1
        return Response(iter(["the page"]), headers={"X-Page": "1"})

    store.go_down("write")
    answer = client.get("/page")
    assert answer.status_code == 503
    assert "the page" not in answer.text
    assert "X-Page" not in answer.headers
    assert "Set-Cookie" not in answer.headers


def test_the_applications_own_page_for_503_is_shown(store, app, client) -> None:
    app.register_error_handler(503, lambda _: ("back soon", 503))
    client.get("/write/a/1")
    store.go_down()
    for path in ("/read", "/write/a/1"):
        answer = client.get(path)
        assert (answer.status_code, answer.text) == (503, "back soon")


def test_a_page_is_served_when_only_its_touch_fails(store, client, caplog) -> None:
    client.get("/write/a/1")
    store.clock.advance(120)
    store.go_down("touch")
    answer = client.get("/read")
    assert (answer.status_code, answer.json) == (200, {"a": "1"})
    assert "could not be extended" in caplog.text


def test_a_value_that_would_not_come_back_is_the_applications_error(app, client) -> None:
    @app.get("/odd")
    def odd() -> str:
        session["odd"] = object()
        return "odd"

    answer = client.get("/odd")
    assert answer.status_code == 500
    assert "Set-Cookie" not in answer.headers


def test_a_stream_reads_the_session_and_cannot_write_what_would_be_lost(app, client) -> None:
    @app.get("/stream")
    def stream() -> Response:
        def body() -> Any:
            yield session["a"]
            with pytest.raises(RuntimeError, match="stored when the response began"):
                session["b"] = 1
            yield "!"

        session["a"] = "streamed"
        return Response(stream_with_context(body()))

    answer = client.get("/stream")
    assert answer.text == "streamed!"
    assert identifier(client) is not None


def test_a_permanent_session_outlives_the_browser_and_another_does_not(store) -> None:
    app = application(store, Cookie(persistent=False))

    @app.get("/permanent")
    def permanent() -> str:
        session.permanent = True
        return "for long"

    assert "Max-Age" not in app.test_client().get("/write/a/1").headers["Set-Cookie"]
    assert "Max-Age" in app.test_client().get("/permanent").headers["Set-Cookie"]


def test_over_http_a_plain_cookie_is_asked_for(store) -> None:
    client = application(store, Cookie(secure=False, name="dev")).test_client()
    assert client.get("/write/a/1").headers["Set-Cookie"].startswith("dev=")
    assert client.get("/read").json == {"a": "1"}


def test_flasks_own_way_of_preparing_a_session_in_a_test_works(client) -> None:
    with client.session_transaction() as prepared:
        prepared["a"] = "prepared"
    assert client.get("/read").json == {"a": "prepared"}


def test_an_expired_session_is_empty_and_its_cookie_is_left_alone(store, client) -> None:
    client.get("/write/a/1")
    store.clock.advance(15 * 86400)
    answer = client.get("/read")
    assert answer.json == {}
    assert "Set-Cookie" not in answer.headers


def test_the_helpers_say_what_is_missing_where_another_interface_is_set() -> None:
    app = Flask(FLASK)
    app.secret_key = "test"
    with app.test_request_context("/"), pytest.raises(TypeError, match="session_interface"):
        login(session, "ada")
