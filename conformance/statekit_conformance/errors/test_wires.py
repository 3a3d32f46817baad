"""Wires that lose requests and replies, under the stores: no write conflicts with itself, and none is applied twice."""

from __future__ import annotations

import pytest

from statekit_conformance import clause
from statekit_conformance.proxy import DeliverLate, Dribble, LoseReply, ResetBefore, Swallow, Truncate

PATIENCE = 0.5  # seconds for a request
MODES = [LoseReply(), ResetBefore(), Swallow(), DeliverLate(), Truncate(), Truncate(keep=2), Dribble(piece=5)]
BOTH = ("records", "objects", "server")


@pytest.fixture
def wire(server):
    return server.wire(timeout=PATIENCE)


@pytest.fixture
def wired(wire):
    """A state that is reached through proxies, with connections that are in use."""
    opened = wire.subject.open(timeout=20)
    session = opened.sessions.create({"n": 0}, owner="warm")
    opened.sessions.save(opened.sessions.load(session.id))
    opened.sessions.destroy(session.id)
    opened.objects.put("warm", b"warm", if_absent=True)
    return opened


@clause("E-05", "E-06", "S-10", needs=BOTH)
@pytest.mark.parametrize("mode", MODES, ids=str)
def test_a_save_over_a_bad_wire_succeeds_once_and_without_a_conflict(view, wire, wired, mode):
    identifier = view.sessions.create({"n": 0}).id
    session = wired.sessions.load(identifier)
    session["n"] = 1
    with wire.armed(mode) as armed:
        wired.sessions.save(session, on_conflict="reject")
    assert wired.events[-1].conflicts == 0
    other = view.sessions.load(identifier)
    assert dict(other) == {"n": 1}
    other["n"] = 2
    view.sessions.save(other, on_conflict="reject")
    wire.settle(armed)
    assert dict(view.sessions.load(identifier)) == {"n": 2}, "a request that came late undid a later save"
    assert sum(each.struck for each in armed) == 1


@clause("E-05", "E-06", "S-13", needs=BOTH)
@pytest.mark.parametrize("mode", [LoseReply(), ResetBefore(), DeliverLate()], ids=str)
def test_an_update_over_a_bad_wire_counts_once(view, wire, wired, mode):
    identifier = view.sessions.create({"n": 0}).id
    for number in range(2):
        wired.sessions.load(identifier)
        with wire.armed(mode) as armed:
            session = wired.sessions.update(identifier, lambda copy: copy.update(n=copy["n"] + 1))
        wire.settle(armed)
        assert session["n"] == number + 1
    assert view.sessions.load(identifier)["n"] == 2


@clause("E-05", "E-06", "S-18", "S-22", needs=BOTH)
@pytest.mark.parametrize("mode", MODES, ids=str)
def test_a_login_and_a_rotation_over_a_bad_wire_leave_one_session(view, wire, wired, mode):
    with wire.armed(mode) as armed:
        old = wired.sessions.create({"a": 1}, owner="ann")
    wire.settle(armed)
    assert len(view.sessions.list("ann")) == 1
    with wire.armed(mode) as armed:
        new = wired.sessions.rotate(old)
    wire.settle(armed)
    assert view.sessions.load(old.id) is None
    assert dict(view.sessions.load(new.id)) == {"a": 1}
    assert len(view.sessions.list("ann")) == 1
    with wire.armed(mode) as armed:
        wired.sessions.revoke_all("ann")
    wire.settle(armed)
    assert view.sessions.load(new.id) is None


@clause("E-05", "E-06", "O-03", "O-04", "O-13", "O-15", needs=BOTH)
@pytest.mark.parametrize("mode", MODES, ids=str)
def test_conditional_writes_of_objects_over_a_bad_wire_succeed_once_and_without_a_conflict(view, wire, wired, mode):
    view.objects.put("source", b"copied")
    with wire.armed(mode) as first:
        made = wired.objects.put("file", b"made", if_absent=True)
    assert view.objects.stat("file").version == made.version
    with wire.armed(mode) as second:
        replaced = wired.objects.put("file", b"replaced", if_match=made)
    assert view.objects.get("file").data == b"replaced"
    with wire.armed(mode) as third:
        copied = wired.objects.copy("source", "file", if_match=replaced)
    for armed in (first, second, third):
        wire.settle(armed)
    assert view.objects.get("file").data == b"copied"
    with wire.armed(mode) as armed:
        wired.objects.delete("file", if_match=copied)
    wire.settle(armed)
    assert view.objects.exists("file") is False


@clause("E-04", "E-05", "S-02", "O-07", needs=BOTH)
@pytest.mark.parametrize("mode", MODES, ids=str)
def test_reads_over_a_bad_wire_are_never_absence(view, wire, wired, mode):
    identifier = view.sessions.create({"a": 1}).id
    view.objects.put("file", b"data" * 1_000)
    with wire.armed(mode):
        assert dict(wired.sessions.load(identifier)) == {"a": 1}
    with wire.armed(mode):
        assert wired.objects.get("file").data == b"data" * 1_000
    with wire.armed(mode):
        assert [info.key for info in wired.objects.list("fi")] == ["file"]
