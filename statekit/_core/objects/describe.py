"""Between what applications say of an object and what drivers store of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from statekit._core import metadata as encoding
from statekit._core.ids import text_of, write_id
from statekit._core.limits import check_header
from statekit.driver import ABSENT, ANY, Expect, Match, Meta, Stat
from statekit.errors import InvalidInputError
from statekit.types import ObjectInfo

__all__ = ["NOTHING", "Put", "expectation", "info_of", "replaced", "replaced_by"]

NOTHING: Final = "-"
"""What a write replaced that expected nothing to be there."""


def expectation(*, if_absent: bool, if_match: str | ObjectInfo | None) -> Expect:
    """Return what the application expects to be stored.

    Raises:
        InvalidInputError: Both conditions are given.
    """
    if if_absent and if_match is not None:
        raise InvalidInputError("if_absent and if_match exclude each other")
    if if_absent:
        return ABSENT
    if if_match is None:
        return ANY
    return Match(if_match.version if isinstance(if_match, ObjectInfo) else if_match)


def replaced_by(expect: Expect, if_match: str | ObjectInfo | None) -> str | None:
    """Return what a write under this expectation replaces, as its metadata will say: that settles lost replies."""
    if isinstance(if_match, ObjectInfo) and if_match.write_id:
        return if_match.write_id
    if isinstance(expect, Match):
        return expect.version
    return NOTHING if expect is ABSENT else None


def replaced(current: Stat, expect: Expect, if_match: str | ObjectInfo | None) -> bool:
    """Whether what is stored says that it replaced exactly what was expected: so nothing else did before."""
    there = current.meta.replaces if current.meta else None
    versions = {replaced_by(expect, if_match), expect.version if isinstance(expect, Match) else None}
    return there is not None and there in versions


class Put(Struct, frozen=True, kw_only=True):
    """What a put says beside the data."""

    content_type: str | None = None
    cache_control: str | None = None
    content_disposition: str | None = None
    metadata: Mapping[str, str] | None = None
    if_absent: bool = False
    if_match: str | ObjectInfo | None = None

    def expect(self) -> Expect:
        """Return the condition."""
        return expectation(if_absent=self.if_absent, if_match=self.if_match)

    def meta(self) -> Meta:
        """Return what is stored beside the bytes, with a fresh write id.

        Raises:
            InvalidInputError: A header that is not printable ASCII, or a metadata key outside the grammar.
            LimitExceededError: Too long.
        """
        for name in ("content_type", "cache_control", "content_disposition"):
            if (value := getattr(self, name)) is not None:
                check_header(name, value)
        user = encoding.encode(self.metadata or {})
        replaces = replaced_by(self.expect(), self.if_match)
        headers = (self.content_type, self.cache_control, self.content_disposition)
        return Meta(*headers, user, text_of(write_id()), replaces)


def info_of(key: str, stat: Stat) -> ObjectInfo:
    """Return what the application learns about an object."""
    meta = stat.meta or Meta()
    return ObjectInfo(
        key=key,
        version=stat.version,
        size=stat.size,
        modified_at=datetime.fromtimestamp(stat.modified_at / 1000, UTC),
        content_type=meta.content_type,
        cache_control=meta.cache_control,
        content_disposition=meta.content_disposition,
        metadata=encoding.decode(meta.user or {}),
        write_id=meta.write_id,
        crc32c=stat.crc32c,
    )
