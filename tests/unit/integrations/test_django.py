"""Django's session contract, and the middleware through Django's own clients."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.base import UpdateError
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.test import AsyncClient, Client, override_settings

from statekit.integrations.django import SessionMiddleware, SessionStore, owner_of
from tests.unit.integrations import site
from tests.unit.integrations.stores import Store

NAME = "__Host-sessionid"
STANDARD = ["django.contrib.sessions.middleware.SessionMiddleware", *settings.MIDDLEWARE[1:]]


@pytest.fixture(scope="module", autouse=True)
def users() -> None:
    call_command("migrate", verbosity=0)
    for name in ("ada", "bob"):
        get_user_model().objects.get_or_create(username=name)


@pytest.fixture
def store() -> Any:
    store = Store()
    with override_settings(STATEKIT=store.state):
        yield store


@pytest.fixture
def client(store: Store) -> Client:
    return Client()


def identifier(client: Client) -> str | None:
    cookie = client.cookies.get(NAME)
    return cookie.value or None if cookie else None


def with_cookie(value: str) -> Client:
    client = Client()
    client.cookies[NAME] = value
    return client


def sent(answer: Any) -> Any:
    return answer.cookies.get(NAME)


def saved(**data: Any) -> SessionStore:
    session = SessionStore()
    session.update(data)
    session.save()
    return session


# The engine.


def test_a_new_session_has_no_key_until_it_is_saved(store) -> None:
    session = SessionStore()
    assert session.session_key is None
    assert session.is_empty()
    session["a"] = 1
    session.save()
    assert len(session.session_key) == 43
    assert SessionStore(session.session_key)["a"] == 1


def test_create_stores_a_new_session_at_once(store) -> None:
    session = SessionStore()
    session.create()
    assert session.modified
    assert session.exists(session.session_key)
    other = SessionStore(session.session_key)
    other.create()
    assert other.session_key != session.session_key


@pytest.mark.parametrize("key", ["someunknownkey", "A" * 43, "short", ""])
def test_loading_an_unknown_key_creates_nothing_and_forgets_the_key(store, key) -> None:
    session = SessionStore(key)
    assert session.load() == {}
    assert session.session_key is None
    assert not session.exists(key)
    assert store.count() == 0


def test_a_chosen_key_is_never_used(store) -> None:
    session = SessionStore("A" * 43)
    session["a"] = 1
    session.save(must_create=True)
    assert session.session_key != "A" * 43
    assert SessionStore(session.session_key)["a"] == 1


def test_saving_a_session_that_another_request_ended_is_an_update_error(store) -> None:
    session = saved(a=1)
    SessionStore(session.session_key).delete()
    session["a"] = 2
    with pytest.raises(UpdateError):
        session.save()
    assert SessionStore(session.session_key).load() == {}
    unloaded = SessionStore(session.session_key)
    with pytest.raises(UpdateError):
        unloaded.save()
    assert store.count() == 0


def test_two_sessions_of_one_key_both_keep_their_changes(store) -> None:
    one, key = saved(a=1, gone=1), None
    key = one.session_key
    one, two = SessionStore(key), SessionStore(key)
    one["b"] = 1
    del one["gone"]
    two["c"] = 1
    one.save()
    two.save()
    assert dict(two.items()) == dict(SessionStore(key).items()) == {"a": 1, "b": 1, "c": 1}


def test_types_are_those_that_the_serializer_knows(store) -> None:
    session = saved(tuple=(1, 2), nested={1: "one"})
    session[7] = "seven"
    session.save()
    loaded = dict(SessionStore(session.session_key).items())
    assert loaded == {"tuple": [1, 2], "nested": {"1": "one"}, "7": "seven"}
    assert dict(session.items()) == loaded
    session["date"] = datetime.now(UTC)
    with pytest.raises(TypeError):
        session.save()


def test_flush_ends_the_session_and_forgets_its_data(store) -> None:
    session = saved(a=1)
    before = session.session_key
    session.flush()
    assert session.session_key is None
    assert session.is_empty()
    assert not session.exists(before)


def test_delete_of_another_key_leaves_this_session(store) -> None:
    one, two = saved(a=1), saved(b=1)
    one.delete(two.session_key)
    assert not one.exists(two.session_key)
    assert one.exists(one.session_key)
    one.delete()
    assert not one.exists(one.session_key)
    SessionStore().delete()


@pytest.mark.parametrize("loaded", [True, False])
def test_cycling_the_key_keeps_the_data(store, loaded) -> None:
    session = saved(a=1)
    before = session.session_key
    if not loaded:
        session = SessionStore(before)
    session["b"] = 2
    session.cycle_key()
    assert session.modified
    assert session.session_key != before
    assert not session.exists(before)
    assert dict(SessionStore(session.session_key).items()) == {"a": 1, "b": 2}
    fresh = SessionStore()
    fresh.cycle_key()
    assert fresh.session_key


def test_cycling_the_key_of_a_session_that_is_gone_brings_nothing_back(store) -> None:
    session = saved(_auth_user_id="1")
    SessionStore(session.session_key).delete()
    session.cycle_key()
    assert dict(SessionStore(session.session_key).items()) == {}


def test_clearing_without_loading_empties_what_is_stored(store) -> None:
    key = saved(a=1).session_key
    session = SessionStore(key)
    session.clear()
    store.asked()
    session["b"] = 2
    session.save()
    assert store.asked() == ["read", "write"]
    assert dict(SessionStore(key).items()) == {"b": 2}


def test_an_expiry_of_its_own_ends_a_session(store) -> None:
    session = saved(a=1)
    session.set_expiry(-3600)
    session.save()
    other = SessionStore(session.session_key)
    assert "a" not in other
    assert not other.exists(session.session_key)
    for expiry in (timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1), 3600, 0):
        session = saved(a=1)
        session.set_expiry(expiry)
        session.save()
        assert "_statekit_ends" not in session
        assert SessionStore(session.session_key)["a"] == 1
        assert SessionStore(session.session_key).get_expire_at_browser_close() is (expiry == 0)
    session.set_expiry(None)
    session.save()
    assert dict(SessionStore(session.session_key).items()) == {"a": 1}


def test_the_age_is_the_policys_idle_timeout(store) -> None:
    assert SessionStore().get_expiry_age() == 14 * 86400


def test_clearing_expired_sessions_reclaims_them(store) -> None:
    saved(a=1)
    store.clock.advance(20 * 86400)
    call_command("clearsessions")
    assert store.count() == 0


def test_the_asynchronous_methods_do_the_same(store) -> None:
    async def story() -> None:
        session = SessionStore()
        await session.aset("a", 1)
        await session.asave()
        first = session.session_key
        assert await session.aexists(first)
        assert await SessionStore(first).aget("a") == 1
        await session.acycle_key()
        assert not await session.aexists(first)
        second = session.session_key
        assert await SessionStore(second).aload() == {"a": 1}
        await SessionStore(second).adelete()
        await session.aset("a", 2)
        with pytest.raises(UpdateError):
            await session.asave()
        await session.acreate()
        third = session.session_key
        await session.aflush()
        assert session.session_key is None
        assert not await session.aexists(third)
        await SessionStore.aclear_expired()

    asyncio.run(story())


# The middleware.


def test_a_request_that_does_not_look_at_its_session_asks_the_store_nothing(store, client) -> None:
    client.get("/write/a/1")
    store.asked()
    answer = client.get("/still")
    assert store.asked() == []
    assert sent(answer) is None
    assert "Vary" not in answer.headers


def test_reading_costs_one_round_trip_and_sets_no_cookie(store, client) -> None:
    client.get("/write/a/1")
    store.asked()
    answer = client.get("/read")
    assert answer.json() == {"a": "1"}
    assert store.asked() == ["read"]
    assert sent(answer) is None
    assert answer.headers["Vary"] == "Cookie"


def test_the_first_write_makes_a_session_and_a_secure_cookie(store, client) -> None:
    answer = client.get("/write/a/1")
    assert store.asked() == ["write"]
    cookie = sent(answer)
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Lax")
    assert (cookie["path"], cookie["domain"], cookie["max-age"]) == ("/", "", 90 * 86400)
    assert answer.headers["Vary"] == "Cookie"


def test_a_later_write_sets_no_cookie(store, client) -> None:
    client.get("/write/a/1")
    store.asked()
    assert sent(client.get("/write/a/2")) is None
    assert store.asked() == ["read", "write"]


def test_the_expiry_is_extended_once_per_interval(store, client) -> None:
    client.get("/write/a/1")
    store.clock.advance(61)
    store.asked()
    client.get("/read")
    client.get("/read")
    assert store.asked() == ["read", "touch", "read"]


def test_an_unknown_id_causes_no_cookie(store) -> None:
    assert sent(with_cookie("A" * 43).get("/read")) is None
    with override_settings(SESSION_SAVE_EVERY_REQUEST=True):
        assert sent(with_cookie("A" * 43).get("/still")) is None


def test_saving_every_request_extends_by_interval(store, client) -> None:
    client.get("/write/a/1")
    store.asked()
    with override_settings(SESSION_SAVE_EVERY_REQUEST=True):
        client.get("/still")
    assert store.asked() == ["read"]


def test_over_http_an_insecure_cookie_is_asked_for(store) -> None:
    with override_settings(SESSION_COOKIE_SECURE=False, SESSION_COOKIE_NAME="dev"):
        answer = Client().get("/write/a/1")
        assert not answer.cookies["dev"]["secure"]


def test_a_changed_expiry_reaches_the_browser(store, client) -> None:
    client.get("/write/a/1")
    assert sent(client.get("/while"))["max-age"] == 3600
    assert sent(client.get("/read")) is None
    assert sent(client.get("/closed"))["max-age"] == ""


def test_a_login_gives_another_key_and_binds_the_session_to_its_user(store, client) -> None:
    client.get("/write/cart/tea")
    before = identifier(client)
    client.get("/login/ada", headers={"User-Agent": "Firefox"})
    after = identifier(client)
    assert after != before
    assert store.sessions.load(before) is None
    stored = store.sessions.load(after)
    assert stored.owner == owner_of(get_user_model().objects.get(username="ada"))
    assert stored["cart"] == "tea"
    Client().get("/login/ada", headers={"User-Agent": "Safari"})
    assert client.get("/who").json() == {"user": "ada", "devices": {"Firefox": True, "Safari": False}}


def test_a_login_of_somebody_else_keeps_none_of_the_data(store, client) -> None:
    client.get("/login/ada")
    client.get("/write/secret/1")
    client.get("/login/bob")
    assert "secret" not in client.get("/read").json()
    assert client.get("/who").json()["user"] == "bob"


def test_a_logout_ends_the_session_and_removes_the_cookie(store, client) -> None:
    client.get("/login/ada")
    before = identifier(client)
    cookie = sent(client.get("/logout"))
    assert (cookie.value, cookie["max-age"], cookie["secure"]) == ("", 0, True)
    assert store.sessions.load(before) is None


def test_a_logout_of_a_session_that_is_gone_leaves_the_browsers_cookie_alone(store, client) -> None:
    client.get("/login/ada")
    store.sessions.destroy(identifier(client))
    assert sent(client.get("/logout")) is None


def test_logging_out_everywhere_ends_all_devices_or_all_others(store) -> None:
    here, there = Client(), Client()
    here.get("/login/ada")
    there.get("/login/ada")
    assert here.get("/everywhere?keep").content == b"1"
    assert there.get("/who").json()["user"] == ""
    assert here.get("/who").json()["user"] == "ada"
    answer = here.get("/everywhere")
    assert sent(answer).value == ""
    assert here.get("/who").json()["user"] == ""
    assert here.get("/everywhere").content == b"0"


def test_djangos_own_test_client_logs_in(store, client) -> None:
    client.force_login(get_user_model().objects.get(username="ada"))
    assert client.get("/who").json()["user"] == "ada"
    assert client.session["_auth_user_id"]


def test_a_slow_request_does_not_bring_back_what_a_logout_ended(store, client) -> None:
    client.get("/write/a/1")
    other = with_cookie(identifier(client))
    site.meanwhile.append(lambda: other.get("/logout"))
    answer = client.get("/slow")
    assert answer.status_code == 200
    assert sent(answer) is None
    assert store.count() == 0


def test_a_slow_request_does_not_wipe_the_cookie_of_a_login_that_overtook_it(store, client) -> None:
    client.get("/write/a/1")
    other = with_cookie(identifier(client))
    site.meanwhile.append(lambda: other.get("/login/ada"))
    answer = client.get("/slow")
    assert answer.status_code == 200
    assert sent(answer) is None
    assert other.get("/who").json()["user"] == "ada"


def test_two_requests_at_once_both_keep_their_changes(store, client) -> None:
    client.get("/write/a/1")
    other = with_cookie(identifier(client))
    site.meanwhile.append(lambda: other.get("/write/fast/1"))
    client.get("/slow")
    assert client.get("/read").json() == {"a": "1", "fast": "1", "slow": "written late"}


def test_an_outage_is_a_503_and_never_a_logout(store, client) -> None:
    client.get("/login/ada")
    before = identifier(client)
    store.go_down()
    for page in ("/read", "/write/a/1", "/logout", "/who"):
        answer = client.get(page)
        assert answer.status_code == 503, page
        assert int(answer.headers["Retry-After"]) > 0
        assert sent(answer) is None
    assert client.get("/still").status_code == 200
    store.come_back()
    assert identifier(client) == before
    assert client.get("/who").json()["user"] == "ada"


def test_an_outage_when_the_request_ends_is_a_503_with_nothing_of_the_page(store, client) -> None:
    store.go_down("write")
    answer = client.get("/write/a/1")
    assert answer.status_code == 503
    assert b"written" not in answer.content


def needs_a_user(get_response: Any) -> Any:
    """Middleware that meets the outage where no view's exceptions are seen."""

    def middleware(request: Any) -> Any:
        request.session.get("a")
        return get_response(request)

    return middleware


def test_an_outage_that_another_middleware_meets_is_a_503(store) -> None:
    with override_settings(MIDDLEWARE=[*settings.MIDDLEWARE, f"{__name__}.needs_a_user"]):
        client = Client(raise_request_exception=False)
        client.cookies[NAME] = "A" * 43
        store.go_down()
        assert client.get("/still").status_code == 503


def test_a_page_is_served_when_only_its_touch_fails(store, client, caplog) -> None:
    client.get("/write/a/1")
    store.clock.advance(120)
    store.go_down("touch")
    assert client.get("/read").json() == {"a": "1"}
    assert "could not be extended" in caplog.text


def test_what_a_failed_request_wrote_is_not_stored(store, client) -> None:
    client.get("/write/a/1")
    assert client.get("/fail").status_code == 500
    assert client.get("/read").json() == {"a": "1"}


def test_a_stream_has_its_session(store, client) -> None:
    assert b"".join(client.get("/stream").streaming_content) == b"streamed!"
    assert client.get("/read").json() == {"a": "streamed"}


def test_asynchronous_views(store) -> None:
    async def story() -> None:
        client = AsyncClient()
        assert (await client.get("/count")).content == b"1"
        assert (await client.get("/count")).content == b"2"
        before = identifier(client)
        await client.get("/acycle")
        assert identifier(client) != before
        assert (await client.get("/count")).content == b"3"
        store.go_down()
        assert (await client.get("/count")).status_code == 503

    asyncio.run(story())


def test_the_engine_works_under_djangos_own_middleware(store) -> None:
    with override_settings(MIDDLEWARE=STANDARD):
        client = Client()
        client.get("/login/ada")
        assert client.get("/who").json()["user"] == "ada"
        before = identifier(client)
        other = with_cookie(before)
        site.meanwhile.append(lambda: other.get("/logout"))
        assert client.get("/slow").status_code == 400
        assert store.sessions.load(before) is None


def test_the_middleware_wants_its_engine(store) -> None:
    with (
        override_settings(SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies"),
        pytest.raises(ImproperlyConfigured, match="SESSION_ENGINE"),
    ):
        SessionMiddleware(lambda _: None)


def test_the_setting_is_a_state() -> None:
    with override_settings(STATEKIT="memory:"), pytest.raises(ImproperlyConfigured, match=r"statekit\.open"):
        SessionStore("A" * 43).load()
