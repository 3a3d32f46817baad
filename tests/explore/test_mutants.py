"""The explorer finds what is wrong with wrong protocols: those marked † in the design, and more. ``-s`` shows how."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.explore.model import Engine
from tests.explore.mutants import nothing
from tests.explore.protocols import MUTANTS
from tests.explore.search import BrokenPromise


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
    mutant = MUTANTS[name]
    is_the_engine = mutant.break_it is nothing
    case = mutant.case(engine=Engine()) if is_the_engine else mutant.case()
    case.explore()
