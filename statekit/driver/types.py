"""The values that pass between core and a driver.

They are Structs: a frozen dataclass takes several times as long to make, and longer still to define at a cold start.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, Generic, Literal, TypeAlias, TypeVar

from msgspec import Struct

T = TypeVar("T")

Millis: TypeAlias = int
"""Milliseconds since the epoch, by core's clock."""
Buffer: TypeAlias = bytes | memoryview


class Token(Enum):
    """The values of an expectation or an answer that are not data."""

    ANY = "any"
    ABSENT = "absent"
    UNSEEN = "unseen"


ANY: Final = Token.ANY
"""Whatever is stored, or nothing."""
ABSENT: Final = Token.ABSENT
"""Nothing is stored: no item, expired or not."""
UNSEEN: Final = Token.UNSEEN
"""Refused, and the engine did not say what is there."""


class Match(Struct, frozen=True):
    """The stored version is exactly this one. A malformed one is refused, never an exception."""

    version: str


Expect: TypeAlias = Literal[Token.ANY, Token.ABSENT] | Match


class Record(Struct, frozen=True, gc=False):
    """A record as one read saw it.

    Attributes:
        value: The bytes, as written.
        version: Opaque; another one after each write, never repeated for a key.
        expires_at: As written or touched. Core judges it.
        stamp: Changes at each touch, where an engine needs more than version and expiry to tell; empty right after
            a write.
    """

    value: bytes
    version: str
    expires_at: Millis | None
    stamp: str = ""


class Entry(Struct, frozen=True):
    """A record in a listing. Given to ``delete`` it is an expectation: version, expiry and stamp are still these."""

    key: str
    version: str
    expires_at: Millis | None
    stamp: str = ""


Sight: TypeAlias = Literal[Token.ANY] | Match | Entry


class Committed(Struct, frozen=True):
    """The write was applied.

    Attributes:
        version: The record's or object's version now.
        stamp: The record's stamp now; empty after a write.
    """

    version: str
    stamp: str = ""


class Refused(Struct, Generic[T], frozen=True):
    """The expectation did not hold; nothing was applied.

    Attributes:
        current: What is stored, None for "known to be absent", or UNSEEN.
    """

    current: T | None | Literal[Token.UNSEEN] = UNSEEN


class Continue(Struct, frozen=True):
    """The engine copies in steps: call again with ``resume=token``."""

    token: str


class Gone(Enum):
    """Nothing is stored any more."""

    DELETED = "deleted"
    ABSENT = "absent"


class Page(Struct, Generic[T], frozen=True):
    """A part of a listing. The last one has no cursor; any may be empty."""

    items: tuple[T, ...]
    cursor: str | None = None
    prefixes: tuple[str, ...] = ()


class Meta(Struct, frozen=True):
    """What is stored beside an object's bytes. All of it is printable ASCII.

    Attributes:
        content_type: The HTTP header's value.
        cache_control: The HTTP header's value.
        content_disposition: The HTTP header's value.
        user: Metadata of the application and of core; keys are lower case.
        write_id: The id of the write; None on objects that others wrote.
        replaces: What this write replaced, as core named it; None if nothing, or unknown.
    """

    content_type: str | None = None
    cache_control: str | None = None
    content_disposition: str | None = None
    user: Mapping[str, str] | None = None
    write_id: str | None = None
    replaces: str | None = None


class Stat(Struct, frozen=True):
    """An object without its bytes.

    Attributes:
        key: The key, as core gave it.
        version: Opaque; changes whenever the content changes.
        size: Bytes.
        modified_at: By the engine's clock.
        meta: None where the engine has none at hand, as in listings.
        crc32c: Of the whole content; None where the engine does not say.
    """

    key: str
    version: str
    size: int
    modified_at: Millis
    meta: Meta | None
    crc32c: int | None


class Chunk(Struct, frozen=True):
    """A part of an object, and the object it is a part of, from one read."""

    stat: Stat
    data: bytes


class Upload(Struct, frozen=True):
    """An upload in parts that was begun and is invisible until it is finished."""

    key: str
    id: str
    meta: Meta | None
    started_at: Millis | None


class Part(Struct, frozen=True):
    """One uploaded part. ``tag`` is the driver's own."""

    number: int
    tag: str
    size: int


class Parts(Struct, frozen=True):
    """An engine's bounds for uploads in parts.

    Attributes:
        smallest: Bytes of every part but the last, at least.
        largest: Bytes of a part, at most.
        most: Parts of one upload; they are numbered from 1.
    """

    smallest: int
    largest: int
    most: int
