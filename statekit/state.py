"""What an application holds: the stores of one configuration, and their life."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from types import TracebackType
from typing import Any, Final, NoReturn, Self, final

from statekit._core import events
from statekit._core.arun import AsyncRunner
from statekit._core.checking import CheckPlans
from statekit._core.clock import Clock, SystemClock
from statekit._core.keys import check_namespace
from statekit._core.link import Link
from statekit._core.objects.plans import ObjectPlans
from statekit._core.permits import Signer
from statekit._core.pipeline import Wire
from statekit._core.plan import Await, Plan
from statekit._core.run import Runner
from statekit._core.scratch.plans import ScratchPlans
from statekit._core.seal import KeyRing
from statekit._core.sessions.plans import SessionPlans
from statekit._core.tickets.plans import TicketPlans
from statekit._core.vault import Vault
from statekit.config import Settings, Target
from statekit.driver import AsyncDrivers, Drivers, Opening
from statekit.errors import ConfigError, InvalidInputError
from statekit.objects import AsyncObjectStore, ObjectStore
from statekit.scratch import AsyncScratchSpace, ScratchSpace
from statekit.sessions import AsyncSessionStore, SessionStore
from statekit.tickets import AsyncTicketStore, TicketStore
from statekit.types import Event, Swept

__all__ = ["AsyncState", "State"]

CONCURRENCY: Final = 8
"""Requests of one state that are on their way at once, and threads for them."""
ASYNC_CONCURRENCY: Final = 32
_ORIGIN: Final = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:.]+\](:[0-9]{1,5})?")


class _Assembly:
    """The parts of a state, put together from its settings: the same for both colours."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        on_event: Callable[[Event], None] | None,
        *,
        asynchronous: bool,
    ) -> None:
        check_namespace(settings.namespace)
        self._settings = settings
        self._clock = clock
        self._emit, self._heard = _telling(on_event)
        self._asynchronous = asynchronous
        self.wires: list[Wire] = []
        self.runners: dict[bool, AsyncRunner] = {}
        self.links: dict[int, Link] = {}
        prefix = f"{settings.namespace}/" if settings.namespace else ""
        records = prefix or "-/"  # which is no namespace's: one could be called as a kind of records is
        self._vault = _vault(settings.keys)
        sessions, objects = self._link(settings.sessions), self._link(settings.objects)
        self.session_link, self.object_link = sessions, objects
        self.sessions = SessionPlans(self._wire("sessions", sessions), sessions.records, records, settings.policy)
        signer = _signer(settings, self._vault.ring)
        self.objects = ObjectPlans(self._wire("objects", objects), objects.objects, prefix, signer)
        self.tickets = TicketPlans(self._wire("tickets", objects), sessions.records, self.objects, records)
        self.scratch = self._scratch(settings, prefix, records)
        self.checks = [CheckPlans(self._wire("state", link), link) for link in self.links.values()]

    def _scratch(self, settings: Settings, prefix: str, record_prefix: str) -> ScratchPlans:
        """Put the scratch space together from a record driver and an object driver."""
        records, objects = (self._link(target) for target in settings.scratch or (settings.sessions, settings.objects))
        self.scratch_links = (records, objects)
        names = dict.fromkeys((records.backend.name, objects.backend.name))
        wire = self._wire("scratch", records, "+".join(names))
        elsewhere = _same if records.native == objects.native else self._elsewhere
        prefixes = (record_prefix, prefix)
        return ScratchPlans(
            wire, records.records, objects.objects, prefixes, settings.workspaces, elsewhere,
            stored=records.backend.records and objects.backend.objects,
            uploads=objects is not self.object_link,
        )  # fmt: skip

    def _elsewhere(self, plan: Plan[Any]) -> Plan[Any]:
        """Run what talks to the scratch space's objects as their drivers' colour needs it."""
        runner = self.runners[self.scratch_links[1].native]
        return (yield Await(partial(runner.run, plan)))

    def _link(self, target: Target) -> Link:
        """Return the way to a backend; stores with one target share it."""
        for link in self.links.values():
            if link.target_is(target.backend, target.authority, target.path, target.options, target.client):
                return link
        opening = Opening(
            scheme=target.scheme,
            authority=target.authority,
            path=target.path,
            options=target.options,
            client=target.client,
            attempt_timeout=self._settings.attempt_timeout,
            concurrency=ASYNC_CONCURRENCY if self._asynchronous else CONCURRENCY,
            clock=self._clock,
        )
        link = Link(target.backend, opening, asynchronous=self._asynchronous)
        self.links[id(link)] = link
        return link

    def _wire(self, store: str, link: Link, name: str | None = None) -> Wire:
        wire = Wire(
            store,
            name or link.backend.name,
            self._clock,
            self._emit,
            self._settings.timeout,
            self._settings.attempt_timeout,
            self._vault,
            self._heard,
        )
        self.wires.append(wire)
        return wire

    @property
    def has_tickets(self) -> bool:
        """Whether there is all that tickets take."""
        return self.session_link.backend.records and self.object_link.backend.objects

    def close(self) -> list[Drivers | AsyncDrivers]:
        """Let nothing more be sent; return what has to be closed."""
        for wire in self.wires:
            wire.closed = True
        taken = (link.take() for link in self.links.values())
        return [drivers for drivers in taken if drivers is not None]

    def __repr__(self) -> str:
        names = (self.session_link.backend.name, self.object_link.backend.name)
        return f"sessions on {names[0]}, objects on {names[1]}"


def _telling(on_event: Callable[[Event], None] | None) -> tuple[Callable[[Event], None], Callable[[], bool]]:
    """Return what tells of an event, the application too, and what says whether one that went well has to be made."""
    if on_event is None:
        return events.emit, events.heard

    def emit(event: Event) -> None:
        events.emit(event)
        on_event(event)

    return emit, lambda: True


def _same(plan: Plan[Any]) -> Plan[Any]:
    """Run a plan where it is: there is only one colour."""
    return plan


def _vault(keys: tuple[str, ...]) -> Vault:
    plain = bool(keys) and keys[-1] == "plain"
    given = keys[:-1] if plain else keys
    ring = KeyRing.parse(given) if given else None
    if ring is not None:
        ring.prepare()
    return Vault(ring, accepts_plain=plain)


def _signer(settings: Settings, ring: KeyRing | None) -> Signer | None:
    if settings.gateway is None:
        return None
    if ring is None:
        raise ConfigError("the gateway needs keys to sign with: set keys, or STATEKIT_KEYS, from statekit keygen")
    return Signer(ring.derive_all("statekit gateway 1"), settings.gateway, settings.namespace)


def _check_origins(origins: Sequence[str]) -> None:
    """Refuse what no browser calls an origin.

    Raises:
        InvalidInputError: One of them is none.
    """
    if isinstance(origins, str) or not all(origin == "*" or _ORIGIN.fullmatch(origin) for origin in origins):
        raise InvalidInputError("origins are such as https://shop.example, without a path, or *")


async def _close(drivers: Drivers | AsyncDrivers) -> None:
    pending = drivers.close()
    if pending is not None:
        await pending


def _refuse_pickling() -> NoReturn:
    raise TypeError("a state holds connections and is not pickled: open one in each process, with the same settings")


@final
class State:
    """Sessions, objects and scratch space of one configuration, for threads and processes that come and go.

    ``statekit.open`` returns one. It connects when it is first used, and again in a forked child; it may be shared by
    all threads of a process. Use it as a context manager, or ``close`` it.

    Attributes:
        sessions: The session store.
        objects: The object store.
        scratch: The scratch space.
        tickets: Reservations for uploads.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self._assembly = _Assembly(settings, clock, on_event, asynchronous=False)
        self._runner = Runner(clock, CONCURRENCY)
        self.sessions = SessionStore(self._assembly.sessions, self._runner)
        self.objects = ObjectStore(self._assembly.objects, self._runner)
        self.scratch = ScratchSpace(self._assembly.scratch, self._runner)
        self.tickets = TicketStore(self._assembly.tickets, self._runner)

    def __repr__(self) -> str:
        return f"<State: {self._assembly!r}>"

    def __reduce__(self) -> NoReturn:
        _refuse_pickling()

    def check(self, *, timeout: float | None = None) -> tuple[str, ...]:
        """Make a round trip to every backend, so that a mistake shows at the start and not at the first request.

        Returns:
            What the people who run this should know, such as missing persistence.

        Raises:
            BackendError: A backend cannot be used as it is set up.
        """
        plans = self._assembly.checks
        return tuple(warning for check in plans for warning in self._runner.run(check.check(timeout)))

    def provision(self, *, origins: Sequence[str] = (), dry_run: bool = False) -> tuple[str, ...]:
        """Create what the backends need and lack, such as a table or a bucket. It takes more rights than anything else.

        Args:
            origins: Origins whose pages may send presigned requests by script and read the answers, such as
                ``https://shop.example``.
            dry_run: Only say what would be done.

        Returns:
            What was found and done, a line each, for people; empty where there is nothing to create.

        Raises:
            BackendError: The engine refused.
        """
        _check_origins(origins)
        plans = self._assembly.checks
        lines = [line for check in plans for line in self._runner.run(check.provision(None, dry_run=dry_run))]
        for check in plans if origins else ():
            lines += self._runner.run(check.welcome(None, origins, dry_run=dry_run))
        return tuple(lines)

    def sweep(self, *, timeout: float | None = None) -> Swept:
        """Reclaim what expired or was abandoned, for engines that do not do so by themselves: once a day, say."""
        assembly, swept = self._assembly, Swept()
        if assembly.session_link.backend.records:
            swept += self.sessions.sweep(timeout=timeout)
        if assembly.object_link.backend.objects:
            swept += self.objects.sweep(timeout=timeout)
        if assembly.has_tickets:
            swept += self.tickets.sweep(timeout=timeout)
        return swept + self.scratch.sweep(timeout=timeout)

    def close(self) -> None:
        """Close the connections; a client that was handed in stays open. Afterwards everything raises ClosedError."""
        with ExitStack() as closing:
            closing.callback(self._runner.close)
            closing.callback(self._runner.run, self._assembly.scratch.halt())
            for drivers in self._assembly.close():
                closing.callback(drivers.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@final
class AsyncState:
    """The same for asyncio. ``statekit.aopen`` returns one; use it in one event loop.

    Attributes:
        sessions: The session store.
        objects: The object store.
        scratch: The scratch space.
        tickets: Reservations for uploads.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self._assembly = assembly = _Assembly(settings, clock, on_event, asynchronous=True)
        self._runners = assembly.runners = {
            native: AsyncRunner(clock, native=native, threads=ASYNC_CONCURRENCY) for native in (True, False)
        }
        self.sessions = AsyncSessionStore(assembly.sessions, self._runners[assembly.session_link.native])
        self.objects = AsyncObjectStore(assembly.objects, self._runners[assembly.object_link.native])
        self.scratch = AsyncScratchSpace(assembly.scratch, self._runners[assembly.scratch_links[0].native])
        native = assembly.session_link.native and assembly.object_link.native
        self.tickets = AsyncTicketStore(assembly.tickets, self._runners[native])

    def __repr__(self) -> str:
        return f"<AsyncState: {self._assembly!r}>"

    def __reduce__(self) -> NoReturn:
        _refuse_pickling()

    async def check(self, *, timeout: float | None = None) -> tuple[str, ...]:
        """Make a round trip to every backend. See State.check."""
        warnings: list[str] = []
        for check in self._assembly.checks:
            warnings += await self._runners[check.link.native].run(check.check(timeout))
        return tuple(warnings)

    async def provision(self, *, origins: Sequence[str] = (), dry_run: bool = False) -> tuple[str, ...]:
        """Create what the backends need and lack. See State.provision."""
        _check_origins(origins)
        lines: list[str] = []
        for check in self._assembly.checks:
            lines += await self._runners[check.link.native].run(check.provision(None, dry_run=dry_run))
        for check in self._assembly.checks if origins else ():
            lines += await self._runners[check.link.native].run(check.welcome(None, origins, dry_run=dry_run))
        return tuple(lines)

    async def sweep(self, *, timeout: float | None = None) -> Swept:
        """Reclaim what expired or was abandoned. See State.sweep."""
        assembly, swept = self._assembly, Swept()
        if assembly.session_link.backend.records:
            swept += await self.sessions.sweep(timeout=timeout)
        if assembly.object_link.backend.objects:
            swept += await self.objects.sweep(timeout=timeout)
        if assembly.has_tickets:
            swept += await self.tickets.sweep(timeout=timeout)
        return swept + await self.scratch.sweep(timeout=timeout)

    async def close(self) -> None:
        """Close the connections. See State.close."""
        async with AsyncExitStack() as closing:
            for runner in self._runners.values():
                closing.callback(runner.close)
            closing.push_async_callback(self._halt)
            for drivers in self._assembly.close():
                closing.push_async_callback(_close, drivers)

    async def _halt(self) -> None:
        """End what goes on in the background."""
        await self._runners[self._assembly.scratch_links[0].native].run(self._assembly.scratch.halt())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
