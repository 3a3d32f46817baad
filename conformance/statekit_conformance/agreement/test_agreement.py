"""Agreement: what generated programs are answered is what the memory backend answers, which is the specification."""

from __future__ import annotations

from itertools import count

import pytest

from statekit_conformance import clause

from .budget import SEEDS, agreement_of
from .object_driver import ObjectDriverPrograms
from .objects import ObjectPrograms
from .records import RecordPrograms
from .sessions import SessionPrograms


@clause("S-60", threads=True)
@pytest.mark.parametrize("seed", SEEDS)
def test_programs_on_sessions_are_answered_as_in_memory(subject, seed):
    numbers = count()
    agreement_of(lambda: SessionPrograms(subject, next(numbers)), subject, seed)


@clause("O-48", threads=True)
@pytest.mark.parametrize("seed", SEEDS)
def test_programs_on_objects_are_answered_as_in_memory(subject, seed):
    numbers = count()
    agreement_of(lambda: ObjectPrograms(subject, next(numbers)), subject, seed)


@clause("R-40")
@pytest.mark.parametrize("seed", SEEDS)
def test_programs_on_a_record_driver_are_answered_as_in_memory(request, records, seed):
    subject, numbers = request.getfixturevalue("subject"), count()
    agreement_of(lambda: RecordPrograms(subject, records, next(numbers)), subject, seed)


@clause("O-90")
@pytest.mark.parametrize("seed", SEEDS)
def test_programs_on_an_object_driver_are_answered_as_in_memory(request, objects_driver, seed):
    subject, numbers = request.getfixturevalue("subject"), count()
    agreement_of(lambda: ObjectDriverPrograms(subject, objects_driver, next(numbers)), subject, seed)
