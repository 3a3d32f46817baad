"""Every mutant is killed, each by the clauses that it violates; and what has no defect is not.

``nox -s mutants`` prints the matrix. ``STATEKIT_MUTANTS_ALL=1`` asks every case of a clause, not only until one fails.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from statekit import contract
from statekit.contract import CLAUSES

from . import declarations
from .accident import accident
from .catalogue import CONTROLS, MUTANTS
from .run import judged

SHARES = 4
"""Runs in which the mutants are judged: enough that no core is idle while another one has the last of them."""
PATIENCE = 10.0
"""Seconds for a case of a mutant, of which some hang; none is known to take more than four."""


@pytest.fixture(scope="session")
def verdicts(tmp_path_factory):
    """What the suite said of all mutants, in a run for each core at a time."""
    judge = partial(judged, every=bool(os.environ.get("STATEKIT_MUTANTS_ALL")))
    schemes = list(MUTANTS)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = [pool.submit(judge, tmp_path_factory.mktemp("control"), control) for control in CONTROLS]
        for turn in range(SHARES):
            share, place = schemes[turn::SHARES], tmp_path_factory.mktemp("mutants")
            found.append(pool.submit(judge, place, *share, patience=PATIENCE))
    return {scheme: told for part in found for scheme, told in part.result().items()}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("scheme", MUTANTS)
def test_the_clause_kills(scheme, verdicts, record_property):
    mutant, told = MUTANTS[scheme], verdicts[scheme]
    killers = {clause: told["kills"].get(clause) for clause in mutant.clauses}
    record_property(
        "mutant", (mutant.name, {clause: by[0].partition(":")[0] if by else None for clause, by in killers.items()})
    )
    alive = {clause: told["asked"].get(clause, ()) for clause, by in killers.items() if not by}
    assert not told["accidents"], f"the lines of {mutant.name} are wrong"
    assert not alive, f"{mutant.name} survives these cases: {alive}"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("scheme", CONTROLS)
def test_nothing_kills_what_has_no_defect(scheme, verdicts):
    assert verdicts[scheme]["kills"] == {}


def test_every_clause_has_a_mutant():
    assert {clause.id for clause in CLAUSES} - {
        clause for mutant in MUTANTS.values() for clause in mutant.clauses
    } == set()


def test_every_mutant_is_told_apart_by_its_name():
    assert len({mutant.name for mutant in MUTANTS.values()}) == len(MUTANTS) >= 80


def raised(code, file):
    """Return what a line of a file raises."""
    try:
        exec(compile(code, file, "exec"))
    except Exception as error:
        return error


def test_a_mistake_in_a_mutants_own_lines_is_told_from_what_it_does_to_others():
    theirs = raised("None.read", declarations.__file__)
    assert accident(theirs) == "<module>: AttributeError: 'NoneType' object has no attribute 'read'"
    wrapped = OSError()
    wrapped.__cause__, theirs.__context__ = theirs, wrapped
    assert accident(wrapped) == accident(theirs)
    assert accident(raised("None.read", contract.__file__)) is None
    assert accident(raised("raise ValueError", declarations.__file__)) is None
