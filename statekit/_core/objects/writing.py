"""Conditional writes of objects: sent once or in parts, and settled by write id when a reply is lost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from google_crc32c import extend
from google_crc32c import value as crc32c

from statekit._core.faults import indeterminate
from statekit._core.pipeline import Doubt, Operation, attempt, fetch
from statekit._core.plan import Plan
from statekit._core.retry import Backoff
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
)
from statekit.errors import BackendError, ConflictError, LimitExceededError, StateError

from .describe import NOTHING

__all__ = ["PART", "SIDE_BY_SIDE", "Multipart", "StartOverError", "write_once"]

PART: Final = 8 * 1024 * 1024
"""Bytes of a part, and the most that is sent in one request: above every engine's smallest part (S3: 5 MiB)."""
SIDE_BY_SIDE: Final = 4
"""Parts of one object that are sent or fetched at once: 4 x 8 MiB is what a small process can spare."""


class StartOverError(Exception):
    """An upload in parts cannot be finished any more, and nothing of it was applied: it has to be sent anew."""


def write_once(
    op: Operation,
    driver: ObjectDriver,
    key: str,
    meta: Meta,
    expect: Expect,
    send: Callable[[], Plan[Committed | Refused[Stat]]],
    *,
    busy_is_final: bool = False,
) -> Plan[Committed]:
    """Send a write until it is known whether it was applied.

    Args:
        op: The operation.
        driver: Where.
        key: The object's key.
        meta: What is being written beside the bytes; its write id settles a lost reply.
        expect: The condition.
        send: Sends it once; the same each time.
        busy_is_final: Whether an engine that was too busy will not take the same request again.

    Raises:
        StartOverError: It was too busy, and that is final.
        ConflictError: The condition did not hold; nothing was written.
        IndeterminateError: It could not be settled whether it was applied.
        BackendError: Not applied.
    """
    backoff, doubt = Backoff(), Doubt()
    while True:
        refusal: Refused[Stat] = Refused()
        try:
            answer = yield from send()
            if isinstance(answer, Committed):
                return answer
            refusal = answer
        except BackendError as error:
            doubt.note(error)
            if busy_is_final and error.fault is Fault.BUSY and doubt.unknown is None:
                raise StartOverError from error
            if not error.fault.applied:
                yield from doubt.pause(op, backoff, error)
                continue
        current = yield from _current(op, driver, key, refusal, doubt)
        if _wrote(current, meta):
            return Committed(current.version) if current else Committed("")
        if doubt.unknown is None:
            raise _conflict(current)
        verdict = _verdict(current, meta, expect)
        if verdict == "won":
            # Overwritten since: a version that is certainly stale.
            return Committed(meta.write_id or "")
        if verdict == "lost":
            raise _conflict(current)
        if verdict == "unsettled":
            raise indeterminate(doubt.unknown)
        yield from doubt.pause(op, backoff, doubt.unknown)


def _current(
    op: Operation, driver: ObjectDriver, key: str, refusal: Refused[Stat], doubt: Doubt
) -> Plan[Stat | None]:
    """Return what is stored now, as the refusal says or by asking; without metadata it would settle nothing."""
    seen = refusal.current
    if seen is not UNSEEN and (seen is None or seen.meta is not None or doubt.unknown is None):
        return seen
    try:
        return (yield from fetch(op, driver, driver.stat, key))
    except BackendError as error:
        raise doubt.final(error) from error


def _wrote(current: Stat | None, meta: Meta) -> bool:
    return current is not None and current.meta is not None and current.meta.write_id == meta.write_id


def _verdict(current: Stat | None, meta: Meta, expect: Expect) -> str:
    """Judge a write of unknown outcome by what is stored now: won, lost, unsettled, or may still arrive."""
    replaced = current.meta.replaces if current is not None and current.meta is not None else None
    if replaced is not None and replaced == meta.write_id:
        return "won"
    if expect is ANY:
        return "again"
    if current is None:
        return "again" if expect is ABSENT else "unsettled"
    if isinstance(expect, Match) and current.version == expect.version:
        return "again"
    before = NOTHING if expect is ABSENT else meta.replaces
    return "lost" if replaced is not None and replaced == before else "unsettled"


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
        self.size = 0
        self.checksum = 0
        self._number = 0

    def begin(self) -> Plan[None]:
        """Begin."""
        self._op.extend()
        driver = self._parts
        self._upload = yield from fetch(self._op, self._driver, driver.begin, self._key, meta=self._meta)

    def part_size(self, size: int | None) -> int:
        """Return the bytes of a part, so that data of a known size need no more parts than the engine takes."""
        most = self._parts.parts.most
        return PART if size is None else max(PART, -(-size // most))

    def next_part(self, data: bytes) -> Plan[Part]:
        """Count a part in and return the plan that sends it.

        Raises:
            LimitExceededError: The engine takes no more parts.
        """
        self._number += 1
        if self._number > self._parts.parts.most:
            most = self._parts.parts.most * PART
            raise LimitExceededError(f"data of unknown length may have {most} bytes here", clause="O-01")
        self.size += len(data)
        self._op.size += len(data)
        self.checksum = extend(self.checksum, data)
        return self._send(self._number, data, crc32c(data))

    def _send(self, number: int, data: bytes, checksum: int) -> Plan[Part]:
        self._op.extend()
        upload = self._begun()
        part = yield from fetch(
            self._op, self._driver, self._parts.part, upload, number, data, crc32c=checksum
        )
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
        parts = sorted(self._done, key=lambda part: part.number)

        def send() -> Plan[Committed | Refused[Stat]]:
            return attempt(
                self._op,
                self._driver,
                self._parts.finish,
                self._begun(),
                parts,
                size=self.size,
                crc32c=self.checksum,
                expect=self._expect,
            )

        # S3 answers a completion that lost a race to another one with 409, and the upload is gone then:
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
        return (
            yield from write_once(
                self._op, self._driver, self._key, self._meta, self._expect, send, busy_is_final=True
            )
        )

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
