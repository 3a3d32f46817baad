"""Checkpoints: all files or none, only what is new, and verified when they come back."""

from __future__ import annotations

import pytest

from statekit.driver import Fault
from statekit.errors import (
    CorruptDataError,
    InvalidInputError,
    LeaseLostError,
    NotFoundError,
    StateError,
    UnavailableError,
)
from statekit_conformance import clause
from statekit_conformance.scratch.conftest import OVER, contents, fill

MIB = 1024 * 1024
FILES = {"a": b"1", "b/c": b"", "b/d/e": b"1", "ü": bytes(1000)}


@clause("X-08")
def test_the_next_holder_gets_exactly_the_last_checkpoint(view):
    with view.scratch.workspace("job") as workspace:
        fill(workspace, {"gone": b"1", **FILES})
        workspace.checkpoint()
        workspace.remove("gone")
        fill(workspace, {"a": b"2"})
        done = workspace.checkpoint()
        assert (done.files, done.size) == (4, 1002)
        fill(workspace, {"later": b"1"})
    with view.scratch.workspace("job") as workspace:
        assert contents(workspace) == {**FILES, "a": b"2"}


@clause("X-08", needs=("reopen",))
def test_another_opening_gets_it(subject):
    with subject.open().scratch.workspace("job") as workspace:
        fill(workspace, FILES)
        workspace.checkpoint()
    with subject.open().scratch.workspace("job") as workspace:
        assert contents(workspace) == FILES


@clause("X-08")
def test_a_checkpoint_of_nothing_is_one(view):
    with view.scratch.workspace("job") as workspace:
        fill(workspace, FILES)
        workspace.checkpoint()
        for name in FILES:
            assert workspace.remove(name) is True
        assert workspace.remove("a") is False
        assert workspace.checkpoint().files == 0
    with view.scratch.workspace("job") as workspace:
        assert contents(workspace) == {}


@clause("X-08", "X-15", needs=("multipart",))
def test_large_files_come_back(view, noise):
    large = {"exact": noise(8 * MIB), "more": noise(8 * MIB + 1, 1), "most": noise(17 * MIB, 2)}
    with view.scratch.workspace("job") as workspace:
        fill(workspace, large)
        assert workspace.checkpoint().sent_files == 3
        assert workspace.checkpoint().sent_files == 0
    with view.scratch.workspace("job") as workspace:
        assert contents(workspace) == large


@clause("X-08")
def test_many_files_come_back(view, noise):
    files = {f"{number % 10}/{number}": noise(10, number) for number in range(200)}
    with view.scratch.workspace("job") as workspace:
        fill(workspace, files)
        workspace.checkpoint()
    with view.scratch.workspace("job") as workspace:
        assert contents(workspace) == files


@clause("X-08")
@pytest.mark.parametrize("skip", [0, 1, 2])
def test_a_checkpoint_that_fails_changes_nothing(interposed, skip):
    view = interposed.view
    with view.scratch.workspace("job", background=False) as workspace:
        fill(workspace, {"a": b"before"})
        workspace.checkpoint()
        fill(workspace, {"a": b"after", "b": b"after", "c": b"after 2"})
        interposed.objects.refuse("write", fault=Fault.DENIED, skip=skip)
        with pytest.raises(StateError):
            workspace.checkpoint()
    with view.scratch.workspace("job") as workspace:
        assert contents(workspace) == {"a": b"before"}


@clause("X-08", "E-05")
def test_a_lost_reply_of_the_commit_is_settled(interposed):
    view = interposed.view
    with view.scratch.workspace("job", background=False) as workspace:
        fill(workspace, {"a": b"1"})
        interposed.records.lose_reply("write")
        assert workspace.checkpoint().files == 1
        fill(workspace, {"a": b"2"})
        interposed.records.reset("write")
        assert workspace.checkpoint().files == 1
    with view.scratch.workspace("job") as workspace:
        assert contents(workspace) == {"a": b"2"}


@clause("X-08", "E-05")
def test_a_commit_that_arrives_late_undoes_nothing(interposed):
    view = interposed.view
    with view.scratch.workspace("job", background=False) as workspace:
        fill(workspace, {"a": b"1"})
        interposed.records.delay("write")
        workspace.checkpoint()
        fill(workspace, {"a": b"2"})
        workspace.checkpoint()
        interposed.deliver()
        workspace.renew()
    with view.scratch.workspace("job") as workspace:
        assert contents(workspace) == {"a": b"2"}


@clause("X-08")
def test_a_renewal_beside_a_checkpoint_costs_neither(interposed):
    view = interposed.view
    with view.scratch.workspace("job", background=False) as workspace:
        fill(workspace, {"a": b"1"})
        interposed.at_records.before("write", workspace.renew)
        assert workspace.checkpoint().files == 1
        workspace.renew()
    with view.scratch.workspace("job") as workspace:
        assert contents(workspace) == {"a": b"1"}


@clause("X-09")
def test_an_unchanged_checkpoint_is_one_conditional_write(view):
    with view.scratch.workspace("job", background=False) as workspace:
        fill(workspace, FILES)
        first = workspace.checkpoint()
        assert (first.sent_files, first.sent) == (3, 1001)  # two of them are equal
        again = workspace.checkpoint()
        assert (again.files, again.sent_files, again.sent) == (4, 0, 0)
        assert view.events[-1].attempts == 1
        assert view.events[-1].size == 0


@clause("X-09")
def test_what_the_last_holder_stored_is_not_sent_again(view):
    with view.scratch.workspace("job") as workspace:
        fill(workspace, FILES)
        workspace.checkpoint()
    with view.scratch.workspace("job", background=False) as workspace:
        fill(workspace, {"new": b"new", "copy of ü": bytes(1000)})
        done = workspace.checkpoint()
        assert (done.files, done.sent_files, done.sent) == (6, 1, 3)


@clause("X-09", needs=("reopen",))
def test_what_is_not_named_any_more_is_deleted(view, below):
    with view.scratch.workspace("job", background=False) as workspace:
        fill(workspace, FILES)
        workspace.checkpoint()
        assert len(below.blobs()) == 4  # three contents and the manifest
        for name in FILES:
            workspace.remove(name)
        fill(workspace, {"one": b"one"})
        workspace.checkpoint()
        assert len(below.blobs()) == 2


@clause("X-15")
def test_a_lazy_workspace_fetches_what_is_asked_for(view):
    with view.scratch.workspace("job") as workspace:
        fill(workspace, FILES)
        workspace.checkpoint()
    with view.scratch.workspace("job", lazy=True) as workspace:
        assert contents(workspace) == {}
        assert workspace.files() == {name: len(data) for name, data in FILES.items()}
        workspace.restore("b/d/e")
        assert contents(workspace) == {"b/d/e": b"1"}
        with pytest.raises(NotFoundError):
            workspace.restore("nothing")
        workspace.restore()
        assert contents(workspace) == FILES


@clause("X-15", "X-09")
def test_what_was_not_fetched_stays_in_the_next_checkpoint(view):
    with view.scratch.workspace("job") as workspace:
        fill(workspace, FILES)
        workspace.checkpoint()
    with view.scratch.workspace("job", lazy=True, background=False) as workspace:
        fill(workspace, {"a": b"mine"})
        workspace.remove("b/c")
        done = workspace.checkpoint()
        assert (done.files, done.sent_files) == (3, 1)
        workspace.restore()
        assert contents(workspace) == {"a": b"mine", "b/d/e": b"1", "ü": bytes(1000)}
    with view.scratch.workspace("job") as workspace:
        assert contents(workspace) == {"a": b"mine", "b/d/e": b"1", "ü": bytes(1000)}


@clause("X-15")
def test_a_restored_file_that_was_changed_stays_changed(view):
    with view.scratch.workspace("job") as workspace:
        fill(workspace, FILES)
        workspace.checkpoint()
    with view.scratch.workspace("job", lazy=True) as workspace:
        workspace.restore("a")
        fill(workspace, {"a": b"changed"})
        workspace.restore("a")
        workspace.restore()
        assert contents(workspace) == {**FILES, "a": b"changed"}


@clause("X-04", "X-08")
def test_a_file_in_the_way_of_one_that_was_not_fetched_is_refused(view):
    with view.scratch.workspace("job") as workspace:
        fill(workspace, {"a/b": b"1"})
        workspace.checkpoint()
    with view.scratch.workspace("job", lazy=True) as workspace:
        (workspace.path / "a").write_bytes(b"1")
        with pytest.raises(InvalidInputError):
            workspace.checkpoint()


@clause("X-15", "X-20", needs=("reopen",))
def test_damaged_files_are_corrupt_and_not_shown(view, below):
    with view.scratch.workspace("job") as workspace:
        fill(workspace, {"a": b"right"})
        workspace.checkpoint()
    for key in below.blobs():
        if below.objects.bytes_of(key) == b"right":
            below.objects.put(key, b"wrong")
    with view.scratch.workspace("job", lazy=True) as workspace:
        with pytest.raises(CorruptDataError):
            workspace.restore("a")
        assert contents(workspace) == {}
    with pytest.raises(CorruptDataError), view.scratch.workspace("job"):
        pass


@clause("X-20", needs=("reopen",))
@pytest.mark.parametrize("how", ["damaged", "missing"])
def test_a_manifest_that_cannot_be_read_is_corrupt(view, below, how):
    with view.scratch.workspace("job") as workspace:
        workspace.checkpoint()
    (manifest,) = below.blobs()
    if how == "damaged":
        below.objects.put(manifest, b"damaged")
    else:
        below.objects.delete(manifest)
    for _ in range(2):  # and it stays so: the lease was given back
        with pytest.raises(CorruptDataError), view.scratch.workspace("job"):
            pass


@clause("X-20", needs=("reopen",))
def test_a_record_that_cannot_be_read_is_corrupt(view, below):
    with view.scratch.workspace("job"):
        pass
    below.damage_record()
    with pytest.raises(CorruptDataError), view.scratch.workspace("job"):
        pass


@clause("X-20", "X-11", needs=("reopen",))
def test_files_that_are_missing_because_another_one_took_over_are_a_lost_lease(view, subject):
    with view.scratch.workspace("job") as workspace:
        fill(workspace, {"a": b"1"})
        workspace.checkpoint()
    with view.scratch.workspace("job", lazy=True, background=False) as old:
        subject.clock.advance(OVER)
        with view.scratch.workspace("job") as new:
            new.remove("a")
            new.checkpoint()
        with pytest.raises(LeaseLostError):
            old.restore()


@clause("X-21", needs=("reopen",))
def test_workspaces_of_another_namespace_are_others(view, subject):
    other = subject.open(namespace=f"{subject.namespace}x")
    with view.scratch.workspace("job") as workspace:
        fill(workspace, FILES)
        workspace.checkpoint()
        with other.scratch.workspace("job") as another:
            assert contents(another) == {}
            another.checkpoint()
        subject.clock.advance(30 * 86400)
        other.scratch.sweep()
        workspace_files = workspace.files()
    assert workspace_files == {name: len(data) for name, data in FILES.items()}


@clause("X-21")
def test_files_of_workspaces_are_no_objects(view):
    with view.scratch.workspace("job") as workspace:
        fill(workspace, FILES)
        workspace.checkpoint()
    assert list(view.objects.list()) == []


@clause("X-08", "E-04")
def test_an_outage_is_told_as_one(interposed):
    view = interposed.view
    with view.scratch.workspace("job", background=False, timeout=1.0) as workspace:
        fill(workspace, {"a": b"1"})
        interposed.objects.refuse("write", times=1000)
        with pytest.raises(UnavailableError):
            workspace.checkpoint(timeout=1.0)
