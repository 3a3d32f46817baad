"""A session's id: random, never stored, and never taken from a stranger."""

from __future__ import annotations

from base64 import urlsafe_b64decode

import pytest

from statekit_conformance import clause

MALFORMED = {
    "empty": "",
    "a word": "session",
    "one character short": "A" * 42,
    "one character long": "A" * 44,
    "bits beyond the 256": "A" * 42 + "B",
    "the other alphabet": "+" * 42 + "A",
    "padded": "A" * 42 + "A=",
    "a path": "../" * 14 + "A",
    "a line break at the end": "A" * 43 + "\n",
    "not ASCII": "é" * 43,
    "other digits": "٣" * 42 + "A",
    "a null": "A" * 42 + "\0",
    "a lone surrogate": "A" * 42 + "\ud800",
    "a megabyte": "A" * 1_000_000,
}


def bits_of(identifier: str) -> int:
    raw = urlsafe_b64decode(identifier + "=")
    assert len(raw) == 32
    return int.from_bytes(raw)


@clause("S-01")
def test_an_id_is_256_bits_in_url_safe_text(view):
    identifier = view.sessions.create().id
    assert identifier.isascii()
    assert len(identifier) == 43
    bits_of(identifier)


@clause("S-01")
def test_ids_differ_in_every_bit(view):
    drawn = [bits_of(view.sessions.create().id) for _ in range(48)]
    some = every = drawn[0]
    for number in drawn:
        some |= number
        every &= number
    assert len(set(drawn)) == len(drawn)
    assert some == 2**256 - 1, "a bit that is never set is not random"
    assert every == 0, "a bit that is always set is not random"


@clause("S-01")
def test_a_created_session_loads_with_equal_data_of_equal_types(view):
    data = {"user": 7, "tags": {"a", "b"}, "place": (1.5, [None, {"deep": b"\x00"}])}
    identifier = view.sessions.create(data).id
    found = view.sessions.load(identifier)
    assert dict(found) == data
    assert [type(found[key]) for key in ("user", "tags", "place")] == [int, set, tuple]
    assert found.id == identifier


@clause("S-01")
def test_a_session_without_data_loads_empty(view):
    found = view.sessions.load(view.sessions.create().id)
    assert found is not None
    assert dict(found) == {}
    assert found.owner is None


@clause("S-01")
def test_a_created_session_does_not_share_the_data_it_was_given(view):
    data = {"items": [1]}
    made = view.sessions.create(data)
    data["items"].append(2)
    assert view.sessions.load(made.id)["items"] == [1]
    assert made["items"] == [1]


@clause("S-02", needs=("reopen",))
def test_an_unknown_id_loads_nothing_and_creates_nothing(view, raw):
    view.sessions.create({"other": 1})
    before = raw.contents()
    assert view.sessions.load("A" * 43) is None
    assert raw.contents() == before


@clause("S-02")
def test_an_id_of_an_attackers_choice_is_never_adopted(view):
    chosen = "Zm9yZ2VkLWlkLWZvcmdlZC1pZC1mb3JnZWQtaWQtZm8"[:42] + "A"
    assert view.sessions.load(chosen) is None
    assert view.sessions.create({"user": 1}).id != chosen
    assert view.sessions.load(chosen) is None


@clause("S-02", needs=("reopen",))
def test_an_expired_id_loads_nothing_and_creates_nothing(view, subject, raw):
    made = view.sessions.create({"a": 1})
    subject.clock.advance(15 * 86_400)
    before = raw.contents()
    assert view.sessions.load(made.id) is None
    assert raw.contents() == before


@clause("S-02", "S-03")
@pytest.mark.parametrize("identifier", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_id_loads_nothing_and_costs_no_request(view, identifier):
    assert view.sessions.load(identifier) is None
    assert view.events[-1].outcome == "ok"
    assert view.events[-1].attempts == 0


@clause("S-03")
def test_destroying_a_malformed_id_costs_no_request(view):
    assert view.sessions.destroy("no session") is False
    assert view.events[-1].attempts == 0


@clause("S-04", needs=("reopen",))
def test_nothing_that_is_stored_contains_a_sessions_id(view, raw):
    alone = view.sessions.create({"a": 1})
    login = view.sessions.create({"b": 2}, owner="ann", label="phone")
    login["c"] = 3
    view.sessions.save(login)
    rotated = view.sessions.rotate(login)
    ids = [alone.id, login.id, rotated.id]
    stored = raw.contents()
    assert len(stored) >= 4
    for identifier in ids:
        secret = urlsafe_b64decode(identifier + "=")
        for key, record in stored.items():
            seen = key.encode() + b" " + record.value + b" " + record.version.encode()
            assert identifier.encode() not in seen
            assert secret not in seen
            assert secret.hex().encode() not in seen.lower()
