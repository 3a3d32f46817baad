"""Time: one clock, whole milliseconds, and the same edges on every backend."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from statekit.errors import SessionGoneError
from statekit.types import SessionPolicy
from statekit_conformance import clause

MILLISECOND = 0.001
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def moment(clock):
    """Return the present as sessions tell it."""
    return datetime.fromtimestamp(clock.now() / 1000, UTC)


@pytest.fixture
def short(subject):
    """Return an opening whose sessions idle for an hour and live for a day."""
    return subject.open(policy=SessionPolicy(idle_timeout=HOUR, lifetime=DAY, touch_interval=timedelta(minutes=1)))


# Touch


@clause("S-14")
def test_a_touch_extends_the_expiry_by_the_idle_timeout_to_the_millisecond(short, subject):
    session = short.sessions.create({"a": 1})
    subject.clock.advance(1234.567)
    assert short.sessions.touch(session) is True
    wanted = moment(subject.clock) + HOUR
    assert session.expires_at == wanted
    assert short.sessions.load(session.id).expires_at == wanted
    subject.clock.advance(3599.999)
    assert short.sessions.load(session.id) is not None
    subject.clock.advance(MILLISECOND)
    assert short.sessions.load(session.id) is None


@clause("S-14")
def test_a_save_extends_the_expiry_like_a_touch(short, subject):
    session = short.sessions.create({"a": 1})
    subject.clock.advance(1800)
    session["a"] = 2
    short.sessions.save(session)
    assert short.sessions.load(session.id).expires_at == moment(subject.clock) + HOUR


@clause("S-14")
def test_an_update_extends_the_expiry_like_a_touch(short, subject):
    session = short.sessions.create({"a": 1})
    subject.clock.advance(1800)
    short.sessions.update(session.id, lambda copy: copy.update(a=2))
    assert short.sessions.load(session.id).expires_at == moment(subject.clock) + HOUR


@clause("S-14")
def test_saving_an_unchanged_session_after_the_interval_touches_it(short, subject):
    session = short.sessions.create({"a": 1})
    subject.clock.advance(1800)
    short.sessions.save(session)
    assert short.events[-1].attempts == 1
    assert short.sessions.load(session.id).expires_at == moment(subject.clock) + HOUR


@clause("S-14", needs=("reopen",))
def test_a_touch_never_shortens_what_an_opening_with_a_longer_timeout_gave(short, subject):
    session = subject.open().sessions.create({"a": 1})
    expires_at = session.expires_at
    subject.clock.advance(7200)
    copy = short.sessions.load(session.id)
    short.sessions.touch(copy)
    assert short.sessions.load(session.id).expires_at == expires_at
    copy["a"] = 2
    short.sessions.save(copy)
    assert short.sessions.load(session.id).expires_at == expires_at
    copy = short.sessions.update(session.id, lambda copy: copy.update(a=3))
    assert short.sessions.load(session.id).expires_at == expires_at


@clause("S-14")
def test_a_touch_changes_no_data_and_saves_no_changes(short, subject):
    session = short.sessions.create({"a": 1})
    other = short.sessions.load(session.id)
    other["b"] = 2
    short.sessions.save(other)
    session["a"] = "unsaved"
    subject.clock.advance(600)
    assert short.sessions.touch(session) is True
    assert dict(short.sessions.load(session.id)) == {"a": 1, "b": 2}
    assert session["a"] == "unsaved"
    short.sessions.save(session)
    assert dict(short.sessions.load(session.id)) == {"a": "unsaved", "b": 2}


@clause("S-14")
def test_a_touch_that_was_overtaken_by_another_does_not_shorten_it(short, subject):
    session = short.sessions.create({"a": 1})
    late, busy = short.sessions.load(session.id), short.sessions.load(session.id)
    subject.clock.advance(600)
    short.sessions.touch(busy)
    expires_at = busy.expires_at
    short.sessions.touch(late)
    assert short.sessions.load(session.id).expires_at == expires_at == late.expires_at


@clause("S-14", "E-13")
def test_touches_by_many_threads_all_succeed(subject, together):
    view = subject.open(timeout=3600)
    identifier = view.sessions.create({"a": 1}).id
    copies = [view.sessions.load(identifier) for _ in range(8)]
    subject.clock.advance(3600)
    outcomes = together([lambda copy=copy: view.sessions.touch(copy) for copy in copies])
    assert all(outcome is True for outcome in outcomes)
    assert dict(view.sessions.load(identifier)) == {"a": 1}


@clause("S-05", "S-15")
def test_within_the_touch_interval_neither_touch_nor_save_sends_anything(short, subject):
    session = short.sessions.create({"a": 1})
    for _ in range(2):
        subject.clock.advance(29.999)
        assert short.sessions.touch(session) is False
        assert short.events[-1].attempts == 0
        short.sessions.save(session)
        assert short.events[-1].attempts == 0


@clause("S-15")
def test_the_touch_interval_is_exact_to_the_millisecond(short, subject):
    session = short.sessions.create({"a": 1})
    subject.clock.advance(59.999)
    assert short.sessions.touch(session) is False
    subject.clock.advance(MILLISECOND)
    assert short.sessions.touch(session) is True
    assert short.events[-1].attempts == 1
    subject.clock.advance(59.999)
    assert short.sessions.touch(session) is False
    subject.clock.advance(MILLISECOND)
    assert short.sessions.touch(session) is True


@clause("S-15")
def test_a_loaded_session_knows_when_it_was_last_touched(short, subject):
    identifier = short.sessions.create({"a": 1}).id
    subject.clock.advance(59.999)
    assert short.sessions.touch(short.sessions.load(identifier)) is False
    subject.clock.advance(MILLISECOND)
    assert short.sessions.touch(short.sessions.load(identifier)) is True
    assert short.sessions.touch(short.sessions.load(identifier)) is False
    assert short.events[-1].attempts == 0


@clause("S-15")
def test_a_save_counts_as_a_touch(short, subject):
    session = short.sessions.create({"a": 1})
    subject.clock.advance(600)
    session["a"] = 2
    short.sessions.save(session)
    subject.clock.advance(59.999)
    assert short.sessions.touch(session) is False


@clause("S-15")
def test_without_a_touch_interval_every_later_millisecond_is_written(subject):
    policy = SessionPolicy(idle_timeout=HOUR, lifetime=DAY, touch_interval=timedelta(0))
    view = subject.open(policy=policy)
    session = view.sessions.create({"a": 1})
    assert view.sessions.touch(session) is False
    subject.clock.advance(MILLISECOND)
    assert view.sessions.touch(session) is True
    assert view.sessions.load(session.id).expires_at == moment(subject.clock) + HOUR


@clause("S-15")
def test_a_session_at_its_lifetimes_end_is_not_touched_over_and_over(short, subject):
    session = short.sessions.create({"a": 1})
    for _ in range(26):
        subject.clock.advance(3300)
        assert short.sessions.touch(session) is True
    subject.clock.advance(300)
    assert short.sessions.touch(session) is False
    assert short.events[-1].attempts == 0


# Expiry


@clause("S-16")
@pytest.mark.parametrize(
    "idle",
    [
        timedelta(milliseconds=1),
        timedelta(milliseconds=999),
        timedelta(milliseconds=1001),
        timedelta(seconds=1),
        timedelta(seconds=32, milliseconds=769),
        timedelta(days=1),
        timedelta(days=1, milliseconds=1),
        timedelta(days=14),
        timedelta(days=30, seconds=1, milliseconds=9),
    ],
    ids=str,
)
def test_a_session_lives_to_the_millisecond_before_its_expiry(subject, idle):
    view = subject.open(policy=SessionPolicy(idle_timeout=idle, touch_interval=timedelta(0)))
    identifier = view.sessions.create({"a": 1}).id
    subject.clock.advance((idle - timedelta(milliseconds=1)) / timedelta(seconds=1))
    assert view.sessions.load(identifier) is not None
    subject.clock.advance(MILLISECOND)
    assert view.sessions.load(identifier) is None


@clause("S-16")
def test_an_idle_timeout_below_a_millisecond_is_over_at_once(subject):
    policy = SessionPolicy(idle_timeout=timedelta(microseconds=900), touch_interval=timedelta(0))
    view = subject.open(policy=policy)
    session = view.sessions.create({"a": 1}, owner="ann")
    assert view.sessions.load(session.id) is None
    assert view.sessions.list("ann") == []


AT_THE_LAST_MILLISECOND = {
    "save": lambda view, session: view.sessions.save(session),
    "rejecting save": lambda view, session: view.sessions.save(session, on_conflict="reject"),
    "overwriting save": lambda view, session: view.sessions.save(session, on_conflict="overwrite"),
    "touch": lambda view, session: view.sessions.touch(session),
    "update": lambda view, session: view.sessions.update(session.id, lambda copy: copy.update(a=2)),
    "rotate": lambda view, session: view.sessions.rotate(session),
}


@clause("S-12", "S-16")
@pytest.mark.parametrize("use", AT_THE_LAST_MILLISECOND.values(), ids=AT_THE_LAST_MILLISECOND)
def test_every_use_succeeds_in_the_last_millisecond_and_not_after(short, subject, use):
    lucky, late = short.sessions.create({"a": 1}), short.sessions.create({"a": 1})
    lucky["a"] = late["a"] = 2
    subject.clock.advance(3599.999)
    use(short, lucky)
    subject.clock.advance(MILLISECOND)
    with pytest.raises(SessionGoneError):
        use(short, late)


@clause("S-16", "S-20", "S-22", "S-23")
def test_an_expired_session_is_absent_to_lists_logouts_and_revocations(short, subject):
    session = short.sessions.create({"a": 1}, owner="ann")
    subject.clock.advance(3599.999)
    (info,) = short.sessions.list("ann")
    subject.clock.advance(MILLISECOND)
    assert short.sessions.list("ann") == []
    assert short.sessions.destroy(session) is False
    assert short.sessions.revoke(info.handle) is False
    assert short.sessions.revoke_all("ann") == 0


@clause("S-16", needs=("reopen",))
def test_a_session_expires_although_its_record_is_still_stored(short, subject, raw):
    session, (key,) = raw.made_by(lambda: short.sessions.create({"a": 1}))
    subject.clock.advance(3600)
    assert raw.driver.read(key) is not None
    assert short.sessions.load(session.id) is None


@clause("S-16")
def test_loading_does_not_extend_a_session(short, subject):
    session = short.sessions.create({"a": 1})
    for _ in range(3):
        subject.clock.advance(1199)
        assert short.sessions.load(session.id) is not None
    subject.clock.advance(3)
    assert short.sessions.load(session.id) is None


@clause("S-17")
@pytest.mark.parametrize("busy", ["touched", "saved", "updated", "rotated"])
def test_a_session_ends_at_its_lifetime_however_busy_it_is(short, subject, busy):
    session = short.sessions.create({"n": 0}, owner="ann")
    for _ in range(47):
        subject.clock.advance(1800)
        if busy == "touched":
            short.sessions.touch(session)
        elif busy == "saved":
            session["n"] += 1
            short.sessions.save(session)
        elif busy == "updated":
            session = short.sessions.update(session.id, lambda copy: copy.update(n=copy["n"] + 1))
        else:
            session = short.sessions.rotate(session)
    subject.clock.advance(1799.999)
    assert short.sessions.load(session.id) is not None
    assert session.expires_at == session.created_at + DAY
    subject.clock.advance(MILLISECOND)
    assert short.sessions.load(session.id) is None
    assert short.sessions.list("ann") == []


@clause("S-17")
def test_a_session_with_the_longest_idle_timeout_ends_at_its_lifetime(subject):
    view = subject.open(policy=SessionPolicy(idle_timeout=DAY, lifetime=DAY))
    session = view.sessions.create({"a": 1})
    subject.clock.advance(86_399.999)
    session["a"] = 2
    view.sessions.save(session)
    assert session.expires_at == session.created_at + DAY
    subject.clock.advance(MILLISECOND)
    assert view.sessions.load(session.id) is None


@clause("S-17", needs=("reopen",))
def test_a_record_that_outlives_the_lifetime_is_still_no_session(short, subject, raw):
    session, (key,) = raw.made_by(lambda: short.sessions.create({"a": 1}))
    far = subject.clock.now() + 1000 * 86_400_000
    raw.driver.touch(key, seen=raw.driver.read(key), expires_at=far)
    subject.clock.advance(86_399.999)
    copy = short.sessions.load(session.id)
    assert copy is not None
    copy["a"] = 2
    subject.clock.advance(MILLISECOND)
    assert short.sessions.load(session.id) is None
    with suppress(SessionGoneError):
        short.sessions.save(copy)
    assert short.sessions.load(session.id) is None


# Sweeping


@clause("S-29", needs=("reopen",))
def test_a_sweep_leaves_what_expired_within_the_hour_and_deletes_what_expired_before(short, subject, raw):
    _, (key,) = raw.made_by(lambda: short.sessions.create({"a": 1}))
    subject.clock.advance(7199.999)
    assert short.sessions.sweep().records == 0
    assert raw.keys() == {key}
    subject.clock.advance(2 * MILLISECOND)
    assert short.sessions.sweep().records == 1
    assert raw.keys() == set()
    assert short.sessions.sweep().records == 0


@clause("S-29")
def test_a_sweep_leaves_what_lives(short, subject):
    old = [short.sessions.create({"n": number}) for number in range(3)]
    subject.clock.advance(2 * 3600)
    young = [short.sessions.create({"n": number}, owner="ann") for number in range(3)]
    touched = short.sessions.create({"n": 9})
    subject.clock.advance(1800)
    short.sessions.touch(touched)
    subject.clock.advance(1799)
    assert short.sessions.sweep().records == len(old)
    assert [dict(short.sessions.load(session.id)) for session in young] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert short.sessions.load(touched.id) is not None
    assert len(short.sessions.list("ann")) == 3


@clause("S-29", needs=("reopen",))
def test_a_sweep_reclaims_everything_in_the_end(short, subject, raw):
    for owner in ("ann", "bob"):
        short.sessions.rotate(short.sessions.create({"a": 1}, owner=owner))
    short.sessions.revoke_all("carol")
    left = raw.keys()
    subject.clock.advance(3 * 86_400)
    assert short.sessions.sweep().records == len(left) >= 7
    assert raw.keys() == set()


@clause("S-29", needs=("reopen",))
def test_a_sweep_leaves_a_record_that_was_touched_after_the_sweep_saw_it(short, subject, raw, interposed):
    _, (key,) = raw.made_by(lambda: short.sessions.create({"a": 1}))
    subject.clock.advance(3 * 3600)

    def touch():
        raw.driver.touch(key, seen=raw.driver.read(key), expires_at=subject.clock.now() + 3_600_000)

    interposed.at_records.before("delete", touch)
    assert interposed.sessions.sweep().records == 0
    assert raw.keys() == {key}


@clause("S-29", needs=("reopen",))
def test_a_sweep_leaves_a_record_that_was_written_after_the_sweep_saw_it(short, subject, raw, interposed):
    _, (key,) = raw.made_by(lambda: short.sessions.create({"a": 1}))
    value = raw.contents()[key].value
    subject.clock.advance(3 * 3600)
    interposed.at_records.before("delete", lambda: raw.replace(key, value))
    assert interposed.sessions.sweep().records == 0
    assert raw.keys() == {key}


@clause("S-29", needs=("reopen",))
def test_a_sweep_goes_on_past_what_another_sweep_deleted(short, subject, raw, interposed):
    for number in range(3):
        short.sessions.create({"n": number})
    subject.clock.advance(3 * 3600)
    interposed.at_records.before("delete", lambda: raw.driver.delete(min(raw.keys())))
    interposed.sessions.sweep()
    assert raw.keys() == set()


@clause("S-29", "E-13", needs=("reopen",))
def test_sweeps_at_once_delete_each_record_and_fail_at_none(short, subject, raw, together):
    for number in range(12):
        short.sessions.create({"n": number})
    subject.clock.advance(3 * 3600)
    swept = together([short.sessions.sweep] * 4)
    assert sum(part.records for part in swept) == 12
    assert raw.keys() == set()
