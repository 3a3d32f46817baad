"""Uploads in parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from botocore.exceptions import ClientError
from google_crc32c import value as crc32c_of

from statekit.driver import Buffer, Committed, Expect, Meta, Page, Part, Parts, Refused, Stat, Upload, combined_crc32c
from statekit_aws.clients import Client
from statekit_aws.codes import code_of
from statekit_aws.faults import DamagedError
from statekit_aws.versions import is_foreign

from . import answers
from .answers import Answer
from .requests import ObjectRequests, tag, untagged

__all__ = ["Uploads"]

PARTS: Final = Parts(smallest=5 * 1024**2, largest=5 * 1024**3, most=10_000)
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""


class Uploads:
    """The MultipartDriver.

    Args:
        client: Sends.
        requests: What it sends.
    """

    parts = PARTS

    def __init__(self, client: Client, requests: ObjectRequests) -> None:
        self._client = client
        self._requests = requests

    def begin(self, key: str, /, *, meta: Meta, timeout: float) -> Upload:
        """Begin an upload."""
        response = self._client.call("create_multipart_upload", timeout, self._requests.begin(key, meta=meta))
        return answers.begun(key, response, meta)

    def part(self, upload: Upload, number: int, data: Buffer, /, *, crc32c: int, timeout: float) -> Part:
        """Send one part."""
        self.check(data, crc32c)
        request = self._requests.part(upload, number, data, crc32c=crc32c)
        response = self._client.call("upload_part", timeout, request)
        return Part(number, tag(answers.version(response["ETag"]), crc32c), len(data))

    def check(self, data: Buffer, crc32c: int) -> None:
        """Compare data with their checksum, where the server does not.

        Raises:
            DamagedError: They do not match.
        """
        if not self._requests.checks and crc32c_of(data) != crc32c:
            raise DamagedError

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
        """Make the parts one object if ``expect`` holds.

        One request. That parts and whole match is found out here: not every server compares them.

        Raises:
            DamagedError: The parts are not the whole.
        """
        if is_foreign(expect):
            return Refused()
        pieces = [(untagged(part.tag)[1] or 0, part.size) for part in parts]
        if sum(length for _, length in pieces) != size or combined_crc32c(pieces) != crc32c:
            raise DamagedError
        request = self._requests.finish(upload, parts, size=size, crc32c=crc32c, expect=expect)
        return self._write("complete_multipart_upload", request, timeout)

    def _write(self, operation: str, request: dict[str, Any], timeout: float) -> Committed | Refused[Stat]:
        """Send a conditional write: 412 is its refusal, and so is 404 where a version was expected."""
        try:
            return answers.written(self._client.call(operation, timeout, request))
        except ClientError as error:
            if answers.meaning(error) not in (Answer.ABSENT, Answer.UNMATCHED):
                raise
            return Refused()

    def abort(self, upload: Upload, /, *, timeout: float) -> None:
        """Forget an upload."""
        try:
            self._client.call("abort_multipart_upload", timeout, self._requests.upload(upload))
        except ClientError as error:
            if code_of(error) != "NoSuchUpload":
                raise

    def uploads(self, prefix: str, /, *, cursor: str | None, limit: int, timeout: float) -> Page[Upload]:
        """List unfinished uploads."""
        request = self._requests.uploads(prefix, cursor=cursor, limit=limit)
        return answers.uploads(self._client.call("list_multipart_uploads", timeout, request), self._requests.name)
