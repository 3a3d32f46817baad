"""Programs on the object stores.

Bytes are never written twice: an engine whose versions are checksums may take the second time for no change.
"""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

import statekit
from statekit.testing import FakeClock
from statekit.types import ObjectInfo, Prefix, StoredObject
from statekit_conformance.subject import Subject

from .lockstep import Lockstep, Side
from .program import Expression, Program, call, opening

__all__ = ["COPIES", "PREFIXES", "ObjectPrograms", "fresh", "keys", "some"]

KEYS: Final = ("a", "a/b", "a/b/c", "a-b", "a.b", "A", "a b", "é", "e\u0301", "日本/語", "\U0001f600", "z" * 200, "~")
COPIES: Final = ("copies/1", "copies/2")
"""Only copied to, and never from: what is copied there twice may keep its version."""
BEYOND: Final = ("", "/a", "a//b", "a/", "..", "a\\b")
SIZES: Final = (1, 2, 255, 256, 257, 4_096, 32_768, 32_769)
PART: Final = 8 * 1024 * 1024
RANGES: Final = (
    (0, None),
    (0, 1),
    (1, 1),
    (0, 255),
    (255, 1),
    (255, 2),
    (256, None),
    (256, 0),
    (32_768, 9),
    (10**9, 1),
)
METADATA: Final[tuple[dict[str, str], ...]] = ({}, {"a": "b"}, {"a": "日本", "b-c_d": "  ", "e": ""})
TYPES: Final = (None, "text/plain", "application/json; charset=utf-8")
PREFIXES: Final = ("", "a", "a/", "a/b", "a/b/", "copies", "日", "日本/", "~", "b")

some = st.sampled_from((0, 0, 0, 1, 1, 2, 3, 5, 20))
"""Something that was seen: the last, or how long ago."""
keys = st.sampled_from(("a",) * 8 + ("a/b", "a/b/c") * 3 + KEYS)
"""Mostly the same ones, so that calls meet."""


def fresh(count: int, size: int) -> Expression:
    """Return bytes that differ from all others of a program."""
    mark, (whole, rest) = b"%08d" % count, divmod(size, 8)
    parts = [*([repr(mark[-rest:])] if rest else ()), *([f"{mark!r} * {whole}"] if whole else ())]
    return Expression(" + ".join(parts))


class ObjectPrograms(RuleBasedStateMachine):
    """Objects are put, read, copied, deleted and listed."""

    def __init__(self, subject: Subject, number: int) -> None:
        super().__init__()
        start = subject.clock.now()
        other = FakeClock(start)
        self.target = subject.open(namespace=f"{subject.namespace}{number}")
        self.memory = statekit.open("memory:", clock=other, timeout=60)
        sides = Side(subject.clock, state=self.target), Side(other, state=self.memory)
        self.both = Lockstep(*sides, Program(opening(subject, "state", "open")), told)
        self.multipart = "multipart" in offers(subject)
        self.versions: dict[str, list[Expression]] = {}
        self.large = self.count = 0

    def meant(self, key: str, how: str, which: int) -> str:
        """Return a key of which something was seen, where that is asked for and there is one."""
        known = list(self.versions)
        return known[-1 - which % len(known)] if how in ("seen", "info") and known else key

    def condition(self, key: str, how: str, which: int) -> dict[str, Any]:
        """Return the conditions of a call: none, or a version that is or was there, or never was."""
        seen = self.versions.get(key, [])
        match how:
            case "absent":
                return {"if_absent": True}
            case "seen" if seen:
                return {"if_match": seen[-1 - which % len(seen)].version}
            case "info" if seen:
                return {"if_match": seen[-1]}
            case "foreign":
                return {"if_match": "0" * 16}
        return {}

    def put_bytes(self, key: str, data: Expression, **options: Any) -> None:
        """Put, and look at what is then there."""
        self.count += 1
        name = self.both.call("state.objects.put", key, data, named="v", **options)
        if name is not None:
            self.versions.setdefault(key, []).append(name)
        self.both.call("state.objects.get", key)

    @rule(
        key=keys,
        size=st.sampled_from((2,) * 4 + SIZES),
        how=st.sampled_from(("none", "none", "absent", "seen", "info", "foreign")),
        which=some,
        metadata=st.sampled_from(METADATA),
        kind=st.sampled_from(TYPES),
    )
    def put(self, key: str, size: int, how: str, which: int, metadata: Any, kind: str | None) -> None:
        """Put a small object."""
        key = self.meant(key, how, which // 2)
        data, options = fresh(self.count, size), self.condition(key, how, which)
        self.put_bytes(key, data, metadata=metadata, content_type=kind, **options)

    @precondition(lambda self: self.multipart and not self.large)
    @rule(key=st.sampled_from(KEYS[:3]), off=st.sampled_from((0, 1)), how=st.sampled_from(("none", "absent", "seen")))
    def put_in_parts(self, key: str, off: int, how: str) -> None:
        """Put an object of a part, or a byte more."""
        self.large += 1
        self.put_bytes(key, fresh(self.count, PART + off), **self.condition(key, how, 0))

    @rule(key=st.sampled_from(BEYOND))
    def put_beyond_the_grammar(self, key: str) -> None:
        """Put what is refused."""
        self.both.call("state.objects.put", key, b"data")

    @rule(key=keys | st.sampled_from(COPIES), piece=st.sampled_from(RANGES))
    def get(self, key: str, piece: tuple[int, int | None]) -> None:
        """Get an object or a range of it."""
        self.both.call("state.objects.get", key, start=piece[0], length=piece[1])

    @rule(key=keys)
    def stat(self, key: str) -> None:
        """Describe an object, and say whether it exists."""
        self.both.call("state.objects.stat", key)
        self.both.call("state.objects.exists", key)

    @rule(key=keys, how=st.sampled_from(("none", "seen", "seen", "info", "foreign")), which=some)
    def delete(self, key: str, how: str, which: int) -> None:
        """Delete an object, or one version of it."""
        key = self.meant(key, how, which // 2)
        self.both.call("state.objects.delete", key, **self.condition(key, how, which))

    @precondition(lambda self: self.versions)
    @rule(which=some, size=st.sampled_from((1, 2, 256)), stale=some)
    def overwrite_and_delete(self, which: int, size: int, stale: int) -> None:
        """Put again what is known, and delete a version that it has or had."""
        key = self.meant("", "seen", which)
        self.put_bytes(key, fresh(self.count, size))
        self.both.call("state.objects.delete", key, **self.condition(key, "seen", stale))

    @precondition(lambda self: len(self.versions) > 3)
    @rule(several=st.lists(keys, unique=True, max_size=4))
    def delete_many(self, several: list[str]) -> None:
        """Delete several."""
        self.both.call("state.objects.delete_many", several)

    @rule(
        source=keys,
        to=st.sampled_from(COPIES),
        how=st.sampled_from(("none", "none", "absent", "foreign")),
    )
    def copy(self, source: str, to: str, how: str) -> None:
        """Copy, and look at the copy."""
        self.both.call("state.objects.copy", source, to, **self.condition(to, how, 0))
        self.both.call("state.objects.get", to)

    @rule(
        prefix=st.sampled_from(PREFIXES[:3] + PREFIXES),
        delimiter=st.sampled_from((None, "/")),
        start_after=st.sampled_from((None, None, "a", "a/b", "a/b", *COPIES)) | keys,
    )
    def list(self, prefix: str, delimiter: str | None, start_after: str | None) -> None:
        """List."""
        line = call("state.objects.list", prefix, delimiter=delimiter, start_after=start_after)
        self.both.evaluate(f"list({line})")

    @rule(millis=st.sampled_from((1, 3_600_000, 86_400_000)))
    def wait_and_sweep(self, millis: int) -> None:
        """Reclaim what was abandoned: nothing was."""
        self.both.advance(millis)
        self.both.call("state.objects.sweep")

    def teardown(self) -> None:
        """Close both, and go back to the present."""
        for state in (self.target, self.memory):
            state.close()
        self.both.target.clock.advance((self.both.memory.clock._start - self.both.target.clock.now()) / 1000)  # noqa: SLF001


def offers(subject: Subject) -> frozenset[str]:
    """Return what the target's object driver takes besides whole objects."""
    driver = subject.objects_driver()
    return frozenset({"multipart"} if hasattr(driver.raw, "begin") else ())


def told(side: Side, answer: Any) -> Any:
    """Tell an answer of an object store."""
    match answer:
        case StoredObject():
            return (answer.data, told(side, answer.info))
        case ObjectInfo():
            headers = (answer.content_type, answer.cache_control, answer.content_disposition)
            return (answer.key, answer.size, headers, tuple(sorted(answer.metadata.items())))
        case Prefix():
            return ("folder", answer.key)
        case list():
            return tuple(told(side, item) for item in answer)
    return answer
