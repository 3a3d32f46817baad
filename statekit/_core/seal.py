"""Sealing: AES-256-GCM under a ring of keys, the first of which writes and all of which read.

A sealed value is::

    4 bytes    the id of the key
    12 bytes   a random nonce
    the rest   the ciphertext and its tag of 16 bytes

The associated data, which is the namespaced key of the record, is verified and not stored: a value that was
moved to another key does not open. A ring's keys encrypt nothing themselves: each purpose has keys derived
from them (HKDF with SHA-256, RFC 5869, no salt, the purpose as info), so that sealing and signing share none.

A key is good for 2^32 writes with random nonces (NIST SP 800-38D section 8.3). Put a new one in front then.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NoReturn

from statekit.errors import ConfigError, CorruptDataError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["KeyRing", "generate"]

_KEY_BYTES: Final = 32
_ID_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_HEAD_BYTES: Final = _ID_BYTES + _NONCE_BYTES
_PURPOSE: Final = "statekit seal 1"

# 32 bytes are 43 characters of base64, or 44 with padding; both alphabets are in use.
_KEY: Final = re.compile(r"(?:([0-9a-f]{8}):)?([A-Za-z0-9+/_-]{43})=?")


def generate() -> str:
    """Make a new random key, in the form that a ring is parsed from.

    Returns:
        The key's id, a colon, and 32 bytes in base64url.
    """
    key = os.urandom(_KEY_BYTES)
    return f"{_id_of(key).hex()}:{base64.urlsafe_b64encode(key).decode()}"


class KeyRing:
    """The keys of one deployment. It shows none of them, and does not pickle.

    To change keys, put the new one in front and leave the old one behind it until everything that it wrote
    has expired.
    """

    __slots__ = ("_ciphers", "_keys")

    def __init__(self, keys: Mapping[bytes, bytes]) -> None:
        self._keys = dict(keys)
        self._ciphers: dict[bytes, AESGCM] | None = None

    @classmethod
    def parse(cls, keys: Sequence[str]) -> KeyRing:
        """Read a ring from its configuration.

        Args:
            keys: 32 random bytes in base64 each, optionally after an id of 8 lower-case hexadecimal digits
                and a colon; without one, the id is the beginning of the key's SHA-256. The first one writes.

        Raises:
            ConfigError: If a key is malformed, an id or a key occurs twice, or there is none. The message
                says which
                by its position and repeats nothing of it.
        """
        if isinstance(keys, str) or not keys or not all(isinstance(text, str) for text in keys):
            raise ConfigError("the key ring needs a list of at least one key, each a str")
        ring: dict[bytes, bytes] = {}
        for position, text in enumerate(keys, start=1):
            key_id, key = _parse_key(text, position)
            if key_id in ring or key in ring.values():
                raise ConfigError(f"key {position} of the ring repeats an id or a key before it")
            ring[key_id] = key
        return cls(ring)

    def prepare(self) -> None:
        """Load what sealing needs, so that it is missed at opening and not at the first request.

        Raises:
            ConfigError: If cryptography is not installed.
        """
        self._load()

    def seal(self, plain: bytes, associated: bytes) -> bytes:
        """Encrypt a value under the ring's first key.

        Args:
            plain: The value.
            associated: What the value belongs to. Unsealing needs the same.

        Raises:
            ConfigError: If cryptography is not installed.
        """
        key_id, cipher = next(iter(self._load().items()))
        nonce = os.urandom(_NONCE_BYTES)
        return key_id + nonce + cipher.encrypt(nonce, plain, associated)

    def unseal(self, data: bytes, associated: bytes) -> bytes:
        """Decrypt a value under the key that sealed it.

        Args:
            data: What ``seal`` returned.
            associated: What the value was sealed for.

        Raises:
            CorruptDataError: If the key is not in the ring, or if the value was changed or moved.
            ConfigError: If cryptography is not installed.
        """
        if len(data) < _HEAD_BYTES + _TAG_BYTES:
            raise CorruptDataError("the stored value is too short to be a sealed one")
        cipher = self._load().get(bytes(data[:_ID_BYTES]))
        if cipher is None:
            raise CorruptDataError("the stored value was sealed with a key that is not in the ring")
        from cryptography.exceptions import InvalidTag

        try:
            return cipher.decrypt(data[_ID_BYTES:_HEAD_BYTES], data[_HEAD_BYTES:], associated)
        except InvalidTag:
            raise CorruptDataError(
                "the stored value does not verify: it was changed, or moved from another key"
            ) from None

    def derive(self, purpose: str) -> bytes:
        """Derive the key for a purpose from the ring's first key.

        Args:
            purpose: Any text; other purposes have other keys.

        Returns:
            32 bytes.
        """
        return self.derive_all(purpose)[0]

    def derive_all(self, purpose: str) -> tuple[bytes, ...]:
        """Derive the key for a purpose from every key of the ring, to verify what an older one signed.

        Args:
            purpose: As for ``derive``.

        Returns:
            32 bytes for each key, in the ring's order.
        """
        return tuple(_hkdf(key, purpose) for key in self._keys.values())

    def __repr__(self) -> str:
        return f"KeyRing(<{len(self._keys)} keys>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a KeyRing does not pickle; open the store again from its configuration")

    def _load(self) -> dict[bytes, AESGCM]:
        # Two threads may both do this; they make the same.
        if self._ciphers is None:
            try:
                from cryptography.hazmat.primitives.ciphers.aead import AESGCM
            except ImportError as error:
                raise ConfigError("sealing needs cryptography: pip install 'statekit[crypto]'") from error
            self._ciphers = {key_id: AESGCM(_hkdf(key, _PURPOSE)) for key_id, key in self._keys.items()}
        return self._ciphers


def _parse_key(text: str, position: int) -> tuple[bytes, bytes]:
    matched = _KEY.fullmatch(text)
    if matched is None:
        raise ConfigError(
            f"key {position} of the ring is malformed; it is 32 bytes in base64, optionally after an id of "
            "8 hexadecimal digits and a colon; openssl rand -base64 32 makes one"
        )
    key = base64.b64decode(matched[2].replace("-", "+").replace("_", "/") + "=")
    return bytes.fromhex(matched[1]) if matched[1] else _id_of(key), key


def _id_of(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()[:_ID_BYTES]


def _hkdf(key: bytes, purpose: str) -> bytes:
    # RFC 5869 for one block of output: extract with a salt of zeros, expand once. Written out, so that
    # signing works without cryptography.
    extracted = hmac.digest(bytes(hashlib.sha256().digest_size), key, "sha256")
    return hmac.digest(extracted, purpose.encode() + b"\x01", "sha256")
