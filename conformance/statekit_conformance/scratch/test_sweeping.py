"""Sweeping: what nobody will ever name again goes, and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from statekit.driver import Fault
from statekit.errors import StateError
from statekit_conformance import clause
from statekit_conformance.scratch.conftest import OVER, contents, fill

FILES = {"a": b"1", "b": b"2"}
HOUR = timedelta(hours=1)


@clause("X-18", needs=("reopen",))
def test_an_expired_workspace_is_deleted_an_hour_later_with_all_its_files(view, subject, below):
    with view.scratch.workspace("job", ttl=HOUR, background=False) as workspace:
        fill(workspace, FILES)
        workspace.checkpoint()
    subject.clock.advance(7199)
    assert view.scratch.sweep().workspaces == 0
    assert len(below.blobs()) == 3
    subject.clock.advance(2)
    swept = view.sweep()
    assert (swept.workspaces, swept.files) == (1, 3)
    assert below.blobs() == []
    assert below.records.entries() == []
    assert view.scratch.sweep().workspaces == 0


@clause("X-18", needs=("reopen",))
def test_a_workspace_without_files_is_deleted_too(view, subject, below):
    with view.scratch.workspace("job", ttl=HOUR, background=False):
        pass
    subject.clock.advance(3 * 3600)
    assert view.scratch.sweep().workspaces == 1
    assert below.records.entries() == []


@clause("X-18")
def test_a_live_checkpoint_stays(view, subject):
    with view.scratch.workspace("job") as workspace:
        fill(workspace, FILES)
        workspace.checkpoint()
    subject.clock.advance(2 * 86400)
    assert view.scratch.sweep().files == 0
    with view.scratch.workspace("job") as workspace:
        assert contents(workspace) == FILES


@clause("X-18", needs=("reopen",))
def test_files_that_no_checkpoint_names_are_deleted_once_their_holder_is_gone(interposed, below):
    view = interposed.view
    with view.scratch.workspace("job", background=False) as workspace:
        fill(workspace, FILES)
        workspace.checkpoint()
        fill(workspace, {"c": b"3", "d": b"4"})
        interposed.records.refuse("write", fault=Fault.DENIED)
        with pytest.raises(StateError):
            workspace.checkpoint()
        assert len(below.blobs()) == 6
        assert view.scratch.sweep().files == 0
    assert view.scratch.sweep().files == 3
    assert len(below.blobs()) == 3
    with view.scratch.workspace("job") as workspace:
        assert contents(workspace) == FILES


@clause("X-19")
def test_what_is_being_stored_for_the_next_checkpoint_is_spared(interposed):
    view = interposed.view
    with view.scratch.workspace("job", background=False) as workspace:
        fill(workspace, FILES)
        workspace.checkpoint()
        fill(workspace, {"c": b"3"})
        interposed.at_records.before("write", view.scratch.sweep)
        workspace.checkpoint()
    with view.scratch.workspace("job") as workspace:
        assert contents(workspace) == {**FILES, "c": b"3"}


@clause("X-18")
def test_a_checkpoint_between_listing_and_reading_keeps_its_files(interposed):
    view = interposed.view
    with view.scratch.workspace("job", background=False) as workspace:
        fill(workspace, FILES)
        workspace.checkpoint()
        fill(workspace, {"a": b"new"})
        interposed.at_records.before("read", workspace.checkpoint)
        view.scratch.sweep()
    with view.scratch.workspace("job") as workspace:
        assert contents(workspace) == {**FILES, "a": b"new"}


@clause("X-18", "X-11", needs=("reopen",))
def test_a_takeover_in_the_middle_of_a_checkpoint_keeps_what_the_new_holder_has(view, interposed, subject):
    late = interposed.view
    new = view.scratch.workspace("job", background=False)

    def take_over():
        subject.clock.advance(OVER)
        new.__enter__()
        late.scratch.sweep()

    with late.scratch.workspace("job", background=False) as old:
        fill(old, FILES)
        old.checkpoint()
        fill(old, {"c": b"3"})
        interposed.at_records.before("write", take_over)
        with pytest.raises(StateError):
            old.checkpoint()
        fill(new, {"d": b"4"})
        new.checkpoint()
    late.scratch.sweep()
    new.__exit__(None, None, None)
    with view.scratch.workspace("job") as workspace:
        assert contents(workspace) == {**FILES, "d": b"4"}


@clause("X-20", needs=("reopen",))
def test_what_cannot_be_read_does_not_stop_a_sweep_and_loses_nothing(view, subject, below):
    with view.scratch.workspace("damaged") as workspace:
        fill(workspace, FILES)
        workspace.checkpoint()
    below.damage_record()
    with view.scratch.workspace("old", ttl=HOUR) as workspace:
        fill(workspace, FILES)
        workspace.checkpoint()
    subject.clock.advance(3 * 3600)
    swept = view.scratch.sweep()
    assert (swept.workspaces, swept.files) == (1, 3)
    assert len(below.blobs()) == 3
