"""A forked child ends by itself, or with the block that it was meant for."""

from __future__ import annotations

import os
import threading

import pytest

from statekit_conformance.forks import forked


def fail() -> None:
    raise ValueError("in the child")


def test_a_child_that_returns_ends_well() -> None:
    with forked(lambda: None) as status:
        assert status() == 0


def test_a_child_that_raises_is_no_second_test_run(capfd: pytest.CaptureFixture[str]) -> None:
    parent = os.getpid()
    with forked(fail) as status:
        assert os.getpid() == parent
        assert status() == 1
    assert "ValueError: in the child" in capfd.readouterr().err


def test_a_child_that_nobody_waited_for_is_killed() -> None:
    reading, writing = os.pipe()
    with forked(lambda: (os.write(writing, str(os.getpid()).encode()), threading.Event().wait())):
        child = int(os.read(reading, 20))
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    os.close(reading)
    os.close(writing)
