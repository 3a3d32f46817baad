"""Records in a dict."""

from __future__ import annotations

import secrets
import threading

from msgspec.structs import replace

from statekit.driver import (
    ABSENT,
    ANY,
    Committed,
    Entry,
    Expect,
    Failure,
    Fault,
    Gone,
    Millis,
    Page,
    Record,
    Refused,
    Sight,
)

__all__ = ["MemoryRecords"]


class MemoryRecords:
    """A RecordDriver that keeps everything in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: dict[str, Record] = {}

    def read(self, key: str, /, *, timeout: float) -> Record | None:  # noqa: ARG002 - nothing here waits
        """Read one record."""
        return self._records.get(key)

    def write(
        self,
        key: str,
        value: bytes,
        /,
        *,
        expires_at: Millis | None,
        write_id: str,  # noqa: ARG002 - the version is random: others may use the write id
        expect: Expect,
        timeout: float,  # noqa: ARG002
    ) -> Committed | Refused[Record]:
        """Store a record if ``expect`` holds."""
        with self._lock:
            current = self._records.get(key)
            if not _holds(expect, current):
                return Refused(current)
            self._records[key] = Record(bytes(value), secrets.token_hex(8), expires_at)
            return Committed(self._records[key].version)

    def touch(
        self,
        key: str,
        /,
        *,
        seen: Record,
        expires_at: Millis,
        timeout: float,  # noqa: ARG002
    ) -> Committed | Refused[Record]:
        """Move a record's expiry if version and expiry are as seen."""
        with self._lock:
            current = self._records.get(key)
            if current is None or (current.version, current.expires_at) != (seen.version, seen.expires_at):
                return Refused(current)
            self._records[key] = replace(current, expires_at=expires_at)
            return Committed(current.version)

    def delete(self, key: str, /, *, expect: Sight, timeout: float) -> Gone | Refused[Record]:  # noqa: ARG002
        """Delete a record if ``expect`` holds."""
        with self._lock:
            current = self._records.get(key)
            if current is None:
                return Gone.ABSENT
            if isinstance(expect, Entry):
                same = (current.version, current.expires_at) == (expect.version, expect.expires_at)
            else:
                same = _holds(expect, current)
            if not same:
                return Refused(current)
            del self._records[key]
            return Gone.DELETED

    def page(self, prefix: str, /, *, cursor: str | None, limit: int, timeout: float) -> Page[Entry]:  # noqa: ARG002
        """List a part of the records."""
        with self._lock:
            keys = sorted(key for key in self._records if key.startswith(prefix) and key > (cursor or ""))
            chosen = keys[:limit]
            items = tuple(Entry(key, self._records[key].version, self._records[key].expires_at) for key in chosen)
        return Page(items, chosen[-1] if len(keys) > limit else None)

    def fault(self, exc: BaseException, /) -> Failure:  # noqa: ARG002 - nothing here fails
        """Explain an exception."""
        return Failure(Fault.UNKNOWN)


def _holds(expect: Expect, current: Record | None) -> bool:
    """Whether an expectation holds for what is stored."""
    if expect is ANY:
        return True
    if expect is ABSENT:
        return current is None
    return current is not None and current.version == expect.version
