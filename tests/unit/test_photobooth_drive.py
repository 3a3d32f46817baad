"""The photo booth's drive finds what is lost: a verdict that never says so would prove nothing."""

from __future__ import annotations

import asyncio
import hashlib
import io
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import google_crc32c
import pytest

import statekit
from statekit.driver import ABSENT, Meta
from statekit.testing import FakeClock
from statekit_conformance.running import Running
from statekit_conformance.targets import known

pytest.importorskip("PIL", reason="the example needs Pillow")

from PIL import Image

sys.path.append(str(Path(__file__).parents[2] / "examples" / "photobooth"))

from drive.verdict import NAMESPACE, Verdict
from photobooth.photos import Photo
from photobooth.thumbnails import make_thumbnail

KEY = "0c0ffee0:" + "A" * 43 + "="


@dataclass
class Visitor:
    session: str = ""
    acknowledged: dict = field(default_factory=dict)
    given_up: int = 0
    complaints: list = field(default_factory=list)

    def __str__(self) -> str:
        return "Ada"

    async def cookie(self) -> str:
        return self.session


class Scene:
    """One visitor, whose one photograph is where it should be."""

    def __init__(self, running: Running, folder: Path) -> None:
        self.running, self.folder = running, folder
        self.undo = ExitStack()
        self.state = self.opened()
        self.photo = Photo.new("ada", "A lamp", "image/jpeg")
        path = folder / "lamp.jpg"
        buffer = io.BytesIO()
        Image.radial_gradient("L").save(buffer, "JPEG")
        path.write_bytes(buffer.getvalue())
        self.state.objects.put(self.photo.key, path)
        make_thumbnail(path, folder / "thumbnail.jpg")
        self.state.objects.put(self.photo.thumbnail, folder / "thumbnail.jpg")
        session = self.state.sessions.create({"uploads": 1}, owner="ada")
        photograph = SimpleNamespace(path=path, digest=hashlib.sha256(path.read_bytes()).hexdigest())
        self.visitor = Visitor(session.id, {self.photo.key: photograph})

    def opened(self, **options: Any) -> statekit.State:
        url = self.running.site.urls[0]
        return self.undo.enter_context(statekit.open(url, namespace=NAMESPACE, keys=[KEY], **options))

    def drivers(self, store: str) -> Any:
        site = self.running.site
        place = site.open(getattr(site.settings, store), FakeClock())
        self.undo.callback(place.close)
        return place.drivers

    def judge(self) -> list[str]:
        (self.folder / "tmp").mkdir(exist_ok=True)
        return asyncio.run(Verdict(self.running, KEY, self.folder / "tmp").lost([self.visitor]))


@pytest.fixture
def scene(tmp_path):
    running = Running(known("local"))
    scene = Scene(running, tmp_path)
    yield scene
    scene.undo.close()
    running.stop()


def test_nothing_is_lost(scene):
    assert scene.judge() == []


def test_a_login_that_is_gone_is_lost(scene):
    scene.state.sessions.destroy(scene.visitor.session)
    assert scene.judge() == ["Ada: the login is gone"]


@pytest.mark.parametrize("counted", [0, 3])
def test_an_update_that_is_not_counted_or_counted_twice_is_lost(scene, counted):
    scene.visitor.given_up = 1
    scene.state.sessions.update(scene.visitor.session, lambda session: session.update(uploads=counted))
    assert [words.endswith(f"and the session counted {counted}") for words in scene.judge()] == [True]


def test_a_photograph_with_other_bytes_is_lost(scene):
    scene.state.objects.put(scene.photo.key, b"another")
    assert scene.judge() == [f"{scene.photo.key} has other bytes"]


def test_a_thumbnail_that_is_gone_is_lost(scene):
    scene.state.objects.delete(scene.photo.thumbnail)
    assert scene.judge() == [f"{scene.photo.thumbnail} is gone"]


def test_what_a_visitor_complains_of_counts(scene):
    scene.visitor.complaints.append("a print is not shown")
    assert scene.judge() == ["Ada: a print is not shown"]


def test_what_a_sweep_leaves_is_left_over(scene):
    key = f"{NAMESPACE}/t/ticket"
    scene.drivers("sessions").records.write(key, b"", expires_at=None, write_id="w", expect=ABSENT, timeout=10)
    assert scene.judge() == [f"{key} is left over"]


def stage(scene: Scene) -> tuple[statekit.Ticket, str]:
    """Upload something for a ticket, which nobody has confirmed yet."""
    ticket = scene.opened(gateway="http://localhost/files").tickets.reserve(
        "photos/x", max_size=1, content_type="text/plain"
    )
    page = scene.drivers("sessions").records.page(f"{NAMESPACE}/t/", cursor=None, limit=2, timeout=10)
    (name,) = (entry.key.rpartition("/")[2] for entry in page.items)
    staged = f"{NAMESPACE}/.statekit/tickets/{name}"
    meta, checksum = Meta("text/plain", write_id="w" * 22), google_crc32c.value(b"x")
    scene.drivers("objects").objects.write(staged, b"x", meta=meta, crc32c=checksum, expect=ABSENT, timeout=10)
    return ticket, staged


def test_an_upload_that_was_given_up_is_swept(scene):
    _, staged = stage(scene)
    assert scene.judge() == []
    assert scene.drivers("objects").objects.stat(staged, timeout=10) is None


def test_what_a_killed_process_had_begun_to_publish_is_finished_and_its_ticket_swept(scene, monkeypatch):
    class Killed(BaseException):
        pass

    def copy(*_: Any, **__: Any) -> None:
        raise Killed

    ticket, _ = stage(scene)
    with monkeypatch.context() as patch:
        patch.setattr(type(scene.drivers("objects").objects), "copy", copy)
        with pytest.raises(Killed):
            scene.state.tickets.confirm(ticket)
    assert scene.judge() == []
    assert scene.state.objects.get("photos/x").data == b"x"
