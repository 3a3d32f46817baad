"""Names: write ids, session ids and holders, which are random; sids, owners' names and handles, which are hashes."""

from __future__ import annotations

import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from binascii import b2a_base64
from hashlib import sha256
from typing import Any, Final

__all__ = [
    "WRITE_ID_BYTES",
    "handle_of",
    "holder_id",
    "name_of",
    "presented",
    "read_handle",
    "session_id",
    "sid_of",
    "text_of",
    "write_id",
]

WRITE_ID_BYTES: Final = 12
_IS_SESSION_ID: Final = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]").fullmatch
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


def write_id() -> bytes:
    """Return 96 random bits. Two writes in 2**48 to one key would share one by chance."""
    return secrets.token_bytes(WRITE_ID_BYTES)


def text_of(identifier: bytes) -> str:
    """Return a write id as drivers see it: 16 characters of base64url."""
    return b2a_base64(identifier, newline=False).translate(_URL_SAFE).decode()


def session_id() -> str:
    """Return 256 random bits as 43 characters of base64url."""
    return urlsafe_b64encode(secrets.token_bytes(32)).decode()[:43]


def holder_id() -> str:
    """Return 128 random bits for one holder of a lease, in 32 hexadecimal digits."""
    return secrets.token_bytes(16).hex()


def presented(identifier: Any) -> bytes | None:
    """Return the sid of what a client presents as an id; None if no session could have it.

    The last character holds four bits: others are no encoding of ours.
    """
    try:
        return sid_of(identifier) if _IS_SESSION_ID(identifier) is not None else None
    except TypeError:
        return None


def sid_of(identifier: str) -> bytes:
    """Return the name under which a session is stored: whoever reads the store cannot log in with it.

    256 random bits need neither salt nor key; a key would log everybody out when it is rotated.
    """
    return sha256(identifier.encode()).digest()


def name_of(owner: str) -> bytes:
    """Return the name under which an owner is stored."""
    return sha256(owner.encode()).digest()


def handle_of(name: bytes, root: bytes) -> str:
    """Return the handle of a login. Both parts are hashes: nobody can log in with it."""
    return urlsafe_b64encode(name + root).decode().rstrip("=")


def read_handle(handle: str) -> tuple[bytes, bytes] | None:
    """Return a handle's owner and root; None if it is malformed."""
    try:
        raw = urlsafe_b64decode(handle + "==")
    except (Base64Error, ValueError, TypeError):
        return None
    return (raw[:32], raw[32:]) if len(raw) == 64 else None
