"""The directories of workspaces on this host, and what becomes of them when processes die or fork."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import pytest

from statekit._core.scratch import local
from statekit._core.scratch.local import Root
from statekit.errors import MisconfiguredError, UnsupportedError


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path / "root")


def in_child(work, *, die: bool = False) -> int:
    """Run something in a forked child, and return how that ended."""
    child = os.fork()
    if not child:
        try:
            work()
        except BaseException:
            os._exit(1)
        if die:
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def names(root: Root) -> list[str]:
    return sorted(path.name for path in root._place().iterdir() if path.name != "lock")


def test_what_a_killed_process_left_is_removed_by_the_next(root: Root) -> None:
    def work() -> None:
        directory = root.create()
        (directory.files / "a").mkdir()
        (directory.files / "a" / "b").write_bytes(b"1")
        (directory.files / "link").symlink_to("/")

    assert in_child(work, die=True) == -signal.SIGKILL
    (left,) = names(root)
    directory = root.create()
    assert left not in names(root)
    assert Path("/etc").is_dir()
    directory.remove()
    assert names(root) == []


def test_a_living_process_keeps_its_own(root: Root) -> None:
    first, second = root.create(), root.create()
    assert in_child(lambda: root.create().remove()) == 0
    assert root.clean() == 0
    assert first.files.is_dir()
    assert second.files.is_dir()
    for directory in (first, second):
        directory.remove()
        directory.remove()


def test_a_forked_child_does_not_remove_it(root: Root) -> None:
    directory = root.create()
    assert in_child(directory.remove) == 0
    assert directory.files.is_dir()
    directory.remove()


def test_a_forked_child_that_outlives_its_parent_does_not_keep_the_lock(root: Root, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    hearing, telling = os.pipe()

    def parent() -> None:
        root.create()
        if not os.fork():  # a grandchild: it lives until the pipe is closed
            os.close(writing)
            os.write(telling, b"here")
            os.read(reading, 1)
            os._exit(0)

    assert in_child(parent, die=True) == -signal.SIGKILL
    os.close(telling)
    assert os.read(hearing, 4) == b"here"
    os.close(hearing)
    assert len(names(root)) == 1
    assert root.clean() == 1
    os.close(writing)
    os.close(reading)


def test_a_removal_that_was_cut_short_is_finished_by_the_next(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    assert in_child(root.create, die=True) == -signal.SIGKILL

    def dies(place: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(local, "_remove", dies)
        with pytest.raises(KeyboardInterrupt):
            root.clean()
    assert [name.partition("-")[0] for name in names(root)] == ["dead"]
    assert root.clean() == 1
    assert names(root) == []


def test_cleaning_where_nothing_ever_was_makes_nothing(root: Root) -> None:
    assert root.clean() == 0
    assert not root._place().exists()


def test_the_default_root_is_ones_own_and_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    Root(None).create().remove()
    (place,) = tmp_path.iterdir()
    assert place.name == f"statekit-{os.getuid()}"
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    place.chmod(0o755)
    with pytest.raises(MisconfiguredError, match="open to other users"):
        Root(None).create()


@pytest.mark.parametrize("there", ["link", "file"])
def test_a_default_root_that_somebody_else_put_there_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    place = tmp_path / f"statekit-{os.getuid()}"
    if there == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        place.symlink_to(tmp_path / "elsewhere")
    else:
        place.write_bytes(b"")
    with pytest.raises(MisconfiguredError, match="root of workspaces"):
        Root(None).create()


def test_a_system_without_locks_is_told_so(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fcntl", None)
    with pytest.raises(UnsupportedError):
        root.create()


def test_a_removal_that_is_not_permitted_permits_it_first(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = root.create()
    closed = directory.files / "closed"
    closed.mkdir()
    (closed / "file").write_bytes(b"1")
    closed.chmod(0o000)
    permitted: list[Path] = []
    real = local._permit
    monkeypatch.setattr(local, "_permit", lambda path: (permitted.append(path), real(path)))
    refused = iter([True])
    unlink = os.unlink

    def once(path, *args, **kwargs):
        if next(refused, False):
            raise PermissionError(13, "not permitted", path)
        return unlink(path, *args, **kwargs)

    monkeypatch.setattr(os, "unlink", once)
    directory.remove()
    assert permitted
    assert names(root) == []
