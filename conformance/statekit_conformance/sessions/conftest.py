"""What the cases about sessions share: an opening, the records below it, and several threads at once."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from statekit.driver import Committed, Match, Record
from statekit_conformance.drivers import RecordCalls
from statekit_conformance.errors.interposing import Interposed, together
from statekit_conformance.subject import StoreView, Subject

__all__ = ["Raw"]


class Raw:
    """The records of one namespace as the driver sees them. Where they are is learnt by looking."""

    def __init__(self, driver: RecordCalls) -> None:
        self.driver = driver

    def keys(self) -> set[str]:
        """Return the keys of all records."""
        return {entry.key for entry in self.driver.entries()}

    def contents(self) -> dict[str, Record]:
        """Return all records by key."""
        found = {key: self.driver.read(key) for key in self.keys()}
        return {key: record for key, record in found.items() if record is not None}

    def made_by(self, action: Callable[[], Any]) -> tuple[Any, list[str]]:
        """Return what an action returned, and the keys of the records that it made."""
        before = self.keys()
        result = action()
        return result, sorted(self.keys() - before)

    def place_of(self, view: Any, session: Any) -> str:
        """Return the key of a session's record: the one that changes when the session is saved."""
        before = self.contents()
        view.sessions.update(session.id, lambda copy: copy.update(probe=secrets.token_hex(8)))
        (key,) = [key for key, record in self.contents().items() if record.version != before[key].version]
        return key

    def replace(self, key: str, value: bytes) -> None:
        """Store other bytes under a key, as a bug or a stray program would."""
        record = self.driver.read(key)
        assert record is not None
        answer = self.driver.write(key, value, expires_at=record.expires_at, expect=Match(record.version))
        assert isinstance(answer, Committed)


@pytest.fixture
def view(subject: Subject) -> StoreView:
    """Return an opening with the usual settings."""
    return subject.open()


@pytest.fixture
def copies(view: StoreView) -> Callable[..., list[Any]]:
    """Return what makes a session and loads it as requests that overlap."""

    def load(data: dict[str, Any], count: int = 2) -> list[Any]:
        identifier = view.sessions.create(data).id
        return [view.sessions.load(identifier) for _ in range(count)]

    return load


@pytest.fixture
def raw(subject: Subject) -> Iterator[Raw]:
    """Return the records below, through an opening that the store's own event loop knows nothing of."""
    opened = subject.site.open(subject.site.settings.sessions, subject.clock)
    loop = subject.site.loop if opened.native else None
    yield Raw(RecordCalls(opened.drivers.records, loop, subject.namespace, subject.site.timeout, subject.records))
    opened.close()


@pytest.fixture(name="together")
def _together() -> Callable[..., list[Any]]:
    """Return what calls functions in threads of their own, all at once."""
    return together


@pytest.fixture
def interposed(subject: Subject) -> Iterator[Interposed]:
    """Return an opening whose requests can be held up while something else happens."""
    opened = Interposed(subject)
    yield opened
    opened.close()
