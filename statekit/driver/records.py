"""The record driver: small values under a key, with conditional writes.

Every method is unary, bounded and one attempt: it sends one request, or says in its docstring why it may send two,
and never retries. Absence and refusal are return values; only faults are exceptions. Methods are called from several
threads at once (R-22). ``timeout`` is the seconds left, honoured where the client can (R-21).
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from .faults import Failure
from .types import Committed, Entry, Expect, Gone, Millis, Page, Record, Refused, Sight

__all__ = ["AsyncRecordDriver", "RecordDriver"]


@runtime_checkable
class RecordDriver(Protocol):
    """What a backend implements to hold sessions, owners, leases and tickets."""

    def read(self, key: str, /, *, timeout: float) -> Record | None:
        """Read one record.

        Guarantees: ``key`` is 1 to 200 characters of ``a-z A-Z 0-9 . _ - /`` (K-10).
        Owes: a read after an acknowledged write sees it or a later one (R-06); value, version, expiry and stamp are of
        one moment (R-07); no judgement of ``expires_at`` (R-15).

        Returns:
            The record, or None if nothing is stored.
        """
        ...

    def write(
        self,
        key: str,
        value: bytes,
        /,
        *,
        expires_at: Millis | None,
        write_id: str,
        expect: Expect,
        timeout: float,
    ) -> Committed | Refused[Record]:
        """Store a record if ``expect`` holds, atomically.

        Guarantees: ``value`` is at most 320 KiB (K-09); ``write_id`` is 16 characters of base64url, fresh for each
        logical write and the same when one is sent again; ``expect`` is never ANY.
        Owes: one winner (R-01, R-02, R-03); a new version that never recurs (R-04), for which ``write_id`` may serve;
        a version that is stale, foreign or malformed is a refusal (R-05); a refusal carries what is there, or UNSEEN,
        and never writes (R-09). Native expiry, if any, at ``expires_at`` + 24 h or later (R-16).
        """
        ...

    def touch(self, key: str, /, *, seen: Record, expires_at: Millis, timeout: float) -> Committed | Refused[Record]:
        """Move a record's expiry if version, expiry and stamp are as seen.

        Guarantees: ``expires_at`` is later than ``seen.expires_at``.
        Owes: neither value nor version changes (R-10); a changed version or expiry is refused (R-11); nothing is ever
        created (R-10).
        """
        ...

    def delete(self, key: str, /, *, expect: Sight, timeout: float) -> Gone | Refused[Record]:
        """Delete a record if ``expect`` holds, atomically.

        Guarantees: ANY only for keys that are never written again; an Entry is one that ``page`` returned.
        Owes: with Match, only that version is deleted and another one is refused (R-12); with an Entry, a record that
        was touched or written since is refused (R-14); an absent record is ``Gone.ABSENT`` (R-12, R-13).
        """
        ...

    def page(self, prefix: str, /, *, cursor: str | None, limit: int, timeout: float) -> Page[Entry]:
        """List a part of the records whose keys begin with ``prefix``.

        Guarantees: ``cursor`` is None, or what the page before returned; 1 <= ``limit`` <= 1000.
        Owes: in any order, with duplicates and empty pages if need be, what is present throughout is seen at least
        once (R-17); at most ``limit`` items; the last page has no cursor.
        """
        ...

    def fault(self, exc: BaseException, /) -> Failure:
        """Explain an exception that one of the methods raised. Pure and total (E-01)."""
        ...


@runtime_checkable
class AsyncRecordDriver(Protocol):
    """The same, natively asynchronous. See RecordDriver for what each method owes."""

    async def read(self, key: str, /, *, timeout: float) -> Record | None:
        """See RecordDriver."""
        ...

    async def write(
        self,
        key: str,
        value: bytes,
        /,
        *,
        expires_at: Millis | None,
        write_id: str,
        expect: Expect,
        timeout: float,
    ) -> Committed | Refused[Record]:
        """See RecordDriver."""
        ...

    async def touch(
        self, key: str, /, *, seen: Record, expires_at: Millis, timeout: float
    ) -> Committed | Refused[Record]:
        """See RecordDriver."""
        ...

    async def delete(self, key: str, /, *, expect: Sight, timeout: float) -> Gone | Refused[Record]:
        """See RecordDriver."""
        ...

    async def page(self, prefix: str, /, *, cursor: str | None, limit: int, timeout: float) -> Page[Entry]:
        """See RecordDriver."""
        ...

    def fault(self, exc: BaseException, /) -> Failure:
        """See RecordDriver."""
        ...
