"""Where the state lives: from arguments, environment and files to settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from statekit.driver import AnyBackend
from statekit.types import SessionPolicy

__all__ = ["Settings", "Target"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One store's backend, found and with its options read.

    Attributes:
        backend: What its plugin registered.
        scheme: The URL's scheme.
        authority: What stood between ``//`` and the next ``/``, case kept.
        path: The rest, decoded, without query.
        options: An instance of the backend's options.
        client: The application's own SDK client, or None.
    """

    backend: AnyBackend
    scheme: str
    authority: str
    path: str
    options: Any
    client: object | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that ``statekit.open`` found out.

    Attributes:
        sessions: The sessions' backend.
        objects: The objects' backend.
        namespace: What keeps this application's state apart from others' in the same store; may be empty.
        policy: How long sessions live.
        timeout: Seconds that an operation may take.
        attempt_timeout: Seconds that one request may take.
        keys: The key ring, the writing key first, as ``statekit keygen`` prints them; may end in ``plain``.
    """

    sessions: Target
    objects: Target
    namespace: str = ""
    policy: SessionPolicy = SessionPolicy()
    timeout: float = 10.0
    attempt_timeout: float = 10.0
    keys: tuple[str, ...] = ()
