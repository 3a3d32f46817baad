"""Conditional writes that know whether they happened: procedure P1.

A reply that is lost leaves a write unknown. What is stored then settles it: every write stores its own random id, and
what it replaced. Recognising one's own id never writes again.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, Generic, TypeVar

from msgspec import Struct

from statekit.driver import ABSENT, UNSEEN, Committed, Match, Record, RecordDriver, Refused
from statekit.errors import BackendError, ClosedError, CorruptDataError

from .envelope import Stored
from .faults import garbled, indeterminate
from .ids import text_of, write_id
from .pipeline import Doubt, Operation, attempt, read
from .plan import Plan
from .retry import Backoff

__all__ = ["Decided", "Lost", "Verdict", "commit", "settle"]

R = TypeVar("R")
S = TypeVar("S")
_SILENT: Final[Refused[Any]] = Refused()


class Verdict(Enum):
    """What the stored state says of a write."""

    WON = "won"
    """It is what is stored."""
    OVERTAKEN = "overtaken"
    """It was stored, and was legitimately replaced since."""
    LOST = "lost"
    """Another write came first. It will never be applied."""
    AGAIN = "again"
    """It is not applied yet, and may still arrive: the same may be sent again."""
    UNSETTLED = "unsettled"
    """Nobody can tell."""


class Decided(Struct, Generic[S], frozen=True):
    """A write that was settled by looking."""

    verdict: Verdict
    current: S | None


def settle(
    op: Operation,
    send: Callable[[bool], Plan[Committed | Refused[R]]],
    look: Callable[[Refused[R], bool], Plan[S | None]],
    judge: Callable[[S | None, bool], Verdict],
) -> Plan[Committed | Decided[S]]:
    """Send a write until it is known whether it was applied.

    All three functions are told whether an earlier attempt may have been applied without our knowing.

    Args:
        op: The operation.
        send: Sends it once; the same each time.
        look: Returns what is stored after a refusal, or after an attempt of unknown outcome (``Refused()``).
        judge: Says what that means.

    Returns:
        The engine's answer; or WON, OVERTAKEN or LOST, with what is stored.

    Raises:
        IndeterminateError: It could not be settled in time.
        BackendError: Not applied.
    """
    backoff, doubt = Backoff(), Doubt()
    while True:
        refusal: Refused[R] = _SILENT
        try:
            answer = yield from send(doubt.unknown is not None)
            if isinstance(answer, Committed):
                return answer
            refusal = answer
        except BackendError as error:
            doubt.note(error)
            if not error.fault.applied:
                yield from doubt.pause(op, backoff, error)
                continue
        except CorruptDataError as error:
            doubt.note(garbled(error))
        except ClosedError as error:
            raise doubt.final(error) from error
        current = yield from _looked(look, refusal, doubt)
        verdict = judge(current, doubt.unknown is not None)
        if doubt.unknown is None or verdict not in (Verdict.AGAIN, Verdict.UNSETTLED):
            return Decided(verdict, current)
        if verdict is Verdict.UNSETTLED:
            raise indeterminate(doubt.unknown)
        yield from doubt.pause(op, backoff, doubt.unknown)


def _looked(look: Callable[[Refused[R], bool], Plan[S | None]], refusal: Refused[R], doubt: Doubt) -> Plan[S | None]:
    """Look at what is stored; what keeps us from looking leaves an unknown write unknown."""
    try:
        return (yield from look(refusal, doubt.unknown is not None))
    except (BackendError, CorruptDataError, ClosedError) as error:
        raise doubt.final(error) from error


class Lost(Struct, frozen=True):
    """Another write came first; ``current`` is what is stored now."""

    current: Stored | None


def commit(
    op: Operation,
    driver: RecordDriver,
    key: str,
    base: Stored | None,
    body: bytes,
    *,
    expires_at: int | None,
    absent_is_lost: bool = False,
) -> Plan[Stored | Lost]:
    """Replace ``base`` (None: nothing is stored) by ``body`` if it is still what is stored.

    Args:
        op: The operation that it belongs to.
        driver: Where.
        key: The record's key.
        base: What was read; expired or not.
        body: What to store.
        expires_at: The record's new expiry.
        absent_is_lost: Whether it makes no difference that the write may have been applied to a record that was then
            deleted. It does not for sessions: they are gone either way.

    Returns:
        What is stored then; or, if other writes came right after, what this one stored, with a version that is stale.

    Raises:
        IndeterminateError: The outcome could not be settled in time.
        BackendError: Not applied.
    """
    own = write_id()
    lineage = base.next_lineage if base else b""
    value = op.wire.vault.close(key, body, own, lineage)
    write = _Write(op, driver, key, base, own, value, expires_at, absent_is_lost)
    answer = yield from settle(op, write.send, write.look, write.judge)
    if isinstance(answer, Decided) and answer.verdict is Verdict.LOST:
        return Lost(answer.current)
    return Stored(Record(value, _version(answer, base), expires_at), own, lineage, body)


class _Write(Struct, frozen=True):
    """One write of a record: what ``settle`` asks of it."""

    op: Operation
    driver: RecordDriver
    key: str
    base: Stored | None
    own: bytes
    value: bytes
    expires_at: int | None
    absent_is_lost: bool

    def send(self, _doubtful: bool) -> Plan[Committed | Refused[Record]]:  # noqa: FBT001
        driver, expect = self.driver, Match(self.base.record.version) if self.base else ABSENT
        return attempt(
            self.op, driver, driver.write, self.key, self.value,
            expires_at=self.expires_at, write_id=text_of(self.own), expect=expect,
        )  # fmt: skip

    def look(self, refusal: Refused[Record], _doubtful: bool) -> Plan[Stored | None]:  # noqa: FBT001
        if refusal.current is UNSEEN:
            return (yield from read(self.op, self.driver, self.key))
        return self.op.wire.vault.open(self.key, refusal.current)

    def judge(self, current: Stored | None, doubtful: bool) -> Verdict:  # noqa: FBT001
        verdict = _judge(self.base, self.own, current, doubtful=doubtful)
        lost = current is None and self.absent_is_lost and verdict is Verdict.UNSETTLED
        return Verdict.LOST if lost else verdict


def _judge(base: Stored | None, own: bytes, current: Stored | None, *, doubtful: bool) -> Verdict:
    """Judge a write that replaces ``base``: steps 4 and 5 of P1. A version has at most one successor."""
    if current is not None and current.write_id == own:
        return Verdict.WON
    if current is not None and current.descends_from(own):
        return Verdict.OVERTAKEN  # also without doubt: a proxy may have repeated the request
    if not doubtful:
        return Verdict.LOST
    if current is None:
        return Verdict.AGAIN if base is None else Verdict.UNSETTLED
    if base is not None and current.record.version == base.record.version:
        return Verdict.AGAIN
    lost = current.descends_from(base.write_id) if base else current.whole
    return Verdict.LOST if lost else Verdict.UNSETTLED


def _version(answer: Committed | Decided[Stored], base: Stored | None) -> str:
    """Return the version that was written; if it was overtaken, one that is certainly stale."""
    if isinstance(answer, Committed):
        return answer.version
    if answer.verdict is Verdict.WON and answer.current is not None:
        return answer.current.record.version
    return base.record.version if base else ""
