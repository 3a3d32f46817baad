"""A forked child has connections and files of its own, and its parent's keep working."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from statekit.driver import ABSENT, Committed, Fault

T = 10.0
PROGRAMS = Path(__file__).with_name("programs.py")


def run(name, directory):
    subprocess.run([sys.executable, PROGRAMS, name, str(directory)], check=True)


def test_a_child_loses_nothing_when_its_parent_closes(open_local, directory):
    run("fork_and_close", directory)
    local = open_local()
    for key in ["before", "parent", *(f"child-{n}" for n in range(20))]:
        assert local.records.read(key, timeout=T).value == b"1", key
        assert local.get(key) == bytes(40_000), key


def test_a_child_that_was_forked_while_threads_write_works(open_local, directory, stored):
    run("fork_while_busy", directory)
    local = open_local()
    keys = [f"child-{n}" for n in range(20)]
    assert [local.records.read(key, timeout=T).value for key in keys] == [b"1"] * 20
    assert [local.get(key) for key in [*keys, "parent"]] == [bytes(40_000)] * 21
    local.objects.uploads("", cursor=None, limit=9, timeout=T)
    assert len(stored()) == 24


def test_a_child_that_does_nothing_does_no_harm(open_local, directory):
    run("fork_and_exit", directory)
    local = open_local()
    assert local.records.read("parent-1", timeout=T).value == b"1"
    assert local.get("k") == bytes(40_000)


def test_before_a_fork_no_connection_is_open(local):
    local.put("k", b"1")
    database = local.records._database
    assert database._idle
    database.pause()
    assert not database._idle
    database.resume()
    assert local.get("k") == b"1"


def test_a_fork_that_python_was_not_told_of_is_refused(local, monkeypatch):
    local.put("k", b"1")
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(Exception, match="forked") as caught:
        local.get("k")
    failure = local.records.fault(caught.value)
    assert failure.fault is Fault.MISCONFIGURED
    assert "after the fork" in failure.advice


def test_a_child_forked_in_the_middle_of_a_call_is_refused(local, monkeypatch):
    local.put("k", b"1")
    database = local.records._database
    with database.reading(T):
        monkeypatch.setattr("statekit.backends.local.database._QUIET", 0.0)
        database.pause()
        database.restart()
        monkeypatch.setattr(os, "getpid", lambda: -1)
        with pytest.raises(Exception, match="forked"):
            local.get("k")
        monkeypatch.undo()
        database.resume()
    assert local.get("k") == b"1"
    assert local.records.write("a", b"", expires_at=None, write_id="w", expect=ABSENT, timeout=T) == Committed("w")
