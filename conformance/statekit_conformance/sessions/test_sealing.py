"""Sealed sessions: nothing can be read without the ring's keys, and no value moves to another key."""

from __future__ import annotations

import os
from base64 import b64encode, urlsafe_b64encode

import pytest

from statekit.errors import ConfigError, CorruptDataError
from statekit_conformance import clause

pytest.importorskip("cryptography", reason="sealing needs the extra crypto")


def new_key():
    return b64encode(os.urandom(32)).decode()


OLD, NEW, OTHER = new_key(), new_key(), new_key()


@pytest.fixture
def sealed(subject):
    """Return an opening that seals."""
    return subject.open(keys=(OLD,))


@clause("S-31")
def test_a_sealed_session_comes_back_whole(sealed):
    data = {"text": "ü", "nested": ([{"x": {1, 2}}], b"\0"), "n": 2**70}
    session = sealed.sessions.create(data, owner="ann", label="phone")
    found = sealed.sessions.load(session.id)
    assert (dict(found), found.owner, found.label) == (data, "ann", "phone")
    found["text"] = "changed"
    sealed.sessions.save(found)
    rotated = sealed.sessions.rotate(found)
    assert sealed.sessions.load(rotated.id)["text"] == "changed"
    assert [info.label for info in sealed.sessions.list("ann")] == ["phone"]


@clause("S-31", needs=("reopen",))
def test_nothing_that_is_stored_shows_what_was_sealed(sealed, raw):
    words = ["a-secret-value", "a-secret-key", "an-owner-by-name", "a-label-by-name"]
    session = sealed.sessions.create({words[1]: words[0]}, owner=words[2], label=words[3])
    sealed.sessions.rotate(session)
    for record in raw.contents().values():
        assert not any(word.encode() in record.value for word in words)


@clause("S-31", needs=("reopen",))
def test_what_is_not_sealed_would_show(view, raw):
    view.sessions.create({"key": "a-plain-value"})
    assert any(b"a-plain-value" in record.value for record in raw.contents().values())


@clause("S-31", needs=("reopen",))
def test_equal_sessions_are_sealed_to_different_bytes(sealed, raw):
    for _ in range(2):
        sealed.sessions.create({"a": "the same value in both of them"})
    values = [record.value for record in raw.contents().values()]
    assert len(set(values)) == 2
    blocks = [{value[at : at + 16] for at in range(len(value) - 15)} for value in values]
    assert not blocks[0] & blocks[1]


@clause("S-31", needs=("reopen",))
@pytest.mark.parametrize("keys", [(), (OTHER,), (OTHER, NEW)], ids=["no ring", "another key", "other keys"])
def test_a_sealed_session_cannot_be_read_without_its_key(sealed, subject, keys):
    session = sealed.sessions.create({"a": 1}, owner="ann")
    stranger = subject.open(keys=keys)
    with pytest.raises(CorruptDataError):
        stranger.sessions.load(session.id)
    with pytest.raises(CorruptDataError):
        stranger.sessions.list("ann")
    assert dict(sealed.sessions.load(session.id)) == {"a": 1}


@clause("S-31", needs=("reopen",))
def test_a_sealed_value_does_not_verify_under_another_sessions_key(sealed, raw):
    mine, (my_key,) = raw.made_by(lambda: sealed.sessions.create({"role": "guest"}))
    _, (their_key,) = raw.made_by(lambda: sealed.sessions.create({"role": "admin"}))
    raw.replace(my_key, raw.contents()[their_key].value)
    with pytest.raises(CorruptDataError):
        sealed.sessions.load(mine.id)


@clause("S-31", needs=("reopen",))
def test_a_sealed_value_does_not_verify_in_another_namespace(sealed, subject, raw):
    other = subject.open(keys=(OLD,), namespace=f"{subject.namespace}.b")
    session, (key,) = raw.made_by(lambda: sealed.sessions.create({"role": "admin"}))
    elsewhere = f"{subject.namespace}.b{key.removeprefix(subject.namespace)}"
    raw.driver.write(elsewhere, raw.contents()[key].value)
    with pytest.raises(CorruptDataError):
        other.sessions.load(session.id)


@clause("S-31", needs=("reopen",))
@pytest.mark.parametrize("at", [1, 7, 19, 25, 40, -1])
def test_a_sealed_value_that_was_changed_does_not_verify(sealed, raw, at):
    session, (key,) = raw.made_by(lambda: sealed.sessions.create({"role": "guest"}))
    value = bytearray(raw.contents()[key].value)
    value[at] ^= 1
    raw.replace(key, bytes(value))
    with pytest.raises(CorruptDataError):
        sealed.sessions.load(session.id)


@clause("S-31", needs=("reopen",))
def test_a_session_that_is_not_sealed_is_not_accepted_where_all_are(view, sealed, subject):
    session = view.sessions.create({"role": "admin"})
    with pytest.raises(CorruptDataError):
        sealed.sessions.load(session.id)
    moving = subject.open(keys=(OLD, "plain"))
    found = moving.sessions.load(session.id)
    found["role"] = "guest"
    moving.sessions.save(found)
    assert sealed.sessions.load(session.id)["role"] == "guest"


@clause("S-32", needs=("reopen",))
def test_a_new_first_key_still_reads_what_the_older_sealed_and_seals_from_then_on(sealed, subject):
    session = sealed.sessions.create({"a": 1}, owner="ann")
    both, new = subject.open(keys=(NEW, OLD)), subject.open(keys=(NEW,))
    found = both.sessions.load(session.id)
    assert dict(found) == {"a": 1}
    with pytest.raises(CorruptDataError):
        new.sessions.load(session.id)
    found["a"] = 2
    both.sessions.save(found)
    assert dict(new.sessions.load(session.id)) == {"a": 2}
    with pytest.raises(CorruptDataError):
        sealed.sessions.load(session.id)


@clause("S-32", needs=("reopen",))
def test_every_key_of_a_ring_reads_and_only_the_first_writes(subject):
    rings = [(NEW,), (OLD,), (OTHER,)]
    sessions = [subject.open(keys=ring).sessions.create({"n": n}) for n, ring in enumerate(rings)]
    wide = subject.open(keys=(OTHER, OLD, NEW))
    assert [wide.sessions.load(session.id)["n"] for session in sessions] == [0, 1, 2]
    made = wide.sessions.create({"n": 3})
    assert subject.open(keys=(OTHER,)).sessions.load(made.id)["n"] == 3
    with pytest.raises(CorruptDataError):
        subject.open(keys=(OLD, NEW)).sessions.load(made.id)


@clause("S-32", needs=("reopen",))
def test_logins_under_an_old_ring_are_listed_and_revoked_under_a_new_one(sealed, subject):
    session = sealed.sessions.create(owner="ann", label="old")
    both = subject.open(keys=(NEW, OLD))
    assert [info.label for info in both.sessions.list("ann")] == ["old"]
    both.sessions.create(owner="ann", label="new")
    assert both.sessions.revoke_all("ann") == 2
    assert both.sessions.load(session.id) is None


@clause("S-32", needs=("reopen",))
def test_a_key_may_be_written_with_its_id_and_in_either_alphabet(subject):
    raw = os.urandom(32)
    session = subject.open(keys=(f"0000abcd:{b64encode(raw).decode()}",)).sessions.create({"a": 1})
    same = subject.open(keys=(NEW, f"0000abcd:{urlsafe_b64encode(raw).decode().rstrip('=')}"))
    assert dict(same.sessions.load(session.id)) == {"a": 1}


@clause("S-31", "E-03")
@pytest.mark.parametrize("keys", [("short",), (OLD, OLD), (OLD, "plain", NEW), ("",), (f"zz:{OLD}",)])
def test_a_ring_that_cannot_be_one_is_refused_at_opening_without_repeating_it(subject, keys):
    with pytest.raises(ConfigError) as caught:
        subject.open(keys=keys)
    assert not any(key in str(caught.value) for key in keys if len(key) > 10)


@clause("S-35", "S-31")
def test_a_sealed_payload_may_be_as_large_as_any(sealed):
    session = sealed.sessions.create({"k": bytes(256 * 1024 - 8)})
    assert len(sealed.sessions.load(session.id)["k"]) == 256 * 1024 - 8
