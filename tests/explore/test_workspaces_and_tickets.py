"""All schedules of small cases of P3 and P4, and the schedules that show why wrong variants of these are wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.explore.search import BrokenPromise
from tests.explore.ticket_cases import CASES as TICKET_CASES
from tests.explore.ticket_cases import MUTANTS as TICKET_MUTANTS
from tests.explore.workspace_cases import CASES as WORKSPACE_CASES
from tests.explore.workspace_cases import MUTANTS as WORKSPACE_MUTANTS

CASES = WORKSPACE_CASES | TICKET_CASES
MUTANTS = WORKSPACE_MUTANTS | TICKET_MUTANTS


@pytest.mark.parametrize("name", CASES)
@pytest.mark.timeout(3600)
def test_no_schedule_breaks_a_promise(name: str) -> None:
    figures = CASES[name]().explore()
    assert figures.ends > 0


@pytest.mark.parametrize("name", MUTANTS)
def test_the_explorer_finds(
    name: str, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    mutant = MUTANTS[name]
    mutant.break_it(monkeypatch)
    with pytest.raises(BrokenPromise) as broken:
        mutant.case().explore()
    told = str(broken.value)
    print(f"\n{name}:\n{told}")
    assert mutant.wrong in told.split("\n", maxsplit=1)[0]
    assert "   1. " in told
    record_property("mutant", (name, {mutant.clause: "a schedule of the explorer"}))


@pytest.mark.parametrize("name", MUTANTS)
def test_the_same_case_holds_without_the_mutation(name: str) -> None:
    MUTANTS[name].case().explore()
