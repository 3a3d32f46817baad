"""The photo booth, without a browser: what its pages ask for is asked for here."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from statekit.backends.memory.records import MemoryRecords
from statekit.testing import Clock, FakeClock, FaultyDriver, SystemClock
from tests.plans.states import async_state_of, memory_objects

pytest.importorskip("PIL", reason="the example needs Pillow")
pytest.importorskip("jinja2", reason="the example needs Jinja2")

from PIL import Image

sys.path.append(str(Path(__file__).parents[2] / "examples" / "photobooth"))

from photobooth import make_app
from photobooth.opening import own_key
from photobooth.photos import LARGEST, Photo, title_of
from photobooth.thumbnails import make_thumbnail

URL = "http://testserver"
KEY = "0c0ffee0:" + "A" * 43 + "="
JSON = {"Accept": "application/json"}


class Booth:
    """The application on one store, and browsers that visit it."""

    def __init__(self, clock: Clock) -> None:
        self.records = FaultyDriver(MemoryRecords())
        self.objects = memory_objects(clock)
        state = async_state_of(
            records=self.records, objects=self.objects, clock=clock, keys=(KEY,), gateway=f"{URL}/files"
        )
        self.app = make_app(state, url=URL)

    def browser(self, agent: str = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0") -> TestClient:
        browser = TestClient(self.app, base_url=URL, headers={"User-Agent": agent, "Accept": "text/html"})
        browser.portal = self.life.portal  # all in the event loop that the darkroom works in
        return browser


@pytest.fixture
def clock():
    """The real one: under another the darkroom's lease would be renewed without a pause, and the tickets would end."""
    return SystemClock()


@pytest.fixture
def booth(clock):
    booth = Booth(clock)
    with TestClient(booth.app) as booth.life:
        yield booth


@pytest.fixture
def ada(booth):
    return logged_in(booth.browser(), "Ada")


def logged_in(browser: TestClient, name: str, password: str = "secret") -> TestClient:
    answer = browser.post("/login", data={"name": name, "password": password}, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    return browser


def photograph(width: int = 900, height: int = 600, kind: str = "JPEG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.radial_gradient("L").resize((width, height)).convert("RGB").save(buffer, kind, **options)
    return buffer.getvalue()


def reserve(browser: TestClient, data: bytes, *, title: str = "A lamp", kind: str = "image/jpeg") -> Any:
    wanted = {"title": title, "type": kind, "size": len(data)}
    return browser.post("/uploads", json=wanted, headers=JSON)


def send(browser: TestClient, ticket: Any, data: bytes) -> Any:
    return browser.post(ticket["url"], data=ticket["fields"], files={"file": ("lamp.jpg", data)})


def confirm(browser: TestClient, ticket: Any) -> Any:
    return browser.post("/uploads/confirm", json={"ticket": ticket["ticket"]}, headers=JSON)


def upload(browser: TestClient, data: bytes, **options: Any) -> Any:
    ticket = reserve(browser, data, **options).json()
    assert send(browser, ticket, data).status_code == 204
    answer = confirm(browser, ticket)
    assert answer.status_code == 200, answer.text
    return answer.json()


def shown(browser: TestClient, page: str) -> bytes:
    """Return what the first picture of a page shows."""
    url = re.search('<img src="([^"]+)"', page)[1].replace("&amp;", "&")
    answer = browser.get(url)
    assert answer.status_code == 200
    return answer.content


def developed(browser: TestClient) -> str:
    """Look at the gallery until everything is developed, as its script does."""
    for _ in range(5000):
        page = browser.get("/").text
        if "developing" not in page:
            return page
    raise AssertionError("it was never developed")


def test_nobody_is_asked_to_log_in(booth):
    browser = booth.browser()
    answer = browser.get("/", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert browser.post("/uploads/confirm", json={"ticket": "x"}, headers=JSON).status_code == 401


def test_whoever_is_first_with_a_name_chooses_its_password(booth, ada):
    assert "ada" in ada.get("/").text
    refused = booth.browser().post("/login", data={"name": "ADA ", "password": "guessed"})
    assert refused.status_code == 403
    assert "This name has another password." in refused.text
    assert booth.browser().post("/login", data={"name": "../x", "password": "y"}).status_code == 422


def test_a_login_changes_the_session(booth, ada):
    before = ada.cookies["session"]
    logged_in(ada, "ada")
    assert ada.cookies["session"] != before


def test_a_photograph_is_sent_confirmed_developed_and_shown(booth, ada):
    data = photograph()
    kept = upload(ada, data, title="A lamp / at night")
    assert kept["title"] == "A lamp at night"
    assert kept["uploads"] == 1
    page = developed(ada)
    assert 'alt="A lamp at night"' in page
    with Image.open(io.BytesIO(shown(ada, page))) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("JPEG", (640, 427))
    assert shown(ada, ada.get(f"/photos/{kept['number']}").text) == data


def test_a_confirmation_that_comes_twice_counts_once(ada):
    data = photograph()
    ticket = reserve(ada, data).json()
    send(ada, ticket, data)
    first, second = confirm(ada, ticket).json(), confirm(ada, ticket).json()
    assert first == second
    assert upload(ada, data)["uploads"] == 2


def test_nothing_is_confirmed_that_did_not_arrive(ada):
    answer = confirm(ada, reserve(ada, photograph()).json())
    assert (answer.status_code, answer.json()["words"]) == (404, "It did not arrive. Send it again.")


def test_what_is_too_large_is_refused_in_words_and_by_the_signature(ada):
    answer = ada.post("/uploads", json={"title": "", "type": "image/png", "size": LARGEST + 1}, headers=JSON)
    assert (answer.status_code, answer.json()["words"]) == (413, "This is too large: 12 MB is the most.")
    ticket = reserve(ada, b"so it says").json()
    answer = send(ada, ticket, bytes(LARGEST + 1))
    assert answer.status_code == 413
    assert "<Code>EntityTooLarge</Code>" in answer.text
    assert confirm(ada, ticket).status_code == 404


def test_what_is_no_picture_is_refused_by_its_type_and_by_its_beginning(ada):
    assert reserve(ada, b"<html>", kind="text/html").status_code == 415
    ticket = reserve(ada, b"<html>").json()
    send(ada, ticket, b"<html>")
    answer = confirm(ada, ticket)
    assert (answer.status_code, answer.json()["words"]) == (422, "This is not the kind of picture that its name says.")
    assert "Nothing here yet" in ada.get("/").text


def test_a_damaged_photograph_has_a_thumbnail_that_says_so(ada):
    upload(ada, photograph()[:400])
    assert Image.open(io.BytesIO(shown(ada, developed(ada)))).size == (640, 480)


def test_others_photographs_and_tickets_are_not_there(booth, ada):
    data = photograph()
    kept, ticket = upload(ada, data), reserve(ada, data).json()
    bob = logged_in(booth.browser(), "Bob")
    assert "Nothing here yet" in bob.get("/").text
    assert bob.get(f"/photos/{kept['number']}").status_code == 404
    assert bob.get("/photos/nonsense").status_code == 404
    send(bob, ticket, data)
    assert confirm(bob, ticket).status_code == 404
    assert confirm(ada, ticket).status_code == 200


def test_the_gallery_has_pages_newest_first(ada):
    data = photograph(8, 6)
    numbers = [upload(ada, data, title=f"number {count}")["number"] for count in range(50)]
    first = re.findall('data-photo="([^"]+)"', ada.get("/").text)
    older = re.search(r'href="/\?after=([^"]+)"', ada.get("/").text)[1]
    second = re.findall('data-photo="([^"]+)"', ada.get(f"/?after={older}").text)
    assert (len(first), len(second)) == (48, 2)
    assert set(first + second) == set(numbers)
    assert first + second == sorted(numbers)
    assert ada.get("/?after=nonsense").status_code == 200


def test_devices_are_listed_and_ended_one_by_one(booth, ada):
    phone = logged_in(booth.browser("Mozilla/5.0 (iPhone) Safari/605"), "ada")
    page = ada.get("/devices").text
    assert [label in page for label in ("Firefox on Linux", "Safari on iPhone", "this one")] == [True] * 3
    handles = re.findall(r'action="/devices/([^"]+)"', page)
    assert len(handles) == 2
    bob = logged_in(booth.browser(), "Bob")
    bob.post(f"/devices/{handles[1]}")
    assert phone.get("/", follow_redirects=False).status_code == 200
    ada.post(f"/devices/{handles[1]}")
    assert phone.get("/", follow_redirects=False).status_code == 303


def test_others_and_then_everything_is_logged_out(booth, ada):
    phone, tablet = (logged_in(booth.browser(), "ada") for _ in range(2))
    phone.post("/logout/others")
    assert ada.get("/", follow_redirects=False).status_code == 303
    logged_in(ada, "ada")
    tablet.post("/logout/everywhere")
    phone.post("/logout/everywhere")
    assert [browser.get("/", follow_redirects=False).status_code for browser in (ada, phone, tablet)] == [303] * 3


def test_a_logout_ends_one_session(booth, ada):
    phone = logged_in(booth.browser(), "ada")
    ada.post("/logout")
    assert ada.get("/", follow_redirects=False).status_code == 303
    assert phone.get("/", follow_redirects=False).status_code == 200


@pytest.mark.parametrize("clock", [FakeClock()], ids=["impatient"])
def test_an_outage_of_the_store_logs_nobody_out(booth, ada):
    booth.records.refuse(times=100_000)
    page = ada.get("/")
    assert page.status_code == 503
    assert int(page.headers["retry-after"]) > 0
    assert "You are still logged in" in page.text
    answer = reserve(ada, b"x")
    assert answer.status_code == 503
    assert answer.json()["words"].startswith("The store does not answer")
    booth.records._plans.clear()
    assert ada.get("/", follow_redirects=False).status_code == 200


def test_every_answer_names_its_process(ada):
    assert re.fullmatch(r"process \d+, .+ old", ada.get("/").headers["x-answered-by"])


@pytest.mark.parametrize(
    ("typed", "stored"),
    [("  a\tb ", "a b"), ("..", ".."), ("a/b\\c", "a b c"), ("\ud800\u202e", "Photograph"), ("é" * 99, "é" * 60)],
)
def test_titles_are_what_a_key_can_hold(typed, stored):
    photo = Photo.new("ada", typed, "image/png")
    assert title_of(typed) == photo.title == stored
    assert Photo.at(photo.key) == photo


def test_thumbnails_are_upright_and_always_the_same(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # a camera held upright
    original = tmp_path / "original.jpg"
    original.write_bytes(photograph(exif=exif.tobytes()))
    made = [tmp_path / "1.jpg", tmp_path / "2.jpg"]
    for thumbnail in made:
        make_thumbnail(original, thumbnail)
    assert made[0].read_bytes() == made[1].read_bytes()
    with Image.open(made[0]) as image:
        assert image.size == (427, 640)


def test_a_folder_has_one_key(tmp_path):
    path = tmp_path / "key"
    assert own_key(path) == own_key(path)
    assert path.stat().st_mode & 0o077 == 0
    assert [file.name for file in tmp_path.iterdir()] == ["key"]
