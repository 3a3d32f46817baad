"""What the cases about keys and limits share."""

from __future__ import annotations

import pytest


@pytest.fixture
def view(subject):
    """Return an opening with the usual settings."""
    return subject.open()
