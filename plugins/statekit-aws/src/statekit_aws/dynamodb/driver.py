"""The record driver: one request for each call."""

from __future__ import annotations

from botocore.exceptions import ClientError

from statekit.driver import Committed, Entry, Expect, Failure, Gone, Match, Millis, Page, Record, Refused, Sight
from statekit_aws import faults
from statekit_aws.clients import Client
from statekit_aws.versions import is_foreign

from . import answers
from .requests import Cursor, RecordRequests

__all__ = ["Records"]


class Records:
    """The RecordDriver.

    Args:
        client: Sends.
        requests: What it sends.
    """

    def __init__(self, client: Client, requests: RecordRequests) -> None:
        self._client = client
        self._requests = requests

    def read(self, key: str, /, *, timeout: float) -> Record | None:
        """Read one record."""
        response = self._client.call("get_item", timeout, self._requests.read(key))
        return answers.record(response.get("Item"))

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
        """Store a record if ``expect`` holds. Its version is the write id."""
        if is_foreign(expect):
            return Refused()
        request = self._requests.write(key, value, expires_at=expires_at, write_id=write_id, expect=expect)
        try:
            self._client.call("put_item", timeout, request)
        except ClientError as error:
            return answers.refusal(error)
        return Committed(write_id)

    def touch(
        self,
        key: str,
        /,
        *,
        seen: Record,
        expires_at: Millis,
        timeout: float,
    ) -> Committed | Refused[Record]:
        """Move a record's expiry if version and expiry are as seen."""
        if is_foreign(Match(seen.version)):
            return Refused()
        try:
            self._client.call("update_item", timeout, self._requests.touch(key, seen=seen, expires_at=expires_at))
        except ClientError as error:
            return answers.refusal(error)
        return Committed(seen.version)

    def delete(self, key: str, /, *, expect: Sight, timeout: float) -> Gone | Refused[Record]:
        """Delete a record if ``expect`` holds."""
        if is_foreign(expect):  # what is absent is absent all the same
            return Gone.ABSENT if (found := self.read(key, timeout=timeout)) is None else Refused(found)
        try:
            return answers.deleted(self._client.call("delete_item", timeout, self._requests.delete(key, expect=expect)))
        except ClientError as error:
            return answers.refusal(error)

    def page(self, prefix: str, /, *, cursor: str | None, limit: int, timeout: float) -> Page[Entry]:
        """List a part of the records."""
        place = Cursor.read(cursor)
        response = self._client.call("scan", timeout, self._requests.page(prefix, cursor=place))
        return answers.page(response, place, limit)

    def fault(self, exc: BaseException, /) -> Failure:
        """Explain an exception."""
        return faults.fault(exc)
