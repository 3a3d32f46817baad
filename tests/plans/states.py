"""States over drivers that a test chose."""

from __future__ import annotations

from typing import Any

from statekit.backends.memory.objects import MemoryObjects
from statekit.backends.memory.records import MemoryRecords
from statekit.config import Settings, Target
from statekit.driver import AnyBackend
from statekit.state import AsyncState, State
from statekit.testing import Clock, FakeClock, backend_of
from statekit.types import Event


class Heard(list[Event]):
    """The events that a state emitted."""

    @property
    def last(self) -> Event:
        return self[-1]

    def outcomes(self) -> list[str]:
        return [event.outcome for event in self]


def memory_objects(clock: Clock) -> MemoryObjects:
    objects = MemoryObjects()
    objects.clock = clock
    return objects


def settings_for(backend: AnyBackend, **options: Any) -> Settings:
    target = Target(backend=backend, scheme=backend.name, authority="", path="", options=backend.options())
    return Settings(sessions=target, objects=target, **options)


def state_of(
    *, records: Any = None, objects: Any = None, clock: Clock | None = None, heard: Heard | None = None, **options: Any
) -> State:
    """Open a state over these drivers; both are in memory if none is given."""
    clock = clock or FakeClock()
    if records is None and objects is None:
        records, objects = MemoryRecords(), memory_objects(clock)
    backend = backend_of(records=records, objects=objects)
    return State(settings_for(backend, **options), clock=clock, on_event=None if heard is None else heard.append)


def async_state_of(
    *,
    records: Any = None,
    objects: Any = None,
    clock: Clock | None = None,
    heard: Heard | None = None,
    native: bool = False,
    **options: Any,
) -> AsyncState:
    """The same for asyncio."""
    clock = clock or FakeClock()
    if records is None and objects is None:
        records, objects = MemoryRecords(), memory_objects(clock)
    backend = backend_of(records=records, objects=objects, native=native)
    return AsyncState(settings_for(backend, **options), clock=clock, on_event=None if heard is None else heard.append)
