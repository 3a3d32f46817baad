"""Copies: in one request up to 5 GB, by parts beyond, a step for each call."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from statekit.driver import ANY, Committed, Continue, Expect, Fault, Match, Meta, Refused, Stat, Upload
from statekit_aws.clients import Client
from statekit_aws.codes import code_of
from statekit_aws.faults import fault

from . import answers
from .requests import LARGEST_COPY, CopySteps, ObjectRequests, tag

__all__ = ["Copying"]

_TOO_LARGE: Final = ("InvalidRequest", "EntityTooLarge")
"""What CopyObject may say of a source beyond its limit; and of other things, so the source's size decides."""


class Copying:
    """One call's copy, or its next step.

    Args:
        client: Sends.
        requests: What it sends.
        timeout: Seconds for each request.
        source: The source's key.
        pinned: The source's version.
        target: The target's key.
        expect: What is expected there.
    """

    def __init__(
        self,
        client: Client,
        requests: ObjectRequests,
        timeout: float,
        source: str,
        pinned: Match,
        target: str,
        expect: Expect,
    ) -> None:
        self._client, self._requests, self._timeout = client, requests, timeout
        self._source, self._pinned = source, pinned
        self._target, self._expect = target, expect

    def _call(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        return self._client.call(operation, self._timeout, parameters)

    def at_once(self, meta: Meta) -> Committed | Refused[Stat] | Continue | None:
        """Copy in one request, or begin to copy by parts if the source is too large for that.

        A refusal does not say whether source or target refused: then the source is looked at.
        """
        request = self._requests.copy(self._source, self._target, pinned=self._pinned, meta=meta, expect=self._expect)
        try:
            return answers.copied(self._call("copy_object", request))
        except ClientError as error:
            refused = answers.meaning(error) is not None
            if not refused and code_of(error) not in _TOO_LARGE:
                raise
            if refused and self._expect is ANY:
                return None
            found = self._look()
            if found is None:
                return None
            if refused:
                return Refused()
            if found.size <= LARGEST_COPY:
                raise
            return self._begin(meta, found.size)

    def _look(self) -> Stat | None:
        """Describe the pinned version of the source; None if it is gone."""
        try:
            response = self._call("head_object", self._requests.stat(self._source, self._pinned))
        except ClientError as error:
            if answers.meaning(error) is None:
                raise
            return None
        return answers.stat(self._source, response)

    def _begin(self, meta: Meta, size: int) -> Continue:
        response = self._call("create_multipart_upload", self._requests.begin(self._target, meta=meta))
        return Continue(CopySteps(response["UploadId"], size).token)

    def step(self, token: str) -> Committed | Refused[Stat] | Continue | None:
        """Copy the next part; when all are there, make them the target."""
        steps = CopySteps.read(token)
        if steps.start >= steps.size:
            return self._finish(steps)
        request = self._requests.copy_part(self._source, self._target, steps, pinned=self._pinned)
        try:
            part = answers.part_copied(self._call("upload_part_copy", request))
        except ClientError as error:
            if answers.meaning(error) is None:
                raise
            self._abort(steps)  # the source is gone, or another version
            return None
        return Continue(steps.with_part(tag(*part)).token)

    def _finish(self, steps: CopySteps) -> Committed | Refused[Stat]:
        request = self._requests.finish_copy(self._upload(steps), steps, self._expect)
        try:
            return answers.written(self._call("complete_multipart_upload", request))
        except ClientError as error:
            refused = answers.meaning(error) is not None
            if refused or fault(error).fault is Fault.BUSY:
                self._abort(steps)  # after a 409 it has to be begun anew
            if not refused:
                raise
            return Refused()

    def _upload(self, steps: CopySteps) -> Upload:
        return Upload(self._target, steps.upload, None, None)

    def _abort(self, steps: CopySteps) -> None:
        """Forget the parts. If that fails, the sweep does it."""
        with suppress(ClientError, BotoCoreError):
            self._call("abort_multipart_upload", self._requests.upload(self._upload(steps)))
