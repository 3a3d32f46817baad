"""A directory of its own for each test, opened as often as the test likes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from google_crc32c import value as crc32c_of

from statekit.backends.local import BACKEND, LocalOptions
from statekit.backends.local.records import LocalRecords
from statekit.backends.local.uploads import LocalUploads
from statekit.driver import ANY, Committed, Drivers, Meta, Opening

TIMEOUT = 10.0


class Clock:
    def __init__(self) -> None:
        self.time = 1_700_000_000_000

    def now(self) -> int:
        return self.time


@dataclass
class Local:
    """One opening of a directory."""

    drivers: Drivers
    clock: Clock

    @property
    def records(self) -> LocalRecords:
        return cast("LocalRecords", self.drivers.records)

    @property
    def objects(self) -> LocalUploads:
        return cast("LocalUploads", self.drivers.objects)

    def put(self, key: str, data: bytes, write_id: str = "w", expect=ANY):
        return self.objects.write(
            key, data, meta=Meta(write_id=write_id), crc32c=crc32c_of(data), expect=expect, timeout=TIMEOUT
        )

    def get(self, key: str) -> bytes | None:
        stat = self.objects.stat(key, timeout=TIMEOUT)
        if stat is None:
            return None
        chunk = self.objects.read(key, start=0, length=max(stat.size, 1), expect=ANY, timeout=TIMEOUT)
        return chunk.data

    def upload(self, key: str, *parts: bytes, write_id: str = "u", expect=ANY):
        upload = self.objects.begin(key, meta=Meta(write_id=write_id), timeout=TIMEOUT)
        sent = [
            self.objects.part(upload, n, data, crc32c=crc32c_of(data), timeout=TIMEOUT)
            for n, data in enumerate(parts, 1)
        ]
        whole = b"".join(parts)
        answer = self.objects.finish(
            upload, sent, size=len(whole), crc32c=crc32c_of(whole), expect=expect, timeout=TIMEOUT
        )
        assert isinstance(answer, Committed)
        return answer


def opening(path: Path, *, sync: str = "full", attempt_timeout: float = TIMEOUT) -> Local:
    clock = Clock()
    options = LocalOptions(sync=sync)
    drivers = BACKEND.open(
        Opening(
            scheme="local",
            authority="",
            path=str(path),
            options=options,
            client=None,
            attempt_timeout=attempt_timeout,
            concurrency=4,
            clock=clock,
        )
    )
    return Local(drivers, clock)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def open_local(directory: Path) -> Iterator[Callable[..., Local]]:
    opened: list[Local] = []

    def factory(path: Path = directory, **options) -> Local:
        opened.append(opening(path, **options))
        return opened[-1]

    yield factory
    for local in opened:
        local.drivers.close()


@pytest.fixture
def local(open_local) -> Local:
    return open_local()


@pytest.fixture
def stored(directory: Path) -> Callable[[], set[str]]:
    """The files on the disk, by name."""
    return lambda: {path.name for path in (directory / "files").glob("*/*")}
