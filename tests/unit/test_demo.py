"""The demo: that it holds, and that it would notice if something did not."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

import statekit
from statekit._cli.demo import acts
from statekit._cli.demo.acts import ACTS
from statekit._cli.demo.content import BLOCK, blocks, matches
from statekit._cli.demo.stage import USERS, Act, BrokenPromiseError, Stage, Worker, expect, perform
from statekit._cli.demo.worker import Actor
from statekit._cli.terminal import Terminal
from statekit.config import resolve
from statekit.errors import ConfigError, NotFoundError
from statekit.state import State


class Crew:
    """Workers of this very process, for one state: what a worker is told, it does at once."""

    def __init__(self, state: State) -> None:
        self._actor = Actor(state)
        self._told: list[tuple[str, dict[str, Any]]] = []
        self.name = "process 1"

    def tell(self, do: str, /, **arguments: Any) -> None:
        self._told.append((do, arguments))

    def answer(self) -> Any:
        do, arguments = self._told.pop(0)
        return getattr(self._actor, do)(**arguments)

    def ask(self, do: str, /, **arguments: Any) -> Any:
        self.tell(do, **arguments)
        return self.answer()


class Theatre(Stage):
    """A stage without processes and audience."""

    def __init__(self, state: State) -> None:
        super().__init__(resolve(url="memory:"), {}, Terminal(io.StringIO()))
        self.state = state

    def hire(self, owner: str | None = None) -> Worker:
        return cast("Worker", Crew(self.state))


@pytest.fixture
def theatre() -> Iterator[Theatre]:
    with statekit.open("memory:") as state:
        stage = Theatre(state)
        acts.log_in(stage)
        yield stage


# As a whole


def test_the_demo_keeps_every_promise_and_leaves_nothing(tmp_path: Path) -> None:
    environ = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-m", "statekit", "demo"]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=100, check=False)
    assert (done.stderr, done.returncode) == ("", 0)
    assert len(re.findall(r"^ {3}✓ ", done.stdout, re.MULTILINE)) == len(ACTS)
    for act in ACTS:
        assert act.title in done.stdout
        assert act.proves in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_demo_empties_a_backend_that_it_was_given(tmp_path: Path) -> None:
    url = f"local:{tmp_path}/state"
    stream = io.StringIO()
    assert perform((ACTS[0], ACTS[-1]), {"url": url}, Terminal(stream)) == 0
    namespace = re.search(r"demo-[0-9a-f]+", stream.getvalue())
    assert namespace is not None
    with statekit.open(url, namespace=namespace[0]) as state:
        assert list(state.objects.list()) == []
        assert all(state.sessions.list(user) == [] for user in USERS)
        with state.scratch.workspace("jobs/large") as workspace:
            assert workspace.files() == {}


def test_backends_that_processes_cannot_share_are_refused() -> None:
    with pytest.raises(ConfigError, match="memory: lives within one process, and the demo is about several"):
        perform(ACTS, {"url": "memory:"}, Terminal(io.StringIO()))


def test_a_missing_store_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the demo needs objects, and no backend for them was named: add --objects"):
        perform(ACTS, {"sessions": f"local:{tmp_path}"}, Terminal(io.StringIO()))


@pytest.mark.parametrize(
    "error",
    [
        BrokenPromiseError("two were acknowledged, and one is there"),
        NotFoundError("two were acknowledged, and one is there"),
    ],
)
def test_a_broken_promise_is_said_and_ends_the_demo(error: Exception) -> None:
    def break_it(_: Stage) -> str:
        raise error

    stream = io.StringIO()
    several = [Act("one", "proof", lambda _: "seen"), Act("two", "", break_it), Act("three", "", lambda _: "unseen")]
    assert perform(several, {}, Terminal(stream)) == 1
    said = stream.getvalue()
    assert "✓ seen" in said
    assert "✗ two were acknowledged, and one is there" in said
    assert "three" not in said
    assert "\nA promise was broken; after " in said


def test_workers_that_die_or_fail_break_a_promise(tmp_path: Path) -> None:
    def lose_a_worker(stage: Stage) -> str:
        worker = stage.hire()
        with pytest.raises(BrokenPromiseError, match=r"process \d+ met ValueError: "):
            worker.ask("inspect", prefix=stage_prefix(stage))
        worker.kill()
        with pytest.raises(BrokenPromiseError, match=r"process \d+ died"):
            worker.ask("load", identifier="x")
        return "lost"

    def stage_prefix(stage: Stage) -> str:
        with statekit.open(**stage._opening) as state:
            state.objects.put("half", b"half", metadata={"seed": "1", "blocks": "1"})
        return "half"

    assert perform([Act("", "", lose_a_worker)], {"url": f"local:{tmp_path}"}, Terminal(io.StringIO())) == 0


# Each act, when something is wrong


def test_a_login_that_is_lost_is_noticed(theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Actor, "load", lambda *_, **__: None)
    with pytest.raises(BrokenPromiseError, match="does not find the session of ada"):
        acts.log_in(theatre)


def test_a_lost_update_is_noticed(theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    assert acts.compete(theatre).endswith(" changes to one session, and 160 are there")
    honest = Actor.compete
    monkeypatch.setattr(Actor, "compete", lambda self, **told: honest(self, **told) + 1)
    with pytest.raises(BrokenPromiseError, match="164 changes were acknowledged, and 320 are there"):
        acts.compete(theatre)


def test_a_different_download_is_noticed(theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    assert acts.upload(theatre) == "32 MiB went up in parts and came back the same"
    monkeypatch.setattr(Actor, "download", lambda *_, **__: False)
    with pytest.raises(BrokenPromiseError, match="reads something else"):
        acts.upload(theatre)


def test_an_upload_that_does_not_stream_is_noticed(theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    theatre.near = True
    monkeypatch.setattr(acts, "NEAR", 4)
    monkeypatch.setattr(Actor, "upload", lambda self, key, seed, size: self._put(key, blocks(seed, size), seed, size))
    assert acts.upload(theatre) == "1 MiB went up in parts and came back the same"
    upload = Actor.upload
    monkeypatch.setattr(Actor, "upload", lambda self, **told: upload(self, **told) or 2**20)
    with pytest.raises(BrokenPromiseError, match="grew by 1 MiB for an upload of 1 MiB"):
        acts.upload(theatre)


def test_a_session_that_comes_back_is_noticed(theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    assert acts.log_out(theatre) == "grace is logged out, in all 4 processes"
    acts.log_in(theatre)
    monkeypatch.setattr(Actor, "finish", lambda _: "saved")
    with pytest.raises(BrokenPromiseError, match="the slow request was told: saved"):
        acts.log_out(theatre)
    acts.log_in(theatre)
    monkeypatch.setattr(Actor, "finish", lambda _: "gone")
    monkeypatch.setattr(Actor, "logout", lambda *_, **__: True)
    with pytest.raises(BrokenPromiseError, match="finds the session again"):
        acts.log_out(theatre)


def test_a_slow_request_that_held_nothing_says_so() -> None:
    with statekit.open("memory:") as state:
        actor = Actor(state)
        assert actor.hold("nobody") is False
        assert actor.finish() == "nothing was held"
        identifier = actor.login("ada")
        assert actor.hold(identifier)
        assert actor.finish() == "saved"


# What killed writers leave


class Witness:
    """Says what it is told to have found."""

    def __init__(self, data: dict[str, int] | None, found: dict[str, int]) -> None:
        self.answers = {"load": data, "inspect": found}

    def ask(self, do: str, /, **_: Any) -> Any:
        return self.answers[do]


def look(data: dict[str, int] | None, found: dict[str, int]) -> None:
    """Judge what a witness found after a writer of ``known`` was killed."""
    acts._look(cast("Worker", Witness(data, found)), "v", known())


def known() -> acts._Acknowledged:
    """Return the memory of a writer that was killed while it replaced an object."""
    memory = acts._Acknowledged()
    for message in (
        {"session": "id", "number": 2},
        {"writing": "v/small", "number": 2, "block": 0, "last": True},
        {"object": "v/small", "number": 2},
        {"writing": "v/large", "number": 2, "block": 40, "last": False},
    ):
        memory.note(message)
    assert (memory.total, memory.cut_short) == (2, "v/large")
    return memory


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ({"number": 2, "twice": 4}, {"v/small": 2}),
        ({"number": 3, "twice": 6}, {"v/small": 3}),
    ],
)
def test_the_write_in_flight_may_be_there_or_not(data: dict[str, int], found: dict[str, int]) -> None:
    look(data, found)


@pytest.mark.parametrize(
    ("data", "found", "told"),
    [
        (None, {"v/small": 2}, "an acknowledged session is gone"),
        ({"number": 1, "twice": 2}, {"v/small": 2}, "change 2 was acknowledged, 1 is stored"),
        ({"number": 2, "twice": 2}, {"v/small": 2}, "a session holds half of a change"),
        ({"number": 2, "twice": 4}, {}, "version 2 was acknowledged, None is stored"),
        ({"number": 2, "twice": 4}, {"v/small": 1}, "version 2 was acknowledged, 1 is stored"),
        ({"number": 2, "twice": 4}, {"v/small": 2, "v/large": 1}, "an object appeared that nobody wrote to its end"),
        ({"number": 2, "twice": 4}, {"v/small": 2, "v/other": 2}, "an object appeared that nobody wrote to its end"),
    ],
)
def test_what_is_lost_or_torn_is_noticed(data: dict[str, int] | None, found: dict[str, int], told: str) -> None:
    with pytest.raises(BrokenPromiseError, match=told):
        look(data, found)


def test_an_object_that_is_not_what_it_says_is_noticed() -> None:
    with statekit.open("memory:") as state:
        state.objects.put("v/x", blocks(2, 1), metadata={"seed": "1", "blocks": "1"})
        with pytest.raises(ValueError, match="not what it says"):
            Actor(state).inspect("v/")


def test_contents_match_only_themselves() -> None:
    whole = b"".join(blocks(1, 2))
    assert len(whole) == 2 * BLOCK
    assert matches(io.BytesIO(whole), 1, 2)
    assert not matches(io.BytesIO(whole), 2, 2)
    assert not matches(io.BytesIO(whole[:-1]), 1, 2)
    assert not matches(io.BytesIO(whole + b"x"), 1, 2)


def test_expecting_what_is_so_goes_on() -> None:
    expect(1, "never said")
    with pytest.raises(BrokenPromiseError, match="said"):
        expect([], "said")
