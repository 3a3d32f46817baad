"""Faults of the engine: never absence, retried while there is time, and not applied where that is known."""

from __future__ import annotations

import pickle

import pytest

from statekit.driver import Fault
from statekit.errors import (
    BackendError,
    ConflictError,
    CorruptDataError,
    DeniedError,
    IndeterminateError,
    MisconfiguredError,
    ThrottledError,
    TimedOutError,
    UnavailableError,
)
from statekit_conformance import clause

FOREVER = 1_000_000
IDENTIFIER = "A" * 43

EXPECTED = {
    Fault.UNREACHED: UnavailableError,
    Fault.BUSY: UnavailableError,
    Fault.THROTTLED: ThrottledError,
    Fault.DENIED: DeniedError,
    Fault.MISCONFIGURED: MisconfiguredError,
    Fault.REJECTED: BackendError,
    Fault.LOST: UnavailableError,
    Fault.TIMED_OUT: TimedOutError,
    Fault.UNKNOWN: BackendError,
    Fault.CORRUPT: CorruptDataError,
}
FAULTS = pytest.mark.parametrize("fault", EXPECTED, ids=lambda fault: fault.name)
NOT_APPLIED = [Fault.UNREACHED, Fault.BUSY, Fault.THROTTLED, Fault.DENIED, Fault.MISCONFIGURED, Fault.REJECTED]
BOTH = ("records", "objects", "reopen")


def check_not_absence(use, fault):
    with pytest.raises(EXPECTED[fault]) as caught:
        use()
    assert not isinstance(caught.value, LookupError | IndeterminateError)
    if fault is not Fault.CORRUPT:
        assert caught.value.fault is fault


@clause("E-04", needs=BOTH)
@FAULTS
def test_a_fault_while_loading_a_session_is_never_absence(interposed, fault):
    interposed.records.refuse(fault=fault, times=FOREVER)
    for use in (
        lambda: interposed.sessions.load(IDENTIFIER, timeout=1),
        lambda: interposed.sessions.list("ann", timeout=1),
        lambda: interposed.sessions.owner_mark("ann", timeout=1),
        lambda: interposed.sessions.destroy(IDENTIFIER, timeout=1),
        lambda: interposed.sessions.update(IDENTIFIER, dict, timeout=1),
        lambda: interposed.sessions.sweep(timeout=1),
    ):
        check_not_absence(use, fault)


@clause("E-04", needs=BOTH)
@FAULTS
def test_a_fault_while_looking_at_an_object_is_never_absence(interposed, fault):
    interposed.objects.refuse(fault=fault, times=FOREVER)
    store = interposed.stored_objects
    for use in (
        lambda: store.get("file", timeout=1),
        lambda: store.stat("file", timeout=1),
        lambda: store.exists("file", timeout=1),
        lambda: store.open("file", timeout=1),
        lambda: store.copy("file", "target", timeout=1),
        lambda: list(store.list(timeout=1)),
    ):
        check_not_absence(use, fault)


@clause("E-04", "S-24", needs=BOTH)
def test_an_outage_logs_nobody_out(interposed, view):
    session = view.sessions.create({"a": 1}, owner="ann")
    held = interposed.sessions.load(session.id)
    held["a"] = 2
    interposed.records.refuse(fault=Fault.UNREACHED, times=FOREVER)
    for use in (interposed.sessions.save, interposed.sessions.rotate):
        with pytest.raises(UnavailableError):
            use(held, timeout=1)
    assert dict(view.sessions.load(session.id)) == {"a": 1}
    assert len(view.sessions.list("ann")) == 1


@clause("E-06", needs=BOTH)
@pytest.mark.parametrize("fault", NOT_APPLIED, ids=lambda fault: fault.name)
def test_a_fault_that_proves_it_means_that_nothing_was_applied(interposed, view, fault):
    session = view.sessions.create({"a": 1}, owner="ann")
    view.objects.put("file", b"before")
    held = interposed.sessions.load(session.id)
    held["a"] = 2
    for driver in (interposed.records, interposed.objects):
        for method in ("write", "touch", "delete", "copy", "begin"):
            driver.refuse(method, fault=fault, times=FOREVER)
    for use in (
        lambda: interposed.sessions.create({"b": 1}, timeout=1),
        lambda: interposed.sessions.save(held, timeout=1),
        lambda: interposed.sessions.update(session.id, lambda copy: copy.update(a=3), timeout=1),
        lambda: interposed.sessions.rotate(held, timeout=1),
        lambda: interposed.sessions.destroy(session.id, timeout=1),
        lambda: interposed.sessions.revoke_all("ann", timeout=1),
        lambda: interposed.stored_objects.put("file", b"after", timeout=1),
        lambda: interposed.stored_objects.put("other", b"after", timeout=1, if_absent=True),
        lambda: interposed.stored_objects.copy("file", "other", timeout=1),
        lambda: interposed.stored_objects.delete("file", timeout=1),
    ):
        with pytest.raises(EXPECTED[fault]) as caught:
            use()
        assert not isinstance(caught.value, IndeterminateError)
    assert dict(view.sessions.load(session.id)) == {"a": 1}
    assert len(view.sessions.list("ann")) == 1
    assert [(info.key, info.size) for info in view.objects.list()] == [("file", 6)]


# Time


RETRIED = {
    "load": lambda opened, timeout: opened.sessions.load(IDENTIFIER, timeout=timeout),
    "create": lambda opened, timeout: opened.sessions.create({"a": 1}, timeout=timeout),
    "list": lambda opened, timeout: opened.sessions.list("ann", timeout=timeout),
    "revoke_all": lambda opened, timeout: opened.sessions.revoke_all("ann", timeout=timeout),
    "get": lambda opened, timeout: opened.stored_objects.get("file", timeout=timeout),
    "put": lambda opened, timeout: opened.stored_objects.put("file", b"x", timeout=timeout),
    "delete": lambda opened, timeout: opened.stored_objects.delete("file", timeout=timeout),
    "objects list": lambda opened, timeout: list(opened.stored_objects.list(timeout=timeout)),
}


@clause("E-07", needs=BOTH)
@pytest.mark.parametrize("use", RETRIED.values(), ids=RETRIED)
@pytest.mark.parametrize("timeout", [0.25, 3, 60])
def test_an_operation_is_retried_until_its_timeout_and_ends_by_then(interposed, subject, use, timeout):
    for driver in (interposed.records, interposed.objects):
        driver.refuse(fault=Fault.BUSY, times=FOREVER)
    began = subject.clock.now()
    with pytest.raises(UnavailableError):
        use(interposed, timeout)
    assert subject.clock.now() - began <= timeout * 1000
    assert interposed.events[-1].attempts >= 2
    assert 0 <= interposed.events[-1].seconds <= timeout


@clause("E-07", needs=BOTH)
@pytest.mark.parametrize("use", RETRIED.values(), ids=RETRIED)
def test_an_operation_succeeds_once_the_engine_does(interposed, view, use):
    view.objects.put("file", b"x")
    for driver in (interposed.records, interposed.objects):
        driver.refuse(fault=Fault.BUSY, times=2)
        driver.refuse(fault=Fault.UNREACHED, times=1)
    use(interposed, 30)
    assert interposed.events[-1].outcome == "ok"
    assert interposed.events[-1].attempts >= 4


@clause("E-07", needs=BOTH)
@pytest.mark.parametrize("fault", [Fault.DENIED, Fault.MISCONFIGURED, Fault.REJECTED], ids=lambda fault: fault.name)
@pytest.mark.parametrize("use", RETRIED.values(), ids=RETRIED)
def test_what_nobody_but_a_person_can_mend_is_not_retried(interposed, use, fault):
    for driver in (interposed.records, interposed.objects):
        driver.refuse(fault=fault, times=FOREVER)
    with pytest.raises(EXPECTED[fault]):
        use(interposed, 30)
    assert interposed.events[-1].attempts == 1


@clause("E-07", needs=BOTH)
def test_an_operation_waits_as_long_as_the_engine_asks(interposed, subject):
    interposed.records.refuse("read", fault=Fault.THROTTLED, retry_after=5.0)
    began = subject.clock.now()
    assert interposed.sessions.load(IDENTIFIER, timeout=30) is None
    assert subject.clock.now() - began >= 5000


@clause("E-07", needs=BOTH)
def test_an_operation_does_not_wait_for_what_comes_after_its_timeout(interposed, subject):
    interposed.records.refuse("read", fault=Fault.THROTTLED, retry_after=60.0)
    began = subject.clock.now()
    with pytest.raises(ThrottledError):
        interposed.sessions.load(IDENTIFIER, timeout=30)
    assert subject.clock.now() - began <= 30_000
    assert interposed.events[-1].attempts == 1


@clause("E-07", needs=BOTH)
def test_the_states_timeout_holds_where_the_operation_names_none(interposed, subject):
    interposed.records.refuse(fault=Fault.BUSY, times=FOREVER)
    began = subject.clock.now()
    with pytest.raises(UnavailableError):
        interposed.sessions.load(IDENTIFIER)
    assert subject.clock.now() - began <= subject.site.timeout * 1000


@clause("E-07", needs=("records",))
def test_an_operation_without_time_sends_nothing(view):
    with pytest.raises(TimedOutError) as caught:
        view.sessions.load(IDENTIFIER, timeout=0)
    assert view.events[-1].attempts == 0
    assert view.events[-1].outcome == "TimedOutError" == type(caught.value).__name__
    assert type(pickle.loads(pickle.dumps(caught.value))) is TimedOutError


@clause("E-07", "S-13", needs=BOTH)
def test_an_operation_that_always_loses_ends_with_a_conflict_in_time(interposed, view, subject):
    session = view.sessions.create({"n": 0})
    for _ in range(2000):
        interposed.at_records.before(
            "write", lambda: view.sessions.update(session.id, lambda copy: copy.update(n=copy["n"] + 1))
        )
    began = subject.clock.now()
    with pytest.raises(ConflictError):
        interposed.sessions.update(session.id, lambda copy: copy.update(mine=True), timeout=2)
    assert subject.clock.now() - began <= 2100
    assert "mine" not in view.sessions.load(session.id)
