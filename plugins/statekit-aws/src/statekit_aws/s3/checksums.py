"""CRC32C as S3 writes it, and the checksum of a whole from those of its parts.

Base64 of the four bytes, the first one first; with ``-`` and a number behind it, it is a checksum of checksums and
says nothing of the content as a whole
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, TypeAlias

__all__ = ["combined", "decoded", "encoded"]

Matrix: TypeAlias = tuple[int, ...]
"""A linear map of 32 bits: what it makes of each of them."""

_POLYNOMIAL: Final = 0x82F63B78
"""Castagnoli's, reflected: RFC 3720, appendix B.4."""


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


def combined(parts: Iterable[tuple[int, int]]) -> int:
    """Return the CRC32C of parts that follow each other, from the checksum and the size of each.

    A CRC is linear: appending n bytes multiplies what was before by x to the power of 8n.
    """
    whole = 0
    for checksum, size in parts:
        whole = _applied(_shift(size), whole) ^ checksum
    return whole


@lru_cache(maxsize=64)
def _shift(size: int) -> Matrix:
    """Return what appending so many zero bytes does to a checksum."""
    bit = (_POLYNOMIAL, *(1 << n for n in range(31)))
    power = _squared(_squared(_squared(bit)))  # one byte
    shift: Matrix = tuple(1 << n for n in range(32))
    while size:
        if size & 1:
            shift = _product(power, shift)
        power, size = _squared(power), size >> 1
    return shift


def _applied(matrix: Matrix, vector: int) -> int:
    result = 0
    for column in matrix:
        if vector & 1:
            result ^= column
        vector >>= 1
    return result


def _product(first: Matrix, second: Matrix) -> Matrix:
    return tuple(_applied(first, column) for column in second)


def _squared(matrix: Matrix) -> Matrix:
    return _product(matrix, matrix)
