"""Sealing with a ring of keys."""

from __future__ import annotations

import base64
import copy
import hashlib
import pickle
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st

from statekit._core import seal
from statekit._core.seal import KeyRing
from statekit.errors import ConfigError, CorruptDataError

quick = settings(database=None, deadline=None, max_examples=200)

OLD = bytes(range(32))
NEW = bytes(range(100, 132))
OTHER = b"\xfb\xff" * 16


def text_of(key: bytes) -> str:
    return base64.b64encode(key).decode()


def id_of(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()[:4]


old = KeyRing.parse([text_of(OLD)])
new = KeyRing.parse([text_of(NEW)])
both = KeyRing.parse([text_of(NEW), text_of(OLD)])


@quick
@given(st.binary(max_size=300), st.binary(max_size=50))
def test_what_was_sealed_unseals_for_the_same_key(plain: bytes, associated: bytes) -> None:
    assert both.unseal(both.seal(plain, associated), associated) == plain


def test_a_sealed_value_is_key_id_nonce_ciphertext_and_tag() -> None:
    sealed = old.seal(b"plain", b"key")
    assert len(sealed) == 4 + 12 + 5 + 16
    assert sealed[:4] == id_of(OLD)
    assert AESGCM(old.derive("statekit seal 1")).decrypt(sealed[4:16], sealed[16:], b"key") == b"plain"


def test_bytes_that_were_sealed_once_unseal_for_ever() -> None:
    golden = bytes.fromhex("630dcd2930563c52b6a725f30373896e28d8c2461f97f52059a7a86f3ba564219c3993adef4addf2")
    assert old.unseal(golden, b"shop/session") == b"statekit"


def test_each_sealing_has_a_nonce_of_its_own() -> None:
    assert len({old.seal(b"", b"")[4:16] for _ in range(1000)}) == 1000


def test_the_first_key_writes_and_all_of_them_read() -> None:
    assert both.seal(b"x", b"")[:4] == id_of(NEW)
    assert both.unseal(old.seal(b"x", b"k"), b"k") == b"x"
    assert both.unseal(new.seal(b"x", b"k"), b"k") == b"x"


def test_a_value_sealed_with_a_key_outside_the_ring_says_so() -> None:
    with pytest.raises(CorruptDataError, match="sealed with a key that is not in the ring"):
        old.unseal(new.seal(b"x", b"k"), b"k")


def test_a_value_that_was_moved_to_another_key_does_not_verify() -> None:
    with pytest.raises(CorruptDataError, match="does not verify"):
        old.unseal(old.seal(b"x", b"mine"), b"yours")


def test_no_bit_can_be_changed() -> None:
    sealed = both.seal(b"payload", b"k")
    for position in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(CorruptDataError):
            both.unseal(bytes(changed), b"k")


def test_the_id_of_another_key_in_the_ring_does_not_verify() -> None:
    sealed = both.seal(b"payload", b"k")
    with pytest.raises(CorruptDataError, match="does not verify"):
        both.unseal(id_of(OLD) + sealed[4:], b"k")


def test_no_part_of_a_sealed_value_unseals() -> None:
    sealed = old.seal(b"payload", b"k")
    for length in range(len(sealed)):
        with pytest.raises(CorruptDataError):
            old.unseal(sealed[:length], b"k")


@quick
@given(st.binary(max_size=100))
def test_random_bytes_are_corrupt_data(data: bytes) -> None:
    for candidate in (data, id_of(OLD) + data):
        with pytest.raises(CorruptDataError):
            old.unseal(candidate, b"k")


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(OTHER).decode(),
        base64.b64encode(OTHER).decode().rstrip("="),
        base64.urlsafe_b64encode(OTHER).decode(),
        base64.urlsafe_b64encode(OTHER).decode().rstrip("="),
        f"{id_of(OTHER).hex()}:{text_of(OTHER)}",
    ],
)
def test_a_key_is_read_in_either_alphabet_with_or_without_padding_and_id(text: str) -> None:
    written = KeyRing.parse([text]).seal(b"x", b"")
    assert KeyRing.parse([text_of(OTHER)]).unseal(written, b"") == b"x"


def test_a_given_id_is_written() -> None:
    assert KeyRing.parse([f"0123abcd:{text_of(OLD)}"]).seal(b"", b"")[:4] == bytes.fromhex("0123abcd")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hunter2",
        base64.b64encode(bytes(31)).decode(),
        base64.b64encode(bytes(33)).decode(),
        base64.b64encode(bytes(16)).decode(),
        OLD.hex(),
        text_of(OLD) + "=",
        text_of(OLD) + "\n",
        " " + text_of(OLD),
        ":" + text_of(OLD),
        "0123abc:" + text_of(OLD),
        "0123abcde:" + text_of(OLD),
        "0123ABCD:" + text_of(OLD),
        "2026:" + text_of(OLD),
        "0123abcd:0123abcd:" + text_of(OLD),
        "!" + text_of(OLD)[1:],
    ],
)
def test_a_malformed_key_is_a_config_error_that_says_which_and_repeats_nothing(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^key 2 of the ring is malformed") as caught:
        KeyRing.parse([text_of(NEW), text])
    assert not text or text.strip() not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("keys", [[], (), "", text_of(OLD), [None], [OLD]])
def test_a_ring_is_a_list_of_at_least_one_text(keys: list[str]) -> None:
    with pytest.raises(ConfigError, match="list of at least one key"):
        KeyRing.parse(keys)


@pytest.mark.parametrize(
    "keys",
    [
        [text_of(OLD), text_of(OLD)],
        [text_of(OLD), f"0123abcd:{text_of(OLD)}"],
        [f"0123abcd:{text_of(OLD)}", f"0123abcd:{text_of(NEW)}"],
        [text_of(OLD), f"{id_of(OLD).hex()}:{text_of(NEW)}"],
    ],
)
def test_an_id_or_a_key_that_occurs_twice_is_a_config_error(keys: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"^key 2 of the ring repeats") as caught:
        KeyRing.parse(keys)
    assert not any(key in str(caught.value) for key in keys)


def test_a_ring_shows_no_key_and_does_not_pickle_or_copy() -> None:
    for shown in (repr(both), str(both), f"{both}"):
        assert shown == "KeyRing(<2 keys>)"
    for take in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="does not pickle"):
            take(both)


@quick
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_derived_key_is_hkdf_of_the_first_key(purpose: str) -> None:
    expected = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(NEW)
    assert both.derive(purpose) == expected


def test_derived_keys_follow_the_test_vector_of_rfc_5869() -> None:
    # Appendix A.3, the case without salt and info; its first 32 bytes of output.
    okm = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
    assert seal._hkdf(b"\x0b" * 22, "").hex() == okm


def test_an_older_key_still_verifies_what_it_signed() -> None:
    assert both.derive_all("sign") == (new.derive("sign"), old.derive("sign"))
    assert both.derive("sign") != both.derive("seal")


def test_a_generated_key_parses_and_is_never_the_same() -> None:
    made = [seal.generate() for _ in range(100)]
    assert len(set(made)) == 100
    ring = KeyRing.parse(made)
    sealed = ring.seal(b"x", b"")
    assert sealed[:4].hex() == made[0].split(":")[0]
    assert ring.unseal(sealed, b"") == b"x"


def test_without_cryptography_sealing_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    ring = KeyRing.parse([text_of(OLD)])
    for use in (ring.prepare, lambda: ring.seal(b"", b""), lambda: ring.unseal(bytes(40), b"")):
        with pytest.raises(ConfigError, match=r"pip install 'statekit\[crypto\]'"):
            use()
    assert len(ring.derive("sign")) == 32


def test_cryptography_is_not_imported_before_it_is_needed() -> None:
    program = (
        "import sys; from statekit._core.seal import KeyRing, generate; ring = KeyRing.parse([generate()]); "
        "ring.derive('sign'); assert 'cryptography' not in sys.modules; "
        "ring.prepare(); assert 'cryptography' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
