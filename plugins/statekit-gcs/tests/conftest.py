"""An engine for the tests of this folder, and the same as a target of the conformance suite, if that is installed.

pytest tests --pyargs statekit_conformance --statekit-target gcs
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from statekit_gcs import BACKEND
from statekit_gcs.options import GcsOptions
from statekit_gcs.provision import provision

from statekit.driver import Drivers, Opening
from statekit.testing import FakeClock

BUCKET = "statekit-gcs-tests"


@pytest.hookimpl(optionalhook=True)
def pytest_statekit_targets(config: pytest.Config) -> list[Any]:
    from statekit_conformance.targets import Target

    return [Target(name="gcs", url="gs://{unique}/some/place", engines=(("gcs", "gcs"),), prepare=_provision)]


def _provision(urls: tuple[str, ...]) -> None:
    bucket = urls[0].removeprefix("gs://").partition("/")[0]
    provision(_opening(os.environ["STORAGE_EMULATOR_HOST"], bucket=bucket), dry_run=False)


def _opening(endpoint: str, *, bucket: str = BUCKET, **changes: Any) -> Opening[GcsOptions]:
    """What the backend is opened with."""
    options = GcsOptions(endpoint=endpoint, anonymous=True, project="statekit")
    plain = Opening(
        scheme="gs",
        authority=bucket,
        path="/some/place",
        options=options,
        client=None,
        attempt_timeout=10.0,
        concurrency=8,
        clock=FakeClock(),
    )
    return replace(plain, **changes)


@pytest.fixture
def opening() -> Callable[..., Opening[GcsOptions]]:
    """Makes what the backend is opened with."""
    return _opening


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A running engine with a provisioned bucket."""
    engines = pytest.importorskip("statekit_conformance.engines", reason="statekit-conformance is not installed")
    server = engines.engine("gcs")
    reason = server.available()
    if reason is not None:
        pytest.skip(reason)
    with server:
        server.start(Path(tmp_path_factory.mktemp("gcs")))
        provision(_opening(server.endpoints["gcs"]), dry_run=False)
        yield server


@pytest.fixture
def endpoint(engine: Any) -> str:
    """Where the engine is."""
    return str(engine.endpoints["gcs"])


@pytest.fixture
def opened(endpoint: str) -> Iterator[Callable[..., Drivers]]:
    """Opens drivers, at the engine or at another endpoint, and closes them when the test ends."""
    made: list[Drivers] = []

    def make(at: str = endpoint, **changes: Any) -> Drivers:
        made.append(BACKEND.open(_opening(at, **changes)))
        return made[-1]

    yield make
    for drivers in made:
        with suppress(OSError):
            drivers.close()


@pytest.fixture
def drivers(opened: Callable[..., Drivers]) -> Drivers:
    """Drivers at the engine."""
    return opened()
