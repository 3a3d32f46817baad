"""The command line."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import statekit
from statekit import contract, plugins
from statekit.__main__ import main
from statekit._cli.terminal import Terminal
from statekit._config.platforms import VARIABLES
from statekit._core.seal import KeyRing
from statekit.backends.memory.objects import MemoryObjects
from statekit.backends.memory.records import MemoryRecords
from statekit.errors import StateError
from statekit.testing import FakeClock, backend_of


@pytest.fixture(autouse=True)
def nothing_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [*VARIABLES, *(name for name in os.environ if name.startswith("STATEKIT"))]:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(plugins, "_REGISTRY", plugins.Registry(list))
    monkeypatch.chdir(tmp_path)


class Stream(io.StringIO):
    """A stream that may be a terminal."""

    def __init__(self, *, tty: bool = False, encoding: str = "utf-8") -> None:
        super().__init__()
        self._tty = tty
        self._encoding = encoding

    def isatty(self) -> bool:
        return self._tty

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding


# plugins


def test_plugins_lists_the_built_in_backends(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["scheme", "backend", "stores"]
    assert [row.split()[:2] for row in rows] == [["local:", "local"], ["memory:", "memory"]]


def test_plugins_for_programs_tells_options_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "--json"]) == 0
    local, memory = json.loads(capsys.readouterr().out)
    assert local["options"] == {"sync": "one of full, normal"}
    assert local["stores"] == ["sessions", "objects"]
    assert (memory["scheme"], memory["reach"], memory["survives"]) == ("memory", "process", "nothing")
    assert memory["problem"] is None


def test_plugins_as_markdown_is_the_readmes_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise ImportError("no SDK")

    broken = plugins.Entry("broken", "broken", "statekit-broken 1.0", fail)
    monkeypatch.setattr(plugins, "_REGISTRY", plugins.Registry(lambda: [broken]))
    assert main(["plugins", "--markdown"]) == 1
    _, _, *rows = capsys.readouterr().out.splitlines()
    assert rows == [
        "| `local:` | yes | yes | processes of one host | the server's death, too | threads | built in |",
        "| `memory:` | yes | yes | this process | nothing | threads | built in |",
    ]


def test_plugins_shows_what_is_broken_and_exits_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise ImportError("no SDK")

    entries = [
        plugins.Entry("broken", "broken", "statekit-broken 1.0", fail),
        plugins.Entry("twice", "one", "one 1", fail),
        plugins.Entry("twice", "two", "two 2", fail),
        plugins.Entry("memory", "thief", "thief 1", fail),
    ]
    monkeypatch.setattr(plugins, "_REGISTRY", plugins.Registry(lambda: entries))
    assert main(["plugins"]) == 1
    out = capsys.readouterr().out
    assert 'the plugin statekit-broken 1.0 for the scheme "broken" could not be imported (ImportError: no SDK)' in out
    assert 'two plugins have the scheme "twice": one 1 and two 2' in out
    assert "memory: the scheme is built in: this plugin is never used" in out


# clauses


def test_clauses_prints_every_clause(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clauses"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines() if not line.startswith(" ")] == [
        clause.id for clause in contract.CLAUSES
    ]


def test_clauses_for_programs_has_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clauses", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)[0]
    assert set(first) == {"id", "text", "party", "level", "needs"}


def test_clauses_as_markdown_is_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clauses", "--markdown"]) == 0
    assert capsys.readouterr().out == contract.render()


# keygen


def test_keygen_prints_one_key_that_a_ring_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keygen"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    KeyRing.parse([out.strip()])


# check


def test_check_says_where_state_lives_and_that_it_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--url", "local:state"]) == 0
    out = capsys.readouterr().out
    assert f"sessions    local in {tmp_path / 'state'}, seen by one host, survives the death of the server" in out
    assert "answered in " in out


def test_check_passes_warnings_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--url", "local:state?sync=normal"]) == 0
    assert "warning   sync=normal: a power cut may undo" in capsys.readouterr().out


def test_check_counts_keys_and_shows_none(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    key = "A" * 43
    monkeypatch.setenv("STATEKIT_KEYS", key)
    assert main(["check", "--sessions", "memory:"]) == 0
    out = capsys.readouterr().out
    assert "1: sessions are sealed" in out
    assert "objects     not configured" in out
    assert key not in out


def test_check_explains_a_directory_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main(["check", "--url", "local:file/state"]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err.startswith("statekit: state.check on local: ")
    assert "check that the directory exists, is a directory, and that this user may write in it" in err


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a directory that not even root can write")
def test_check_explains_a_directory_that_nobody_may_write(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--url", "local:/proc/statekit"]) == 1
    assert "this user may write" in capsys.readouterr().err


# provision


class Creating:
    """A backend that creates a table, or is refused."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: Exception | None = None) -> None:
        self.asked: list[bool] = []
        backend = replace(backend_of(records=MemoryRecords(), name="made"), provision=self._provision)
        entry = plugins.Entry("made", "made", "made 1", lambda: SimpleNamespace(statekit_backends=lambda: (backend,)))
        monkeypatch.setattr(plugins, "_REGISTRY", plugins.Registry(lambda: [entry]))
        self._error = error

    def _provision(self, _: Any, /, *, dry_run: bool) -> list[str]:
        self.asked.append(dry_run)
        if self._error:
            raise self._error
        return ["table state: created"]


def test_provision_says_what_was_done(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    backend = Creating(monkeypatch)
    assert main(["provision", "--sessions", "made:"]) == 0
    assert capsys.readouterr().out == "✓ table state: created\n"
    assert backend.asked == [False]


def test_provision_can_only_say_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    backend = Creating(monkeypatch)
    assert main(["provision", "--sessions", "made:", "--dry-run"]) == 0
    assert capsys.readouterr().out.endswith("nothing was changed\n")
    assert backend.asked == [True]


def test_provision_explains_a_refusal_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Creating(monkeypatch, PermissionError("hunter2"))
    assert main(["provision", "--sessions", "made:"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("statekit: state.provision on made: ")
    assert error.count("\n") == 1
    assert "hunter2" not in error


def test_provision_says_where_there_is_nothing_to_create(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["provision", "--url", "memory:"]) == 0
    assert "there is nothing to create" in capsys.readouterr().out


# sweep


def test_sweep_counts_what_it_reclaimed_and_spares_what_lives(capsys: pytest.CaptureFixture[str]) -> None:
    year_ago = FakeClock(time.time_ns() // 1_000_000 - 365 * 86_400_000)
    with statekit.open("local:state", clock=year_ago) as state:
        for _ in range(3):
            state.sessions.create()
    with statekit.open("local:state") as state:
        alive = state.sessions.create()
    assert main(["sweep", "--url", "local:state"]) == 0
    assert capsys.readouterr().out.startswith("✓ records: 3 (")
    assert main(["sweep", "--url", "local:state"]) == 0
    assert capsys.readouterr().out.startswith("✓ nothing to reclaim (")
    with statekit.open("local:state") as state:
        assert state.sessions.load(alive.id) is not None


def test_sweep_explains_what_it_cannot_reach(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main(["sweep", "--url", "local:file/state"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("statekit: sessions.sweep on local: ")
    assert error.count("\n") == 1


# Errors


def test_a_configuration_error_is_one_line_and_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--url", "redis://:hunter2@host"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("statekit: the argument url: the URL holds a password")
    assert captured.err.count("\n") == 1
    assert "hunter2" not in captured.err


def test_a_misspelt_command_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["plugin"])
    assert caught.value.code == 2
    assert "invalid choice" in capsys.readouterr().err


def test_an_interrupt_exits_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("statekit._cli.keygen.generate", interrupt)
    assert main(["keygen"]) == 130


def test_an_error_without_an_operation_stands_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> str:
        raise StateError("first line\nsecond line")

    monkeypatch.setattr("statekit._cli.keygen.generate", fail)
    assert main(["keygen"]) == 1
    assert capsys.readouterr().err == "statekit: first line second line\n"


def test_a_reader_who_leaves_early_sees_no_traceback() -> None:
    code = "import sys; from statekit.__main__ import main; sys.exit(main(['clauses']))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 1


def test_the_module_runs_as_a_command() -> None:
    done = subprocess.run([sys.executable, "-m", "statekit", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert all(
        command in done.stdout for command in ("demo", "check", "provision", "sweep", "plugins", "clauses", "keygen")
    )


# The terminal


def test_colours_are_for_terminals() -> None:
    assert Terminal(Stream(tty=True), {}).style("x", "red", "bold") == "\x1b[31;1mx\x1b[0m"
    assert Terminal(Stream(tty=False), {}).style("x", "red") == "x"
    assert Terminal(Stream(tty=True), {"NO_COLOR": "1"}).style("x", "red") == "x"
    assert Terminal(Stream(tty=True), {"TERM": "dumb"}).style("x", "red") == "x"
    assert Terminal(Stream(tty=True), {}).style("", "red") == ""


def test_signs_are_words_where_the_encoding_has_no_signs() -> None:
    stream = Stream(encoding="ascii")
    terminal = Terminal(stream, {})
    terminal.line(f"{terminal.sign('tick')} {terminal.sign('cross')} über")
    assert stream.getvalue() == "ok FAILED ?ber\n"
    assert Terminal(Stream(encoding="no such one"), {}).sign("arrow") == "->"
    assert Terminal(Stream(), {}).sign("tick") == "✓"


def test_columns_of_a_table_are_aligned() -> None:
    stream = Stream()
    Terminal(stream, {}).table(("a", "long heading", "rest"), [("wide cell", "x", "y"), ("b", "", "")])
    assert stream.getvalue() == "a           long heading   rest\nwide cell   x              y\nb\n"


def test_provision_lets_origins_in(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[Any] = []

    def welcome(_: Any, origins: Any, /, *, dry_run: bool) -> list[str]:
        asked.append((list(origins), dry_run))
        return ["pages are let in"]

    backend = replace(backend_of(objects=MemoryObjects(), name="made"), welcome=welcome)
    monkeypatch.setattr(plugins, "find", lambda _: backend)
    origins = ["--cors-origin", "https://a.example", "--cors-origin", "http://localhost:8000"]
    assert main(["provision", "--objects", "made:", *origins]) == 0
    assert asked == [(["https://a.example", "http://localhost:8000"], False)]
    assert "pages are let in" in capsys.readouterr().out


def test_provision_says_who_lets_origins_in_where_the_engine_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["provision", "--url", "memory:", "--cors-origin", "https://a.example"]) == 0
    assert "statekit.gateway" in capsys.readouterr().out


@pytest.mark.parametrize("origin", ["a.example", "https://a.example/", "https://a.example/x", "ftp://a", ""])
def test_provision_refuses_what_is_no_origin(origin: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["provision", "--url", "memory:", "--cors-origin", origin]) != 0
    assert "origins are such as" in capsys.readouterr().err
