"""The values that applications give to the stores and get from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

from msgspec import Struct

from .errors import ConfigError

__all__ = [
    "SESSIONS_PER_OWNER",
    "Checkpoint",
    "Event",
    "ObjectInfo",
    "Prefix",
    "ScratchPolicy",
    "Presigned",
    "SessionInfo",
    "SessionPolicy",
    "StoredObject",
    "Swept",
    "Ticket",
]

SESSIONS_PER_OWNER: Final = 1_000
"""Live sessions of one owner, at most: their ids share one record, which DynamoDB's 400 KB hold with room to spare."""


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


class SessionInfo(Struct, frozen=True):
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


class ObjectInfo(Struct, frozen=True):
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
    metadata: Mapping[str, str] = {}
    write_id: str | None = None
    crc32c: int | None = None


class Prefix(Struct, frozen=True):
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ScratchPolicy:
    """How much a workspace may hold, where its directory is, and how long its lease and its checkpoints last.

    Attributes:
        quota: Bytes in one workspace.
        files: Files in one workspace.
        root: Where directories are made on this host; by default a folder of this user's own in the system's directory
            for temporary files.
        lease: A holder that does not renew for this long may be taken over from.
        ttl: A named workspace that nobody renews for this long is gone.
    """

    quota: Annotated[int, "bytes"] = 1024**3
    files: int = 100_000
    root: Path | None = None
    lease: timedelta = timedelta(seconds=30)
    ttl: timedelta = timedelta(days=7)

    def __post_init__(self) -> None:
        if self.quota < 0 or self.files < 0:
            raise ConfigError("quota and files are not negative")
        if not timedelta(seconds=1) <= self.lease < self.ttl:
            raise ConfigError("lease is at least a second and shorter than ttl: workspaces in use would expire")


class Checkpoint(Struct, frozen=True):
    """What a checkpoint published.

    Attributes:
        fence: The holder's fencing token.
        files: How many files it names.
        size: Their bytes.
        sent_files: How many of them had to be sent, because the checkpoint before did not name them.
        sent: Their bytes.
    """

    fence: int
    files: int
    size: int
    sent_files: int
    sent: int


@dataclass(frozen=True, slots=True)
class Presigned:
    """A request that whoever holds it may send, without credentials. Its repr shows none of it.

    Attributes:
        method: ``GET``, ``PUT`` or ``POST``.
        url: Where to.
        headers: What has to be sent with it, exactly.
        fields: For POST: the form's fields, all before the one named ``file``, which is the last.
        expires_at: When it ends; sooner than asked for where the credentials that signed it end sooner.
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    fields: Mapping[str, str] = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Ticket:
    """A reservation of a key for an upload. Its repr shows nothing that lets anybody upload or confirm.

    Attributes:
        id: What ``confirm`` and ``abandon`` take. Keep it on the server, or give it to the page together with ``owner``
            checks.
        key: Where the object will be published.
        upload: What the browser sends.
        expires_at: When the upload has to have begun.
    """

    id: str = field(repr=False)
    key: str
    upload: Presigned
    expires_at: datetime


class Swept(Struct, frozen=True):
    """What a sweep reclaimed.

    Attributes:
        records: Expired records that were deleted.
        uploads: Unfinished uploads that were aborted.
        workspaces: Expired workspaces that were deleted.
        files: Files and manifests of workspaces that no checkpoint names.
        directories: Directories on this host that dead processes had left.
    """

    records: int = 0
    uploads: int = 0
    workspaces: int = 0
    files: int = 0
    directories: int = 0

    def __add__(self, other: Swept) -> Swept:
        return Swept(
            self.records + other.records,
            self.uploads + other.uploads,
            self.workspaces + other.workspaces,
            self.files + other.files,
            self.directories + other.directories,
        )


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
