"""CRC32C of a whole from those of its parts, so that nobody has to read it a second time."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, TypeAlias

__all__ = ["combined_crc32c"]

Matrix: TypeAlias = tuple[int, ...]
"""A linear map of 32 bits: what it makes of each of them."""

_POLYNOMIAL: Final = 0x82F63B78
"""Castagnoli's, reflected: RFC 3720, appendix B.4."""


def combined_crc32c(parts: Iterable[tuple[int, int]]) -> int:
    """Return the CRC32C of parts that follow each other, from the checksum and the size in bytes of each.

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
