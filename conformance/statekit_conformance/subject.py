"""What a case is about: one target in one colour, in a namespace of the test's own."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from statekit.config import Target as Place
from statekit.driver import AnyBackend
from statekit.state import AsyncState, State
from statekit.testing import FakeClock
from statekit.types import Event, ScratchPolicy, SessionPolicy, Swept

from .drivers import ObjectCalls, RecordCalls
from .loop import Blocking, Loop
from .site import Site

if TYPE_CHECKING:
    from statekit.objects import ObjectStore
    from statekit.scratch import ScratchSpace
    from statekit.sessions import SessionStore
    from statekit.tickets import TicketStore

__all__ = ["Colour", "StoreView", "Subject"]

Colour = Literal["sync", "async"]


def _nobody_listens(value: Any) -> None:
    raise AssertionError(f"only a process of the fixture processes can report {value!r}")


class StoreView:
    """An open state, with ordinary calls in both colours.

    Where the state is asynchronous, the calls run on a private event loop; what ``objects.open`` returns is an ordinary
    context manager, and what ``objects.list`` returns a list.

    Attributes:
        state: The real State or AsyncState.
        sessions: Its session store.
        objects: Its object store.
        scratch: Its scratch space.
        tickets: Its tickets.
        events: What its operations have emitted, in order.
    """

    sessions: SessionStore
    objects: ObjectStore
    scratch: ScratchSpace
    tickets: TicketStore

    def __init__(self, state: State | AsyncState, events: list[Event], site: Site) -> None:
        self.state, self.events = state, events
        seen: Any = state if isinstance(state, State) else Blocking(state, site.loop)
        self._seen = seen
        self.sessions = self._store(state.sessions, site)
        self.objects = self._store(state.objects, site)
        self.scratch = self._store(state.scratch, site)
        self.tickets = self._store(state.tickets, site)

    def _store(self, store: Any, site: Site) -> Any:
        return store if isinstance(self.state, State) else Blocking(store, site.loop)

    def check(self, **options: Any) -> tuple[str, ...]:
        """Make a round trip."""
        warnings: tuple[str, ...] = self._seen.check(**options)
        return warnings

    def sweep(self, **options: Any) -> Swept:
        """Reclaim what expired or was abandoned."""
        swept: Swept = self._seen.sweep(**options)
        return swept

    def close(self) -> None:
        """Close the state."""
        self._seen.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Subject:
    """One target in one colour. Everything that is opened here is closed when the test ends.

    Attributes:
        site: Where the target's state is.
        colour: ``sync`` or ``async``.
        namespace: This test's own.
        clock: What everything opened here tells the time by. It starts at the present and moves when it is told to.
        index: In a process of ``processes``: its number, from 0.
        report: In a process of ``processes``: sends a value to the test.
    """

    def __init__(
        self, site: Site, colour: Colour, *, namespace: str | None = None, clock: FakeClock | None = None
    ) -> None:
        self.site, self.colour = site, colour
        self.namespace = namespace or f"t{secrets.token_hex(8)}"
        self.clock = clock or FakeClock()
        self.index = 0
        self.report: Callable[[Any], None] = _nobody_listens
        self._closing = ExitStack()

    @classmethod
    def at(cls, url: str, colour: Colour, *, clock: FakeClock | None = None) -> Self:
        """Return a subject of any backend, outside of a run: what counter-examples begin with."""
        return cls(Site(url.partition(":")[0], (url, url)), colour, clock=clock)

    @property
    def root(self) -> Path:
        """Where this test's workspaces have their directories, in all its processes."""
        return Path(tempfile.gettempdir()) / f"statekit-cases-{self.namespace}"

    @property
    def target(self) -> str:
        """The target's name, for messages. No case depends on it."""
        return self.site.name

    @property
    def backend(self) -> AnyBackend:
        """The backend of records, or that of objects where there are no records."""
        records = self.site.settings.sessions.backend
        return records if records.records else self.site.settings.objects.backend

    def key(self, name: str) -> str:
        """Return a driver's key under this test's own prefix, which is the namespace's."""
        return f"{self.namespace}/{name}"

    def open(
        self,
        *,
        namespace: str | None = None,
        policy: SessionPolicy | None = None,
        scratch: ScratchPolicy | None = None,
        keys: tuple[str, ...] = (),
        gateway: str | None = None,
        timeout: float | None = None,
        attempt_timeout: float | None = None,
        client: object | None = None,
    ) -> StoreView:
        """Open a state on the target.

        Args:
            namespace: By default this test's own.
            policy: How long sessions live.
            scratch: How much workspaces may hold, and for how long; their root is this test's own.
            keys: The key ring.
            gateway: Where ``statekit.gateway`` is mounted.
            timeout: Seconds that an operation may take; by default what the target needs, at least 10.
            attempt_timeout: Seconds that one request may take.
            client: The application's own SDK client.
        """
        settings = replace(
            self.site.settings,
            namespace=self.namespace if namespace is None else namespace,
            policy=policy or SessionPolicy(),
            scratch=None,
            workspaces=replace(scratch or ScratchPolicy(), root=self.root),
            keys=keys,
            gateway=gateway,
            timeout=timeout or self.site.timeout,
            attempt_timeout=attempt_timeout or self.site.timeout,
        )
        if client is not None:
            sessions, objects = (replace(place, client=client) for place in (settings.sessions, settings.objects))
            settings = replace(settings, sessions=sessions, objects=objects)
        events: list[Event] = []
        kind = State if self.colour == "sync" else AsyncState
        view = StoreView(kind(settings, clock=self.clock, on_event=events.append), events, self.site)
        self._closing.callback(view.close)
        return view

    def records(self) -> RecordCalls:
        """Open the raw record driver."""
        place = self.site.settings.sessions
        return RecordCalls(*self._opened(place, "records"), self.records)

    def objects_driver(self) -> ObjectCalls:
        """Open the raw object driver."""
        place = self.site.settings.objects
        return ObjectCalls(*self._opened(place, "objects"), self.objects_driver)

    def _opened(self, place: Place, store: str) -> tuple[Any, Loop | None, str, float]:
        """Open a driver, and return what its calls are made of."""
        opened = self.site.open(place, self.clock, native=self.colour == "async")
        self._closing.callback(opened.close)
        loop = self.site.loop if opened.native else None
        return getattr(opened.drivers, store), loop, self.namespace, self.site.timeout

    def close(self) -> None:
        """Close everything that was opened here."""
        self._closing.close()

    def clear(self) -> None:
        """Remove what is left of workspaces on this host."""
        shutil.rmtree(self.root, ignore_errors=True)
