"""Checksums: computed while bytes arrive, compared with what the client announced, joined by composing."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import google_crc32c

from statekit_conformance.engines.gcs import errors

_POLYNOMIAL = 0x82F63B78  # Castagnoli, reflected
_ONE = 0x80000000  # the polynomial 1, reflected


@dataclass(frozen=True, slots=True)
class Announced:
    """The checksums that a client sent along; None is "did not say".

    Attributes:
        crc32c: In base64, as the APIs spell it.
        md5: In base64.
        sha256: In hexadecimal; only a signed payload has one.
    """

    crc32c: str | None = None
    md5: str | None = None
    sha256: str | None = None

    @classmethod
    def of(cls, headers: Mapping[str, str], resource: Mapping[str, Any] | None = None) -> Self:
        """Read ``x-goog-hash``, ``Content-MD5`` and the resource's own fields; headers come first.

        Raises:
            Refusal: 400 if a value is not base64 of the right length.
        """
        fields = dict(item.strip().partition("=")[::2] for item in headers.get("x-goog-hash", "").split(","))
        resource = resource or {}
        crc32c = fields.get("crc32c") or resource.get("crc32c")
        md5 = fields.get("md5") or headers.get("content-md5") or resource.get("md5Hash")
        return cls(_base64_of(crc32c, 4), _base64_of(md5, 16))

    def and_then(self, later: Self) -> Self:
        """Return these checksums and those announced later, which come first where both say one."""
        crc32c, md5 = later.crc32c or self.crc32c, later.md5 or self.md5
        return replace(self, crc32c=crc32c, md5=md5, sha256=later.sha256 or self.sha256)


NOTHING = Announced()


class Digests:
    """Running checksums of one body, to be compared with the announced ones in the end."""

    def __init__(self, announced: Announced = NOTHING) -> None:
        self.size = 0
        self._announced = announced
        self._crc32c = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256() if announced.sha256 is not None else None

    def update(self, data: bytes) -> None:
        """Take in the next bytes."""
        self.size += len(data)
        self._crc32c = google_crc32c.extend(self._crc32c, data)
        self._md5.update(data)
        if self._sha256 is not None:
            self._sha256.update(data)

    @property
    def crc32c(self) -> int:
        """The CRC32C so far."""
        return self._crc32c

    @property
    def md5(self) -> bytes:
        """The MD5 so far."""
        return self._md5.digest()

    def check(self) -> None:
        """Refuse bytes that are not those the client meant.

        Raises:
            Refusal: 400, naming the checksum that differs.
        """
        _compare("crc32c", self._announced.crc32c, crc32c_text(self._crc32c))
        _compare("md5", self._announced.md5, md5_text(self.md5))
        if self._sha256 is not None:
            _compare("sha256", self._announced.sha256, self._sha256.hexdigest())


def crc32c_text(value: int) -> str:
    """Spell a CRC32C as the APIs do: base64 of four bytes, most significant first."""
    return base64.b64encode(value.to_bytes(4, "big")).decode()


def md5_text(value: bytes) -> str:
    """Spell an MD5 as the APIs do."""
    return base64.b64encode(value).decode()


def joined_crc32c(first: int, second: int, second_size: int) -> int:
    """Return the CRC32C of two bodies one after the other, from theirs.

    A CRC is a remainder of polynomials over GF(2), so appending n bytes multiplies what came before by x to
    the 8n.
    """
    return _times(first, _x_to_the(8 * second_size)) ^ second


def _times(left: int, right: int) -> int:
    """Multiply two reflected polynomials modulo the Castagnoli polynomial."""
    product = 0
    for bit in range(31, -1, -1):
        if right >> bit & 1:
            product ^= left
        left = left >> 1 ^ (_POLYNOMIAL if left & 1 else 0)
    return product


def _x_to_the(power: int) -> int:
    result, square = _ONE, _ONE >> 1
    while power:
        if power & 1:
            result = _times(result, square)
        square = _times(square, square)
        power >>= 1
    return result


def _compare(kind: str, given: str | None, computed: str) -> None:
    if given is not None and given != computed:
        raise errors.checksum_mismatch(kind, given, computed)


def _base64_of(text: str | None, length: int) -> str | None:
    if text is None:
        return None
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raw = b""
    if len(raw) != length:
        raise errors.invalid(f"a checksum is not the base64 of {length} bytes")
    return base64.b64encode(raw).decode()
