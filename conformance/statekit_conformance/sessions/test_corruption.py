"""Stored bytes that cannot be read: an error that says so, never absence, and nothing else stops working."""

from __future__ import annotations

import pickle
from contextlib import suppress

import pytest

from statekit.errors import CorruptDataError, StateError
from statekit.types import SessionPolicy
from statekit_conformance import clause


class Trap:
    """What a pickle would call."""

    sprung = False

    def __reduce__(self):
        return _spring, ()


def _spring():
    Trap.sprung = True
    return {}


DAMAGE = {
    "nothing": lambda _: b"",
    "one byte": lambda value: value[:1],
    "zeros": lambda value: bytes(len(value)),
    "text": lambda _: b"not a session at all, but long enough to hold one",
    "JSON": lambda _: b'{"user": 1, "created_at": 1700000000, "expires": null}',
    "a pickle": lambda _: pickle.dumps(Trap()),
    "half of it": lambda value: value[: len(value) // 2],
    "all but the last byte": lambda value: value[:-1],
    "a byte more": lambda value: value + b"\0",
    "a bit of the first byte": lambda value: bytes((value[0] ^ 1,)) + value[1:],
    "a bit in the middle": lambda value: value[:20] + bytes((value[20] ^ 0x10,)) + value[21:],
    "a bit of the last byte": lambda value: value[:-1] + bytes((value[-1] ^ 0x80,)),
    "twice the same": lambda value: value + value,
}

USES = {
    "load": lambda view, session: view.sessions.load(session.id),
    "save": lambda view, session: view.sessions.save(session),
    "update": lambda view, session: view.sessions.update(session.id, lambda copy: copy.update(a=3)),
    "rotate": lambda view, session: view.sessions.rotate(session),
}


@pytest.fixture
def broken(view, raw):
    """Return what makes an owner's session whose record is damaged, and the key of the record."""

    def spoil(damage=DAMAGE["text"], **options):
        made = view.sessions.create({"a": 1}, owner="ann", **options)
        key = raw.place_of(view, made)
        session = view.sessions.load(made.id)
        raw.replace(key, damage(raw.contents()[key].value))
        return session, key

    return spoil


@clause("S-30", needs=("reopen",))
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_session_is_an_error_and_never_absence(view, broken, damage):
    session, _ = broken(damage)
    with pytest.raises(CorruptDataError):
        view.sessions.load(session.id)
    assert not Trap.sprung, "stored bytes were unpickled"


@clause("S-30", needs=("reopen",))
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_every_use_of_a_damaged_session_is_an_error_and_changes_nothing(view, broken, raw, use):
    session, key = broken()
    session["a"] = 2
    before = raw.contents()
    with pytest.raises(CorruptDataError):
        use(view, session)
    assert raw.contents()[key] == before[key]
    assert raw.keys() == set(before)


@clause("S-30", needs=("reopen",))
def test_touching_a_damaged_session_after_its_expiry_was_moved_is_an_error(view, broken, raw, subject):
    session, key = broken()
    subject.clock.advance(3600)
    record = raw.driver.read(key)
    raw.driver.touch(key, seen=record, expires_at=record.expires_at + 1)
    with pytest.raises(CorruptDataError):
        view.sessions.touch(session)


@clause("S-30", "S-20", needs=("reopen",))
def test_a_logout_never_says_that_a_damaged_session_was_not_there(view, broken):
    session, _ = broken()
    try:
        assert view.sessions.destroy(session.id) is True
    except CorruptDataError:
        return
    assert view.sessions.load(session.id) is None


@clause("S-22", "S-30", needs=("reopen",))
def test_a_listing_reports_a_damaged_session_among_the_others(view, broken):
    view.sessions.create(owner="ann", label="before")
    broken(label="damaged")
    view.sessions.create(owner="ann", label="after")
    infos = view.sessions.list("ann")
    assert sorted(info.label or "?" for info in infos if not info.corrupt) == ["after", "before"]
    assert [info.corrupt for info in infos].count(True) == 1
    assert len({info.handle for info in infos}) == 3


@clause("S-23", "S-30", needs=("reopen",))
def test_a_damaged_session_can_be_revoked(view, broken):
    session, _ = broken()
    other = view.sessions.create(owner="ann")
    (handle,) = [info.handle for info in view.sessions.list("ann") if info.corrupt]
    assert view.sessions.revoke(handle) is True
    assert [info.corrupt for info in view.sessions.list("ann")] == [False]
    assert view.sessions.load(session.id) is None
    assert view.sessions.load(other.id) is not None


@clause("S-24", "S-30", needs=("reopen",))
def test_a_damaged_session_does_not_save_the_others_from_a_revoke_all(view, broken):
    first = view.sessions.create(owner="ann")
    damaged, _ = broken()
    last = view.sessions.create(owner="ann")
    view.sessions.revoke_all("ann")
    assert [view.sessions.load(session.id) for session in (first, damaged, last)] == [None, None, None]
    assert view.sessions.list("ann") == []


@clause("S-27", "S-30", needs=("reopen",))
def test_a_damaged_session_does_not_keep_its_owner_from_logging_in(subject, broken):
    broken()
    view = subject.open(policy=SessionPolicy(sessions_per_owner=1))
    login = view.sessions.create({"a": 1}, owner="ann")
    assert dict(view.sessions.load(login.id)) == {"a": 1}


@clause("S-29", "S-30", needs=("reopen",))
def test_a_sweep_goes_on_past_damaged_records(view, broken, raw, subject):
    for _ in range(2):
        broken()
    view.sessions.create({"a": 1})
    damaged, _ = broken()
    subject.clock.advance(100 * 86_400)
    young = view.sessions.create({"a": 2})
    assert view.sessions.sweep().records >= 1
    assert dict(view.sessions.load(young.id)) == {"a": 2}
    with suppress(CorruptDataError):
        assert view.sessions.load(damaged.id) is None
    # Once they have expired long ago they are nobody's, readable or not.
    assert len(raw.keys()) == 1


@clause("S-29", "S-30", needs=("reopen",))
def test_a_sweep_leaves_damaged_records_that_have_not_expired(view, broken, raw):
    _, key = broken()
    assert view.sessions.sweep().records == 0
    assert raw.driver.read(key) is not None


@clause("S-30", needs=("reopen",))
def test_a_damaged_session_disturbs_no_other(view, broken):
    broken()
    other = view.sessions.create({"a": 1}, owner="bob")
    other["a"] = 2
    view.sessions.save(other)
    other = view.sessions.rotate(other)
    assert dict(view.sessions.load(other.id)) == {"a": 2}


OWNER_USES = {
    "list": lambda view: view.sessions.list("ann"),
    "mark": lambda view: view.sessions.owner_mark("ann"),
    "login": lambda view: view.sessions.create(owner="ann"),
    "revoke all": lambda view: view.sessions.revoke_all("ann"),
}


@clause("S-30", needs=("reopen",))
@pytest.mark.parametrize("use", OWNER_USES.values(), ids=OWNER_USES)
@pytest.mark.parametrize("damage", ["nothing", "text", "half of it", "a bit of the last byte"])
def test_a_damaged_owners_record_is_an_error_and_never_an_owner_without_sessions(view, raw, use, damage):
    session, keys = raw.made_by(lambda: view.sessions.create({"a": 1}, owner="ann"))
    (key,) = [key for key in keys if key != raw.place_of(view, session)]
    raw.replace(key, DAMAGE[damage](raw.contents()[key].value))
    before = raw.contents()
    with pytest.raises(CorruptDataError):
        use(view)
    assert raw.contents() == before
    assert dict(view.sessions.load(session.id))["a"] == 1


@clause("S-30", "E-02", needs=("reopen",))
def test_the_error_for_a_damaged_session_says_where_it_was_met(view, broken, subject):
    session, _ = broken()
    with pytest.raises(StateError) as caught:
        view.sessions.load(session.id)
    assert (caught.value.op, caught.value.store) == ("sessions.load", "sessions")
    assert caught.value.backend == subject.backend.name
    assert view.events[-1].outcome == "CorruptDataError"
