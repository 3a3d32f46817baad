"""The two ways in: ``open`` for threads and ``aopen`` for asyncio."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from statekit._core.clock import Clock
from statekit.config import Place, resolve
from statekit.errors import ConfigError
from statekit.state import AsyncState, State
from statekit.types import Event, SessionPolicy

__all__ = ["aopen", "open"]


def open(  # noqa: A001 - it is called statekit.open
    url: Place | None = None,
    *,
    sessions: Place | None = None,
    objects: Place | None = None,
    scratch: Place | None = None,
    namespace: str | None = None,
    client: object | None = None,
    keys: Sequence[str] | None = None,
    gateway: str | None = None,
    policy: SessionPolicy | None = None,
    timeout: float | None = None,
    attempt_timeout: float | None = None,
    clock: Clock | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> State:
    """Open the state that the arguments, the environment or the nearest configuration file describe.

    Nothing is connected before the first use, and what cannot be reached is found then, or by ``State.check``.

    Args:
        url: Where all stores live, such as ``redis://host:6379/0`` or ``local:/var/lib/shop``; or a mapping with
            ``url`` and options, as a table in the configuration file.
        sessions: Where sessions live, if not where ``url`` says. A mapping may also hold ``client``.
        objects: The same for objects.
        scratch: The same for workspaces: a URL, or a mapping with ``records``, ``objects`` (a place each, by default
            where sessions and objects live), and what ScratchPolicy has: ``quota``, ``files``, ``root``, ``lease``,
            ``ttl``.
        namespace: Keeps this application's state apart from others' in the same store: 1 to 64 of ``a-z 0-9 . _ -``.
        client: An SDK client of the application's own, for the one backend that is configured. It is never closed.
        keys: The key ring that seals sessions and signs for the gateway, the key that writes first, as
            ``statekit keygen`` prints them.
        gateway: The public URL that ``statekit.gateway`` is mounted at: for presigned requests where the backend signs
            none itself.
        policy: How long sessions live.
        timeout: Seconds that an operation may take; 10.
        attempt_timeout: Seconds that a single request may take; 10.
        clock: Another clock, for tests: see ``statekit.testing``.
        on_event: Called with each operation's event, in the thread that ran it.

    Raises:
        ConfigError: Something is wrong; the message says where it was found and what to do.
    """
    with _naming_the_operation():
        settings = resolve(
            url=url,
            sessions=sessions,
            objects=objects,
            scratch=scratch,
            namespace=namespace,
            keys=keys,
            gateway=gateway,
            policy=policy,
            timeout=timeout,
            attempt_timeout=attempt_timeout,
            client=client,
        )
        return State(settings, clock=clock, on_event=on_event)


def aopen(
    url: Place | None = None,
    *,
    sessions: Place | None = None,
    objects: Place | None = None,
    scratch: Place | None = None,
    namespace: str | None = None,
    client: object | None = None,
    keys: Sequence[str] | None = None,
    gateway: str | None = None,
    policy: SessionPolicy | None = None,
    timeout: float | None = None,
    attempt_timeout: float | None = None,
    clock: Clock | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> AsyncState:
    """Open the same for asyncio; this itself is a plain function, and awaits nothing. See ``open``."""
    with _naming_the_operation():
        settings = resolve(
            url=url,
            sessions=sessions,
            objects=objects,
            scratch=scratch,
            namespace=namespace,
            keys=keys,
            gateway=gateway,
            policy=policy,
            timeout=timeout,
            attempt_timeout=attempt_timeout,
            client=client,
        )
        return AsyncState(settings, clock=clock, on_event=on_event)


@contextmanager
def _naming_the_operation() -> Iterator[None]:
    """Let every error of opening say that this is what it comes from (E-02)."""
    try:
        yield
    except ConfigError as error:
        error.op = error.op or "open"
        raise
