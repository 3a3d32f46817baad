"""What the cases about sessions share: an opening, the records below it, and several threads at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from statekit.driver import Committed, Match, Record
from statekit.errors import StateError

PATIENCE = 3600.0
"""Seconds of an operation in a race: every thread that backs off moves the one clock on for all of them."""


class Raw:
    """The records of one namespace as the driver sees them. Their keys are learnt by looking."""

    def __init__(self, driver: Any, namespace: str) -> None:
        self.driver = driver
        self._namespace = namespace

    def keys(self) -> set[str]:
        return {entry.key for page in self._pages() for entry in page.items}

    def _pages(self) -> Iterator[Any]:
        cursor = None
        while True:
            page = self.driver.page(f"{self._namespace}/", cursor=cursor, limit=1000)
            yield page
            cursor = page.cursor
            if cursor is None:
                return

    def contents(self) -> dict[str, Record]:
        found = {key: self.driver.read(key) for key in self.keys()}
        return {key: record for key, record in found.items() if record is not None}

    def made_by(self, action: Callable[[], Any]) -> tuple[Any, list[str]]:
        """Return what an action returned, and the keys of the records that it made, the session's own first."""
        before = self.keys()
        result = action()
        return result, sorted(self.keys() - before, key=lambda key: "/s/" not in key)

    def replace(self, key: str, value: bytes) -> None:
        """Store other bytes under a key, as a bug or a stray program would."""
        record = self.driver.read(key)
        answer = self.driver.write(
            key, value, expires_at=record.expires_at, write_id="stray-write-0000", expect=Match(record.version)
        )
        assert isinstance(answer, Committed)


@pytest.fixture
def view(subject):
    """Return an opening with the usual settings."""
    return subject.open()


@pytest.fixture
def raw(records, subject) -> Raw:
    """Return the records of this case's namespace."""
    return Raw(records, subject.namespace)


@pytest.fixture
def together() -> Callable[[Sequence[Callable[[], Any]]], list[Any]]:
    """Return what calls functions in threads of their own, all at once; a StateError is an outcome like any other."""

    def run(functions: Sequence[Callable[[], Any]]) -> list[Any]:
        gate = threading.Barrier(len(functions))

        def begin(function: Callable[[], Any]) -> Any:
            gate.wait()
            try:
                return function()
            except StateError as error:
                return error

        with ThreadPoolExecutor(len(functions)) as pool:
            return [outcome.result() for outcome in [pool.submit(begin, function) for function in functions]]

    return run
