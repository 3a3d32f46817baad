"""Leases: one holder, growing tokens, and nothing that an old holder could still change."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from statekit.errors import InvalidInputError, LeaseLostError, WorkspaceBusyError
from statekit_conformance import clause
from statekit_conformance.scratch.conftest import LEASE, OVER, contents, fill

MILLISECOND = 0.001


def idle(view, name="job", **options):
    """Return a workspace whose lease nobody renews, as that of a process that stands still."""
    return view.scratch.workspace(name, background=False, **options)


def eventually(condition):
    """Wait until what goes on in the background has happened."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it has not happened"
        time.sleep(0.005)


@clause("X-06")
def test_a_held_workspace_is_busy(view):
    with view.scratch.workspace("job"), pytest.raises(WorkspaceBusyError), view.scratch.workspace("job"):
        pass


@clause("X-06")
def test_another_name_is_free(view):
    with view.scratch.workspace("job"), view.scratch.workspace("job/2") as other:
        assert contents(other) == {}


@clause("X-06")
def test_busy_is_not_until_two_seconds_after_the_lease_lapsed(view, subject):
    with idle(view):
        subject.clock.advance(LEASE + 2)
        with pytest.raises(WorkspaceBusyError), idle(view):
            pass
        subject.clock.advance(MILLISECOND)
        with idle(view):
            pass


@clause("X-06")
def test_who_waits_gets_it_when_the_lease_lapses(view, subject):
    with idle(view) as first:
        begun = subject.clock.now()
        with idle(view, wait=3600) as second:
            assert second.fence > first.fence
            assert LEASE * 1000 <= subject.clock.now() - begun <= 2 * OVER * 1000


@clause("X-06")
def test_who_waits_too_short_is_told_at_the_end(view, subject):
    with idle(view):
        begun = subject.clock.now()
        with pytest.raises(WorkspaceBusyError), idle(view, wait=5):
            pass
        assert subject.clock.now() - begun >= 5000


@clause("X-06")
def test_a_refused_opening_leaves_no_directory(view, subject):
    with idle(view) as workspace:
        with pytest.raises(WorkspaceBusyError), idle(view):
            pass
        assert {file.name for file in subject.root.iterdir()} == {"lock", workspace.path.parent.name}


@clause("X-07")
def test_each_holders_token_is_larger(view):
    fences = []
    for _ in range(5):
        with view.scratch.workspace("job") as workspace:
            fences.append(workspace.fence)
    assert fences == sorted(set(fences))


@clause("X-07", "X-14", "X-18")
def test_tokens_grow_across_expiry_and_sweep(view, subject):
    with idle(view, ttl=timedelta(hours=1)) as workspace:
        first = workspace.fence
    subject.clock.advance(3 * 3600)
    assert view.scratch.sweep().workspaces == 1
    with idle(view) as workspace:
        assert workspace.fence > first


@clause("X-10")
def test_a_lapsed_lease_that_nobody_took_is_renewed(view, subject):
    with idle(view) as workspace:
        fill(workspace, {"a": b"1"})
        subject.clock.advance(10 * LEASE)
        workspace.renew()
        with pytest.raises(WorkspaceBusyError), idle(view):
            pass
        subject.clock.advance(10 * LEASE)
        assert workspace.checkpoint().files == 1
        with pytest.raises(WorkspaceBusyError), idle(view):
            pass


@clause("X-11", "X-12")
def test_an_old_holder_changes_nothing(view, subject):
    with idle(view) as old:
        fill(old, {"a": b"old"})
        old.checkpoint()
        subject.clock.advance(OVER)
        with idle(view) as new:
            assert contents(new) == {"a": b"old"}
            fill(new, {"a": b"new", "b": b"new"})
            new.checkpoint()
            fill(old, {"a": b"lost"})
            for action in (old.checkpoint, old.renew, lambda: old.publish("a", view.objects, "published")):
                with pytest.raises(LeaseLostError):
                    action()
            new.checkpoint()
            assert view.objects.exists("published") is False
    with idle(view) as last:
        assert contents(last) == {"a": b"new", "b": b"new"}


@clause("X-11")
def test_an_old_holder_gets_it_whatever_it_does_first(view, subject):
    for action in ("checkpoint", "renew", "publish"):
        with idle(view, action) as old:
            fill(old, {"a": b"old"})
            subject.clock.advance(OVER)
            with idle(view, action):
                pass
            with pytest.raises(LeaseLostError):
                old.publish("a", view.objects, "published") if action == "publish" else getattr(old, action)()
        assert view.objects.exists("published") is False


@clause("X-11", "X-13")
def test_an_old_holder_that_leaves_does_not_free_the_new_ones_lease(view, subject):
    with idle(view) as old:
        subject.clock.advance(OVER)
        new = idle(view)
        new.__enter__()
        fill(old, {"a": b"old"})
    with pytest.raises(WorkspaceBusyError), idle(view):
        pass
    new.__exit__(None, None, None)


@clause("X-11")
def test_a_holder_of_the_same_process_after_oneself_is_another_one(view, subject):
    with idle(view) as old:
        subject.clock.advance(OVER)
        with idle(view):
            pass
        # released again, and nobody's: still not the old one's
        with pytest.raises(LeaseLostError):
            old.checkpoint()


@clause("X-13")
def test_leaving_frees_the_name_and_keeps_the_checkpoint(view):
    with view.scratch.workspace("job") as workspace:
        fill(workspace, {"a": b"1"})
        workspace.checkpoint()
        fill(workspace, {"a": b"after", "b": b"after"})
    with view.scratch.workspace("job") as workspace:
        assert contents(workspace) == {"a": b"1"}


@clause("X-14")
def test_a_workspace_is_gone_at_its_expiry_to_the_millisecond(view, subject):
    for more, found in ((-MILLISECOND, {"a": b"1"}), (0, {})):
        with idle(view, f"job{more}", ttl=timedelta(hours=1)) as workspace:
            fill(workspace, {"a": b"1"})
            workspace.checkpoint()
        subject.clock.advance(3600 + more)
        with idle(view, f"job{more}") as workspace:
            assert contents(workspace) == found


@clause("X-14", "X-11")
def test_an_expired_workspace_is_gone_to_its_holder_too(view, subject):
    with idle(view, ttl=timedelta(minutes=1)) as workspace:
        fill(workspace, {"a": b"1"})
        workspace.checkpoint()
        subject.clock.advance(60)
        with pytest.raises(LeaseLostError):
            workspace.checkpoint()
    with idle(view) as workspace:
        assert contents(workspace) == {}


@clause("X-14")
def test_a_life_shorter_than_the_lease_is_refused(view):
    with pytest.raises(InvalidInputError), idle(view, ttl=timedelta(seconds=LEASE)):
        pass


@clause("X-23")
def test_the_lease_is_renewed_in_the_background(view, subject):
    with view.scratch.workspace("job") as workspace:
        for _ in range(6):
            before = sum(event.operation == "renew" for event in view.events)
            subject.clock.advance(LEASE / 2)
            eventually(lambda before=before: sum(e.operation == "renew" for e in view.events) > before)
        with pytest.raises(WorkspaceBusyError), idle(view):
            pass
        workspace.checkpoint()
    renewals = sum(event.operation == "renew" for event in view.events)
    subject.clock.advance(10 * LEASE)
    with idle(view):
        pass
    assert sum(event.operation == "renew" for event in view.events) == renewals


@clause("X-23")
def test_closing_the_state_ends_renewing(subject):
    view = subject.open()
    with view.scratch.workspace("job"):
        view.close()
        subject.clock.advance(LEASE)
    assert not [event for event in view.events if event.operation == "renew"]


@clause("X-06")
@pytest.mark.parametrize("action", ["checkpoint", "renew"])
def test_a_workspace_without_a_name_has_no_lease(view, action):
    with view.scratch.workspace() as workspace:
        assert workspace.fence is None
        with pytest.raises(InvalidInputError):
            getattr(workspace, action)()
