"""Agreement: what generated programs are answered is what the memory backend answers, which is the specification."""

from __future__ import annotations

from itertools import count

import pytest

from statekit_conformance import clause

from .budget import SEEDS, agreement_of
from .sessions import SessionPrograms


@clause("S-60")
@pytest.mark.parametrize("seed", SEEDS)
def test_programs_on_sessions_are_answered_as_in_memory(subject, seed):
    numbers = count()
    agreement_of(lambda: SessionPrograms(subject, next(numbers)), subject, seed)
