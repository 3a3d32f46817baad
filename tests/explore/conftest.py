"""Explored processes draw their random numbers from the explorer."""

from __future__ import annotations

import pytest

from tests.explore.process import patch_randomness


@pytest.fixture(autouse=True)
def randomness(monkeypatch: pytest.MonkeyPatch) -> None:
    patch_randomness(monkeypatch)
