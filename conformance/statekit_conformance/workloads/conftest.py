"""What races share: the crew of a target, and the race itself."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from statekit_conformance.running import Running

from .crew import Crew
from .race import Race

PROCESSES = 4


@pytest.fixture(scope="session")
def crew(statekit_running: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew | None]:
    """Racers in processes of their own, started with the first race on a target; None where no process sees another."""
    if "processes" in statekit_running.lacks:
        yield None
        return
    started = Crew(statekit_running.site, tmp_path_factory.mktemp("crew"), PROCESSES)
    yield started
    started.close()


@pytest.fixture
def race(request: pytest.FixtureRequest, statekit_running: Running, crew: Crew | None, tmp_path: Path) -> Race:
    """Return what runs workloads on the target and judges them."""
    option: Any = request.config.option
    facts = dict(request.node.user_properties)["statekit"]
    return Race(
        statekit_running,
        crew,
        tmp_path,
        seed=secrets.randbits(31) if option.statekit_seed is None else option.statekit_seed,
        soak=option.statekit_soak,
        note=facts.setdefault("histories", []).append,
    )
