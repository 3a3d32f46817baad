"""Closing and opening records, sealed and not."""

from __future__ import annotations

import base64

import pytest

from statekit._core.seal import KeyRing
from statekit._core.vault import Vault
from statekit.driver import Record
from statekit.errors import CorruptDataError

OLD, NEW = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))
PLAIN = Vault()
SEALED = Vault(KeyRing.parse([OLD]))
ROTATED = Vault(KeyRing.parse([NEW, OLD]))
OTHER = Vault(KeyRing.parse([NEW]))
MIGRATING = Vault(KeyRing.parse([OLD]), accepts_plain=True)

OWN, LINEAGE = b"w" * 12, b"l" * 24


def closed(vault: Vault, key: str = "s/a", body: bytes = b"the body") -> Record:
    return Record(vault.close(key, body, OWN, LINEAGE), "v", None)


@pytest.mark.parametrize(
    ("closing", "opening"),
    [(PLAIN, PLAIN), (SEALED, SEALED), (SEALED, ROTATED), (ROTATED, ROTATED), (PLAIN, MIGRATING), (SEALED, MIGRATING)],
)
def test_what_is_closed_opens(closing: Vault, opening: Vault) -> None:
    stored = opening.open("s/a", closed(closing))
    assert (stored.body, stored.write_id, stored.lineage, stored.sealed) == (b"the body", OWN, LINEAGE, False)


@pytest.mark.parametrize(
    ("closing", "opening"), [(SEALED, PLAIN), (SEALED, OTHER), (ROTATED, SEALED), (PLAIN, SEALED), (PLAIN, OTHER)]
)
def test_what_was_closed_otherwise_does_not(closing: Vault, opening: Vault) -> None:
    with pytest.raises(CorruptDataError):
        opening.open("s/a", closed(closing))


def test_a_sealed_value_does_not_verify_under_another_key() -> None:
    with pytest.raises(CorruptDataError):
        SEALED.open("s/b", closed(SEALED, "s/a"))


def test_a_sealed_value_shows_nothing_of_itself() -> None:
    assert b"body" not in closed(SEALED).value
    assert closed(SEALED).value != closed(SEALED).value


def test_a_sealed_value_whose_flag_was_cleared_is_corrupt() -> None:
    value = closed(SEALED).value
    with pytest.raises(CorruptDataError):
        SEALED.open("s/a", Record(value[:1] + b"\0" + value[2:], "v", None))
