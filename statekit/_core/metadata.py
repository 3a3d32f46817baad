"""An object's metadata: any Unicode for the application, printable ASCII for the engines.

S3 sends metadata as HTTP headers: it lower-cases the keys, decodes RFC 2047 words in the values and drops
white space at their ends (https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html). So keys
are lower case to begin with, and a value that would not come back as it went in is stored as ``=b64=`` and
the base64url of its UTF-8, without padding. All others are stored as they are, and other programs can read
them.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final

from statekit.errors import InvalidInputError, LimitExceededError

__all__ = ["decode", "encode"]

_BYTES: Final = 1024
_ENTRIES: Final = 24
_OWN: Final = "statekit-"
_MARKER: Final = "=b64="

_MARKED: Final = re.compile(r"=b64=[A-Za-z0-9_-]*")
_KEY: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
# Printable ASCII, no space at either end, no two in a row (AWS's request signature folds them into one), no
# RFC 2047 word, and not our own marker.
_AS_IT_IS: Final = re.compile(r"(?!=b64=)(?!.*(?:  |=\?))[!-~](?:[ -~]*[!-~])?")


def encode(metadata: Mapping[str, str]) -> dict[str, str]:
    """Write an application's metadata in printable ASCII.

    Args:
        metadata: At most 24 entries and 1,024 bytes of keys and UTF-8 values together. The keys are 1 to 64
            of a-z, 0-9, hyphen and underscore, begin with a letter or digit, and not with ``statekit-``.

    Returns:
        The same keys; at most 1,700 bytes of keys and values, so that S3's 2 KB also hold a write id.

    Raises:
        InvalidInputError: If a key or a value is outside of that. The message repeats neither.
        LimitExceededError: If it is too many or too much.
    """
    if len(metadata) > _ENTRIES:
        raise LimitExceededError(f"the metadata has {len(metadata)} entries, and {_ENTRIES} is the limit")
    encoded: dict[str, str] = {}
    total = 0
    for key, value in metadata.items():
        _check_key(key)
        raw = _utf8(value)
        total += len(key) + len(raw)
        encoded[key] = value if _AS_IT_IS.fullmatch(value) else _mark(raw)
    if total > _BYTES:
        raise LimitExceededError(f"the metadata takes {total} bytes of UTF-8, and {_BYTES} is the limit")
    return encoded


def decode(stored: Mapping[str, str]) -> dict[str, str]:
    """Read an application's metadata back.

    Args:
        stored: What the engine has: written by ``encode``, or whatever another program wrote.

    Returns:
        What ``encode`` was given. Core's own entries are left out; a value that is not validly marked comes
        back as it is. Nothing is an error here: an object that another program wrote is valid.
    """
    return {key: _unmark(value) for key, value in stored.items() if not key.startswith(_OWN)}


def _check_key(key: str) -> None:
    if type(key) is not str or not _KEY.fullmatch(key):
        raise InvalidInputError(
            "a metadata key is not usable; it is 1 to 64 of a-z, 0-9, hyphen and underscore, lower case "
            "because S3 lower-cases keys, beginning with a letter or digit"
        )
    if key.startswith(_OWN):
        raise InvalidInputError(f"a metadata key begins with {_OWN}, which is statekit's own")


def _utf8(value: str) -> bytes:
    if type(value) is not str:
        raise InvalidInputError("a metadata value is not a plain str")
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise InvalidInputError("a metadata value holds a lone surrogate, which has no UTF-8 form") from None


def _mark(raw: bytes) -> str:
    return _MARKER + base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _unmark(value: str) -> str:
    if not _MARKED.fullmatch(value):
        return value
    text = value.removeprefix(_MARKER)
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        decoded = raw.decode()
    except (binascii.Error, UnicodeDecodeError):
        return value
    return decoded if _mark(raw) == value else value
