"""Programs on the raw object driver."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from msgspec.structs import replace

from statekit.backends.memory.objects import MemoryObjects
from statekit.driver import (
    ABSENT,
    ANY,
    Chunk,
    Committed,
    Expect,
    Gone,
    Match,
    Meta,
    Page,
    Part,
    Refused,
    Stat,
    Token,
    Upload,
)
from statekit.testing import FakeClock
from statekit_conformance.drivers import ObjectCalls
from statekit_conformance.subject import Subject

from .lockstep import Lockstep, Side
from .objects import COPIES, PREFIXES, fresh, keys, some
from .program import Expression, Program, call, opening

__all__ = ["ObjectDriverPrograms"]

SIZES: Final = (1, 2, 255, 256, 32_768, 32_769)
METAS: Final = (Meta(), Meta(content_type="text/plain"), Meta(cache_control="no-store", user={"a": "b", "c-d": "e"}))
WORDS: Final = "from statekit.driver import ABSENT, ANY, Match, Meta"


class ObjectDriverPrograms(RuleBasedStateMachine):
    """Objects are written at once and in parts, read, copied, deleted and listed page by page."""

    def __init__(self, subject: Subject, objects: ObjectCalls, number: int) -> None:
        super().__init__()
        spec = MemoryObjects()
        spec.clock = other = FakeClock(subject.clock.now())
        memory = ObjectCalls(spec, None, objects.prefix, objects.timeout, lambda: None)
        self.prefix = objects.key(f"{number}/")
        sides = Side(subject.clock, WORDS, objects=objects), Side(other, WORDS, objects=memory)
        self.both = Lockstep(*sides, Program([WORDS, *opening(subject, "objects", "objects_driver")]), told)
        self.multipart = hasattr(objects.raw, "begin")
        self.seen: dict[str, list[Expression]] = {}
        self.count = 0

    def meant(self, key: str, how: str, which: int) -> str:
        """Return a key of which something was seen, where that is asked for and there is one."""
        known = list(self.seen)
        return known[-1 - which % len(known)] if how in ("seen", "info") and known else key

    def expectation(self, key: str, how: str, which: int) -> Expect:
        """Return an expectation."""
        seen = self.seen.get(key, [])
        match how:
            case "seen" if seen:
                return Match(seen[-1 - which % len(seen)].version)
            case "absent":
                return ABSENT
            case "foreign":
                return Match("0" * 16)
        return ANY

    def described(self, meta: Meta) -> Meta:
        """Return what is stored beside the next write, its id among it."""
        self.count += 1
        return replace(meta, write_id=f"{self.count:016}")

    def remember(self, key: str) -> None:
        """Describe an object, and remember its version."""
        name = self.both.call("objects.stat", self.prefix + key, named="seen")
        if name is None or key in COPIES:
            return
        seen = self.seen.setdefault(key, [])
        memory = self.both.memory
        if not seen or memory.value(seen[-1]).version != memory.value(name).version:
            seen.append(name)

    @rule(
        key=keys,
        size=st.sampled_from((2,) * 4 + SIZES),
        how=st.sampled_from(("any", "absent", "seen", "seen", "foreign")),
        which=some,
        meta=st.sampled_from(METAS),
    )
    def write(self, key: str, size: int, how: str, which: int, meta: Meta) -> None:
        """Write."""
        key, meta = self.meant(key, how, which // 2), self.described(meta)
        place, data, expect = self.prefix + key, fresh(self.count, size), self.expectation(key, how, which)
        self.both.call("objects.write", place, data, expect=expect, meta=meta)
        self.remember(key)

    @rule(
        key=keys,
        start=st.sampled_from((0, 1, 255, 256)),
        over=st.sampled_from((-1, 0, 1, 1_000_000)),
        how=st.sampled_from(("any", "any", "seen", "foreign")),
    )
    def read(self, key: str, start: int, over: int, how: str) -> None:
        """Read a range that ends before, at or after the end of what was seen last."""
        seen = self.seen.get(key, [])[-1:]
        size = self.both.memory.value(seen[0]).size if seen else 0
        length, expect = max(1, size - start + over), self.expectation(key, how, 0)
        self.both.call("objects.read", self.prefix + key, start=start, length=length, expect=expect)

    @rule(key=keys, how=st.sampled_from(("any", "seen", "foreign")), which=some)
    def delete(self, key: str, how: str, which: int) -> None:
        """Delete; without a condition an engine need not know whether there was anything."""
        key = self.meant(key, how, which // 2)
        line = call("objects.delete", self.prefix + key, expect=self.expectation(key, how, which))
        self.both.evaluate(line, told=gone if how == "any" else deleted)
        self.remember(key)

    @rule(
        source=keys,
        to=st.sampled_from(COPIES),
        how=st.sampled_from(("any", "any", "absent", "foreign")),
        which=some,
        meta=st.sampled_from(METAS),
    )
    def copy(self, source: str, to: str, how: str, which: int, meta: Meta) -> None:
        """Copy a version that is or was there."""
        seen = self.seen.get(source)
        if not seen:
            return
        pinned = seen[-1 - which % len(seen)].version
        places, expect = (self.prefix + source, self.prefix + to), self.expectation(to, how, 0)
        self.both.call("objects.copy", *places, pinned=pinned, expect=expect, meta=self.described(meta))
        self.remember(to)

    @rule(
        prefix=st.sampled_from(PREFIXES[:3] + PREFIXES),
        delimiter=st.sampled_from((None, "/")),
        start_after=st.sampled_from((None, None, "a", "a/b", "a/b")) | keys,
        limit=st.sampled_from((1, 2, 3, 1000)),
    )
    def list(self, prefix: str, delimiter: str | None, start_after: str | None, limit: int) -> None:
        """List all pages."""
        after = None if start_after is None else self.prefix + start_after
        self.both.call("objects.pages", self.prefix + prefix, delimiter=delimiter, start_after=after, limit=limit)

    @precondition(lambda self: self.multipart)
    @rule(
        key=keys,
        size=st.sampled_from((2,) * 4 + SIZES),
        end=st.sampled_from(("finish", "finish", "abort", "leave")),
        how=st.sampled_from(("any", "absent", "seen")),
        meta=st.sampled_from(METAS),
    )
    def write_in_parts(self, key: str, size: int, end: str, how: str, meta: Meta) -> None:
        """Begin, send the only part, which may be of any size, and finish or not."""
        meta = self.described(meta)
        data = fresh(self.count, size)
        upload = self.both.call("objects.multipart.begin", self.prefix + key, meta=meta, named="upload")
        part = self.both.call("objects.multipart.part", upload, 1, data, named="part")
        if end == "finish":
            expect = self.expectation(key, how, 0)
            self.both.call("objects.multipart.finish", upload, [part], data, expect=expect)
        elif end == "abort":
            self.both.call("objects.multipart.abort", upload)
        self.remember(key)


def _stat(stat: Stat) -> tuple[Any, ...]:
    meta = stat.meta or Meta()
    headers = (meta.content_type, meta.cache_control, meta.content_disposition, meta.write_id)
    return (stat.key, stat.size, headers, tuple(sorted((meta.user or {}).items())))


def told(side: Side, answer: Any) -> Any:
    """Tell an answer of an object driver."""
    match answer:
        case Chunk():
            return ("chunk", answer.data, _stat(answer.stat))
        case Stat():
            return _stat(answer)
        case Committed() | Upload() | Part():
            return type(answer).__name__
        case Refused():
            current = answer.current
            known = isinstance(current, Stat) and current.meta is not None
            return ("refused", told(side, current) if known or current is None else Token.UNSEEN)
        case list():
            return _listed(answer)
    return answer


def deleted(side: Side, answer: Any) -> Any:
    """Tell an answer to a delete with a condition: a refusal may say that there is nothing, as a success does."""
    return "absent" if answer in (Gone.ABSENT, Refused(None)) else told(side, answer)


def gone(side: Side, answer: Any) -> Any:
    """Tell an answer to a delete without one: an engine need not know whether there was anything."""
    return "gone" if isinstance(answer, Gone) else told(side, answer)


def _listed(pages: list[Page[Stat]]) -> tuple[Any, ...]:
    """All lines of a listing in their order; only pages that end early are an engine's own business."""
    items = tuple((stat.key, stat.size) for page in pages for stat in page.items)
    return (items, tuple(folded for page in pages for folded in page.prefixes))
