"""The session that an application holds: a dict that knows which of its keys changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, Final, cast

import msgspec

from statekit._core.codec import decode, encode
from statekit._core.envelope import Stored
from statekit._core.ids import handle_of, name_of
from statekit.driver import Record
from statekit.errors import InvalidInputError

from .forms import Live

__all__ = ["Cell", "Changes", "Session"]

_UNSEEN: Final = object()
_DELETED: Final = object()


class Cell(msgspec.Struct, frozen=True, gc=False):
    """A session's record as it is stored: live, and not expired when the operation began."""

    sid: bytes
    stored: Stored
    live: Live

    @property
    def root(self) -> bytes:
        """The sid of the login's first session, which stays the same through rotations."""
        return self.live.root or self.sid


class Changes(msgspec.Struct, frozen=True):
    """What differs from what was stored: encoded values by key, and keys that are gone."""

    changed: dict[str, msgspec.Raw]
    deleted: set[str]

    def __bool__(self) -> bool:
        return bool(self.changed or self.deleted)

    def applied_to(self, encoded: Mapping[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
        """Return the encoded values with these changes."""
        after = {**encoded, **self.changed}
        for key in self.deleted:
            after.pop(key, None)
        return after


class Session(MutableMapping[str, Any]):
    """One session's data, and what identifies it. It belongs to one request.

    It behaves like a dict with str keys. Nothing is written before a store's ``save``; what changed since it was
    loaded, nested values included, is found then by comparing encodings. Values are decoded when they are first looked
    at: a key that nobody touches costs nothing.
    """

    __slots__ = ("_cell", "_encoded", "_id", "_values", "seen_until")

    def __init__(self, identifier: str, cell: Cell) -> None:
        self._id = identifier
        self._values: dict[str, Any] = {}
        self._cell = cell
        self._encoded = cell.live.data
        self.seen_until = cell.stored.record.expires_at or cell.live.ends_at

    @property
    def id(self) -> str:
        """The secret that identifies the session, for its cookie. Anybody who has it is logged in."""
        return self._id

    @property
    def owner(self) -> str | None:
        """Whose session it is, as ``create`` or ``rotate`` was told."""
        return self._cell.live.owner

    @property
    def label(self) -> str | None:
        """What ``create`` was told, such as a device's name."""
        return self._cell.live.label

    @property
    def handle(self) -> str | None:
        """What the owner's ``list`` shows it under, and ``revoke`` takes; None without an owner."""
        owner = self._cell.live.owner
        return None if owner is None else handle_of(name_of(owner), self._cell.root)

    @property
    def created_at(self) -> datetime:
        """When the login happened."""
        return datetime.fromtimestamp(self._cell.live.created_at / 1000, UTC)

    @property
    def expires_at(self) -> datetime:
        """When it ends if nobody saves or touches it again, as far as this request knows."""
        return datetime.fromtimestamp(self.seen_until / 1000, UTC)

    @property
    def modified(self) -> bool:
        """Whether a save would write something."""
        return bool(self.changes())

    def __getitem__(self, key: str) -> Any:
        value = self._values.get(key, _UNSEEN)
        if value is _UNSEEN:
            value = self._values[key] = decode(self._encoded[key])
        elif value is _DELETED:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        if type(key) is not str:
            raise InvalidInputError("a session's keys are strings", clause="S-36")
        self._values[key] = value

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        if key in self._encoded:
            self._values[key] = _DELETED
        else:
            del self._values[key]

    def __iter__(self) -> Iterator[str]:
        for key in self._encoded:
            if self._values.get(key) is not _DELETED:
                yield key
        # Looking at a value while iterating decodes it, which must not disturb this.
        yield from [key for key in self._values if key not in self._encoded]

    def __contains__(self, key: object) -> bool:
        value = self._values.get(cast("str", key), _UNSEEN)
        return key in self._encoded if value is _UNSEEN else value is not _DELETED

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Session):
            return self._id == other._id and dict(self) == dict(other)
        return isinstance(other, Mapping) and dict(self) == dict(other)

    __hash__ = None  # type: ignore[assignment]  # as a dict: it changes

    def __repr__(self) -> str:
        return f"<Session {len(self)} keys>"

    def __reduce__(self) -> Any:
        raise TypeError("a session belongs to one request: pass its id on and load it there")

    # What follows is for the plans of this package.

    @property
    def cell(self) -> Cell:
        """What was stored when the session was last loaded or saved."""
        return self._cell

    def changes(self) -> Changes:
        """Compare with what was stored.

        Raises:
            UnserialisableError: A value could not come back equal and of the same type.
        """
        changed: dict[str, msgspec.Raw] = {}
        deleted: set[str] = set()
        for key, value in self._values.items():
            if value is _DELETED:
                deleted.add(key)
                continue
            new = msgspec.Raw(encode(value, at=key))
            if self._encoded.get(key) != new:
                changed[key] = new
        return Changes(changed, deleted)

    def rebase(self, cell: Cell, changes: Changes) -> None:
        """Hold what is stored now.

        Values that somebody else changed are decoded anew when they are looked at; so the application should not keep
        references to nested values across a save.

        Args:
            cell: The stored record.
            changes: What a save of this session has just stored.
        """
        known, found = changes.applied_to(self._encoded), cell.live.data

        def stays(key: str, value: object) -> bool:
            if value is _DELETED:  # meanwhile, if this save did not delete it
                return key in found and key not in changes.deleted
            return known.get(key) == found.get(key)

        self._values = {key: value for key, value in self._values.items() if stays(key, value)}
        self._cell, self._encoded = cell, found
        self.seen_until = cell.stored.record.expires_at or cell.live.ends_at

    def extended(self, record: Record) -> None:
        """Hold the new expiry after a touch; the data are as they were."""
        stored = self._cell.stored
        if record.version == stored.record.version:
            self._cell = msgspec.structs.replace(self._cell, stored=msgspec.structs.replace(stored, record=record))
        self.seen_until = record.expires_at or self.seen_until
