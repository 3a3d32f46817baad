"""All schedules of small cases of P3, and the schedules that show why its wrong variants are wrong."""

from __future__ import annotations

import pytest

from tests.explore.search import BrokenPromise
from tests.explore.workspace_cases import CASES, MUTANTS


@pytest.mark.parametrize("name", CASES)
@pytest.mark.timeout(3600)
def test_no_schedule_breaks_a_promise(name: str) -> None:
    figures = CASES[name]().explore()
    assert figures.ends > 0


@pytest.mark.parametrize("name", MUTANTS)
def test_the_explorer_finds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = MUTANTS[name]
    mutant.break_it(monkeypatch)
    with pytest.raises(BrokenPromise) as broken:
        mutant.case().explore()
    told = str(broken.value)
    print(f"\n{name}:\n{told}")
    assert mutant.wrong in told.split("\n", maxsplit=1)[0]
    assert "   1. " in told


@pytest.mark.parametrize("name", MUTANTS)
def test_the_same_case_holds_without_the_mutation(name: str) -> None:
    MUTANTS[name].case().explore()
