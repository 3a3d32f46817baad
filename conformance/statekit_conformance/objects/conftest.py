"""What the cases about objects share: an opening, the driver below it, bytes to store, and several threads at once."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from statekit.driver import MultipartDriver
from statekit_conformance.drivers import ObjectCalls
from statekit_conformance.errors.interposing import Interposed, together
from statekit_conformance.subject import StoreView, Subject

__all__ = ["MIB", "Raw"]

MIB = 1024 * 1024
MOST = 17 * MIB


@cache
def _block() -> bytes:
    return random.Random(1).randbytes(MOST + 1024)


class Raw:
    """The objects of one namespace as the driver sees them. Where they are is learnt by looking."""

    def __init__(self, driver: ObjectCalls, prefix: str) -> None:
        self.driver = driver
        self.prefix = prefix

    def keys(self) -> list[str]:
        """Return the keys as the application gave them."""
        return [key.removeprefix(self.prefix) for key in self.driver.keys(self.prefix)]

    def uploads(self) -> list[Any]:
        """Return the uploads that were begun and not ended, where there are such."""
        return self.driver.multipart.uploads(self.prefix) if isinstance(self.driver.raw, MultipartDriver) else []


@pytest.fixture
def noise() -> Callable[..., bytes]:
    """Return what gives bytes that look like nothing else: as many as are asked for, another run for each seed."""

    def give(size: int, seed: int = 0) -> bytes:
        return _block()[seed : seed + size]

    return give


@pytest.fixture
def view(subject: Subject) -> StoreView:
    """Return an opening with the usual settings."""
    return subject.open()


@pytest.fixture
def raw(subject: Subject) -> Iterator[Raw]:
    """Return the objects below, through an opening that the store's own event loop knows nothing of."""
    opened = subject.site.open(subject.site.settings.objects, subject.clock)
    loop = subject.site.loop if opened.native else None
    driver = ObjectCalls(opened.drivers.objects, loop, subject.namespace, subject.site.timeout, subject.objects_driver)
    with subject.open() as prober:
        prober.objects.put("probe", b"")
        (found,) = driver.keys()
        prober.objects.delete("probe")
    yield Raw(driver, found.removesuffix("probe"))
    opened.close()


@pytest.fixture(name="together")
def _together() -> Callable[..., list[Any]]:
    """Return what calls functions in threads of their own, all at once."""
    return together


@pytest.fixture
def interposed(subject: Subject) -> Iterator[Interposed]:
    """Return an opening whose requests can be held up while something else happens."""
    opened = Interposed(subject)
    yield opened
    opened.close()
