"""Between a workspace and an object store: fetch, publish, and how far they have come."""

from __future__ import annotations

import pytest

from statekit.errors import ConflictError, NotFoundError
from statekit_conformance import clause
from statekit_conformance.scratch.conftest import contents, fill

MIB = 1024 * 1024


@clause("X-16")
@pytest.mark.parametrize("size", [0, 1, 1000])
def test_an_object_comes_in_and_goes_out(view, noise, size):
    view.objects.put("in/photo", noise(size))
    with view.scratch.workspace() as workspace:
        assert workspace.fetch(view.objects, "in/photo") == workspace / "in/photo"
        assert (workspace / "in/photo").read_bytes() == noise(size)
        info = workspace.publish("in/photo", view.objects, "out/photo", content_type="image/png", metadata={"by": "me"})
        assert (info.key, info.size) == ("out/photo", size)
    stored = view.objects.get("out/photo")
    assert (stored.data, stored.info.content_type, stored.info.metadata) == (noise(size), "image/png", {"by": "me"})


@clause("X-16", needs=("multipart",))
@pytest.mark.parametrize("size", [8 * MIB, 8 * MIB + 1, 19 * MIB])
def test_large_ones_too(view, noise, size):
    view.objects.put("in", noise(size))
    with view.scratch.workspace() as workspace:
        workspace.fetch(view.objects, "in", name="another/name")
        workspace.publish("another/name", view.objects, "out")
    assert view.objects.get("out").data == noise(size)


@clause("X-16")
def test_what_is_not_there_is_not_found(view):
    with view.scratch.workspace() as workspace:
        with pytest.raises(NotFoundError):
            workspace.fetch(view.objects, "nothing")
        with pytest.raises(NotFoundError):
            workspace.publish("nothing", view.objects, "out")
        assert contents(workspace) == {}
    assert view.objects.exists("out") is False


@clause("X-16")
def test_publishing_under_a_condition(view):
    with view.scratch.workspace() as workspace:
        workspace.write("a", b"1")
        first = workspace.publish("a", view.objects, "out", if_absent=True)
        workspace.write("a", b"2")
        with pytest.raises(ConflictError):
            workspace.publish("a", view.objects, "out", if_absent=True)
        assert view.objects.get("out").data == b"1"
        workspace.publish("a", view.objects, "out", if_match=first)
        with pytest.raises(ConflictError):
            workspace.publish("a", view.objects, "out", if_match=first)
    assert view.objects.get("out").data == b"2"


@clause("X-16")
def test_a_fetch_replaces_a_file_whole(view):
    view.objects.put("in", b"new")
    with view.scratch.workspace() as workspace:
        fill(workspace, {"a": b"old"})
        workspace.fetch(view.objects, "in", name="a")
        assert contents(workspace) == {"a": b"new"}
        with pytest.raises(NotFoundError):
            workspace.fetch(view.objects, "nothing", name="a")
        assert contents(workspace) == {"a": b"new"}


@clause("X-15", "X-16", needs=("records",))
def test_a_file_that_was_not_fetched_yet_can_be_published(view):
    with view.scratch.workspace("job") as workspace:
        fill(workspace, {"a": b"1"})
        workspace.checkpoint()
    with view.scratch.workspace("job", lazy=True) as workspace:
        workspace.publish("a", view.objects, "out")
    assert view.objects.get("out").data == b"1"


class Told:
    """What a progress callback was told."""

    def __init__(self):
        self.said = []

    def __call__(self, done, total):
        self.said.append((done, total))

    def check(self, total):
        dones = [done for done, _ in self.said]
        assert {total for _, total in self.said} == {total}
        assert dones == sorted(dones)
        assert dones[0] == 0
        assert dones[-1] == total


@clause("X-17", needs=("multipart",))
def test_a_transfer_tells_how_far_it_has_come(view, noise):
    size = 19 * MIB
    view.objects.put("in", noise(size))
    with view.scratch.workspace() as workspace:
        workspace.fetch(view.objects, "in", progress=(fetched := Told()))
        workspace.publish("in", view.objects, "out", progress=(published := Told()))
    for told in (fetched, published):
        told.check(size)
        assert len(told.said) > 2


@clause("X-17", needs=("records",))
def test_a_checkpoint_and_its_restoring_tell_how_far_they_have_come(view, noise):
    files = {str(number): noise(1000, number) for number in range(20)}
    with view.scratch.workspace("job") as workspace:
        fill(workspace, files)
        workspace.checkpoint(progress=(sent := Told()))
    with view.scratch.workspace("job", progress=(opened := Told())):
        pass
    with view.scratch.workspace("job", lazy=True) as workspace:
        workspace.restore("1", "2", progress=(some := Told()))
    for told, total in ((sent, 20_000), (opened, 20_000), (some, 2_000)):
        told.check(total)


@clause("X-17", needs=("records",))
def test_a_callback_that_raises_ends_the_transfer_and_publishes_nothing(view):
    def refuse(done, total):
        raise KeyError(done)

    with view.scratch.workspace("job") as workspace:
        fill(workspace, {"a": b"1"})
        with pytest.raises(KeyError):
            workspace.checkpoint(progress=refuse)
        with pytest.raises(KeyError):
            workspace.publish("a", view.objects, "out", progress=refuse)
    assert view.objects.exists("out") is False
    with view.scratch.workspace("job") as workspace:
        assert contents(workspace) == {}
