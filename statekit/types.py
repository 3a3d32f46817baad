"""The values that applications give to the stores and get from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from .errors import ConfigError

__all__ = [
    "SESSIONS_PER_OWNER",
    "Event",
    "ObjectInfo",
    "Prefix",
    "SessionInfo",
    "SessionPolicy",
    "StoredObject",
    "Swept",
]

SESSIONS_PER_OWNER: Final = 1_000
"""Live sessions of one owner, at most: their ids share one record, which DynamoDB's 400 KB hold with room to spare."""
_NO_METADATA: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPolicy:
    """How long sessions live, and how many one owner may have.

    Attributes:
        idle_timeout: A session that nobody touches for this long has expired.
        lifetime: A session ends this long after its login, however busy it is.
        touch_interval: A busy session's expiry is written at most this often.
        sessions_per_owner: The oldest session of an owner with more than this many is revoked; 1 to 1,000.
    """

    idle_timeout: timedelta = timedelta(days=14)
    lifetime: timedelta = timedelta(days=90)
    touch_interval: timedelta = timedelta(seconds=60)
    sessions_per_owner: int = 100

    def __post_init__(self) -> None:
        if not timedelta(0) < self.idle_timeout <= self.lifetime:
            raise ConfigError("idle_timeout is more than nothing and at most the lifetime")
        if not timedelta(0) <= self.touch_interval < self.idle_timeout:
            raise ConfigError("touch_interval is shorter than idle_timeout: sessions in use would expire")
        if not 1 <= self.sessions_per_owner <= SESSIONS_PER_OWNER:
            raise ConfigError(f"sessions_per_owner is from 1 to {SESSIONS_PER_OWNER}")


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """One of an owner's sessions, without its id.

    Attributes:
        handle: What ``revoke`` takes to end this session. Nobody can log in with it.
        created_at: When the login happened.
        last_seen: When the session was last saved or touched, exact to the touch interval.
        expires_at: When it ends if nobody touches it again.
        label: What ``create`` was given, such as a device's name.
        corrupt: The stored session cannot be read; its times are estimates. It can be revoked.
    """

    handle: str
    created_at: datetime
    last_seen: datetime
    expires_at: datetime
    label: str | None
    corrupt: bool = False


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What is known about one stored object.

    Attributes:
        key: The object's key.
        version: Opaque; changes whenever the content changes. For ``if_match``.
        size: Bytes.
        modified_at: When the engine stored it, by the engine's clock.
        content_type: As it was put; None in listings, and where none was given.
        cache_control: As it was put; None in listings.
        content_disposition: As it was put; None in listings.
        metadata: As it was put; empty in listings.
        write_id: The id of the write that made this version; None in listings and for objects written by others.
        crc32c: The content's CRC32C where the engine or our metadata has it.
    """

    key: str
    version: str
    size: int
    modified_at: datetime
    content_type: str | None = None
    cache_control: str | None = None
    content_disposition: str | None = None
    metadata: Mapping[str, str] = field(default_factory=lambda: _NO_METADATA)
    write_id: str | None = None
    crc32c: int | None = None


@dataclass(frozen=True, slots=True)
class Prefix:
    """Keys that a listing with a delimiter folded into one line.

    Attributes:
        key: The common beginning of the folded keys, delimiter included.
    """

    key: str


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object's bytes and what is known about exactly these bytes."""

    data: bytes = field(repr=False)
    info: ObjectInfo


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep reclaimed.

    Attributes:
        records: Expired records that were deleted.
        uploads: Unfinished uploads that were aborted.
    """

    records: int = 0
    uploads: int = 0


class Event(Struct, frozen=True):
    """What one operation did. It holds no value, no id and no key in clear.

    Attributes:
        operation: Such as ``save``.
        store: ``sessions``, ``objects`` or ``scratch``.
        backend: The backend's name.
        outcome: ``ok``, or the name of the error's class.
        attempts: Requests sent to the engine.
        conflicts: Top-level keys that this save and another request both changed; the later save won.
        size: Bytes of payload sent or received.
        seconds: How long it took.
    """

    operation: str
    store: str
    backend: str
    outcome: str
    attempts: int
    conflicts: int
    size: int
    seconds: float
