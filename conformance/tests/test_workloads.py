"""The workloads: what they record is what the models know, and a backend with a defect does not get through."""

from __future__ import annotations

import pytest

from statekit.backends.memory.records import MemoryRecords
from statekit.driver import ANY
from statekit_conformance.checker import Epoch, SessionRegister, Verdict, check
from statekit_conformance.history import Answered, Failed, Operation, Refused, Unknown
from statekit_conformance.running import Running
from statekit_conformance.targets import Target
from statekit_conformance.workloads.owners import by_session
from statekit_conformance.workloads.payload import name_of, payload
from statekit_conformance.workloads.race import Race
from statekit_conformance.workloads.registers import CREATIONS, REGISTERS


def operation(key, action, started, ended, outcome, **arguments):
    return Operation("w", key, action, arguments, started, ended, outcome)


# Values


@pytest.mark.parametrize("size", [1, 20, 5_000])
def test_a_value_says_its_name_in_every_part(size):
    data = payload("w1.2", size)
    assert name_of(data) == "w1.2"
    for broken in (data[:-1], data + payload("w1.3", 5), b"", data.replace(b"2", b"3", 1) + data):
        assert "nobody wrote" in name_of(broken)


# Epochs


def test_a_login_is_refused_exactly_in_another_epoch_than_its_mark():
    mark = operation("o", "mark", 0, 1, Answered("e1"))
    revoke = operation("o", "revoke", 2, 3, Answered())
    late = operation("o", "login", 4, 5, Refused(), since="e1")
    assert check([mark, revoke, late], Epoch()).verdict is Verdict.OK
    assert check([mark, late], Epoch()).verdict is Verdict.ILLEGAL
    accepted = operation("o", "login", 4, 5, Answered(), since="e1")
    assert check([mark, accepted], Epoch()).verdict is Verdict.OK
    assert check([mark, revoke, accepted], Epoch()).verdict is Verdict.ILLEGAL
    assert check([mark, operation("o", "revoke", 2, None, Unknown()), accepted], Epoch()).verdict is Verdict.OK


def test_an_epoch_does_not_come_back_and_a_failed_revocation_is_none():
    first = operation("o", "mark", 0, 1, Answered("e1"))
    again = operation("o", "mark", 4, 5, Answered("e1"))
    assert check([first, operation("o", "revoke", 2, 3, Answered()), again], Epoch()).verdict is Verdict.ILLEGAL
    assert check([first, operation("o", "revoke", 2, 3, Failed()), again], Epoch()).verdict is Verdict.OK


def test_an_epoch_that_refused_a_mark_does_not_have_its_name():
    refused = operation("o", "login", 0, 1, Refused(), since="e1")
    named = operation("o", "mark", 2, 3, Answered("e1"))
    assert check([refused, named], Epoch()).verdict is Verdict.ILLEGAL


# Revocations, seen by each session


def sessions_of(*operations):
    derived = by_session(operations)
    return check([each for each in derived if each.key.startswith("session/")], SessionRegister()).verdict


def login(started, ended):
    return operation("session/ann/1", "create", started, ended, Answered({"id": "a"}), data={})


def loaded(started, ended, found):
    return operation("session/ann/1", "load", started, ended, Answered({} if found else None), id="a")


def revoked(started, ended, *, owner="ann", keep=None, outcome=None):
    return operation(f"owner/{owner}", "revoke", started, ended, outcome or Answered(), keep=keep)


def test_a_session_that_was_created_before_does_not_survive_a_revocation():
    assert sessions_of(login(0, 1), revoked(2, 5), loaded(3, 4, found=True), loaded(6, 7, found=False)) is Verdict.OK
    assert sessions_of(login(0, 1), revoked(2, 5), loaded(6, 7, found=True)) is Verdict.ILLEGAL


def test_a_session_that_was_created_meanwhile_may_survive_or_not():
    for found in (True, False):
        assert sessions_of(login(1, 4), revoked(2, 5), loaded(6, 7, found=found)) is Verdict.OK


def test_a_session_that_was_created_afterwards_or_is_kept_or_is_somebody_elses_survives():
    for revocation in (revoked(0, 1), revoked(4, 5, keep="session/ann/1"), revoked(4, 5, owner="bob")):
        assert sessions_of(revocation, login(2, 3), loaded(6, 7, found=True)) is Verdict.OK
        assert sessions_of(revocation, login(2, 3), loaded(6, 7, found=False)) is Verdict.ILLEGAL


def test_a_rotation_that_is_refused_during_a_revocation_says_nothing():
    rotation = operation("session/ann/1", "rotate", 3, 4, Refused("gone"), id="a")
    assert sessions_of(login(0, 1), revoked(2, 7), rotation, loaded(5, 6, found=True)) is Verdict.OK


# Backends with a defect


WRITE, READ = MemoryRecords.write, MemoryRecords.read


def write_whatever_is_expected(self, key, value, /, **options):
    return WRITE(self, key, value, **{**options, "expect": ANY})


def read_what_was_read_first(self, key, /, *, timeout):
    kept = self.__dict__.setdefault("kept", {})
    if key not in kept:
        kept[key] = READ(self, key, timeout=timeout)
    return kept[key]


@pytest.fixture
def racing(tmp_path):
    running = Running(Target(name="memory", url="memory:{unique}"))
    entries = []
    yield Race(running, None, tmp_path, seed=1, soak=0.0, note=entries.append), entries
    running.stop()


def test_a_race_that_is_explained_is_noted(racing):
    race, entries = racing
    race(REGISTERS)
    (entry,) = entries
    assert entry.keys() == {"target", "workload", "operations", "verdict", "seconds", "seed"}
    assert (entry["target"], entry["verdict"], entry["seed"]) == ("memory", "ok", 1)
    assert entry["operations"] > 100


@pytest.mark.parametrize(
    ("method", "defect"), [("write", write_whatever_is_expected), ("read", read_what_was_read_first)]
)
@pytest.mark.parametrize("workload", [REGISTERS, CREATIONS], ids=lambda workload: workload.name)
def test_a_backend_with_a_defect_is_told_with_a_small_history(racing, monkeypatch, method, defect, workload):
    monkeypatch.setattr(MemoryRecords, method, defect)
    race, entries = racing
    with pytest.raises(AssertionError, match="no order of the operations explains the answers") as caught:
        race(workload)
    assert entries[0]["verdict"] == "illegal"
    assert "cannot be placed" in str(caught.value)
    assert len(str(caught.value)) < 5_000


def test_a_race_that_nobody_was_told_anything_in_proves_nothing(racing, monkeypatch):
    def fail(*_, **__):
        raise OSError("down")

    for method in ("read", "write"):
        monkeypatch.setattr(MemoryRecords, method, fail)
    monkeypatch.setattr("statekit_conformance.workloads.racer.Stage._warm_up", lambda _: None)
    race, _ = racing
    with pytest.raises(AssertionError, match="operations had no answer"):
        race(REGISTERS)
