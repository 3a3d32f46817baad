"""What the cases about errors and the life of a state share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from statekit_conformance.subject import StoreView, Subject

from .interposing import Interposed, together


@pytest.fixture
def view(subject: Subject) -> StoreView:
    """Return an opening with the usual settings."""
    return subject.open()


@pytest.fixture(name="together")
def _together() -> Callable[..., list[Any]]:
    """Return what calls functions in threads of their own, all at once."""
    return together


@pytest.fixture
def interposed(subject: Subject) -> Iterator[Interposed]:
    """Return an opening whose requests fail and wait as they are told to."""
    opened = Interposed(subject)
    yield opened
    opened.close()
