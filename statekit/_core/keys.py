"""The grammar of keys, prefixes and namespaces, which is the same on every backend.

A key is 1 to 900 bytes of UTF-8: segments of 1 to 255 bytes between single slashes. What is refused is what
some engine would alias to another key or could not hold: an S3 look-alike collapses ``//`` and turns a
backslash into a slash, a file system ends a segment at 255 bytes, and S3 and GCS end a key at 1,024, from
which the namespace and statekit's own prefixes must be taken.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from statekit.errors import ConfigError, InvalidKeyError

__all__ = ["RESERVED", "check_key", "check_namespace", "check_prefix", "hidden", "redact"]

RESERVED: Final = ".statekit"
"""The first segment of everything that statekit itself keeps in an object store."""

_KEY_BYTES: Final = 900
_SEGMENT_BYTES: Final = 255

# Printable ASCII without slash and backslash, no segment beginning with a dot: nearly every key is decided by
# this one match.
_FIRST: Final = r"[\x20-\x2d\x30-\x5b\x5d-\x7e]"
_LATER: Final = r"[\x20-\x2e\x30-\x5b\x5d-\x7e]"
_SEGMENT: Final = f"{_FIRST}{_LATER}{{0,{_SEGMENT_BYTES - 1}}}"
_ORDINARY: Final = re.compile(f"{_SEGMENT}(?:/{_SEGMENT})*")
# Category Cc (C0, DEL, C1) and what has no UTF-8 form. U+2028 and U+2029 are Zl and Zp, and allowed.
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_NAMESPACE: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

_GRAMMAR: Final = (
    f"1 to {_KEY_BYTES} bytes of UTF-8, in segments of 1 to {_SEGMENT_BYTES} bytes between single slashes, "
    f"without control characters or backslashes, no segment . or .., the first one not {RESERVED}"
)


def check_key(key: str) -> None:
    """Check that a key is within the grammar.

    Args:
        key: The object's key, as the application gave it.

    Raises:
        InvalidKeyError: If it is not. The message does not repeat the key.
    """
    if type(key) is str and len(key) <= _KEY_BYTES and _ORDINARY.fullmatch(key):
        return
    problem = _text_problem(key, _KEY_BYTES) or _segments_problem(key.split("/"))
    if problem:
        raise InvalidKeyError(f"the key {problem}; a key is {_GRAMMAR}")


def check_prefix(prefix: str) -> None:
    """Check that a listing's prefix is empty or the beginning of some key.

    Args:
        prefix: What the listed keys begin with. It may end anywhere in a segment.

    Raises:
        InvalidKeyError: If no key can begin with it. The message does not repeat the prefix.
    """
    if prefix == "":
        return
    problem = _text_problem(prefix, _KEY_BYTES) or _beginning_problem(prefix)
    if problem:
        raise InvalidKeyError(
            f"the prefix {problem}; a prefix is empty or the beginning of a key, and a key is {_GRAMMAR}"
        )


def check_namespace(namespace: str) -> None:
    """Check that a namespace is empty or a short lower-case name.

    Args:
        namespace: What keeps several applications apart in one table or bucket.

    Raises:
        ConfigError: If it is neither.
    """
    if namespace == "" or (type(namespace) is str and _NAMESPACE.fullmatch(namespace)):
        return
    raise ConfigError(
        "the namespace is not usable; it is empty, or 1 to 64 of a-z, 0-9, dot, underscore and hyphen, "
        "beginning with a letter or digit"
    )


def redact(key: str) -> str:
    """Shorten a key to something that tells two keys apart in a log, and looks nothing up.

    Args:
        key: Any text, valid as a key or not.

    Returns:
        Such as ``key:1a2b3c4d``: 32 bits of its SHA-256, under which nothing is stored.
    """
    return f"key:{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def hidden(key: str) -> bool:
    """Say whether a key is statekit's own, so that listings leave it out."""
    return key.startswith(RESERVED) and (len(key) == len(RESERVED) or key[len(RESERVED)] == "/")


def _text_problem(text: str, most: int) -> str | None:
    """Find what is wrong with a text before it is taken apart."""
    # A subclass may format as something else than it holds, as a (str, Enum) does.
    if type(text) is not str:
        return "is not a plain str"
    if _SURROGATE.search(text):
        return "holds a lone surrogate, which has no UTF-8 form"
    if _CONTROL.search(text):
        return "holds a control character"
    if "\\" in text:
        return "holds a backslash"
    if len(text.encode()) > most:
        return f"is longer than {most} bytes"
    return None


def _segments_problem(segments: list[str]) -> str | None:
    """Find what is wrong with a key's complete segments."""
    if segments == [""]:
        return "is empty"
    if "" in segments:
        return "begins or ends with a slash, or has two in a row"
    if "." in segments or ".." in segments:
        return "has a segment . or .."
    if segments[0] == RESERVED:
        return f"begins with {RESERVED}, which is statekit's own"
    if any(len(segment.encode()) > _SEGMENT_BYTES for segment in segments):
        return f"has a segment longer than {_SEGMENT_BYTES} bytes"
    return None


def _beginning_problem(prefix: str) -> str | None:
    """Find why a non-empty text is not the beginning of any key."""
    *complete, last = prefix.split("/")
    if complete and (problem := _segments_problem(complete)):
        return "begins with a slash" if complete == [""] else problem
    if len(last.encode()) > _SEGMENT_BYTES:
        return f"has a segment longer than {_SEGMENT_BYTES} bytes"
    # These are no segments yet, and need one more byte to become one.
    if last in {"", ".", ".."} or prefix == RESERVED:
        return _text_problem(prefix, _KEY_BYTES - 1)
    return None
