"""CRC32C as S3 writes it.

Base64 of the four bytes, the first one first; with ``-`` and a number behind it, it is a checksum of checksums and
says nothing of the content as a whole
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html).
"""

from __future__ import annotations

import base64
import binascii

__all__ = ["decoded", "encoded"]


def encoded(crc32c: int) -> str:
    """Write a checksum as S3 does."""
    return base64.b64encode(crc32c.to_bytes(4, "big")).decode()


def decoded(text: str | None) -> int | None:
    """Read a checksum of a whole; None if it is none."""
    try:
        raw = base64.b64decode(text or "", validate=True)
    except binascii.Error:
        return None
    return int.from_bytes(raw, "big") if len(raw) == 4 else None
