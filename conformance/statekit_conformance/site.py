"""Where a target's state is: its URLs, and openings of its backends. It pickles, so that other processes get there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from statekit.config import Settings, resolve
from statekit.config import Target as Place
from statekit.driver import AsyncDrivers, Clock, Drivers, Opening

from .loop import Loop

__all__ = ["Opened", "Site"]


@dataclass(frozen=True, slots=True)
class Opened:
    """One opening of one backend.

    Attributes:
        drivers: What it returned.
        native: Whether the drivers are asynchronous.
        close: Closes it.
    """

    drivers: Drivers | AsyncDrivers
    native: bool
    close: Callable[[], object]


class Site:
    """Where a target's state is.

    Args:
        name: The target's name.
        urls: For records and for objects.
        timeout: Seconds that one request may take.
        allowed: Hosts besides loopback that may be connected to.
    """

    def __init__(self, name: str, urls: tuple[str, str], timeout: float = 10.0, allowed: tuple[str, ...] = ()) -> None:
        self.name, self.urls, self.timeout, self.allowed = name, urls, timeout, allowed
        self.loop = Loop()

    def __reduce__(self) -> tuple[Any, ...]:
        return Site, (self.name, self.urls, self.timeout, self.allowed)

    @cached_property
    def settings(self) -> Settings:
        """The backends, found by URL; nothing else is taken from the environment or a configuration file."""
        found = resolve(sessions=self.urls[0], objects=self.urls[1])
        return Settings(
            sessions=found.sessions, objects=found.objects, timeout=self.timeout, attempt_timeout=self.timeout
        )

    @property
    def backends(self) -> tuple[Any, ...]:
        """The backends of records and of objects; one, if they are the same."""
        found = (self.settings.sessions.backend, self.settings.objects.backend)
        return found[:1] if found[0] is found[1] else found

    def opening(self, place: Place, clock: Clock, **changes: Any) -> Opening[Any]:
        """Return what a backend is opened with."""
        opening = Opening(
            scheme=place.scheme,
            authority=place.authority,
            path=place.path,
            options=place.options,
            client=place.client,
            attempt_timeout=self.timeout,
            concurrency=32,
            clock=clock,
        )
        return replace(opening, **changes) if changes else opening

    def open(self, place: Place, clock: Clock, *, native: bool = False) -> Opened:
        """Open a backend's drivers.

        Args:
            place: ``settings.sessions`` or ``settings.objects``.
            clock: For the opening.
            native: Whether the asynchronous ones are preferred. They are taken where the backend has no others, too.
        """
        opening, backend = self.opening(place, clock), place.backend
        if backend.aopen is not None and (native or backend.open is None):
            theirs = backend.aopen(opening)
            return Opened(theirs, True, lambda: self.loop.settle(theirs.close()))
        if backend.open is None:
            raise TypeError(f"the backend {backend.name} has no drivers")
        ours: Drivers = backend.open(opening)
        return Opened(ours, False, ours.close)
