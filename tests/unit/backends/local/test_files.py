"""The ledger: every file is named or loose, and what the dead left behind is collected."""

from __future__ import annotations

import contextlib
import os

import pytest

from statekit.backends.local import files as files_module
from statekit.backends.local.owners import claim, departed
from statekit.driver import ANY, Committed, Fault, Match, Refused

T = 10.0
LARGE = bytes(100_000)


def sweep(local):
    return local.objects.uploads("", cursor=None, limit=100, timeout=T)


def ledger(local):
    with local.objects._database.reading(T) as connection:
        return {file for (file,) in connection.execute("SELECT file FROM loose")}


def die(local):
    """End an opening as a kill does: the lock goes, and nothing is tidied up."""
    local.objects._files._owner.abandon()
    local.objects._files._forget()


def test_a_name_is_in_the_ledger_before_its_file_exists(local, stored, monkeypatch):
    seen = []
    create = files_module.Files._create

    def spying(self, name):
        seen.append((name in ledger(local), name in stored()))
        return create(self, name)

    monkeypatch.setattr(files_module.Files, "_create", spying)
    local.put("k", LARGE)
    assert seen == [(True, False)]
    assert not stored() & ledger(local)


def test_a_file_that_is_not_named_any_more_is_in_the_ledger_until_it_is_gone(local, stored, monkeypatch):
    local.put("k", LARGE, "w1")
    (old,) = stored()
    with monkeypatch.context() as patch:
        patch.setattr(files_module.Files, "_unlink", lambda *_: False)
        local.put("k", LARGE, "w2")
    assert old in ledger(local)
    assert old in stored()
    local.drivers.close()
    assert old not in stored()


def test_removed_files_leave_the_ledger(local, stored):
    for n in range(200):
        local.put("k", LARGE[:40_000], f"w{n}")
    assert len(stored()) == 1
    assert len(ledger(local)) < 130


@pytest.mark.parametrize("moment", ["written", "half written", "named no more"])
def test_what_a_dead_process_left_is_collected(open_local, stored, monkeypatch, moment):
    dead, alive = open_local(), open_local()
    alive.put("kept", LARGE)
    dead.put("k", LARGE, "w1")
    kept = stored()
    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        if moment == "named no more":
            patch.setattr(files_module.Files, "remove", interrupt)
        elif moment == "written":
            patch.setattr(files_module.Files, "adopt", interrupt)
        else:
            write = os.write
            patch.setattr(os, "write", lambda fd, data: interrupt(write(fd, data[:1000])))
            patch.setattr(files_module.Files, "remove", interrupt)
        dead.put("k", LARGE, "w2")
    if moment == "named no more":
        kept = stored() - kept | {alive.objects._find("kept", T).body}
    assert len(stored()) == 3
    sweep(alive)
    assert len(stored()) == 3, "its owner lives"
    die(dead)
    sweep(alive)
    assert stored() == kept
    assert alive.get("kept") == LARGE
    assert alive.get("k") == LARGE


def interrupt(*_args):
    raise KeyboardInterrupt


def test_collecting_removes_the_names_of_the_dead(open_local, directory):
    dead, alive = open_local(), open_local()
    dead.put("k", LARGE)
    alive.put("l", LARGE)
    die(dead)
    assert len(list((directory / "owners").iterdir())) == 2
    sweep(alive)
    (left,) = (directory / "owners").iterdir()
    assert left.name == alive.objects._files._owner.token
    assert alive.put("m", LARGE) == Committed("w")


def test_a_process_that_has_written_nothing_collects_too(open_local, directory, stored):
    dead = open_local()
    dead.put("k", LARGE)
    die(dead)
    sweep(open_local())
    assert list((directory / "owners").iterdir()) == []
    assert len(stored()) == 1


def test_the_next_process_that_writes_a_file_collects_unasked(open_local, stored):
    dead = open_local()
    orphan = dead.objects._files.write(LARGE, timeout=T)
    die(dead)
    open_local().put("k", LARGE)
    assert orphan not in stored()


def test_a_missing_lock_is_a_dead_owners(open_local, directory, stored):
    dead = open_local()
    name = dead.objects._files.write(LARGE, timeout=T)
    die(dead)
    for path in (directory / "owners").iterdir():
        path.unlink()
    assert stored() == {name}
    sweep(open_local())
    assert stored() == set()


def test_a_file_that_cannot_be_removed_is_tried_again(open_local, stored, monkeypatch):
    dead, alive = open_local(), open_local()
    dead.objects._files.write(LARGE, timeout=T)
    die(dead)
    with monkeypatch.context() as patch:
        patch.setattr(files_module.Files, "_unlink", lambda *_: False)
        sweep(alive)
    assert len(stored()) == 1
    sweep(alive)
    assert stored() == set()


def test_a_writer_whose_lock_lied_stores_nothing_and_says_so(local, open_local, stored, monkeypatch):
    other = open_local()
    adopt = files_module.Files.adopt

    def late(self, connection, name, size):
        connection.execute("DELETE FROM loose WHERE file = ?", (name,))
        return adopt(self, connection, name, size)

    with monkeypatch.context() as patch:
        patch.setattr(files_module.Files, "adopt", late)
        with pytest.raises(Exception, match="collected") as caught:
            local.put("k", LARGE)
    assert local.objects.fault(caught.value).fault is Fault.BUSY
    assert other.objects.stat("k", timeout=T) is None
    assert stored() == set()
    assert local.put("k", LARGE) == Committed("w")


def test_a_writer_whose_file_vanished_stores_nothing_and_says_so(local, monkeypatch, directory):
    write = files_module.Files.write

    def vanishing(self, data, **kwargs):
        name = write(self, data, **kwargs)
        next((directory / "files").glob("*/*")).unlink()
        return name

    monkeypatch.setattr(files_module.Files, "write", vanishing)
    with pytest.raises(Exception, match="collected"):
        local.put("k", LARGE)
    assert local.objects.stat("k", timeout=T) is None


@pytest.mark.parametrize("error", [OSError(28, "no space"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_no_file(local, stored, monkeypatch, error):
    def failing(_descriptor):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        with pytest.raises(type(error)):
            local.put("k", LARGE)
    assert stored() == set()
    assert local.objects.stat("k", timeout=T) is None


def test_a_commit_in_doubt_keeps_its_file(local, stored):
    """It may have happened; removing the file would damage the object."""
    local.put("k", b"", "w0")
    with pytest.raises(KeyboardInterrupt):  # noqa: SIM117
        with local.objects._changing(T, local.objects._files.write(LARGE, timeout=T)):
            raise KeyboardInterrupt
    assert len(stored()) == 1
    local.drivers.close()
    assert stored() == set()


def test_a_file_that_is_missing_or_cut_short_is_corrupt_and_never_absence(local, directory):
    for key, spoil in [("gone", lambda path: path.unlink()), ("torn", lambda path: path.write_bytes(b"x"))]:
        local.put(key, LARGE)
        (name,) = (local.objects._find(key, T).body,)
        spoil(directory / "files" / name[:2] / name)
        with pytest.raises(Exception, match="missing or cut short") as caught:
            local.get(key)
        assert local.objects.fault(caught.value).fault is Fault.CORRUPT
        assert local.put(key, LARGE, "again") == Committed("again")
        assert local.get(key) == LARGE


@pytest.fixture
def overtaken(local, open_local, monkeypatch):
    """Let another writer act between a reader's look at the row and its look at the file."""
    read = files_module.Files.read
    other = open_local()
    actions = []

    def late(self, *args):
        if actions:
            actions.pop(0)(other)
        return read(self, *args)

    monkeypatch.setattr(files_module.Files, "read", late)
    return actions


def test_a_reader_that_was_overtaken_reads_the_new_version(local, overtaken):
    local.put("k", LARGE, "w1")
    overtaken.append(lambda other: other.put("k", LARGE[1:], "w2"))
    chunk = local.objects.read("k", start=0, length=1 << 20, expect=ANY, timeout=T)
    assert (chunk.stat.version, chunk.data) == ("w2", LARGE[1:])


def test_a_reader_that_was_overtaken_by_the_same_write_sent_again_reads_it(local, overtaken):
    local.put("k", LARGE, "w1")
    overtaken.append(lambda other: other.put("k", LARGE, "w1"))
    chunk = local.objects.read("k", start=0, length=1 << 20, expect=Match("w1"), timeout=T)
    assert chunk.data == LARGE


def test_a_pinned_reader_that_was_overtaken_is_refused(local, overtaken):
    local.put("k", LARGE, "w1")
    overtaken.append(lambda other: other.put("k", b"new", "w2"))
    answer = local.objects.read("k", start=0, length=9, expect=Match("w1"), timeout=T)
    assert isinstance(answer, Refused)
    assert answer.current.version == "w2"


def test_a_reader_of_what_was_deleted_meanwhile_finds_nothing(local, overtaken):
    local.put("k", LARGE, "w1")
    overtaken.append(lambda other: other.objects.delete("k", expect=ANY, timeout=T))
    assert local.objects.read("k", start=0, length=9, expect=ANY, timeout=T) is None


def test_a_reader_that_is_always_overtaken_gives_up_as_busy(local, overtaken):
    local.put("k", LARGE, "w")
    overtaken += [lambda other, n=n: other.put("k", LARGE, f"w{n}") for n in range(99)]
    with pytest.raises(Exception, match="again and again") as caught:
        local.get("k")
    assert local.objects.fault(caught.value).fault is Fault.BUSY


def test_an_owner_is_alive_until_it_lets_go(tmp_path):
    owner = claim(tmp_path)
    with departed(tmp_path / owner.token) as dead:
        assert dead is None
    owner.abandon()
    with departed(tmp_path / owner.token) as dead, departed(tmp_path / owner.token) as other:
        assert dead is not None
        assert other is None, "one collector at a time"


def test_a_name_that_was_collected_while_it_was_claimed_is_not_used(tmp_path, monkeypatch):
    fstat = os.fstat

    def unlucky(descriptor):
        monkeypatch.setattr(os, "fstat", fstat)
        next(tmp_path.iterdir()).unlink()
        return fstat(descriptor)

    monkeypatch.setattr(os, "fstat", unlucky)
    owner = claim(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [owner.token]
    owner.retire()
    assert list(tmp_path.iterdir()) == []
