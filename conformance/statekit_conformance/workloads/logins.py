"""Workloads on sessions: saves that merge, counters, and rotation against save against logout."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Any, Final

from statekit.errors import SessionGoneError
from statekit.sessions import Session
from statekit_conformance.checker import Counter, SessionRegister
from statekit_conformance.history import Call

from .race import Workload
from .racer import FAILED, Racer

__all__ = ["COUNTERS", "MERGES", "ROTATIONS", "alias", "tell_loaded"]

_SLOTS: Final = ("ann", "bob", "cleo")
_SHARED: Final = ("theme", "cart")


def alias(identifier: str) -> str:
    """Return a short name for an id, to be read by people."""
    return hashlib.sha256(identifier.encode()).hexdigest()[:8]


# Rotation against save against logout


def live(racer: Racer) -> None:
    """Do to a session what requests with its cookie do: load, save, touch, rotate, and log out now and then."""
    slot = racer.random.choice(_SLOTS)
    cookie = racer.board.seen(slot)
    if cookie is None:
        log_in(racer, slot)
        return
    key, identifier = cookie
    session = load(racer, key, identifier)
    if session is None:
        if racer.board.seen(slot) == cookie:
            log_in(racer, slot)
        return
    chance = racer.random.random()
    if session is FAILED or chance < 0.25:
        return
    if chance < 0.65:
        save(racer, key, session)
    elif chance < 0.75:
        _ended(racer, key, "touch", session.id, partial(racer.store.sessions.touch, session), _tell_touched)
    elif chance < 0.92:
        new = _ended(racer, key, "rotate", session.id, partial(racer.store.sessions.rotate, session), _tell_id)
        if new is not FAILED:
            racer.board.pin(slot, [key, new.id])
    else:
        racer.ask(
            key, "destroy", partial(racer.store.sessions.destroy, session.id), _tell_nothing, id=alias(session.id)
        )


def log_in(racer: Racer, slot: str) -> None:
    """Create a session and let everybody use it."""
    key = f"{slot}.{racer.fresh()}"
    data = {"by": racer.name}
    session = racer.ask(key, "create", partial(racer.store.sessions.create, data), _tell_id, data=data)
    if session is not FAILED:
        racer.board.pin(slot, [key, session.id])


def load(racer: Racer, key: str, identifier: str) -> Any:
    """Load a session; None if it is gone."""
    return racer.ask(key, "load", partial(racer.store.sessions.load, identifier), tell_loaded, id=alias(identifier))


def save(racer: Racer, key: str, session: Session) -> None:
    """Change a key of this racer's own, or one that all use, and save; sometimes delete one."""
    name = racer.random.choice((racer.name, *_SHARED))
    deleted = [name] if name in session and racer.random.random() < 0.2 else []
    changed = {} if deleted else {name: racer.fresh()}
    session.update(changed)
    for gone in deleted:
        del session[gone]

    def send() -> Session:
        racer.store.sessions.save(session)
        return session

    _ended(racer, key, "save", session.id, send, tell_loaded, changed=changed, deleted=deleted)


def _ended(racer: Racer, key: str, action: str, identifier: str, send: Any, tell: Any, **arguments: Any) -> Any:
    """Ask for what fails if the session is gone.

    Where replies are lost, it may have been applied before the session ended: then it is unknown, and a load of the
    same time found nothing.
    """
    name = alias(identifier)
    load = racer.begin(key, "load", id=name) if racer.faults else None

    def settled() -> Any:
        try:
            return send()
        except SessionGoneError:
            if load is None:
                raise
            return FAILED

    def told(call: Call, answer: Any) -> None:
        if answer is not FAILED:
            tell(call, answer)
        else:
            call.unknown("gone, perhaps after it was applied")
        if load is not None:
            load.answered(None) if answer is FAILED else load.failed("nothing was found out")

    return racer.ask(key, action, settled, told, id=name, **arguments)


def tell_loaded(call: Call, session: Session | None) -> None:
    """Record what a session holds."""
    call.answered(None if session is None else dict(session))


def _tell_id(call: Call, session: Session) -> None:
    call.answered({"id": alias(session.id)})


def _tell_touched(call: Call, asked: bool) -> None:  # noqa: FBT001 - as the store answers
    if asked:
        call.answered()
    else:
        call.failed("within the touch interval nothing is sent")


def _tell_nothing(call: Call, _: object) -> None:
    call.answered()


def look_at_sessions(racer: Racer) -> None:
    """Load every session that somebody may still use."""
    for slot in _SLOTS:
        cookie = racer.board.seen(slot)
        if cookie is not None:
            load(racer, *cookie)


ROTATIONS: Final = Workload(
    name="rotate against save against destroy",
    act=live,
    look=look_at_sessions,
    opens="view.sessions",
    models={"": SessionRegister()},
)


# Saves that merge


def merge(racer: Racer) -> None:
    """Load a session that all share, change it and save it; sometimes one that was loaded a while ago."""
    slot = racer.random.choice(_SLOTS[:2])
    cookie = racer.board.seen(slot)
    if cookie is None:
        log_in(racer, slot)
        return
    key, identifier = cookie
    session = racer.memory.pop(key, None) or load(racer, key, identifier)
    if session is None or session is FAILED:
        return
    if racer.random.random() < 0.2:
        racer.memory[key] = session  # to be saved later, over what others saved meanwhile
    else:
        save(racer, key, session)


MERGES: Final = Workload(
    name="saves that merge",
    act=merge,
    look=look_at_sessions,
    opens="view.sessions",
    models={"": SessionRegister()},
)


# Counters


def count(racer: Racer) -> None:
    """Increment a counter that all share, or read it."""
    slot = racer.random.choice(_SLOTS[:2])
    cookie = racer.board.seen(slot)
    if cookie is None:
        session = racer.store.sessions.create({"n": 0})
        racer.board.pin(slot, [f"{slot}.{racer.fresh()}", session.id])
    elif racer.random.random() < 0.3:
        read_counter(racer, *cookie)
    else:
        key, identifier = cookie
        racer.ask(key, "increment", partial(racer.store.sessions.update, identifier, _incremented), _tell_number)


def _incremented(session: Session) -> None:
    session["n"] += 1


def read_counter(racer: Racer, key: str, identifier: str) -> None:
    """Load a counter."""
    racer.ask(key, "read", partial(racer.store.sessions.load, identifier), _tell_number)


def _tell_number(call: Call, session: Session | None) -> None:
    call.answered(None if session is None else session["n"])


def look_at_counters(racer: Racer) -> None:
    """Load every counter."""
    for slot in _SLOTS:
        cookie = racer.board.seen(slot)
        if cookie is not None:
            read_counter(racer, *cookie)


COUNTERS: Final = Workload(
    name="counters by update",
    act=count,
    look=look_at_counters,
    opens="view.sessions",
    models={"": Counter()},
)
