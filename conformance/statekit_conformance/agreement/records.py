"""Programs on the raw record driver."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from statekit.backends.memory.records import MemoryRecords
from statekit.driver import ABSENT, ANY, Committed, Entry, Expect, Gone, Match, Record, Refused, Sight, Token
from statekit.testing import FakeClock
from statekit_conformance.drivers import RecordCalls
from statekit_conformance.subject import Subject

from .lockstep import Lockstep, Side
from .program import Expression, Program, opening

__all__ = ["RecordPrograms"]

KEYS: Final = ("a", "A", "a/b", "a/b.c", "a-b", "a_b", "b" * 150)
SIZES: Final = (0, 1, 100, 4_096, 65_536, 320 * 1024)
HOUR: Final = 3_600_000
EXPIRIES: Final = (None, -HOUR, -1, 0, 1, 999, 1_000, HOUR, 400 * 24 * HOUR)
"""Milliseconds from now. What expired a day ago may be gone, so time passes for less than that."""
EXTENSIONS: Final = (1, 10, 999, 1_000, HOUR)
MOMENTS: Final = (1, 999, 1_000, HOUR // 2)
FOREIGN: Final = ("0", "x", "AAAAAAAAAAAAAAAA")

WORDS: Final = "from statekit.driver import ABSENT, ANY, Entry, Match"

some = st.sampled_from((0, 0, 0, 1, 1, 2, 3, 5, 20))
"""Something that was seen: the last, or how long ago."""
keys = st.sampled_from(("a", "a/b") * 4 + KEYS)
"""Mostly the same ones, so that calls meet."""


class RecordPrograms(RuleBasedStateMachine):
    """Records are written, touched, deleted and listed, each on what was once seen."""

    def __init__(self, subject: Subject, records: RecordCalls, number: int) -> None:
        super().__init__()
        self.clock, self.start = subject.clock, subject.clock.now()
        other = FakeClock(self.start)
        memory = RecordCalls(MemoryRecords(), None, records.prefix, records.timeout, lambda: None)
        self.prefix = records.key(f"{number}/")
        sides = Side(self.clock, WORDS, records=records), Side(other, WORDS, records=memory)
        self.both = Lockstep(*sides, Program([WORDS, *opening(subject, "records", "records")]), told)
        self.seen: dict[str, list[Expression]] = {key: [] for key in KEYS}
        self.passed = 0

    def one(self, key: str, number: int) -> Expression | None:
        """Return something that was seen of a record once."""
        seen = self.seen[key]
        return seen[-1 - number % len(seen)] if seen else None

    def look(self, key: str) -> None:
        """Read a record, and remember what was seen."""
        found = self.both.call("records.read", self.prefix + key, named="seen")
        if found is not None and self._differs(key, found):
            self.seen[key].append(found)

    def _differs(self, key: str, found: Expression) -> bool:
        last, memory = self.seen[key][-1:], self.both.memory
        return not last or memory.value(last[0]) != memory.value(found)

    def expiry(self, offset: int | None) -> int | None:
        """Return a time from now."""
        return None if offset is None else self.both.now + offset

    @rule(key=keys, size=st.sampled_from(SIZES), offset=st.sampled_from(EXPIRIES))
    def create(self, key: str, size: int, offset: int | None) -> None:
        """Write where nothing is expected."""
        self.put(key, size, ABSENT, offset)

    @rule(key=keys, which=some, size=st.sampled_from(SIZES), offset=st.sampled_from(EXPIRIES))
    def write(self, key: str, which: int, size: int, offset: int | None) -> None:
        """Write over a version that is or was there, or never was."""
        self.put(key, size, _match(self.one(key, which)), offset)

    def put(self, key: str, size: int, expect: Expect, offset: int | None) -> None:
        """Write, and see what is then there."""
        place, value = self.prefix + key, Expression(_bytes(size))
        self.both.call("records.write", place, value, expect=expect, expires_at=self.expiry(offset))
        self.look(key)

    def later(self, key: str, millis: int) -> int:
        """Return an expiry after all that a record has had: core only extends."""
        known = [self.both.memory.value(seen).expires_at or 0 for seen in self.seen[key]]
        return max([self.both.now - HOUR, *known]) + millis

    @rule(key=keys, which=some, millis=st.sampled_from(EXTENSIONS))
    def touch(self, key: str, which: int, millis: int) -> None:
        """Move an expiry that is or was there."""
        seen = self.one(key, which)
        if seen is not None:
            self.both.call("records.touch", self.prefix + key, seen=seen, expires_at=self.later(key, millis))
            self.look(key)

    @rule(key=keys, which=some, how=st.sampled_from(("any", "version", "entry", "entry")))
    def delete(self, key: str, which: int, how: str) -> None:
        """Delete what is there, or what is or was seen."""
        place = self.prefix + key
        self.both.call("records.delete", place, expect=_sight(place, self.one(key, which), how))
        self.look(key)

    @rule(key=keys, millis=st.sampled_from(EXTENSIONS))
    def touch_and_delete_what_was_seen_before(self, key: str, millis: int) -> None:
        """Do as a sweep does that somebody's touch overtakes."""
        seen, place = self.one(key, 0), self.prefix + key
        if seen is None:
            return
        self.both.call("records.touch", place, seen=seen, expires_at=self.later(key, millis))
        self.both.call("records.delete", place, expect=_sight(place, seen, "entry"))
        self.look(key)

    @rule(prefix=st.sampled_from(("", "a", "a/", "a/b", "b", "c")), limit=st.sampled_from((1, 2, 3, 5, 1000)))
    def list(self, prefix: str, limit: int) -> None:
        """List all pages."""
        self.both.call("records.entries", self.prefix + prefix, limit=limit)

    @rule(key=keys)
    def read(self, key: str) -> None:
        """Read."""
        self.look(key)

    @precondition(lambda self: self.passed < 10 * HOUR)
    @rule(millis=st.sampled_from(MOMENTS))
    def wait(self, millis: int) -> None:
        """Let time pass; a driver does not notice."""
        self.passed += millis
        self.both.advance(millis)

    @precondition(lambda self: self.passed < 10 * HOUR)
    @rule(key=keys, off=st.sampled_from((-1, 0, 1)))
    def wait_for_an_expiry(self, key: str, off: int) -> None:
        """Let time pass to the very millisecond, the one before, or the one after."""
        seen = self.seen[key][-1:] and self.both.memory.value(self.seen[key][-1])
        left = seen.expires_at + off - self.both.now if seen and seen.expires_at else 0
        if 0 < left <= 2 * HOUR:
            self.passed += left
            self.both.advance(left)
            self.look(key)

    def teardown(self) -> None:
        """Go back to the present."""
        self.clock.advance((self.start - self.clock.now()) / 1000)


def _bytes(size: int) -> str:
    whole, rest = divmod(size, 256)
    return f"bytes(range(256)) * {whole} + bytes(range({rest}))" if whole else f"bytes(range({rest}))"


def _match(seen: Expression | None) -> Match:
    return Match(FOREIGN[0] if seen is None else seen.version)


def _sight(key: str, seen: Expression | None, how: str) -> Sight:
    if how == "any":
        return ANY
    if seen is None or how == "version":
        return _match(seen)
    return Entry(key, seen.version, seen.expires_at, seen.stamp)


def told(side: Side, answer: Any) -> Any:
    """Tell an answer of a record driver."""
    match answer:
        case Record():
            return ("record", answer.value, side.role("version", answer.version), answer.expires_at)
        case Committed():
            return ("committed", side.role("version", answer.version))
        case Refused():
            current = answer.current
            return ("refused", current if isinstance(current, Token) else told(side, current))
        case list():
            unique = {entry.key: entry for entry in answer}
            return tuple(
                (key, side.role("version", unique[key].version), unique[key].expires_at) for key in sorted(unique)
            )
        case Gone():
            return answer.name
    return answer
