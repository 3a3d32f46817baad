"""The local side: private directories, their names, their quotas, and what is left of them."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from pathlib import Path

import pytest

from statekit.errors import InvalidInputError, InvalidKeyError, QuotaExceededError
from statekit.types import ScratchPolicy
from statekit_conformance import clause
from statekit_conformance.forks import forked
from statekit_conformance.scratch.conftest import contents, fill


class Mine(Exception):  # noqa: N818 - the application's own
    """What an application raises in its block."""


@clause("X-01")
def test_a_workspace_is_a_private_empty_directory_below_the_root(view, subject):
    with view.scratch.workspace() as workspace:
        path = workspace.path
        assert path.is_relative_to(subject.root)
        assert list(path.iterdir()) == []
        for directory in (path, path.parent):
            assert stat.S_IMODE(directory.stat().st_mode) == 0o700


@clause("X-01")
def test_two_workspaces_see_nothing_of_each_other(view):
    with view.scratch.workspace() as one, view.scratch.workspace() as other:
        fill(one, {"a": b"1"})
        assert contents(other) == {}
        assert one.path != other.path


@clause("X-01")
def test_nothing_is_left_of_a_workspace_when_its_block_is_left(view, subject):
    with view.scratch.workspace() as workspace:
        fill(workspace, {"a/b/c": b"1", "d": b"2"})
        (workspace.path / "empty").mkdir()
        (workspace.path / "link").symlink_to("/")
        (workspace / "d").chmod(0o000)
    assert [file.name for file in subject.root.iterdir()] == ["lock"]


@clause("X-01")
def test_an_exception_leaves_nothing_either(view, subject):
    with pytest.raises(Mine), view.scratch.workspace() as workspace:
        fill(workspace, {"a": b"1"})
        raise Mine
    assert [file.name for file in subject.root.iterdir()] == ["lock"]


@clause("X-01")
def test_closing_the_state_first_leaves_nothing(subject):
    view = subject.open()
    with view.scratch.workspace() as workspace:
        fill(workspace, {"a": b"1"})
        view.close()
    assert [file.name for file in subject.root.iterdir()] == ["lock"]


@clause("X-01")
def test_a_workspace_is_used_in_its_block_only(view):
    workspace = view.scratch.workspace()
    with pytest.raises(InvalidInputError):
        workspace.write("a", b"1")
    with workspace:
        workspace.write("a", b"1")
    with pytest.raises(InvalidInputError):
        workspace.write("a", b"1")
    with pytest.raises(InvalidInputError), workspace:
        pass


@clause("X-03")
def test_a_forked_child_leaves_its_parents_workspace_alone(view):
    with view.scratch.workspace() as workspace:
        fill(workspace, {"a": b"1"})
        with forked(lambda: leave(workspace)) as status:
            assert status() == 0
        assert contents(workspace) == {"a": b"1"}


def leave(workspace):
    """Leave a workspace's block in a process that has no event loop yet."""
    inner = getattr(workspace, "_inner", workspace)
    if hasattr(inner, "__aexit__"):
        asyncio.run(inner.__aexit__(None, None, None))
    else:
        inner.__exit__(None, None, None)


# Names


@clause("X-04")
@pytest.mark.parametrize("name", ["", "/a", "a/", "a//b", ".", "..", "../a", "a/../../b", "a\\b", "a\nb", "é" * 200])
def test_a_name_outside_the_grammar_is_refused(view, name):
    with view.scratch.workspace() as workspace:
        with pytest.raises(InvalidKeyError):
            workspace / name
        with pytest.raises(InvalidKeyError):
            workspace.write(name, b"1")
        assert contents(workspace) == {}


@clause("X-04")
@pytest.mark.parametrize("name", ["a", "a/b.c", "ünïcode/naïve 名", ".hidden", "..x", "a" * 255, "-rf", "~"])
def test_a_name_within_it_is_a_file(view, name):
    with view.scratch.workspace() as workspace:
        assert workspace.write(name, b"1") == workspace / name
        assert workspace.files() == {name: 1}


@clause("X-04")
def test_a_link_leads_nowhere(view, tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    with view.scratch.workspace() as workspace:
        (workspace.path / "out").symlink_to(tmp_path)
        (workspace.path / "file").symlink_to(tmp_path / "secret")
        for name in ("out/new", "out/secret", "file", "out"):
            with pytest.raises(InvalidInputError):
                workspace / name
            with pytest.raises(InvalidInputError):
                workspace.write(name, b"1")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"secret": b"secret"}


@clause("X-04", needs=("records", "objects"))
@pytest.mark.parametrize("kind", ["link", "directory link", "pipe", "socket", "dangling"])
def test_what_is_no_file_and_no_directory_is_never_checkpointed(view, kind, tmp_path, monkeypatch):
    with view.scratch.workspace("job") as workspace:
        fill(workspace, {"a": b"1"})
        monkeypatch.chdir(workspace.path)
        match kind:
            case "link":
                Path("b").symlink_to("a")
            case "directory link":
                Path("b").symlink_to(tmp_path)
            case "dangling":
                Path("b").symlink_to("nothing")
            case "pipe":
                os.mkfifo("b")
            case _:
                with socket.socket(socket.AF_UNIX) as listening:
                    listening.bind("b")
        with pytest.raises(InvalidInputError):
            workspace.checkpoint()
        monkeypatch.chdir("/")
    with view.scratch.workspace("job") as workspace:
        assert contents(workspace) == {}


@clause("X-04", needs=("records", "objects"))
def test_a_file_whose_name_no_other_system_has_is_never_checkpointed(view):
    with view.scratch.workspace("job") as workspace:
        (workspace.path / "a\\b").write_bytes(b"1")
        with pytest.raises(InvalidKeyError):
            workspace.checkpoint()


# Quotas


@pytest.fixture
def small(subject):
    """Return an opening whose workspaces hold 1,000 bytes in three files."""
    return subject.open(scratch=ScratchPolicy(quota=1000, files=3))


@clause("X-05")
def test_the_quota_of_bytes_is_exact(small):
    with small.scratch.workspace() as workspace:
        workspace.write("a", bytes(400))
        workspace.write("b", bytes(600))
        with pytest.raises(QuotaExceededError):
            workspace.write("c", b"1")
        workspace.write("b", bytes(599))
        workspace.write("c", b"1")
        assert workspace.files() == {"a": 400, "b": 599, "c": 1}


@clause("X-05")
def test_the_quota_of_files_is_exact(small):
    with small.scratch.workspace() as workspace:
        for name in "abc":
            workspace.write(name, b"")
        with pytest.raises(QuotaExceededError):
            workspace.write("d", b"")
        workspace.write("a", b"again")
        assert sorted(workspace.files()) == ["a", "b", "c"]


@clause("X-05")
def test_a_stream_over_the_quota_is_refused_where_it_passes_it_and_leaves_nothing(small):
    def endless():
        yield from [bytes(100)] * 20  # passes the quota; what follows need not be a thread's work for each 100 bytes
        while True:
            yield bytes(65_536)

    with small.scratch.workspace() as workspace:
        workspace.write("a", b"before")
        with pytest.raises(QuotaExceededError):
            workspace.write("a", endless())
        assert contents(workspace) == {"a": b"before"}
        assert list((workspace.path.parent / "parts").iterdir()) == []


@clause("X-05", "X-16")
def test_a_fetch_over_the_quota_brings_nothing(small):
    small.objects.put("large", bytes(1001))
    small.objects.put("fits", bytes(1000))
    with small.scratch.workspace() as workspace:
        with pytest.raises(QuotaExceededError):
            workspace.fetch(small.objects, "large")
        assert contents(workspace) == {}
        workspace.fetch(small.objects, "fits")
        assert contents(workspace) == {"fits": bytes(1000)}


@clause("X-05", needs=("records", "objects"))
@pytest.mark.parametrize("files", [{"a": 1001}, {"a": 1, "b": 1, "c": 1, "d": 1}])
def test_a_checkpoint_over_the_quota_is_refused_whole(small, files):
    with small.scratch.workspace("job") as workspace:
        fill(workspace, {"a": b"first"})
        workspace.checkpoint()
        fill(workspace, {name: bytes(size) for name, size in files.items()})
        with pytest.raises(QuotaExceededError):
            workspace.checkpoint()
    with small.scratch.workspace("job") as workspace:
        assert contents(workspace) == {"a": b"first"}


@clause("X-05", needs=("records", "objects", "reopen"))
def test_a_checkpoint_larger_than_ones_own_quota_is_not_opened_and_stays(view, small):
    with view.scratch.workspace("job") as workspace:
        fill(workspace, {"a": bytes(1001)})
        workspace.checkpoint()
    with pytest.raises(QuotaExceededError), small.scratch.workspace("job"):
        pass
    with view.scratch.workspace("job") as workspace:
        assert contents(workspace) == {"a": bytes(1001)}
