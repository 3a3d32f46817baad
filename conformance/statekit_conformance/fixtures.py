"""The fixtures that cases ask for. The README has a page on them.

Every case runs once for each target, and once for each colour that makes a difference to it: cases that ask for
``subject`` for a synchronous and an asynchronous state, cases of the drivers alone for the drivers that there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from .drivers import ObjectCalls, RecordCalls
    from .processes import Processes
    from .running import Running
    from .servers import Server
    from .site import Site
    from .subject import Colour, Subject
    from .targets import Target

__all__ = [
    "OBSTACLE",
    "Engine",
    "Place",
    "engine",
    "objects_driver",
    "processes",
    "records",
    "server",
    "site",
    "statekit_obstacle",
    "statekit_running",
    "subject",
]


@dataclass(frozen=True)
class Place:
    """What a case is run on: a target in one colour."""

    target: Target
    colour: Colour

    def __str__(self) -> str:
        return f"{self.target.name}-{self.colour}"


OBSTACLE: Final = pytest.StashKey[str]()
"""Why a case cannot be asked of its target."""


@pytest.fixture(autouse=True)
def statekit_obstacle(request: pytest.FixtureRequest) -> None:
    """Skip a case that cannot be asked.

    Not before pytest has made this target's fixtures: it would keep those of the target that was stopped for this one.
    """
    if OBSTACLE in request.node.stash:
        pytest.skip(request.node.stash[OBSTACLE])


@pytest.fixture(scope="session")
def statekit_running(request: pytest.FixtureRequest) -> Running:
    """The started target. It is stopped when another one is started, and at the end."""
    suite: Any = request.config.pluginmanager.get_plugin("statekit-suite")
    running: Running = suite.start(request.param.target)
    return running


@pytest.fixture
def site(statekit_running: Running) -> Site:
    """Where the target's state is, for cases about declarations."""
    return statekit_running.site


@pytest.fixture
def subject(request: pytest.FixtureRequest, statekit_running: Running) -> Iterator[Subject]:
    """One target in one colour, in a namespace of this test's own; ``subject.open()`` opens a state there."""
    from statekit.testing import FakeClock

    from .subject import Subject

    shared = "processes" in request.fixturenames
    clock = FakeClock(path=request.getfixturevalue("tmp_path") / "clock") if shared else FakeClock()
    made = Subject(statekit_running.site, request.node.callspec.params["statekit_running"].colour, clock=clock)
    yield made
    made.close()
    made.clear()


@pytest.fixture
def records(subject: Subject) -> RecordCalls:
    """The raw record driver, with keys under this test's own prefix."""
    return subject.records()


@pytest.fixture
def objects_driver(subject: Subject) -> ObjectCalls:
    """The raw object driver, with keys under this test's own prefix."""
    return subject.objects_driver()


class Engine:
    """A durable engine that can be killed and started again.

    Where the backend lives in its client's process, the client is the engine: ``kill`` kills the processes that this
    test started.
    """

    def __init__(self, running: Running, processes: Processes) -> None:
        self._running, self._processes = running, processes

    def kill(self) -> None:
        """Kill it, as a crash would."""
        if self._running.embedded:
            self._processes.kill()
        else:
            self._running.kill()

    def restart(self) -> None:
        """Start it again on its data."""
        if not self._running.embedded:
            self._running.restart()


@pytest.fixture
def engine(statekit_running: Running, processes: Processes) -> Engine:
    """What can be killed and restarted, for clauses that need ``durable``."""
    return Engine(statekit_running, processes)


@pytest.fixture
def server(statekit_running: Running, subject: Subject) -> Iterator[Server]:
    """The target's servers, to be paused or reached through a proxy that loses replies."""
    from .servers import Server

    made = Server(statekit_running, subject)
    yield made
    made.close()


@pytest.fixture
def processes(subject: Subject) -> Iterator[Processes]:
    """Other processes on the same target, namespace and clock, for clauses that need ``processes``."""
    from .processes import Processes

    started = Processes(subject)
    yield started
    started.close()
