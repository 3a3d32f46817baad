"""The way to an opened backend: connected on first use, and again in a forked child."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, Final, cast

from statekit.driver import (
    AnyBackend,
    AsyncDrivers,
    AsyncObjectDriver,
    AsyncRecordDriver,
    Drivers,
    ObjectDriver,
    Opening,
    RecordDriver,
    missing,
)
from statekit.errors import ConfigError, UnsupportedError

from .faults import closed

__all__ = ["Link"]

_LINKS: Final[weakref.WeakSet[Link]] = weakref.WeakSet()
_INHERITED: Final[list[Drivers | AsyncDrivers]] = []


class Link:
    """One backend, opened for one state.

    Args:
        backend: What its plugin registered.
        opening: What it is opened with.
        asynchronous: Whether an asynchronous state asks. Its drivers are native where the backend has such.
    """

    def __init__(self, backend: AnyBackend, opening: Opening[Any], *, asynchronous: bool) -> None:
        self.backend = backend
        self.opening = opening
        self.native = asynchronous and backend.aopen is not None
        if backend.open is None and not self.native:
            raise ConfigError(f"the backend {backend.name} is asynchronous only: use statekit.aopen")
        self._closed = False
        self._drivers: Drivers | AsyncDrivers | None = None
        self.forget()
        _LINKS.add(self)

    def target_is(self, *target: object) -> bool:
        """Whether another store that is configured like this can share the connection."""
        opening = self.opening
        return target == (self.backend, opening.authority, opening.path, opening.options, opening.client)

    def forget(self) -> None:
        """Begin anew in a forked child. The parent's connections are the parent's: they are not even closed."""
        self._lock = threading.Lock()
        if self._drivers is not None:
            _INHERITED.append(self._drivers)  # nor by the garbage collector
        self._drivers = None

    def drivers(self) -> Drivers | AsyncDrivers:
        """Return the drivers, opening the backend if this is the first use in this process.

        Raises:
            ClosedError: They were taken to be closed.
        """
        drivers = self._drivers
        if drivers is not None:
            return drivers
        with self._lock:
            if self._closed:
                raise closed()
            if self._drivers is None:
                self._drivers = self._opened()
            return self._drivers

    def _opened(self) -> Drivers | AsyncDrivers:
        """Open the backend, and look whether it gave what the contract asks for."""
        opener = self.backend.aopen if self.native else self.backend.open
        try:
            drivers = cast("Callable[[Opening[Any]], Drivers | AsyncDrivers]", opener)(self.opening)
        except (ImportError, ValueError) as error:
            raise ConfigError(f"the backend {self.backend.name} cannot be opened: {error}", clause="P-51") from error
        records, objects = (AsyncRecordDriver, AsyncObjectDriver) if self.native else (RecordDriver, ObjectDriver)
        for driver, contract in ((drivers.records, records), (drivers.objects, objects)):
            if driver is not None and (lacking := missing(driver, contract)):
                raise ConfigError(f"the backend {self.backend.name} lacks {', '.join(lacking)}", clause="P-51")
        return drivers

    def records(self) -> RecordDriver:
        """Return the record driver, in whichever colour: the runner knows.

        Raises:
            UnsupportedError: The backend holds no records.
        """
        drivers = self._drivers
        driver = (self.drivers() if drivers is None else drivers).records
        if driver is None:
            raise UnsupportedError(
                f"the backend {self.backend.name} holds no records; name another one for sessions", clause="P-09"
            )
        return driver  # type: ignore[return-value]

    def objects(self) -> ObjectDriver:
        """Return the object driver, in whichever colour: the runner knows.

        Raises:
            UnsupportedError: The backend holds no objects.
        """
        driver = self.drivers().objects
        if driver is None:
            raise UnsupportedError(
                f"the backend {self.backend.name} holds no objects; name another one for them", clause="P-09"
            )
        return driver  # type: ignore[return-value]

    def take(self) -> Drivers | AsyncDrivers | None:
        """Return the drivers for closing, once; None if there is nothing to close."""
        with self._lock:
            self._closed = True
            drivers, self._drivers = self._drivers, None
            return drivers


def _forget_all() -> None:
    for link in list(_LINKS):
        link.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
