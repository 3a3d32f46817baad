"""What processes do in explored cases, and what must hold whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from statekit._core.ids import sid_of
from statekit._core.sessions.forms import Live, Moved
from statekit._core.sessions.session import Session
from statekit.errors import IndeterminateError, StateError
from statekit.types import SessionPolicy

from .process import NOW, Body, Env
from .search import Invariant, View

OWNER = "u"
IDLE = 14 * 86_400_000
HOUR = 3_600_000
ONE_EACH = SessionPolicy(sessions_per_owner=1)
LAZY = SessionPolicy(touch_interval=timedelta(0))

Given = Callable[[Any], Body]


# Setups


def a_session(data: dict[str, Any] | None = None, *, owner: str | None = None) -> Body:
    """One session, as a request holds it that has loaded it."""

    def body(env: Env) -> Any:
        return (yield from env.plans.create(None, data or {}, owner=owner))

    return body


def held(session: Session) -> Session:
    """What another request holds that has loaded the same session."""
    return Session(session.id, session.cell)


# Processes


def creates(*, owner: str | None = OWNER) -> Given:
    def given(_: Any) -> Body:
        def body(env: Env) -> Any:
            return (yield from env.plans.create(None, {}, owner=owner)).id

        return body

    return given


def logs_in(_: Any) -> Body:
    """Take the owner's mark, check the password, create."""

    def body(env: Env) -> Any:
        mark = yield from env.plans.owner_mark(None, OWNER)
        return (yield from env.plans.create(None, {}, owner=OWNER, since=mark)).id

    return body


def creates_and_destroys(_: Any) -> Body:
    def body(env: Env) -> Any:
        session = yield from env.plans.create(None, {}, owner=None)
        yield from env.plans.destroy(None, session)
        return session.id

    return body


def saves(key: str, value: Any, how: str = "merge") -> Given:
    def given(session: Session) -> Body:
        def body(env: Env) -> Any:
            mine = held(session)
            mine[key] = value
            yield from env.plans.save(None, mine, on_conflict=how)
            return dict(mine)

        return body

    return given


def counts(session: Session) -> Body:
    """Increment a counter."""

    def body(env: Env) -> Any:
        def increment(data: Session) -> None:
            data["n"] += 1

        yield from env.plans.update(None, session.id, increment)
        return "counted"

    return body


def touches(session: Session) -> Body:
    def body(env: Env) -> Any:
        return (yield from env.plans.touch(None, held(session)))

    return body


def rotates(session: Session) -> Body:
    def body(env: Env) -> Any:
        return (yield from env.plans.rotate(None, held(session))).id

    return body


def rotates_with(key: str, value: Any) -> Given:
    def given(session: Session) -> Body:
        def body(env: Env) -> Any:
            mine = held(session)
            mine[key] = value
            return (yield from env.plans.rotate(None, mine)).id

        return body

    return given


def binds(session: Session) -> Body:
    """Rotate a session that is nobody's into a login."""

    def body(env: Env) -> Any:
        return (yield from env.plans.rotate(None, held(session), owner=OWNER)).id

    return body


def destroys(session: Session) -> Body:
    def body(env: Env) -> Any:
        return (yield from env.plans.destroy(None, session.id))

    return body


def revokes(session: Session) -> Body:
    def body(env: Env) -> Any:
        return (yield from env.plans.revoke_all(None, OWNER))

    return body


def revokes_but(session: Session) -> Body:
    """Revoke all but the session that this request holds."""

    def body(env: Env) -> Any:
        return (yield from env.plans.revoke_all(None, OWNER, keep=held(session)))

    return body


def revokes_but_id(session: Session) -> Body:
    """Revoke all but the session whose id is in this request's cookie."""

    def body(env: Env) -> Any:
        return (yield from env.plans.revoke_all(None, OWNER, keep=session.id))

    return body


def lists(_: Any) -> Body:
    def body(env: Env) -> Any:
        return len((yield from env.plans.list(None, OWNER)))

    return body


def sweeps(_: Any) -> Body:
    def body(env: Env) -> Any:
        return (yield from env.plans.sweep(None)).records

    return body


# Promises


def destroyed_is_dead(view: View) -> str | None:
    """After destroy returned, the session is gone for good, and so is what it was rotated into."""
    if not view.succeeded("destroys"):
        return None
    if isinstance(view.form(view.given.id), Live):
        return "a destroyed session can be loaded"
    new = view.result("rotates") if "rotates" in view.names else None
    if new and view.live(new):
        return "a session was destroyed while it was rotated, and the new one is alive"
    return None


def its_own_destroyed_is_dead(view: View) -> str | None:
    for name in view.names:
        if name.startswith("creates and destroys") and view.result(name) and view.live(view.result(name)):
            return "a destroyed session can be loaded"
    return None


def the_login_lives(view: View) -> str | None:
    """Nobody ended it: the old id works, or the new one, at any moment and whoever dies."""
    form = view.form(view.given.id)
    if isinstance(form, Live):
        return None if view.live(view.given.id) else "the session has expired early"
    if isinstance(form, Moved):
        successor = view.store.get(f"s/{form.to.hex()}")
        return None if successor else "the old session was moved, and the new one is not there"
    return "nobody ended the session, and it is gone"


def rotated_is_dead(view: View) -> str | None:
    for name in view.names:
        if name.startswith("rotates") and view.succeeded(name) and view.live(view.given.id):
            return "the old id works after its rotation"
    return None


def a_failed_rotation_changes_nothing(view: View) -> str | None:
    if view.failed("rotates", StateError) and not view.failed("rotates", IndeterminateError):
        return None if view.live(view.given.id) else "a rotation that says that it failed has killed the old id"
    return None


def rotation_keeps(*keys: str) -> Invariant:
    """What was saved under the old id and acknowledged is in the new session."""

    def promise(view: View) -> str | None:
        if not view.succeeded("rotates"):
            return None
        data = view.data(view.result("rotates"))
        if data is None:
            return None
        lost = [key for key in keys if view.succeeded(f"saves {key}") and key not in data]
        return f"the rotation lost {lost}" if lost else None

    return promise


def saves_keep(*keys: str) -> Invariant:
    """What was acknowledged is stored, whatever others saved."""

    def promise(view: View) -> str | None:
        data = view.data(view.given.id) or {}
        lost = [key for key in keys if view.succeeded(f"saves {key}") and key not in data]
        return f"the acknowledged save of {lost} is lost" if lost else None

    return promise


def holds_what_was_stored(view: View) -> str | None:
    for name in view.names:
        if name.startswith("saves") and view.succeeded(name) and view.result(name).get(name[6:]) is None:
            return f"{name} does not hold what it saved"
    return None


def counted_once(view: View) -> str | None:
    """Each acknowledged increment is there, and none is there twice."""
    names = [name for name in view.names if name.startswith("counts")]
    data = view.data(view.given.id)
    if data is None:
        return "the counter is gone"
    sure = sum(view.succeeded(name) for name in names)
    never = sum(view.failed(name, StateError) and not view.failed(name, IndeterminateError) for name in names)
    if not sure <= data["n"] <= len(names) - never:
        return f"{sure} increments are acknowledged, {never} refused, and the counter says {data['n']}"
    return None


def every_login_can_be_found(view: View) -> str | None:
    """A session whose id was returned is in its owner's record as long as it can be loaded: revoke_all finds it."""
    roster = view.roster()
    for name in view.names:
        session = view.result(name)
        if isinstance(session, str) and view.live(session):
            known = (*roster.live, *roster.doomed) if roster else ()
            if sid_of(session) not in known:
                return f"{name} returned a session that its owner's record does not know"
    return None


def revoked_are_dead(view: View) -> str | None:
    """After revoke_all returned, nothing that was created before it began can be loaded."""
    for name in view.names:
        if not name.startswith("revokes") or not view.succeeded(name):
            continue
        if view.live(view.given.id, _latest(view)):
            return "everything was revoked, and a session from before can be loaded"
        for other in view.names:
            made = view.result(other)
            if not isinstance(made, str) or not view.live(made):
                continue
            if other.startswith("rotates"):
                return "everything was revoked, and what a session from before was rotated into can be loaded"
            if view.ended_before(other, name):
                return f"everything was revoked after {other} had returned, and its session can be loaded"
            if other.startswith("logs in") and (view.steps_before(other, name) or 0) >= 1:
                return f"everything was revoked after {other} had taken its mark, and its session can be loaded"
    return None


def _latest(view: View) -> int:
    return NOW if "touches" not in view.names else NOW + IDLE + 2


def kept_is_alive(view: View) -> str | None:
    return the_login_lives(view)


def rejected_was_never_applied(view: View) -> str | None:
    """Of two saves that reject conflicts, at most one is applied, and who was refused was not."""
    data = view.data(view.given.id) or {}
    names = [name for name in view.names if name.startswith("saves")]
    for name in names:
        if (
            view.ended(name)
            and not view.succeeded(name)
            and not view.failed(name, IndeterminateError)
            and name[6:] in data
        ):
            return f"{name} was refused, and is stored"
    if sum(view.succeeded(name) for name in names) > 1:
        return "two saves with the same base were both acknowledged"
    return None


def touched_is_there(view: View) -> str | None:
    """A touch that was acknowledged is not undone by a sweep."""
    if view.result("touches") and view.form(view.given.id) is None:
        return "a session was swept that was touched"
    return None


def touch_never_creates(view: View) -> str | None:
    if view.succeeded("destroys") and view.form(view.given.id) is not None:
        return "a destroyed session is stored again"
    return None
