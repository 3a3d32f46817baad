"""Conditional writes of objects: sent once or in parts, and settled by write id when a reply is lost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from google_crc32c import value as crc32c

from statekit._core.commit import Verdict, settle
from statekit._core.pipeline import Operation, attempt, fetch
from statekit._core.plan import Drain, Plan
from statekit.driver import (
    ABSENT,
    ANY,
    UNSEEN,
    Committed,
    Expect,
    Fault,
    Match,
    Meta,
    MultipartDriver,
    ObjectDriver,
    Part,
    Refused,
    Stat,
    Upload,
    combined_crc32c,
)
from statekit.errors import BackendError, ConflictError, LimitExceededError, StateError

from .describe import NOTHING

__all__ = ["PART", "SIDE_BY_SIDE", "Multipart", "StartOverError", "write_once"]

PART: Final = 8 * 1024 * 1024
"""Bytes of a part, and the most that is sent in one request: above every engine's smallest part (S3: 5 MiB)."""
SIDE_BY_SIDE: Final = 4
"""Parts of one object that are sent or fetched at once: 4 x 8 MiB is what a small process can spare."""


class StartOverError(Exception):
    """An upload in parts cannot be finished any more, and nothing of it was applied: it has to be sent anew.

    Attributes:
        cause: What the engine said.
    """

    def __init__(self, cause: BackendError) -> None:
        super().__init__()
        self.cause = cause


def write_once(
    op: Operation,
    driver: ObjectDriver,
    key: str,
    meta: Meta,
    expect: Expect,
    send: Callable[[bool], Plan[Committed | Refused[Stat]]],
) -> Plan[Committed]:
    """Send a write until it is known whether it was applied.

    Args:
        op: The operation.
        driver: Where.
        key: The object's key.
        meta: What is being written beside the bytes; its write id settles a lost reply.
        expect: The condition.
        send: Sends it once; the same each time. It is told whether an earlier attempt may have been applied.

    Raises:
        ConflictError: The condition did not hold; nothing was written.
        IndeterminateError: It could not be settled whether it was applied.
        BackendError: Not applied.
    """

    def look(refusal: Refused[Stat], doubtful: bool) -> Plan[Stat | None]:  # noqa: FBT001
        seen = refusal.current
        if seen is not UNSEEN and (seen is None or seen.meta is not None or not doubtful):
            return seen
        return (yield from fetch(op, driver, driver.stat, key))

    def judge(current: Stat | None, doubtful: bool) -> Verdict:  # noqa: FBT001
        return _judge(meta, expect, current, doubtful=doubtful)

    answer = yield from settle(op, send, look, judge)
    if isinstance(answer, Committed):
        return answer
    if answer.verdict is Verdict.LOST:
        raise _conflict(answer.current)
    stored = answer.current if answer.verdict is Verdict.WON else None
    return Committed(stored.version if stored else meta.write_id or "")  # overtaken: a version that is certainly stale


def _judge(meta: Meta, expect: Expect, current: Stat | None, *, doubtful: bool) -> Verdict:
    """Judge a write by what is stored. Objects have no lineage: what the stored one replaced settles one overwrite."""
    there = (current.meta if current else None) or Meta()
    if there.write_id is not None and there.write_id == meta.write_id:
        return Verdict.WON
    if not doubtful:
        return Verdict.LOST
    if there.replaces is not None and there.replaces == meta.write_id:
        return Verdict.OVERTAKEN
    if expect is ANY or _may_still_hold(expect, current):
        return Verdict.AGAIN
    before = NOTHING if expect is ABSENT else meta.replaces
    return Verdict.LOST if there.replaces is not None and there.replaces == before else Verdict.UNSETTLED


def _may_still_hold(expect: Expect, current: Stat | None) -> bool:
    if isinstance(expect, Match):
        return current is not None and current.version == expect.version
    return current is None


def _conflict(current: Stat | None) -> ConflictError:
    if current is None:
        return ConflictError("the object is not stored (any more)")
    return ConflictError("another version of the object is stored", current=current.version)


class Multipart:
    """One upload in parts: begun with the first, invisible until it is finished, aborted if anything fails.

    Args:
        op: The operation that it belongs to.
        driver: Where.
        parts: The same driver's multipart side.
        key: The object's key.
        meta: What is stored beside the bytes.
        expect: The condition of the finish.
    """

    def __init__(
        self,
        op: Operation,
        driver: ObjectDriver,
        parts: MultipartDriver,
        key: str,
        meta: Meta,
        expect: Expect,
    ) -> None:
        self._op, self._driver, self._parts = op, driver, parts
        self._key, self._meta, self._expect = key, meta, expect
        self._upload: Upload | None = None
        self._done: list[Part] = []
        self._checksums: list[tuple[int, int]] = []
        self.size = 0

    def begin(self) -> Plan[None]:
        """Begin."""
        self._op.extend()
        driver = self._parts
        self._upload = yield from fetch(self._op, self._driver, driver.begin, self._key, meta=self._meta)

    def part_size(self, size: int | None) -> int:
        """Return the bytes of each following part, so that data of a known size fit into the parts that are left."""
        room = max(1, self._parts.parts.most - len(self._checksums))
        return PART if size is None else max(PART, -(-(size - self.size) // room))

    def next_part(self, data: bytes) -> Plan[Part]:
        """Count a part in and return the plan that sends it.

        Raises:
            LimitExceededError: The engine takes no more parts.
        """
        number = len(self._checksums) + 1
        if number > self._parts.parts.most:
            most = self._parts.parts.most * PART
            raise LimitExceededError(f"data of unknown length may have {most} bytes here", clause="O-01")
        checksum = crc32c(data)
        self._checksums.append((checksum, len(data)))
        self.size += len(data)
        self._op.size += len(data)
        return self._send(number, data, checksum)

    def checksum(self) -> int:
        """Return the CRC32C of all parts that were counted in."""
        return combined_crc32c(self._checksums)

    def _send(self, number: int, data: bytes, checksum: int) -> Plan[Part]:
        self._op.extend()
        upload = self._begun()
        part = yield from fetch(self._op, self._driver, self._parts.part, upload, number, data, crc32c=checksum)
        self._done.append(part)
        return part

    def finish(self) -> Plan[Committed]:
        """Make it the object.

        Raises:
            StartOverError: All parts have to be sent anew.
            ConflictError: The condition did not hold.
            IndeterminateError: It could not be settled whether it became the object.
            BackendError: It did not.
        """
        self._op.extend()
        parts, checksum = sorted(self._done, key=lambda part: part.number), self.checksum()

        def send(doubtful: bool) -> Plan[Committed | Refused[Stat]]:  # noqa: FBT001
            try:
                return (
                    yield from attempt(
                        self._op,
                        self._driver,
                        self._parts.finish,
                        self._begun(),
                        parts,
                        size=self.size,
                        crc32c=checksum,
                        expect=self._expect,
                    )
                )
            except BackendError as error:
                # S3 answers a completion that lost a race with 409, and wants a new upload then:
                # https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
                if error.fault is Fault.BUSY and not doubtful:
                    raise StartOverError(error) from error
                raise

        return (yield from write_once(self._op, self._driver, self._key, self._meta, self._expect, send))

    def give_up(self) -> Plan[None]:
        """Wait for the parts that are being sent, and forget them all."""
        yield Drain()
        yield from self.abort()

    def abort(self) -> Plan[None]:
        """Forget it. If that fails, the sweep does it."""
        if self._upload is None:
            return
        self._op.spare()
        with suppress(StateError):
            yield from fetch(self._op, self._driver, self._parts.abort, self._upload)

    def _begun(self) -> Upload:
        if self._upload is None:
            message = "begin comes first"
            raise RuntimeError(message)
        return self._upload
