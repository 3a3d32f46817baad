"""What the README says of frameworks runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.utils.module_loading import import_string
from starlette.testclient import TestClient

README = Path(__file__).parents[3] / "README.md"
SECTION = re.search("^## In your framework\n(.*?)^## ", README.read_text("utf-8"), re.DOTALL | re.MULTILINE)[1]


@pytest.fixture
def run(monkeypatch):
    """Return a function that runs the block which begins with a comment, and returns its names."""
    monkeypatch.setenv("STATEKIT_URL", "memory:")

    def run(comment: str) -> dict[str, Any]:
        (block,) = re.findall(f"```python\n(# {comment}.*?)```", SECTION, re.DOTALL)
        names: dict[str, Any] = {"__name__": __name__}
        exec(block, names)
        return names

    return run


def test_flask(run):
    names = run("Flask")

    @names["app"].get("/basket")
    def basket() -> str:
        names["session"].setdefault("basket", []).append("tea")
        return str(len(names["session"]["basket"]))

    client = names["app"].test_client()
    assert [client.get("/basket", base_url="https://localhost").text for _ in range(3)] == ["1", "2", "3"]


def test_fastapi(run):
    names = run("FastAPI")
    load, request_type = names["load"], names["Request"]

    async def basket(request):
        session = await load(request)
        session.setdefault("basket", []).append("tea")
        return len(session["basket"])

    basket.__annotations__["request"] = request_type
    names["app"].get("/basket")(basket)
    with TestClient(names["app"], base_url="https://localhost") as client:
        assert [client.get("/basket").json() for _ in range(3)] == [1, 2, 3]


def test_django(run):
    names = run("Django")
    assert import_string(f"{names['SESSION_ENGINE']}.SessionStore").__name__ == "SessionStore"
    assert [import_string(name).__name__ for name in names["MIDDLEWARE"]] == ["SessionMiddleware"]
    assert names["SESSION_COOKIE_NAME"] == "__Host-sessionid"
    names["STATEKIT"].close()
