"""What the cases about workspaces share: an opening, the records and objects below it, and files to work with."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from statekit.driver import Committed, Match
from statekit.types import ScratchPolicy
from statekit_conformance.drivers import ObjectCalls, RecordCalls
from statekit_conformance.errors.interposing import Interposed
from statekit_conformance.subject import StoreView, Subject

__all__ = ["LEASE", "OVER", "Below", "contents", "fill"]

LEASE: Final = ScratchPolicy().lease.total_seconds()
OVER: Final = LEASE + 2.001
"""Seconds after which a lease that nobody renewed may be taken over."""


def fill(workspace: Any, files: Mapping[str, bytes]) -> None:
    """Write files as an application does: with what the language has."""
    for name, data in files.items():
        (workspace / name).write_bytes(data)


def contents(workspace: Any) -> dict[str, bytes]:
    """Return all files that are in a workspace's directory."""
    path: Path = workspace.path
    found = (file for file in path.rglob("*") if file.is_file())
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in found}


class Below:
    """The records and objects of one namespace as the drivers see them."""

    def __init__(self, records: RecordCalls, objects: ObjectCalls) -> None:
        self.records, self.objects = records, objects

    def blobs(self) -> list[str]:
        """Return the keys of all objects."""
        return self.objects.keys()

    def damage_record(self, value: bytes = b"damaged") -> None:
        """Damage every record."""
        for entry in self.records.entries():
            answer = self.records.write(entry.key, value, expires_at=entry.expires_at, expect=Match(entry.version))
            assert isinstance(answer, Committed)


@pytest.fixture
def view(subject: Subject) -> StoreView:
    """Return an opening with the usual settings."""
    return subject.open()


@pytest.fixture
def below(subject: Subject) -> Iterator[Below]:
    """Return what is below, through openings that the store's own event loop knows nothing of."""
    site = subject.site
    records = site.open(site.settings.sessions, subject.clock)
    objects = site.open(site.settings.objects, subject.clock)
    yield Below(
        RecordCalls(
            records.drivers.records, site.loop if records.native else None, subject.namespace, site.timeout,
            subject.records,
        ),
        ObjectCalls(
            objects.drivers.objects, site.loop if objects.native else None, subject.namespace, site.timeout,
            subject.objects_driver,
        ),
    )  # fmt: skip
    records.close()
    objects.close()


@pytest.fixture
def noise() -> Callable[..., bytes]:
    """Return what gives bytes that look like nothing else."""

    def give(size: int, seed: int = 0) -> bytes:
        return random.Random(seed).randbytes(size)

    return give


@pytest.fixture
def interposed(subject: Subject) -> Iterator[Interposed]:
    """Return an opening whose requests can be held up while something else happens."""
    opened = Interposed(subject, workspaces=ScratchPolicy(root=subject.root))
    yield opened
    opened.close()
