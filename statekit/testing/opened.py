"""A backend of drivers that exist already, and drivers made asynchronous."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from statekit.driver import CONTRACT, AnyBackend, AsyncDrivers, Backend, Drivers, Opening, Reach, Survives

__all__ = ["NativeDriver", "backend_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _NoOptions:
    """There is nothing to choose."""


def backend_of(*, records: Any = None, objects: Any = None, name: str = "test", native: bool = False) -> AnyBackend:
    """Return a backend whose every opening has these drivers.

    Args:
        records: A record driver, or None.
        objects: An object driver, or None.
        name: The backend's name, which is also its URL scheme.
        native: Whether asynchronous states get the drivers as natively asynchronous ones; synchronous drivers are made
            so. Otherwise they run in threads there.
    """

    def opened(_: Opening[_NoOptions]) -> Drivers:
        return Drivers(records=records, objects=objects)

    def opened_natively(_: Opening[_NoOptions]) -> AsyncDrivers:
        return AsyncDrivers(
            records=None if records is None else _native(records),
            objects=None if objects is None else _native(objects),
        )

    return Backend(
        contract=CONTRACT,
        name=name,
        schemes=(name,),
        options=_NoOptions,
        records=records is not None,
        objects=objects is not None,
        reach=Reach.PROCESS,
        survives=Survives.NOTHING,
        open=opened,
        aopen=opened_natively if native else None,
    )


class NativeDriver:
    """A synchronous driver whose methods are coroutine functions."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._driver, name)
        if name == "fault" or name.startswith("_") or not callable(found):
            return found
        return found if inspect.iscoroutinefunction(found) else _awaitable(found)


def _awaitable(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    async def call(*args: Any, **kwargs: Any) -> Any:
        return method(*args, **kwargs)

    return call


def _native(driver: Any) -> Any:
    return driver if inspect.iscoroutinefunction(getattr(driver, "read", None)) else NativeDriver(driver)
