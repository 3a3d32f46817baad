"""Stored bytes that this and every later version must read. A golden file is never changed: a new format adds files."""

from __future__ import annotations

import msgspec
import pytest

from statekit._core.envelope import decode
from statekit._core.ids import name_of, presented, sid_of
from statekit._core.scratch.forms import Lease, decode_lease, decode_manifest
from statekit._core.sessions.forms import Live, Moved, decode_cell, decode_roster
from statekit._core.tickets.forms import decode_slip
from statekit.backends.memory.records import MemoryRecords
from statekit.errors import CorruptDataError
from statekit.state import State
from statekit.testing import FakeClock
from tests.golden.samples import (
    DATA,
    DONE,
    EXPIRES_AT,
    FOLDER,
    ID,
    LINEAGE,
    NAMESPACE,
    NEXT_ID,
    NOW,
    OWNER,
    RING,
    SEALED,
    WRITE_ID,
    WRITTEN,
    golden,
    lease,
    manifest,
    record,
    roster,
    session_key,
    slip,
)
from tests.plans.states import state_of


def holding(keys: tuple[str, ...] = (), **records: str) -> State:
    """A state over these golden records: ``session``, ``next`` and ``owner``."""
    memory = MemoryRecords()
    places = {"session": session_key(), "next": session_key(NEXT_ID), "owner": f"{NAMESPACE}/o/{name_of(OWNER).hex()}"}
    for place, name in records.items():
        memory._records[places[place]] = record(name)
    return state_of(records=memory, clock=FakeClock(NOW + 10_000), namespace=NAMESPACE, keys=keys)


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_written_today_is_what_was_written(name: str) -> None:
    assert WRITTEN[name]().hex() == golden(name).hex()


def test_every_golden_file_is_known() -> None:
    assert {path.stem for path in FOLDER.glob("*.hex")} == {*WRITTEN, *SEALED}


def test_the_ids_are_ids() -> None:
    assert presented(ID) == sid_of(ID)
    assert presented(NEXT_ID) == sid_of(NEXT_ID)


def test_an_envelope_is_read() -> None:
    stored = decode(record("envelope"))
    assert (stored.write_id, stored.lineage, stored.body, stored.sealed) == (WRITE_ID, LINEAGE, b"body", False)
    assert decode(record("envelope-without-lineage")).lineage == b""


@pytest.mark.parametrize("name", ["session", "session-of-nobody", "session-after-a-rotation"])
def test_a_session_is_read_with_all_types(name: str) -> None:
    session = holding(session=name).sessions.load(ID)
    assert session is not None
    assert dict(session) == DATA
    for key, value in session.items():
        assert type(value) is type(DATA[key]), key
    assert not session.modified
    assert session.expires_at.timestamp() * 1000 == EXPIRES_AT


def test_a_session_s_own_fields_are_read() -> None:
    live = decode_cell(decode(record("session-after-a-rotation")).body)
    assert isinstance(live, Live)
    assert (live.owner, live.label, live.created_at, live.saved_at) == (OWNER, "phone", NOW, NOW + 5000)
    assert (live.root, live.previous) == (b"r" * 32, b"p" * 32)


def test_a_session_that_was_read_can_be_saved() -> None:
    state = holding(session="session")
    session = state.sessions.load(ID)
    assert session is not None
    session["more"] = 1
    state.sessions.save(session)
    assert state.sessions.load(ID) == {**DATA, "more": 1}


def test_a_moved_session_is_gone_and_its_destruction_follows() -> None:
    assert decode_cell(decode(record("moved")).body) == Moved(sid_of(NEXT_ID))
    state = holding(session="moved", next="session")
    assert state.sessions.load(ID) is None
    assert state.sessions.load(NEXT_ID) is not None
    assert state.sessions.destroy(ID) is True
    assert state.sessions.load(NEXT_ID) is None


def test_an_owner_s_record_is_read() -> None:
    assert decode_roster(decode(record("owner")).body) == roster()
    state = holding(session="session", owner="owner")
    assert state.sessions.owner_mark(OWNER) == bytes(range(50, 62)).hex()
    [info] = state.sessions.list(OWNER)
    assert info.label == "phone"
    assert state.sessions.revoke_all(OWNER) == 1
    assert state.sessions.load(ID) is None


def test_an_owner_without_sessions_is_read() -> None:
    assert holding(owner="owner-without-sessions").sessions.list(OWNER) == []


def test_a_sealed_session_is_read_with_its_key_and_not_without() -> None:
    session = holding(session="sealed-session", keys=(RING,)).sessions.load(ID)
    assert session is not None
    assert dict(session) == DATA
    with pytest.raises(CorruptDataError):
        holding(session="sealed-session").sessions.load(ID)


def test_a_field_that_a_later_release_appends_does_no_harm() -> None:
    """During a rolling deployment an old release reads what a new one wrote."""
    body = msgspec.msgpack.decode(decode(record("session")).body, type=list[msgspec.Raw])
    longer = msgspec.msgpack.encode([*body, "a field of the future"])
    live = decode_cell(longer)
    assert isinstance(live, Live)
    assert live.owner == OWNER
    owner = msgspec.msgpack.decode(decode(record("owner")).body, type=list[msgspec.Raw])
    assert decode_roster(msgspec.msgpack.encode([*owner, "future"])) == roster()


# Workspaces


@pytest.mark.parametrize(("name", "wanted"), [("workspace", lease()), ("workspace-that-is-free", None)])
def test_a_workspaces_record_is_read(name: str, wanted: Lease | None) -> None:
    found = decode_lease(decode(record(name)).body)
    assert found == wanted or (found.fence, found.holder, found.manifest) == (NOW, "", "")


def test_a_manifest_is_read() -> None:
    assert decode_manifest(lease().manifest, golden("manifest")) == manifest()
    with pytest.raises(CorruptDataError):
        decode_manifest(lease().manifest, golden("manifest") + b"x")


def test_a_ticket_is_read() -> None:
    assert decode_slip(decode(record("ticket")).body) == slip()
    assert decode_slip(decode(record("ticket-that-is-done")).body) == slip(phase="done", owner=None, **DONE)


def test_a_ticket_that_is_none_is_corrupt() -> None:
    with pytest.raises(CorruptDataError):
        decode_slip(b"\xc1")
