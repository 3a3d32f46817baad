"""The object driver: one request for each call, and one more where S3's answer leaves something open."""

from __future__ import annotations

from contextlib import closing
from typing import Any, Final, Literal

from botocore.exceptions import ClientError, IncompleteReadError

from statekit.driver import (
    ANY,
    Buffer,
    Chunk,
    Committed,
    Continue,
    Expect,
    Failure,
    Gone,
    Grant,
    Match,
    Meta,
    Page,
    Refused,
    Signed,
    Stat,
    Token,
)
from statekit_aws import faults
from statekit_aws.clients import Client
from statekit_aws.faults import ChangedError
from statekit_aws.versions import is_foreign

from . import answers, signing
from .answers import Answer
from .copying import Copying
from .requests import ObjectRequests
from .uploading import Uploads

__all__ = ["Objects"]

_TRIES: Final = 8
"""How often an object that others keep overwriting is looked at, to be deleted as it was seen."""


class Objects(Uploads):
    """The ObjectDriver and SigningDriver, and with what it inherits the MultipartDriver.

    Args:
        client: Sends.
        requests: What it sends.
    """

    def __init__(self, client: Client, requests: ObjectRequests) -> None:
        super().__init__(client, requests)
        self._bucket_seen = False

    def stat(self, key: str, /, *, timeout: float) -> Stat | None:
        """Describe an object.

        Two requests, if the first one of this opening finds nothing: HEAD does not say whether it is the object or the
        bucket that is missing.
        """
        found = self._head(key, ANY, timeout)
        if isinstance(found, Stat):
            return found
        if not self._bucket_seen:
            self._client.call("head_bucket", timeout, self._requests.bucket())
            self._bucket_seen = True
        return None

    def _head(self, key: str, expect: Expect, timeout: float) -> Stat | Answer:
        try:
            response = self._client.call("head_object", timeout, self._requests.stat(key, expect))
        except ClientError as error:
            meaning = answers.meaning(error)
            if meaning is None:
                raise
            return meaning
        return answers.stat(key, response)

    def read(
        self, key: str, /, *, start: int, length: int, expect: Match | Literal[Token.ANY], timeout: float
    ) -> Chunk | None | Refused[Stat]:
        """Read a part of an object.

        Two requests, if it starts at or beyond the end: the refusal of the range describes nothing.
        """
        if is_foreign(expect):
            return self._unsent(key, timeout)
        request = self._requests.read(key, start=start, length=length, expect=expect)
        try:
            response = self._client.call("get_object", timeout, request)
        except ClientError as error:
            meaning = answers.meaning(error)
            if meaning is None:
                raise
            return self._beyond(key, start, expect, timeout) if meaning is Answer.BEYOND else _unread(meaning)
        return Chunk(answers.stat(key, response), _body(response, start, length))

    def _unsent(self, key: str, timeout: float) -> None | Refused[Stat]:
        """Answer to a version that there cannot be: absence is absence all the same."""
        return None if self.stat(key, timeout=timeout) is None else Refused()

    def _beyond(self, key: str, start: int, expect: Expect, timeout: float) -> Chunk | None | Refused[Stat]:
        found = self._head(key, expect, timeout)
        if isinstance(found, Answer):
            return _unread(found)
        if found.size > start:
            raise ChangedError
        return Chunk(found, b"")

    def write(
        self, key: str, data: Buffer, /, *, meta: Meta, crc32c: int, expect: Expect, timeout: float
    ) -> Committed | Refused[Stat]:
        """Store an object if ``expect`` holds."""
        if is_foreign(expect):
            return Refused()
        self.check(data, crc32c)
        request = self._requests.write(key, data, meta=meta, crc32c=crc32c, expect=expect)
        return self._write("put_object", request, timeout)

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
        """Copy one version of an object if ``expect`` holds for the target, in steps if it is over 5 GB.

        Two requests where S3 refuses, which does not say for whose sake.
        """
        if is_foreign(pinned):
            return None
        if is_foreign(expect):
            return Refused()
        copying = Copying(self._client, self._requests, timeout, source, pinned, target, expect)
        return copying.at_once(meta) if resume is None else copying.step(resume)

    def delete(self, key: str, /, *, expect: Match | Literal[Token.ANY], timeout: float) -> Gone | Refused[Stat]:
        """Delete an object if ``expect`` holds.

        One request; more, if any version will do and the server does not understand ``If-Match: *``.
        """
        if is_foreign(expect):
            return Refused()
        try:
            self._client.call("delete_object", timeout, self._requests.delete(key, expect))
        except ClientError as error:
            meaning = answers.meaning(error)
            if meaning is None:
                raise
            if meaning is Answer.ABSENT:
                return Gone.ABSENT
            return self._delete_any(key, timeout) if expect is ANY else Refused()
        return Gone.DELETED

    def _delete_any(self, key: str, timeout: float) -> Gone:
        """Delete what is there. S3 says 412 of a delete marker, SeaweedFS of an absent object, and others of any.

        By its version, so that of many who delete it only one says so.

        Raises:
            ChangedError: Others were quicker, again and again.
        """
        for _ in range(_TRIES):
            found = self._head(key, ANY, timeout)
            if isinstance(found, Answer):
                return Gone.ABSENT
            answer = self.delete(key, expect=Match(found.version), timeout=timeout)
            if not isinstance(answer, Refused):
                return answer
        raise ChangedError

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
        request = self._requests.page(prefix, delimiter=delimiter, start_after=start_after, cursor=cursor, limit=limit)
        return answers.listed(self._client.call("list_objects_v2", timeout, request), self._requests.name, cursor)

    def sign(self, grant: Grant, /, *, timeout: float) -> Signed:  # noqa: ARG002 - nothing is sent
        """Sign a grant; credentials that are fetched for it are fetched in boto3's own time."""
        return signing.sign(self._client.raw, self._requests, grant)

    def fault(self, exc: BaseException, /) -> Failure:
        """Explain an exception."""
        return faults.fault(exc)


def _unread(answer: Answer) -> None | Refused[Stat]:
    return None if answer is Answer.ABSENT else Refused()


def _body(response: dict[str, Any], start: int, length: int) -> bytes:
    """Read the bytes that were asked for. Of a larger object, asked for as a whole, the rest is never sent for.

    Raises:
        IncompleteReadError: The connection ended early; botocore notices where everything is read.
    """
    with closing(response["Body"]) as body:
        if "ContentRange" in response:
            return bytes(body.read())
        if response["ContentLength"] <= start + length:
            return bytes(body.read())[start:]
        data = bytes(body.read(start + length))
    if len(data) < start + length:
        raise IncompleteReadError(actual_bytes=len(data), expected_bytes=start + length)
    return data[start:]
