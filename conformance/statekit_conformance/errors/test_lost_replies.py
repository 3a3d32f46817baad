"""Replies that are lost: no write conflicts with itself, none is applied twice, and none is guessed."""

from __future__ import annotations

import pytest

from statekit.driver import Fault
from statekit.errors import (
    ConflictError,
    IndeterminateError,
    SessionGoneError,
)
from statekit_conformance import clause

FOREVER = 1_000_000

BOTH = ("records", "objects", "reopen")

UNSURE = pytest.mark.parametrize("fault", [Fault.LOST, Fault.TIMED_OUT], ids=lambda fault: fault.name)
WAYS = pytest.mark.parametrize("way", ["lose_reply", "reset", "double"])


def order(driver, way, method, fault, **options):
    """Let a request's reply be lost, the request itself, or neither and it be delivered twice."""
    getattr(driver, way)(method, **options, **({} if way == "double" else {"fault": fault}))


@clause("E-05", needs=BOTH)
@WAYS
@UNSURE
@pytest.mark.parametrize("mode", ["merge", "reject", "overwrite"])
def test_a_save_whose_reply_is_lost_succeeds_without_a_conflict(interposed, view, way, fault, mode):
    session = view.sessions.create({"a": 1, "gone": 1})
    held = interposed.sessions.load(session.id)
    held["a"] = 2
    del held["gone"]
    order(interposed.records, way, "write", fault)
    interposed.sessions.save(held, on_conflict=mode)
    assert interposed.events[-1].outcome == "ok"
    assert interposed.events[-1].conflicts == 0
    assert dict(view.sessions.load(session.id)) == {"a": 2} == dict(held)
    held["a"] = 3
    interposed.sessions.save(held, on_conflict=mode)
    assert interposed.events[-1].attempts == 1


@clause("E-05", "S-13", needs=BOTH)
@WAYS
@UNSURE
def test_an_update_whose_reply_is_lost_is_applied_once(interposed, view, way, fault):
    session = view.sessions.create({"n": 0})
    for _ in range(3):
        order(interposed.records, way, "write", fault)
        interposed.sessions.update(session.id, lambda copy: copy.update(n=copy["n"] + 1))
    assert view.sessions.load(session.id)["n"] == 3


@clause("E-05", "S-07", needs=BOTH)
def test_a_save_whose_reply_is_lost_and_that_was_overtaken_knows_that_it_had_won(interposed, view):
    session = view.sessions.create({"a": 1, "n": 0})
    held = interposed.sessions.load(session.id)
    held["n"] = 1

    def overtake():
        other = view.sessions.load(session.id)
        if other["n"] == 1:
            other["n"] = 2
            view.sessions.save(other)

    interposed.records.lose_reply("write")
    interposed.at_records.before("read", overtake)
    interposed.at_records.before("write", overtake, skip=1)
    interposed.sessions.save(held, on_conflict="reject")
    assert view.sessions.load(session.id)["n"] == 2, "the later save was undone by sending the first one again"


@clause("E-05", needs=BOTH)
@WAYS
@UNSURE
@pytest.mark.parametrize("skip", [0, 1], ids=["the session", "its owner"])
def test_a_login_whose_reply_is_lost_makes_one_session(interposed, view, way, fault, skip):
    order(interposed.records, way, "write", fault, skip=skip)
    session = interposed.sessions.create({"a": 1}, owner="ann")
    assert dict(view.sessions.load(session.id)) == {"a": 1}
    assert len(view.sessions.list("ann")) == 1


@clause("E-05", "S-14", needs=BOTH)
@WAYS
@UNSURE
def test_a_touch_whose_reply_is_lost_extends_the_session(interposed, view, subject, way, fault):
    session = view.sessions.create({"a": 1})
    held = interposed.sessions.load(session.id)
    subject.clock.advance(3600)
    order(interposed.records, way, "touch", fault)
    interposed.sessions.touch(held)
    late = view.sessions.load(session.id).expires_at - session.expires_at
    assert abs(late.total_seconds() - 3600) < 10
    assert dict(view.sessions.load(session.id)) == {"a": 1}


@clause("E-05", "S-18", "S-24", needs=BOTH)
@WAYS
@UNSURE
@pytest.mark.parametrize(("owner", "skip"), [(None, 0), (None, 1), ("ann", 0), ("ann", 1), ("ann", 2)])
def test_a_rotation_whose_reply_is_lost_leaves_one_id_that_works(interposed, view, way, fault, owner, skip):
    old = view.sessions.create({"a": 1}, owner=owner)
    order(interposed.records, way, "write", fault, skip=skip)
    new = interposed.sessions.rotate(interposed.sessions.load(old.id))
    assert view.sessions.load(old.id) is None
    assert dict(view.sessions.load(new.id)) == {"a": 1}
    if owner is not None:
        assert len(view.sessions.list(owner)) == 1
        assert view.sessions.revoke_all(owner) == 1
        assert view.sessions.load(new.id) is None


@clause("E-05", "S-20", needs=BOTH)
@WAYS
@UNSURE
def test_a_logout_whose_reply_is_lost_ends_the_session(interposed, view, way, fault):
    session = view.sessions.create({"a": 1}, owner="ann")
    order(interposed.records, way, "delete", fault)
    assert interposed.sessions.destroy(session.id) in (True, False)
    assert view.sessions.load(session.id) is None
    assert view.sessions.list("ann") == []


@clause("E-05", "S-24", needs=BOTH)
@WAYS
@UNSURE
@pytest.mark.parametrize(("method", "skip"), [("write", 0), ("write", 1), ("delete", 0), ("delete", 1)])
def test_a_revoke_all_whose_reply_is_lost_ends_every_session(interposed, view, way, fault, method, skip):
    sessions = [view.sessions.create(owner="ann") for _ in range(2)]
    mark = view.sessions.owner_mark("ann")
    order(interposed.records, way, method, fault, skip=skip)
    interposed.sessions.revoke_all("ann")
    assert [view.sessions.load(session.id) for session in sessions] == [None, None]
    with pytest.raises(ConflictError):
        view.sessions.create(owner="ann", since=mark)
    new = view.sessions.create(owner="ann")
    interposed.sessions.list("ann")
    assert view.sessions.load(new.id) is not None


@clause("E-05", "O-03", needs=BOTH)
@WAYS
@UNSURE
def test_a_conditional_put_whose_reply_is_lost_succeeds_without_a_conflict(interposed, view, way, fault):
    for condition in ({"if_absent": True}, {"if_match": True}):
        if "if_match" in condition:
            condition = {"if_match": view.objects.stat("file")}  # noqa: PLW2901 - known only now
        order(interposed.objects, way, "write", fault)
        info = interposed.stored_objects.put("file", b"data", metadata={"a": "b"}, **condition)
        found = view.objects.get("file")
        assert (found.data, found.info.version, found.info.write_id) == (b"data", info.version, info.write_id)


@clause("E-05", "O-15", needs=BOTH)
@WAYS
@UNSURE
def test_a_conditional_copy_whose_reply_is_lost_succeeds_without_a_conflict(interposed, view, way, fault):
    view.objects.put("source", b"data")
    order(interposed.objects, way, "copy", fault)
    info = interposed.stored_objects.copy("source", "target", if_absent=True)
    assert view.objects.get("target").info.version == info.version
    assert view.objects.get("target").data == b"data"


@clause("E-05", "O-03", needs=(*BOTH, "multipart"))
@WAYS
@UNSURE
def test_a_conditional_put_in_parts_whose_reply_is_lost_succeeds_without_a_conflict(interposed, view, way, fault):
    data = bytes(8 * 1024 * 1024 + 1)
    order(interposed.objects, way, "finish", fault)
    info = interposed.stored_objects.put("file", data, if_absent=True)
    assert view.objects.stat("file").version == info.version
    assert view.objects.stat("file").size == len(data)


@clause("E-05", "O-13", needs=BOTH)
@WAYS
@UNSURE
def test_a_conditional_delete_whose_reply_is_lost_is_no_conflict(interposed, view, way, fault):
    info = view.objects.put("file", b"data")
    order(interposed.objects, way, "delete", fault)
    assert interposed.stored_objects.delete("file", if_match=info) in (True, False)
    assert view.objects.exists("file") is False


@clause("E-05", "O-03", "O-04", needs=BOTH)
@UNSURE
def test_a_conditional_put_whose_reply_is_lost_and_that_another_overwrote_is_no_conflict(interposed, view, fault):
    def overwrite():
        view.objects.put("file", b"later", if_match=view.objects.stat("file"))

    interposed.objects.lose_reply("write", fault=fault)
    interposed.at_objects.before("stat", overwrite)
    interposed.stored_objects.put("file", b"data", if_absent=True)
    assert view.objects.get("file").data == b"later", "the later put was undone by sending the first one again"


@clause("E-05", needs=BOTH)
def test_a_real_conflict_after_a_lost_request_is_still_one(interposed, view):
    interposed.objects.reset("write")
    interposed.at_objects.before("write", lambda: view.objects.put("file", b"another's", if_absent=True))
    with pytest.raises(ConflictError):
        interposed.stored_objects.put("file", b"mine", if_absent=True)
    assert view.objects.get("file").data == b"another's"
    session = view.sessions.create({"a": 1})
    held, other = interposed.sessions.load(session.id), view.sessions.load(session.id)
    held["a"], other["a"] = 2, 3
    interposed.records.reset("write")
    interposed.at_records.before("write", lambda: view.sessions.save(other))
    with pytest.raises(ConflictError):
        interposed.sessions.save(held, on_conflict="reject")
    assert view.sessions.load(session.id)["a"] == 3


@clause("E-05", "S-12", needs=BOTH)
def test_a_save_that_was_delayed_past_a_logout_does_not_bring_the_session_back(interposed, view):
    session = view.sessions.create({"a": 1})
    held = interposed.sessions.load(session.id)
    held["a"] = 2
    interposed.records.delay("write", times=1)
    interposed.at_records.before("write", lambda: view.sessions.destroy(session.id))
    interposed.at_records.before("read", lambda: view.sessions.destroy(session.id))
    with pytest.raises((SessionGoneError, IndeterminateError)):
        interposed.sessions.save(held)
    interposed.deliver()
    assert view.sessions.load(session.id) is None


# What cannot be settled


@clause("E-06", needs=BOTH)
@UNSURE
@pytest.mark.parametrize("way", ["lose_reply", "reset"])
def test_a_save_that_cannot_be_settled_is_indeterminate(interposed, view, way, fault):
    session = view.sessions.create({"a": 1})
    held = interposed.sessions.load(session.id)
    held["a"] = 2
    order(interposed.records, way, "write", fault)
    interposed.records.refuse(fault=Fault.UNREACHED, times=FOREVER)
    with pytest.raises(IndeterminateError) as caught:
        interposed.sessions.save(held, timeout=2)
    assert caught.value.fault.applied
    assert view.sessions.load(session.id)["a"] == (2 if way == "lose_reply" else 1)


@clause("E-06", needs=BOTH)
@UNSURE
@pytest.mark.parametrize("condition", [{}, {"if_absent": True}], ids=["put", "put if_absent"])
def test_a_put_that_cannot_be_settled_is_indeterminate(interposed, view, fault, condition):
    interposed.objects.lose_reply("write", fault=fault)
    interposed.objects.refuse(fault=Fault.UNREACHED, times=FOREVER)
    with pytest.raises(IndeterminateError):
        interposed.stored_objects.put("file", b"data", timeout=2, **condition)
    assert view.objects.get("file").data == b"data"


@clause("E-06", needs=BOTH)
def test_an_unknown_fault_of_a_conditional_write_is_settled(interposed, view):
    interposed.objects.lose_reply("write", fault=Fault.UNKNOWN)
    interposed.stored_objects.put("file", b"data", if_absent=True)
    session = view.sessions.create({"a": 1})
    held = interposed.sessions.load(session.id)
    held["a"] = 2
    interposed.records.lose_reply("write", fault=Fault.UNKNOWN)
    interposed.sessions.save(held)
    assert view.sessions.load(session.id)["a"] == 2


@clause("E-06", needs=BOTH)
def test_a_write_that_was_not_delivered_and_cannot_be_repeated_is_indeterminate_and_may_be_retried(interposed, view):
    session = view.sessions.create({"n": 0})
    interposed.records.reset("write", times=FOREVER)
    with pytest.raises(IndeterminateError):
        interposed.sessions.update(session.id, lambda copy: copy.update(n=1), timeout=2)
    assert view.sessions.load(session.id)["n"] == 0
    view.sessions.update(session.id, lambda copy: copy.update(n=1))
    assert view.sessions.load(session.id)["n"] == 1
