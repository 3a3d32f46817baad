"""The examples work."""

from __future__ import annotations

import importlib.util
import io
import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import Any

import pytest

import statekit
from statekit._core.seal import generate
from tests.unit.integrations.stores import Store

EXAMPLES = Path(__file__).parents[3] / "examples"

STORY = """
import re
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = ":memory:"
django.setup()
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client
call_command("check")
call_command("migrate", verbosity=0)
get_user_model().objects.create_user("ada", password="ada")
here, there = Client(), Client()
for client in (here, there):
    assert client.post("/basket", {"tea": "assam"}).status_code == 302
    assert client.post("/login", {"username": "ada", "password": "ada"}).status_code == 302
page = here.get("/").content.decode()
assert "assam" in page and page.count("since") == 2, page
here.post("/everywhere")
assert "Log in" in there.get("/").content.decode()
print("told")
"""


def example(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pictures_pass_flask_by() -> None:
    module = example("flask_uploads")
    with statekit.open("memory:", keys=[generate()], gateway="http://localhost:5000/files") as state:
        client = module.make_app(state).test_client()
        page = client.get("/").text
        assert "<img" not in page
        fields = {name: unescape(value) for name, value in re.findall(r'hidden" name="(.*?)" value="(.*?)"', page)}
        picture = {"file": (io.BytesIO(b"\xff\xd8picture"), "cat.jpg", "image/jpeg")}
        sent = client.post("/files/", data={**fields, **picture}, content_type="multipart/form-data")
        assert (sent.status_code, sent.location.partition("?")[0]) == (303, "http://localhost:5000/")
        (shown,) = re.findall(r'<img src="(.*?)"', client.get("/").text)
        answer = client.get(unescape(shown))
        assert (answer.data, answer.headers["Content-Disposition"]) == (b"\xff\xd8picture", "inline")


SITE = "http://localhost:5000"


def log_in(*clients: Any) -> None:
    for client in clients:
        assert client.post("/login", data={"name": "ada", "password": "bob"}).status_code == 403
        assert client.post("/login", data={"name": "ada", "password": "ada"}).status_code == 302


def test_the_story_in_flask() -> None:
    image = pytest.importorskip("PIL.Image", reason="the example needs Pillow")
    module, drawn = example("flask_app"), io.BytesIO()
    image.radial_gradient("L").convert("RGB").save(drawn, "JPEG")
    with statekit.open("memory:", keys=[generate()], gateway=f"{SITE}/files") as state:
        app = module.make_app(state)
        here, there = app.test_client(), app.test_client()
        assert here.post("/uploads").status_code == 403
        log_in(here, there)
        for data, status in ((drawn.getvalue(), 204), (b"no picture at all", 422), (b"\xff\xd8\xff but no JPEG", 422)):
            reserved = here.post("/uploads").json
            sent = {**reserved["fields"], "file": (io.BytesIO(data), "a.jpg", "image/jpeg")}
            assert here.post("/files/", data=sent, content_type="multipart/form-data").status_code == 204
            assert here.post(f"/uploads/{reserved['ticket']}").status_code == status
        page = here.get("/").text
        assert "1 uploaded" in page
        for shown in re.findall(r'(?:href|src)="(http.*?)"', page):
            assert here.get(unescape(shown)).data.startswith(b"\xff\xd8")
        assert page.count("since") == 2
        here.post("/logout/others")
        assert "Log in" in there.get("/").text
        assert here.get("/").text.count("since") == 1
        here.post("/logout/everywhere")
        assert "Log in" in here.get("/").text


def test_an_outage_of_the_story_in_flask() -> None:
    pytest.importorskip("PIL.Image", reason="the example needs Pillow")
    store = Store(keys=(generate(),), gateway=f"{SITE}/files")
    here = example("flask_app").make_app(store.state).test_client()
    store.go_down()
    here.set_cookie("__Host-session", "A" * 43)
    answer = here.get("/")
    assert answer.status_code == 503
    assert "still logged in" in answer.text


def test_the_django_site() -> None:
    environment = {**os.environ, "STATEKIT_URL": "memory:", "DJANGO_SETTINGS_MODULE": "shop.settings"}
    command = [sys.executable, "-c", STORY]
    site = EXAMPLES / "django_site"
    done = subprocess.run(command, cwd=site, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.endswith("told\n"), done.stderr
