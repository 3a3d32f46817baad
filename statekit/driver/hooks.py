"""What a backend declares, and the hook with which a plugin hands it over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Generic, Protocol, TypeVar

from .objects import AsyncObjectDriver, ObjectDriver
from .records import AsyncRecordDriver, RecordDriver
from .types import Millis

__all__ = [
    "CONTRACT",
    "AsyncDrivers",
    "Backend",
    "Clock",
    "Drivers",
    "Opening",
    "Provision",
    "Reach",
    "Survives",
    "Welcome",
]

CONTRACT: Final = 1
"""The version of the driver contract. A plugin for another one is refused at opening."""

Options = TypeVar("Options")


class Reach(Enum):
    """Who sees the same state."""

    PROCESS = "process"
    HOST = "host"
    NETWORK = "network"


class Survives(Enum):
    """What an acknowledged write survives."""

    NOTHING = "nothing"
    CLIENT = "client"
    SERVER = "server"


class Clock(Protocol):
    """Core's clock. Drivers do not judge time; this is for an engine's own bookkeeping, such as modification times."""

    def now(self) -> Millis:
        """Return the present."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening(Generic[Options]):
    """What a backend is opened with.

    Attributes:
        scheme: The URL's scheme, one of the backend's.
        authority: What stands between ``//`` and the next ``/``, case kept.
        path: The rest, decoded, without query.
        options: The URL's query and the configuration's table, typed.
        client: The application's own SDK client, or None. It is used as it is and never closed.
        attempt_timeout: Seconds that no single request may exceed.
        concurrency: How many calls core makes at once.
        clock: Core's clock.
    """

    scheme: str
    authority: str
    path: str
    options: Options
    client: object | None
    attempt_timeout: float
    concurrency: int
    clock: Clock


def _nothing() -> None:
    """There is nothing to close."""


async def _nothing_async() -> None:
    """There is nothing to close."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drivers:
    """What a backend opens: drivers that call in the caller's thread.

    Attributes:
        records: None where the backend holds no records.
        objects: None where it holds no objects. It may also be a MultipartDriver and a SigningDriver.
        close: Called once.
        check: Makes one round trip and raises what is wrong; returns warnings for the person who runs this.
    """

    records: RecordDriver | None = None
    objects: ObjectDriver | None = None
    close: Callable[[], None] = _nothing
    check: Callable[[], tuple[str, ...]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncDrivers:
    """The same, natively asynchronous."""

    records: AsyncRecordDriver | None = None
    objects: AsyncObjectDriver | None = None
    close: Callable[[], Awaitable[None]] = _nothing_async
    check: Callable[[], Awaitable[tuple[str, ...]]] | None = None


class Provision(Protocol):
    """How a backend creates what it needs."""

    def __call__(self, opening: Opening[Any], /, *, dry_run: bool) -> Sequence[str]:
        """Create what is missing; return what was found and done."""
        ...


class Welcome(Protocol):
    """How a backend lets pages of other origins in."""

    def __call__(self, opening: Opening[Any], origins: Sequence[str], /, *, dry_run: bool) -> Sequence[str]:
        """Let pages of these origins send presigned requests and read the answers; return what was done."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend(Generic[Options]):
    """What a plugin registers. Building one imports no SDK and opens no connection.

    Attributes:
        contract: The version of the driver contract that it was written against.
        name: For people, logs and errors.
        schemes: The URL schemes that it answers to.
        options: A frozen dataclass; its fields are the options, its annotations their types.
        records: Whether it holds records.
        objects: Whether it holds objects.
        reach: Who sees the same state.
        survives: What an acknowledged write survives. The conformance suite holds it to that.
        open: A plain function without I/O; the SDK is imported here. None for a purely asynchronous backend.
        aopen: The same for native asynchronous drivers, or None: then core runs the others in threads.
        provision: Creates what is missing, such as a table or a bucket, and changes nothing that exists without saying
            so; or None where there is nothing to create. Returns what it found and did, a line each, for people; with
            ``dry_run=True``, what it would do. Its exceptions are explained by the drivers' ``fault``.
        welcome: Lets pages of other origins send presigned requests (CORS), for a backend whose objects driver is a
            SigningDriver; or None. Otherwise as ``provision``.
    """

    contract: int
    name: str
    schemes: tuple[str, ...]
    options: type[Options]
    records: bool
    objects: bool
    reach: Reach
    survives: Survives
    open: Callable[[Opening[Options]], Drivers] | None
    aopen: Callable[[Opening[Options]], AsyncDrivers] | None = None
    provision: Provision | None = None
    welcome: Welcome | None = None


AnyBackend = Backend[Any]
