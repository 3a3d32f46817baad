"""Programs on the raw object driver."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from statekit.backends.memory.objects import MemoryObjects
from statekit.driver import ABSENT, ANY, Chunk, Committed, Gone, Match, Meta, Page, Refused, Stat, Token
from statekit.testing import FakeClock
from statekit_conformance.drivers import ObjectCalls

from .lockstep import Lockstep, Name, Side
from .objects import COPIES, PREFIXES, fresh, keys, some

__all__ = ["ObjectDriverPrograms"]

SIZES: Final = (1, 2, 255, 256, 32_768, 32_769)
METAS: Final = (Meta(), Meta(content_type="text/plain"), Meta(cache_control="no-store", user={"a": "b", "c-d": "e"}))


class ObjectDriverPrograms(RuleBasedStateMachine):
    """Objects are written at once and in parts, read, copied, deleted and listed page by page."""

    def __init__(self, objects: ObjectCalls, clock: FakeClock, number: int) -> None:
        super().__init__()
        spec = MemoryObjects()
        other = FakeClock(clock.now())
        spec.clock = other
        memory = ObjectCalls(spec, None, objects.prefix, objects.timeout, lambda: None)
        self.prefix = objects.key(f"{number}/")
        sides = Side({"objects": objects}, clock), Side({"objects": memory}, other)
        self.both = Lockstep(*sides, [], told)
        self.multipart = hasattr(objects.raw, "begin")
        self.seen: dict[str, list[Name]] = {}
        self.count = 0

    def meant(self, key: str, how: str, which: int) -> str:
        """Return a key of which something was seen, where that is asked for and there is one."""
        known = list(self.seen)
        return known[-1 - which % len(known)] if how in ("seen", "info") and known else key

    def expectation(self, key: str, how: str, which: int) -> tuple[str, Any]:
        """Return an expectation as it is shown, and as it is on a side."""
        seen = self.seen.get(key, [])
        if how == "seen" and seen:
            name = seen[-1 - which % len(seen)]
            return f"Match({name}.version)", lambda side: Match(side.resolved(name).version)
        fixed = {"absent": ABSENT, "foreign": Match("0" * 16)}.get(how, ANY)
        return repr(fixed), lambda _: fixed

    def remember(self, key: str) -> None:
        """Describe an object, and remember its version."""
        name = self.both.call("objects.stat", self.prefix + key, named="seen")
        if name is None or key in COPIES:
            return
        seen = self.seen.setdefault(key, [])
        memory = self.both.memory
        if not seen or memory.resolved(seen[-1]).version != memory.resolved(name).version:
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
        self.count += 1
        key = self.meant(key, how, which // 2)
        data, (shown, expect) = fresh(self.count, size), self.expectation(key, how, which)
        self.both.do(
            f"objects.write({self.prefix + key!r}, {data[:8]!r}…[:{size}], expect={shown}, meta={meta})",
            lambda side: side.things["objects"].write(
                self.prefix + key, data, expect=expect(side), meta=_with_id(meta, self.count)
            ),
        )
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
        size = self.both.memory.resolved(seen[0]).size if seen else 0
        length, (shown, expect) = max(1, size - start + over), self.expectation(key, how, 0)
        self.both.do(
            f"objects.read({self.prefix + key!r}, start={start}, length={length}, expect={shown})",
            lambda side: side.things["objects"].read(
                self.prefix + key, start=start, length=length, expect=expect(side)
            ),
        )

    @rule(key=keys, how=st.sampled_from(("any", "seen", "foreign")), which=some)
    def delete(self, key: str, how: str, which: int) -> None:
        """Delete; without a condition an engine need not know whether there was anything."""
        key = self.meant(key, how, which // 2)
        shown, expect = self.expectation(key, how, which)
        self.both.do(
            f"objects.delete({self.prefix + key!r}, expect={shown})",
            lambda side: _deleted(side.things["objects"].delete(self.prefix + key, expect=expect(side)), how),
        )
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
        self.count += 1
        name, (shown, expect) = seen[-1 - which % len(seen)], self.expectation(to, how, 0)
        self.both.do(
            f"objects.copy({self.prefix + source!r}, {self.prefix + to!r}, pinned={name}.version, "
            f"expect={shown}, meta={meta})",
            lambda side: side.things["objects"].copy(
                self.prefix + source,
                self.prefix + to,
                pinned=side.resolved(name).version,
                expect=expect(side),
                meta=_with_id(meta, self.count),
            ),
        )
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
        self.count += 1
        data, (shown, expect) = fresh(self.count, size), self.expectation(key, how, 0)

        def upload(side: Side) -> Any:
            parts = side.things["objects"].multipart
            begun = parts.begin(self.prefix + key, meta=_with_id(meta, self.count))
            part = parts.part(begun, 1, data)
            if end == "finish":
                return parts.finish(begun, [part], data, expect=expect(side))
            return parts.abort(begun) if end == "abort" else None

        self.both.do(f"{end} an upload to {self.prefix + key!r} of {data[:8]!r}…[:{size}], expect={shown}", upload)
        self.remember(key)


def _with_id(meta: Meta, count: int) -> Meta:
    return Meta(meta.content_type, meta.cache_control, meta.content_disposition, meta.user, f"{count:016}")


def _deleted(answer: Any, how: str) -> Any:
    if how == "any" and not isinstance(answer, Refused):
        return "gone"
    return "absent" if answer in (Gone.ABSENT, Refused(None)) else answer


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
        case Committed():
            return "committed"
        case Refused():
            current = answer.current
            known = isinstance(current, Stat) and current.meta is not None
            return ("refused", told(side, current) if known or current is None else Token.UNSEEN)
        case list():
            return _listed(answer)
    return answer


def _listed(pages: list[Page[Stat]]) -> tuple[Any, ...]:
    """All lines of a listing in their order; only pages that end early are an engine's own business."""
    items = tuple((stat.key, stat.size) for page in pages for stat in page.items)
    return (items, tuple(folded for page in pages for folded in page.prefixes))
