"""What the cases about keys and limits share."""

from __future__ import annotations

import pytest

from statekit_conformance.subject import StoreView, Subject


@pytest.fixture
def view(subject: Subject) -> StoreView:
    """Return an opening with the usual settings."""
    return subject.open()
