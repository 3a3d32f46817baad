"""The round trip that finds out whether a backend can be used at all."""

from __future__ import annotations

from typing import cast

from statekit.driver import ObjectDriver, RecordDriver
from statekit.errors import StateError

from .faults import error_of
from .link import Link
from .pipeline import Operation, Wire, fetch, operation
from .plan import Call, Plan

__all__ = ["CheckPlans"]


class CheckPlans:
    """The check of one backend.

    Args:
        wire: Its deadline and events.
        link: The way to the backend.
    """

    def __init__(self, wire: Wire, link: Link) -> None:
        self.wire = wire
        self.link = link

    @operation
    def check(self, op: Operation) -> Plan[tuple[str, ...]]:
        """Make one round trip with each driver, and what the backend itself checks; return its warnings."""
        drivers = self.link.drivers()
        if drivers.records is not None:
            records = cast("RecordDriver", drivers.records)
            yield from fetch(op, records, records.read, "check")
        if drivers.objects is not None:
            objects = cast("ObjectDriver", drivers.objects)
            yield from fetch(op, objects, objects.stat, "check")
        if drivers.check is None:
            return ()
        try:
            return cast("tuple[str, ...]", (yield Call(drivers.check, (), {})))
        except StateError:
            raise
        except Exception as exc:
            driver = drivers.records or drivers.objects
            if driver is None:
                raise
            raise error_of(driver.fault(exc), exc) from exc
