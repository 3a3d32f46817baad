"""The limits of the contract, which are the same on every backend.

The tightest supported engine decides each: nothing that is accepted in development is refused in production.
"""

from __future__ import annotations

import re
from typing import Final

from statekit.errors import InvalidInputError, LimitExceededError
from statekit.types import SESSIONS_PER_OWNER

__all__ = [
    "KEY_BYTES",
    "SEGMENT_BYTES",
    "SESSION_BYTES",
    "METADATA_BYTES",
    "METADATA_ENTRIES",
    "HEADER_BYTES",
    "OWNER_BYTES",
    "LABEL_BYTES",
    "SESSIONS_PER_OWNER",
    "check_payload",
    "check_owner",
    "check_label",
    "check_header",
]

KEY_BYTES: Final = 900
"""An object's key. S3 and GCS allow 1,024 bytes; namespace and prefixes take the rest.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
https://cloud.google.com/storage/docs/objects#naming
"""

SEGMENT_BYTES: Final = 255
"""One segment of a key: NAME_MAX of Linux file systems, and of S3 look-alikes that keep keys as paths."""

SESSION_BYTES: Final = 256 * 1024
"""A session's encoded payload. DynamoDB's item is at most 400 KB with everything beside the payload.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""

METADATA_BYTES: Final = 1024
"""An object's metadata before encoding, keys and values. S3 allows 2 KB in all, and the write id must fit.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
"""

METADATA_ENTRIES: Final = 24
"""Entries of an object's metadata, so that the encoding's few bytes for each stay within S3's 2 KB."""

HEADER_BYTES: Final = 255
"""Content type, cache control, content disposition. A media type is 127 + 1 + 127 (RFC 6838 section 4.2)."""

OWNER_BYTES: Final = 256
"""An owner's name. An e-mail address fits (254, RFC 5321 section 4.5.3.1.3), a subject claim does (255)."""

LABEL_BYTES: Final = 200
"""A session's label, such as a device's name. It is stored beside the payload, in the same 400 KB."""

_HEADER: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_FILENAME: Final = "; write other characters of a file name as filename*=UTF-8''… (RFC 6266)"


def check_payload(size: int) -> None:
    """Check the size of a session's encoded payload.

    Args:
        size: Bytes.

    Raises:
        LimitExceededError: If it is over the limit.
    """
    if size > SESSION_BYTES:
        raise LimitExceededError(
            f"the session's data takes {size} bytes, and {SESSION_BYTES} is the limit on every backend; "
            "keep large values in an object and its key in the session"
        )


def check_owner(owner: str) -> None:
    """Check an owner's name.

    Args:
        owner: Whose sessions these are, 1 to 256 bytes of UTF-8.

    Raises:
        InvalidInputError: If it is not a plain str, is empty or has no UTF-8 form.
        LimitExceededError: If it is over the limit.
    """
    size = _utf8_size("owner", owner)
    if size == 0:
        raise InvalidInputError("the owner is empty; leave it out, or give None, for a session that nobody owns")
    if size > OWNER_BYTES:
        raise LimitExceededError(f"the owner takes {size} bytes of UTF-8, and {OWNER_BYTES} is the limit")


def check_label(label: str) -> None:
    """Check a session's label.

    Args:
        label: What a listing shows of the session, 0 to 200 bytes of UTF-8.

    Raises:
        InvalidInputError: If it is not a plain str, or has no UTF-8 form.
        LimitExceededError: If it is over the limit.
    """
    size = _utf8_size("label", label)
    if size > LABEL_BYTES:
        raise LimitExceededError(f"the label takes {size} bytes of UTF-8, and {LABEL_BYTES} is the limit")


def check_header(name: str, value: str) -> None:
    """Check the value of a header that is stored with an object.

    Args:
        name: Which header, such as ``Content-Type`` or ``content_type``.
        value: Its value: 1 to 255 characters of printable ASCII, no space at either end.

    Raises:
        InvalidInputError: If it holds anything else, which an engine would change or refuse.
        LimitExceededError: If it is over the limit.
    """
    if type(value) is not str:
        raise InvalidInputError(f"{name} is not a plain str")
    if len(value) > HEADER_BYTES:
        raise LimitExceededError(f"{name} has {len(value)} characters, and {HEADER_BYTES} is the limit")
    if _HEADER.fullmatch(value):
        return
    hint = _FILENAME if name.lower().replace("_", "-") == "content-disposition" else ""
    raise InvalidInputError(
        f"{name} is no usable header: printable ASCII, not empty, without a space at either end{hint}"
    )


def _utf8_size(name: str, text: str) -> int:
    if type(text) is not str:
        raise InvalidInputError(f"the {name} is not a plain str")
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise InvalidInputError(f"the {name} holds a lone surrogate, which has no UTF-8 form") from None
