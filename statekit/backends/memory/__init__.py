"""The memory backend: the executable specification of the driver contract, and a fake for applications' tests.

``memory:`` is a store of its own for each opening; all openings of ``memory:NAME`` in one process share one.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

from statekit.driver import CONTRACT, Backend, Drivers, Opening, Reach, Survives

from .objects import MemoryObjects
from .records import MemoryRecords

__all__ = ["BACKEND", "MemoryOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryOptions:
    """There is nothing to choose."""


class _Store:
    """One store's contents."""

    def __init__(self) -> None:
        self.records = MemoryRecords()
        self.objects = MemoryObjects()


_LOCK: Final = threading.Lock()
_STORES: Final[dict[str, _Store]] = {}


def _open(opening: Opening[MemoryOptions]) -> Drivers:
    if opening.client is not None:
        raise ValueError("the memory backend takes no client")
    name = opening.authority + opening.path
    if not name:
        store = _Store()
    else:
        with _LOCK:
            store = _STORES.setdefault(name, _Store())
    store.objects.clock = opening.clock
    return Drivers(records=store.records, objects=store.objects)


BACKEND: Final = Backend(
    contract=CONTRACT,
    name="memory",
    schemes=("memory",),
    options=MemoryOptions,
    records=True,
    objects=True,
    reach=Reach.PROCESS,
    survives=Survives.NOTHING,
    open=_open,
)
