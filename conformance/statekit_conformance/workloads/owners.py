"""The workload on owners: logins, rotations and logouts everywhere at once.

Revoking everything is one moment for the owner, and ends each session at a moment of its own before it returns. So it
is judged twice: the owner's epoch as a register, and for each session as if it had been destroyed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from statekit.errors import ConflictError
from statekit_conformance.checker import Epoch, SessionRegister
from statekit_conformance.history import Call, Failed, Operation, Refused

from .logins import alias, tell_loaded
from .race import Workload
from .racer import FAILED, Racer

__all__ = ["REVOCATIONS", "by_session"]

_OWNERS: Final = ("ann", "bob")
_DEVICES: Final = 4


def come_and_go(racer: Racer) -> None:
    """Log in on a device, use a session, rotate one, or log out everywhere."""
    owner, device = racer.random.choice(_OWNERS), racer.random.randrange(_DEVICES)
    cookie = racer.board.seen(f"{owner}-{device}")
    chance = racer.random.random()
    if cookie is None or chance < 0.15:
        _log_in(racer, owner, device)
    elif chance < 0.25:
        _log_in_with_password(racer, owner, device)
    elif chance < 0.6:
        _load(racer, *cookie)
    elif chance < 0.9:
        _rotate(racer, owner, device, *cookie)
    else:
        _revoke_all(racer, owner, *(cookie if racer.random.random() < 0.5 else (None, None)))


def _log_in(racer: Racer, owner: str, device: int, **since: str) -> None:
    """Log in; with a mark, the owner's epoch is asked, too, and both are one operation of the store."""
    key = f"session/{owner}/{racer.fresh()}"
    epoch = racer.begin(f"owner/{owner}", "login", **since) if since else None

    def send() -> Any:
        try:
            return racer.store.sessions.create({"of": key}, owner=owner, **since)
        except ConflictError:
            return None

    def tell(call: Call, session: Any) -> None:
        if session is None:
            call.failed("everything was revoked meanwhile")
        else:
            call.answered({"id": alias(session.id)})

    session = racer.ask(key, "create", send, tell, data={"of": key})
    if session is FAILED:
        return
    if epoch is not None:
        epoch.refused() if session is None else epoch.answered()
    if session is not None:
        racer.board.pin(f"{owner}-{device}", [key, session.id])


def _log_in_with_password(racer: Racer, owner: str, device: int) -> None:
    """Take a mark, and log in with one that is perhaps an old one by now."""
    old = racer.memory.get(owner)
    if old is None or racer.random.random() < 0.5:
        send = partial(racer.store.sessions.owner_mark, owner)
        old = racer.ask(f"owner/{owner}", "mark", send, lambda call, mark: call.answered(mark))
        if old is FAILED:
            return
        racer.memory[owner] = old
    _log_in(racer, owner, device, since=old)


def _load(racer: Racer, key: str, identifier: str) -> Any:
    return racer.ask(key, "load", partial(racer.store.sessions.load, identifier), tell_loaded, id=alias(identifier))


def _rotate(racer: Racer, owner: str, device: int, key: str, identifier: str) -> None:
    session = _load(racer, key, identifier)
    if session is None or session is FAILED:
        return
    send = partial(racer.store.sessions.rotate, session)
    new = racer.ask(key, "rotate", send, lambda call, it: call.answered({"id": alias(it.id)}), id=alias(identifier))
    if new is not FAILED:
        racer.board.pin(f"{owner}-{device}", [key, new.id])


def _revoke_all(racer: Racer, owner: str, kept: str | None, identifier: str | None) -> None:
    send = partial(racer.store.sessions.revoke_all, owner, keep=identifier)
    racer.ask(f"owner/{owner}", "revoke", send, lambda call, _: call.answered(), keep=kept)


def look_at_devices(racer: Racer) -> None:
    """Load the session of every device."""
    for owner in _OWNERS:
        for device in range(_DEVICES):
            cookie = racer.board.seen(f"{owner}-{device}")
            if cookie is not None:
                _load(racer, *cookie)


def by_session(history: Sequence[Operation]) -> Sequence[Operation]:
    """Add to each session's history that it was destroyed whenever everything of its owner's was revoked.

    Of a session that was created meanwhile both orders are right. A rotation that is refused says nothing: from the
    moment when everything is revoked nothing is rotated any more, though it may still be loaded for a while.
    """
    revocations = [operation for operation in history if operation.action == "revoke"]
    sessions = dict.fromkeys(operation.key for operation in history if operation.key.startswith("session/"))
    derived = [
        replace(revocation, key=key, action="destroy", arguments={})
        for key in sessions
        for revocation in revocations
        if key.startswith(f"session/{revocation.key.removeprefix('owner/')}/") and revocation.arguments["keep"] != key
    ]
    return [*map(_without_refusal, history), *derived]


def _without_refusal(operation: Operation) -> Operation:
    refused = operation.action == "rotate" and isinstance(operation.outcome, Refused)
    return replace(operation, outcome=Failed("gone")) if refused else operation


REVOCATIONS: Final = Workload(
    name="revoke_all against login and rotation",
    act=come_and_go,
    look=look_at_devices,
    opens="view.sessions",
    models={"session/": SessionRegister(), "owner/": Epoch()},
    derive=by_session,
)
