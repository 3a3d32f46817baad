"""Users and their sessions: devices, and logging out everywhere."""

from __future__ import annotations

from typing import Any

from statekit.types import SessionInfo

from .engine import SessionStore, owner_in, sessions

__all__ = ["devices", "logout_everywhere", "owner_of"]


def devices(session: SessionStore) -> list[SessionInfo]:
    """List the sessions of the user who is logged in; ``settings.STATEKIT.sessions.revoke(handle)`` ends one."""
    owner = owner_in(session)
    return sessions().list(owner) if owner is not None else []


def logout_everywhere(session: SessionStore, *, keep: bool = False) -> int:
    """End all sessions of the user who is logged in.

    Args:
        session: ``request.session``.
        keep: Whether this one stays.

    Returns:
        How many there were; 0 where nobody is logged in.
    """
    owner = owner_in(session)
    if owner is None:
        return 0
    count = sessions().revoke_all(owner, keep=session.stored if keep else None)
    if not keep:
        session.flush()
        session.destroyed = True
    return count


def owner_of(user: Any) -> str:
    """Return the owner under which a user's sessions are kept, for ``settings.STATEKIT.sessions.revoke_all``."""
    name: str = user._meta.pk.value_to_string(user)  # noqa: SLF001 - public by Django's documentation
    return name
