"""The drivers: a sender, and one line for each call."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Literal

from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError
from urllib3.exceptions import HTTPError

from statekit.driver import (
    Buffer,
    Chunk,
    Committed,
    Continue,
    Entry,
    Expect,
    Failure,
    Gone,
    Grant,
    Match,
    Meta,
    Millis,
    Page,
    Part,
    Record,
    Refused,
    Sight,
    Signed,
    Stat,
    Token,
    Upload,
)

from . import faults
from .answers import UnreadableError
from .faults import UnsentError
from .flows import ObjectFlows, RecordFlows
from .place import Place
from .signing import Account, account_of, sign
from .transport import Sender
from .uploads import PARTS, UploadFlows

__all__ = ["Objects", "Records"]

_FAILED: Final = (GoogleAPIError, GoogleAuthError, HTTPError, OSError, UnreadableError, UnsentError)
"""What a request can end in; requests' own exceptions are OSErrors."""


class Records:
    """The RecordDriver.

    Args:
        sender: Sends requests.
        flows: What the calls send.
    """

    def __init__(self, sender: Sender, flows: RecordFlows) -> None:
        self._run = sender.run
        self._flows = flows

    def read(self, key: str, /, *, timeout: float) -> Record | None:
        """Read one record."""
        return self._run(self._flows.read(key), timeout)

    def write(
        self,
        key: str,
        value: bytes,
        /,
        *,
        expires_at: Millis | None,
        write_id: str,  # noqa: ARG002 - the generation is the version
        expect: Expect,
        timeout: float,
    ) -> Committed | Refused[Record]:
        """Store a record if ``expect`` holds."""
        return self._run(self._flows.write(key, value, expires_at, expect), timeout)

    def touch(self, key: str, /, *, seen: Record, expires_at: Millis, timeout: float) -> Committed | Refused[Record]:
        """Move a record's expiry if generation and metageneration are as seen."""
        return self._run(self._flows.touch(key, seen, expires_at), timeout)

    def delete(self, key: str, /, *, expect: Sight, timeout: float) -> Gone | Refused[Record]:
        """Delete a record if ``expect`` holds."""
        return self._run(self._flows.delete(key, expect), timeout)

    def page(self, prefix: str, /, *, cursor: str | None, limit: int, timeout: float) -> Page[Entry]:
        """List a part of the records."""
        return self._run(self._flows.page(prefix, cursor, limit), timeout)

    def fault(self, exc: BaseException, /) -> Failure:
        """Explain an exception."""
        return faults.fault(exc)


class Objects:
    """The ObjectDriver, MultipartDriver and SigningDriver.

    Args:
        sender: Sends requests, and knows the credentials.
        flows: What the calls send.
        uploads: The same for uploads in parts.
        place: Where the objects are.
    """

    parts = PARTS

    def __init__(self, sender: Sender, flows: ObjectFlows, uploads: UploadFlows, place: Place) -> None:
        self._run = sender.run
        self._sender = sender
        self._place = place
        self._account: Account | None = None
        self._flows = flows
        self._uploads = uploads

    def stat(self, key: str, /, *, timeout: float) -> Stat | None:
        """Describe an object."""
        return self._run(self._flows.stat(key), timeout)

    def read(
        self,
        key: str,
        /,
        *,
        start: int,
        length: int,
        expect: Match | Literal[Token.ANY],
        timeout: float,
    ) -> Chunk | None | Refused[Stat]:
        """Read a part of an object."""
        return self._run(self._flows.read(key, start, length, expect), timeout)

    def write(
        self,
        key: str,
        data: Buffer,
        /,
        *,
        meta: Meta,
        crc32c: int,
        expect: Expect,
        timeout: float,
    ) -> Committed | Refused[Stat]:
        """Store an object if ``expect`` holds."""
        return self._run(self._flows.write(key, data, meta, crc32c, expect), timeout)

    def copy(
        self,
        source: str,
        target: str,
        /,
        *,
        pinned: Match,
        meta: Meta,
        expect: Expect,
        resume: str | None,
        timeout: float,
    ) -> Committed | Refused[Stat] | Continue | None:
        """Copy a step of one version of an object if ``expect`` holds for the target."""
        return self._run(self._flows.copy(source, target, pinned, meta, expect, resume), timeout)

    def delete(self, key: str, /, *, expect: Match | Literal[Token.ANY], timeout: float) -> Gone | Refused[Stat]:
        """Delete an object if ``expect`` holds."""
        return self._run(self._flows.delete(key, expect), timeout)

    def page(
        self,
        prefix: str,
        /,
        *,
        delimiter: str | None,
        start_after: str | None,
        cursor: str | None,
        limit: int,
        timeout: float,
    ) -> Page[Stat]:
        """List a part of the objects."""
        return self._run(self._flows.page(prefix, delimiter, start_after, cursor, limit), timeout)

    def begin(self, key: str, /, *, meta: Meta, timeout: float) -> Upload:
        """Begin an upload."""
        return self._run(self._uploads.begin(key, meta), timeout)

    def part(self, upload: Upload, number: int, data: Buffer, /, *, crc32c: int, timeout: float) -> Part:
        """Send one part."""
        return self._run(self._uploads.part(upload, number, data, crc32c), timeout)

    def finish(
        self,
        upload: Upload,
        parts: Sequence[Part],
        /,
        *,
        size: int,
        crc32c: int,
        expect: Expect,
        timeout: float,
    ) -> Committed | Refused[Stat]:
        """Make the parts one object if ``expect`` holds, and then delete them in what is left of the time.

        The object is there whatever becomes of its parts; those that stay are the sweep's.
        """
        deadline = time.monotonic() + timeout
        answer = self._run(self._uploads.finish(upload, parts, size, crc32c, expect), timeout)
        if isinstance(answer, Committed):
            with suppress(*_FAILED):
                self._run(self._uploads.discard(upload), deadline - time.monotonic())
        return answer

    def abort(self, upload: Upload, /, *, timeout: float) -> None:
        """Forget an upload."""
        self._run(self._uploads.discard(upload), timeout)

    def uploads(self, prefix: str, /, *, cursor: str | None, limit: int, timeout: float) -> Page[Upload]:
        """List unfinished uploads."""
        return self._run(self._uploads.uploads(prefix, cursor, limit), timeout)

    def sign(self, grant: Grant, /, *, timeout: float) -> Signed:  # noqa: ARG002 - nothing is sent
        """Sign a grant with the service account's key."""
        if self._account is None:
            self._account = account_of(self._sender.credentials())
        return sign(self._account, self._sender.url(), self._place, grant, time.time_ns() // 1_000_000)

    def fault(self, exc: BaseException, /) -> Failure:
        """Explain an exception."""
        return faults.fault(exc)
