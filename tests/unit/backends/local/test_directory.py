"""Opening: without I/O, by anybody, at once, and with a clear word about what is wrong."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from statekit.backends.local import BACKEND, LocalOptions, schema
from statekit.driver import ABSENT, Committed, Fault, Opening, Reach, Survives

T = 10.0


def write(local, key="a", value=b"v"):
    return local.records.write(key, value, expires_at=None, write_id="w1", expect=ABSENT, timeout=T)


def failure(local, call, *args, **kwargs):
    with pytest.raises(Exception) as caught:
        call(*args, **kwargs)
    return local.records.fault(caught.value)


def test_it_declares_what_it_is():
    assert BACKEND.schemes == ("local",)
    assert (BACKEND.records, BACKEND.objects) == (True, True)
    assert (BACKEND.reach, BACKEND.survives) == (Reach.HOST, Survives.SERVER)
    assert BACKEND.options is LocalOptions


def test_registering_imports_no_engine():
    program = "import sys; import statekit.backends.local; print({'sqlite3', '_sqlite3', 'json'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_opening_does_nothing_to_the_disk(open_local, directory):
    open_local().drivers.close()
    assert not directory.exists()


@pytest.mark.parametrize(("authority", "path"), [("", "state"), ("state", ""), ("", "./state"), (".", "/state")])
def test_a_relative_directory_stays_where_it_was_when_opened(tmp_path, monkeypatch, authority, path):
    monkeypatch.chdir(tmp_path)
    drivers = BACKEND.open(described(authority, path))
    monkeypatch.chdir("/")
    drivers.check()
    drivers.close()
    assert (tmp_path / "state" / "state.db").exists()


@pytest.mark.parametrize("name", ["sp ace", "per%20cent", "que?ry", "ha#sh", "ünï", "a:b", "'quote"])
def test_a_directory_may_have_any_name(open_local, tmp_path, name):
    local = open_local(tmp_path / name)
    write(local)
    local.put("k", bytes(50_000))
    assert local.get("k") == bytes(50_000)
    assert (tmp_path / name / "state.db").exists()


def described(authority, path, client=None):
    return Opening(
        scheme="local",
        authority=authority,
        path=path,
        options=LocalOptions(),
        client=client,
        attempt_timeout=T,
        concurrency=1,
        clock=None,
    )


def test_no_directory_and_a_client_are_mistakes():
    with pytest.raises(ValueError, match=r"local:\.statekit"):
        BACKEND.open(described("", ""))
    with pytest.raises(ValueError, match="client"):
        BACKEND.open(described("", "x", client=object()))


@pytest.mark.parametrize(("sync", "setting"), [("full", 2), ("normal", 1)])
def test_the_option_sync_is_honoured(open_local, sync, setting):
    local = open_local(sync=sync)
    write(local)
    with local.records._database.writing(T, durable=False):
        pass
    write(local, "b")
    with local.records._database.reading(T) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (setting,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert len(local.drivers.check()) == (sync == "normal")


def test_the_directory_is_its_owners_only(local, directory):
    write(local)
    local.put("k", bytes(50_000))
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    names = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    private = {"state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600, "files": 0o700, "owners": 0o700}
    assert names == private


def test_nothing_is_left_of_the_creation(local, directory):
    write(local)
    local.drivers.close()
    assert {p.name for p in directory.iterdir()} == {"state.db"}


def test_what_a_creator_that_died_left_is_collected(local, directory):
    write(local)
    for name in ["state.db.0123.new", "state.db.0123.new-wal", "state.db.0123.new-shm"]:
        (directory / name).write_bytes(b"x")
    local.objects.uploads("", cursor=None, limit=1, timeout=T)
    assert not list(directory.glob("*.new*"))


def test_a_creator_whose_draft_was_collected_uses_what_is_there(open_local, directory, monkeypatch):
    write(open_local())
    before = (directory / "state.db").read_bytes()
    schema.create(directory / "state.db")
    monkeypatch.setattr(schema, "_build", lambda _: None)
    schema.create(directory / "state.db")
    assert (directory / "state.db").read_bytes() == before
    with pytest.raises(FileNotFoundError):
        schema.create(directory / "other.db")


def test_closing_leaves_no_lock_behind(local, directory):
    local.put("k", bytes(50_000))
    local.drivers.close()
    assert list((directory / "owners").iterdir()) == []
    assert {p.name for p in directory.iterdir()} == {"state.db", "files", "owners"}


def test_closing_while_another_process_writes_does_not_fail(open_local, directory):
    local, other = open_local(attempt_timeout=0.05), open_local()
    local.put("k", bytes(50_000))
    with other.records._database.writing(T):
        local.drivers.close()
    assert len(list((directory / "owners").iterdir())) == 1
    other.objects.uploads("", cursor=None, limit=1, timeout=T)
    assert list((directory / "owners").iterdir()) == []
    assert other.get("k") == bytes(50_000)


def test_after_closing_calls_are_refused(local):
    write(local)
    local.drivers.close()
    local.drivers.close()
    assert failure(local, write, local).fault is Fault.REJECTED
    assert failure(local, local.put, "k", bytes(50_000)).fault is Fault.REJECTED


def test_another_opening_works_after_closing(local, open_local):
    write(local)
    local.drivers.close()
    assert open_local().records.read("a", timeout=T).value == b"v"


def test_a_missing_parent_is_named(open_local, tmp_path):
    local = open_local(tmp_path / "no" / "where")
    said = failure(local, write, local)
    assert said.fault is Fault.MISCONFIGURED
    assert "exists" in said.advice
    (tmp_path / "no").mkdir()
    assert write(local) == Committed("w1")


@pytest.mark.parametrize("below", [".", "x"])
def test_a_path_that_is_a_file_is_named(open_local, tmp_path, below):
    (tmp_path / "file").write_text("mine")
    local = open_local(tmp_path / "file" / below)
    said = failure(local, write, local)
    assert said.fault is Fault.MISCONFIGURED
    assert said.advice
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("content", [b"", b"not a database at all, but long enough to be taken for one" * 20])
def test_a_foreign_file_is_left_alone(open_local, directory, content):
    directory.mkdir()
    (directory / "state.db").write_bytes(content)
    local = open_local()
    said = failure(local, write, local)
    assert said.fault is Fault.MISCONFIGURED
    assert "another" in said.advice
    assert (directory / "state.db").read_bytes() == content


def test_somebody_elses_database_is_left_alone(open_local, directory):
    directory.mkdir()
    with contextlib.closing(sqlite3.connect(directory / "state.db")) as connection:
        connection.execute("CREATE TABLE records (x)")
    local = open_local()
    assert failure(local, write, local).fault is Fault.MISCONFIGURED


def test_a_newer_format_is_refused(local, open_local, directory):
    write(local)
    local.drivers.close()
    with contextlib.closing(sqlite3.connect(directory / "state.db")) as connection:
        connection.execute("PRAGMA user_version = 2")
    newer = open_local()
    said = failure(newer, write, newer)
    assert said.fault is Fault.MISCONFIGURED
    assert "release" in said.advice


def test_no_empty_database_is_made_where_the_directory_was_removed(local, directory, monkeypatch):
    write(local)
    database = local.records._database
    database._discard(database._idle.pop())
    shutil.rmtree(directory)
    directory.mkdir()
    monkeypatch.setattr(type(database), "_create", lambda _: None)
    assert failure(local, write, local, "b").fault is Fault.MISCONFIGURED
    assert list(directory.iterdir()) == []


@contextlib.contextmanager
def somebody_else():
    """Lose root's rights, which no permission binds."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def public_tmp():
    """A directory that another user can reach."""
    with tempfile.TemporaryDirectory() as path:
        Path(path).chmod(0o755)
        yield Path(path)


def test_a_read_only_parent_is_denied(open_local, public_tmp):
    parent = public_tmp / "parent"
    parent.mkdir(mode=0o555)
    local = open_local(parent / "state")
    with somebody_else():
        said = failure(local, write, local)
    assert said.fault is Fault.DENIED
    assert said.advice
    assert list(parent.iterdir()) == []


def test_a_directory_that_became_read_only_is_denied_and_loses_nothing(open_local, public_tmp):
    directory = public_tmp / "state"
    first = open_local(directory)
    write(first)
    first.put("k", bytes(50_000))
    first.drivers.close()
    writable = {path: path.stat().st_mode for path in [directory, *directory.rglob("*")]}
    for path in writable:
        path.chmod(0o555 if path.is_dir() else 0o444)
    second = open_local(directory)
    with somebody_else():
        for call in (lambda: write(second, "b"), lambda: second.put("x", bytes(50_000))):
            said = failure(second, call)
            assert said.fault in (Fault.DENIED, Fault.MISCONFIGURED)
            assert "write" in said.advice
        second.drivers.close()
    for path, mode in writable.items():
        path.chmod(mode)
    third = open_local(directory)
    assert third.records.read("a", timeout=T).value == b"v"
    assert third.records.read("b", timeout=T) is None
    assert third.get("k") == bytes(50_000)


def test_files_that_cannot_be_written_are_denied_and_store_nothing(open_local, public_tmp):
    directory = public_tmp / "state"
    directory.mkdir()
    directory.chmod(0o777)
    with somebody_else():
        local = open_local(directory)
        write(local)
        (directory / "files").mkdir(mode=0o555)
        said = failure(local, local.put, "k", bytes(50_000))
        assert said.fault is Fault.DENIED
        assert local.objects.stat("k", timeout=T) is None
        (directory / "files").chmod(0o700)
        assert local.put("k", bytes(50_000)) == Committed("w")
        local.drivers.close()


def test_eight_processes_at_once_make_one_database(tmp_path):
    program = Path(__file__).with_name("programs.py")
    started = [
        subprocess.Popen(
            [sys.executable, program, "create", str(tmp_path / "state"), str(n)],
        )
        for n in range(8)
    ]
    assert [process.wait() for process in started] == [0] * 8
    assert sorted({p.name for p in (tmp_path / "state").iterdir()} - {"files", "owners"}) == ["state.db"]


def test_a_check_makes_a_round_trip_and_raises_what_is_wrong(local, open_local, tmp_path):
    assert local.drivers.check() == ()
    wrong = open_local(tmp_path / "no" / "where")
    assert failure(wrong, wrong.drivers.check).fault is Fault.MISCONFIGURED


def test_a_damaged_database_is_corrupt_and_never_absence(local, open_local, directory):
    for n in range(50):
        local.records.write(f"k{n}", bytes(4000), expires_at=None, write_id="w", expect=ABSENT, timeout=T)
    local.drivers.close()
    damaged = bytearray((directory / "state.db").read_bytes())
    damaged[4096 * 2 :] = b"\xa5" * len(damaged[4096 * 2 :])
    (directory / "state.db").write_bytes(damaged)
    other = open_local()
    assert failure(other, other.records.read, "k1", timeout=T).fault is Fault.CORRUPT
