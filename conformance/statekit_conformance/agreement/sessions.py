"""Programs on the session stores."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

import statekit
from statekit.testing import FakeClock
from statekit.types import SessionInfo, SessionPolicy
from statekit_conformance.subject import Subject

from .lockstep import Lockstep, Side
from .program import Expression, Program, opening

__all__ = ["SessionPrograms"]

POLICY: Final = SessionPolicy(
    idle_timeout=timedelta(seconds=100),
    lifetime=timedelta(seconds=250),
    touch_interval=timedelta(seconds=10),
    sessions_per_owner=3,
)
SHOWN: Final = (
    "SessionPolicy(idle_timeout=timedelta(seconds=100), lifetime=timedelta(seconds=250), "
    "touch_interval=timedelta(seconds=10), sessions_per_owner=3)"
)
WORDS: Final = ("from datetime import timedelta", "from statekit.types import SessionPolicy")
MOMENTS: Final = (1, 9_999, 10_000, 10_001, 40_000, 89_999, 99_999, 100_000, 149_999, 3_600_000, 3_850_000)
"""Milliseconds: around the touch interval, the idle timeout, the lifetime and the hour that a sweep leaves."""
OWNERS: Final = ("ann", "Ann", "日本")
VALUES: Final = (None, True, 7, 2**70, 1.5, "ü", b"\0", (1, "a"), {"deep": [1]}, {1, 2}, "x" * 5_000)

some = st.integers(0, 63)
"""One of what there is; by its number, so that a shorter program means the same."""


class SessionPrograms(RuleBasedStateMachine):
    """Sessions come, change and go, and time passes."""

    def __init__(self, subject: Subject, number: int) -> None:
        super().__init__()
        namespace = f"{subject.namespace}{number}"
        self.clock, self.start = subject.clock, subject.clock.now()
        other = FakeClock(self.start)
        self.target = subject.open(namespace=namespace, policy=POLICY)
        self.memory = statekit.open("memory:", policy=POLICY, clock=other, timeout=60)
        sides = Side(self.clock, state=self.target), Side(other, state=self.memory)
        self.both = Lockstep(*sides, Program([*WORDS, *opening(subject, "state", "open", policy=SHOWN)]), told)
        self.held: list[Expression] = []
        self.marks: list[Expression] = []
        self.handles: list[Expression] = []
        self.count = 0

    def keep(self, name: Expression | None) -> None:
        """Hold a session that was created, loaded or rotated."""
        if name is not None:
            self.held.append(name)

    def one(self, number: int, things: list[Expression]) -> Expression:
        """Return one of several things."""
        return things[number % len(things)]

    @rule(owner=st.sampled_from((None, *OWNERS)), value=st.sampled_from(VALUES), mark=st.none() | some)
    def create(self, owner: str | None, value: Any, mark: int | None) -> None:
        """Log in, with a mark of anybody's perhaps."""
        self.count += 1
        since = self.one(mark, self.marks) if mark is not None and self.marks and owner else None
        options: dict[str, Any] = {} if owner is None else {"owner": owner, "label": f"device {self.count}"}
        if since is not None:
            options["since"] = since
        self.keep(self.both.call("state.sessions.create", {"a": value, "n": 0}, named="s", **options))

    @precondition(lambda self: self.held)
    @rule(which=some)
    def load(self, which: int) -> None:
        """Load again what is or was held."""
        self.keep(self.both.call("state.sessions.load", self.one(which, self.held).id, named="s"))

    @precondition(lambda self: self.held)
    @rule(which=some, key=st.sampled_from("abc"), value=st.sampled_from(VALUES))
    def change(self, which: int, key: str, value: Any) -> None:
        """Set a key of a held session."""
        self.both.execute(f"{self.one(which, self.held)}[{key!r}] = {value!r}")

    @precondition(lambda self: self.held)
    @rule(which=some, key=st.sampled_from("abc"))
    def remove(self, which: int, key: str) -> None:
        """Delete a key of a held session."""
        self.both.evaluate(f"{self.one(which, self.held)}.pop({key!r}, None)")

    @precondition(lambda self: self.held)
    @rule(which=some, how=st.sampled_from(("merge", "merge", "reject", "overwrite")))
    def save(self, which: int, how: str) -> None:
        """Save, and see what the session then holds."""
        session = self.one(which, self.held)
        self.both.call("state.sessions.save", session, on_conflict=how)
        self.both.evaluate(f"dict({session})")

    @precondition(lambda self: self.held)
    @rule(
        which=some, mine=st.sampled_from("abc"), theirs=st.sampled_from("abc"), how=st.sampled_from(("merge", "reject"))
    )
    def save_beside_another(self, which: int, mine: str, theirs: str, how: str) -> None:
        """Save what another request has saved since."""
        session = self.one(which, self.held)
        other = self.both.call("state.sessions.load", session.id, named="s")
        if other is None:
            return
        self.keep(other)
        self._write_and_save(other, theirs, how)
        self._write_and_save(session, mine, how)

    def _write_and_save(self, name: Expression, key: str, how: str) -> None:
        self.both.execute(f"{name}[{key!r}] = {key!r}")
        self.both.call("state.sessions.save", name, on_conflict=how)
        self.both.evaluate(f"dict({name})")

    @precondition(lambda self: self.held)
    @rule(which=some)
    def update(self, which: int) -> None:
        """Count."""
        count = Expression("lambda s: s.update(n=s['n'] + 1)")
        self.both.call("state.sessions.update", self.one(which, self.held).id, count)

    @precondition(lambda self: self.held)
    @rule(which=some)
    def touch(self, which: int) -> None:
        """Extend, and see what is then stored."""
        session = self.one(which, self.held)
        self.both.call("state.sessions.touch", session)
        self.keep(self.both.call("state.sessions.load", session.id, named="s"))

    @precondition(lambda self: self.held)
    @rule(which=some, owner=st.sampled_from((None, None, *OWNERS)))
    def rotate(self, which: int, owner: str | None) -> None:
        """Give a new id, and perhaps an owner."""
        options = {} if owner is None else {"owner": owner}
        self.keep(self.both.call("state.sessions.rotate", self.one(which, self.held), named="s", **options))

    @precondition(lambda self: self.held)
    @rule(which=some)
    def destroy(self, which: int) -> None:
        """Log out."""
        self.both.call("state.sessions.destroy", self.one(which, self.held).id)

    @rule(owner=st.sampled_from(OWNERS))
    def show(self, owner: str) -> None:
        """List, and remember the handles."""
        found = self.both.call("state.sessions.list", owner, named="found")
        for number in range(len(self.both.memory.value(found)) if found else 0):
            by_label = "key=lambda info: (info.label or '', info.created_at)"
            handle = self.both.evaluate(f"sorted({found}, {by_label})[{number}].handle", named="handle")
            self.handles += [handle] if handle else []

    @precondition(lambda self: self.handles)
    @rule(which=some)
    def revoke(self, which: int) -> None:
        """End one login."""
        self.both.call("state.sessions.revoke", self.one(which, self.handles))

    @rule(owner=st.sampled_from(OWNERS), keep=st.none() | some, by_id=st.booleans())
    def revoke_all(self, owner: str, keep: int | None, *, by_id: bool) -> None:
        """End all logins but one."""
        kept = self.one(keep, self.held) if keep is not None and self.held else None
        self.both.call("state.sessions.revoke_all", owner, keep=kept.id if kept and by_id else kept)

    @rule(owner=st.sampled_from(OWNERS))
    def mark(self, owner: str) -> None:
        """Take a mark."""
        mark = self.both.call("state.sessions.owner_mark", owner, named="mark")
        if mark is not None:
            self.marks.append(mark)

    @rule(millis=st.sampled_from(MOMENTS))
    def wait(self, millis: int) -> None:
        """Let time pass."""
        self.both.advance(millis)

    @precondition(lambda self: self.held)
    @rule(which=some, off=st.sampled_from((-1, 0, 1)))
    def wait_for_an_expiry(self, which: int, off: int) -> None:
        """Let time pass to the very millisecond, the one before, or the one after."""
        session = self.both.memory.value(self.one(which, self.held))
        left = round(session.expires_at.timestamp() * 1000) + off - self.both.now
        if left > 0:
            self.both.advance(left)

    @rule()
    def sweep(self) -> None:
        """Reclaim what has expired."""
        self.both.call("state.sessions.sweep")

    def teardown(self) -> None:
        """Close both, and go back to the present."""
        self.target.close()
        self.memory.close()
        self.clock.advance((self.start - self.clock.now()) / 1000)


def _by_label(info: SessionInfo) -> tuple[str, Any]:
    return (info.label or "", info.created_at)


def told(side: Side, answer: Any) -> Any:
    """Tell an answer of a session store."""
    if hasattr(answer, "expires_at") and hasattr(answer, "owner"):
        return (
            side.role("id", answer.id),
            dict(answer),
            answer.owner,
            answer.label,
            answer.created_at,
            answer.expires_at,
        )
    if isinstance(answer, list):
        return tuple(_info(side, info) for info in sorted(answer, key=_by_label))
    return ("text",) if isinstance(answer, str) else answer


def _info(side: Side, info: SessionInfo) -> tuple[Any, ...]:
    times = (info.created_at, info.last_seen, info.expires_at)
    return (side.role("handle", info.handle), *times, info.label, info.corrupt)
