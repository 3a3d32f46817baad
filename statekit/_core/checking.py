"""Whether a backend can be used at all, and creating what it takes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

from statekit.driver import ObjectDriver, RecordDriver
from statekit.errors import StateError

from .faults import error_of
from .link import Link
from .pipeline import Wire, fetch
from .plan import Call, Plan, Work

__all__ = ["CheckPlans"]


class CheckPlans:
    """Checking and provisioning one backend.

    Args:
        wire: Its deadline and events.
        link: The way to the backend.
    """

    def __init__(self, wire: Wire, link: Link) -> None:
        self.wire = wire
        self.link = link

    def check(self, timeout: float | None) -> Plan[tuple[str, ...]]:
        """Make one round trip with each driver, and what the backend itself checks; return its warnings."""
        with self.wire.begin("check", timeout) as op:
            drivers = self.link.drivers()
            if drivers.records is not None:
                records = cast("RecordDriver", drivers.records)
                yield from fetch(op, records, records.read, "check")
            if drivers.objects is not None:
                objects = cast("ObjectDriver", drivers.objects)
                yield from fetch(op, objects, objects.stat, "check")
            if drivers.check is None:
                return ()
            return cast("tuple[str, ...]", (yield from self._explained(Call(drivers.check, (), {}))))

    def provision(self, timeout: float | None, *, dry_run: bool) -> Plan[tuple[str, ...]]:
        """Let the backend create what is missing; return what it found and did."""
        with self.wire.begin("provision", timeout):
            create = self.link.backend.provision
            if create is None:
                return ()
            work = Work(partial(create, self.link.opening, dry_run=dry_run))
            return tuple(cast("Sequence[str]", (yield from self._explained(work))))

    def welcome(self, timeout: float | None, origins: Sequence[str], *, dry_run: bool) -> Plan[tuple[str, ...]]:
        """Let the backend let pages of other origins in; return what it did, or who else has to."""
        with self.wire.begin("welcome", timeout):
            admit = self.link.backend.welcome
            if admit is None:
                if not self.link.backend.objects:
                    return ()
                return (
                    f"{self.link.backend.name} takes no requests of browsers: give the origins to statekit.gateway",
                )
            work = Work(partial(admit, self.link.opening, origins, dry_run=dry_run))
            return tuple(cast("Sequence[str]", (yield from self._explained(work))))

    def _explained(self, effect: Call | Work) -> Plan[object]:
        """Have the backend's own drivers explain what goes wrong."""
        try:
            return (yield effect)
        except StateError:
            raise
        except Exception as exc:
            drivers = self.link.drivers()
            driver = drivers.records or drivers.objects
            if driver is None:
                raise
            raise error_of(driver.fault(exc), exc) from exc
