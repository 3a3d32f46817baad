"""Workspaces and processes: killed ones, paused ones, and several that want the same."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from itertools import count

import pytest

from statekit.errors import LeaseLostError, WorkspaceBusyError
from statekit_conformance import clause
from statekit_conformance.scratch.conftest import OVER, contents, fill


def for_ever():
    threading.Event().wait()


def works(subject):
    """Work in a directory until killed."""
    with subject.open().scratch.workspace() as workspace:
        fill(workspace, {"a/b": b"1"})
        subject.report(str(workspace.path.parent.name))
        for_ever()


@clause("X-02")
def test_what_a_killed_process_left_is_removed_and_a_living_ones_is_not(view, subject, processes):
    dead, living = processes.start(works, count=2)
    gone, stays = dead.receive(), living.receive()
    dead.kill()
    with view.scratch.workspace() as workspace:
        names = {file.name for file in subject.root.iterdir()}
        assert names == {"lock", stays, workspace.path.parent.name}
    assert gone not in names


@clause("X-02", "X-18")
def test_a_sweep_removes_it_too(view, subject, processes):
    (dead,) = processes.start(works)
    dead.receive()
    dead.kill()
    assert view.sweep().directories == 1
    assert [file.name for file in subject.root.iterdir()] == ["lock"]


def holds(subject):
    """Open, say whether that went well, and hold."""
    workspace = subject.open().scratch.workspace("job", background=False)
    try:
        workspace.__enter__()
    except WorkspaceBusyError:
        subject.report(None)
    else:
        subject.report(workspace.fence)
    for_ever()


@clause("X-06.1", "X-07", "X-12")
def test_one_of_several_processes_holds_it_and_after_its_death_another(subject, processes):
    fences = []
    for _ in range(2):
        children = processes.start(holds, count=4)
        outcomes = [child.receive() for child in children]
        (fence,) = [outcome for outcome in outcomes if outcome is not None]
        fences.append(fence)
        for child in children:
            child.kill()
        subject.clock.advance(OVER)
    assert fences[0] < fences[1]


def checkpoints_after_a_pause(subject):
    """Take a checkpoint, stand still until time has passed, and want to take another one."""
    with subject.open().scratch.workspace("job") as workspace:
        fill(workspace, {"a": b"paused"})
        workspace.checkpoint()
        begun = subject.clock.now()
        subject.report("ready")
        while subject.clock.now() < begun + OVER * 1000:
            threading.Event().wait(0.01)
        fill(workspace, {"a": b"after the pause"})
        try:
            workspace.checkpoint()
        except LeaseLostError:
            return "lost"
        return "not lost"


@clause("X-11.1")
def test_a_paused_process_whose_workspace_was_taken_over_changes_nothing(view, subject, processes):
    (child,) = processes.start(checkpoints_after_a_pause)
    assert child.receive() == "ready"
    os.kill(child.process.pid, signal.SIGSTOP)
    assert os.WIFSTOPPED(os.waitpid(child.process.pid, os.WUNTRACED)[1])
    try:
        subject.clock.advance(OVER)
        with view.scratch.workspace("job") as workspace:
            assert contents(workspace) == {"a": b"paused"}
            fill(workspace, {"a": b"taken over"})
            workspace.checkpoint()
            os.kill(child.process.pid, signal.SIGCONT)
            assert child.receive() == "lost"
            workspace.checkpoint()
    finally:
        with suppress(ProcessLookupError):
            os.kill(child.process.pid, signal.SIGCONT)
    with view.scratch.workspace("job") as workspace:
        assert contents(workspace) == {"a": b"taken over"}


def checkpoints_without_end(subject):
    """Take checkpoints, each of files that belong together, and tell of each."""
    with subject.open().scratch.workspace("job", background=False) as workspace:
        for number in count(1):
            fill(workspace, dict.fromkeys(("a", "b", f"only {number}"), b"%d" % number))
            workspace.remove(f"only {number - 1}")
            subject.report(("begins", number))
            workspace.checkpoint()
            subject.report(("done", number))


@clause("X-22", "X-08", "X-12")
@pytest.mark.parametrize("moment", [("begins", 1), ("done", 1), ("begins", 2), ("begins", 4)])
def test_a_killed_holder_leaves_the_last_checkpoint_or_the_new_one(view, subject, processes, moment):
    (child,) = processes.start(checkpoints_without_end)
    said = [child.receive()]
    while said[-1] != moment:
        said.append(child.receive())
    child.kill()
    said += child.rest()
    acknowledged = max([number for what, number in said if what == "done"], default=0)
    begun = max(number for _, number in said)
    subject.clock.advance(OVER)
    with view.scratch.workspace("job") as workspace:
        found = contents(workspace)
        number = int(found.get("a", b"0"))
        assert acknowledged <= number <= begun
        wanted = {"a": b"%d" % number, "b": b"%d" % number, f"only {number}": b"%d" % number} if number else {}
        assert found == wanted
        workspace.checkpoint()
    view.scratch.sweep()
    with view.scratch.workspace("job") as workspace:
        assert contents(workspace) == wanted
