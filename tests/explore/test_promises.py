"""All schedules of small cases: what is promised holds, whatever is lost, late or doubled, and whoever dies."""

from __future__ import annotations

import pytest

from tests.explore.cases import a_session, binds, counts, revokes, rotates, saves
from tests.explore.protocols import CASES
from tests.explore.search import Bounds, BrokenPromise, Case, View


@pytest.mark.parametrize("name", CASES)
@pytest.mark.timeout(3600)
def test_no_schedule_breaks_a_promise(name: str) -> None:
    figures = CASES[name]().explore()
    assert figures.ends > 1
    assert len(figures.endings) >= 1


def test_what_goes_wrong_is_told_step_by_step() -> None:
    def never(view: View) -> str | None:
        return "it was saved" if view.succeeded("saves a") else None

    with pytest.raises(BrokenPromise) as broken:
        Case({"saves a": saves("a", 1)}, setup=a_session(), invariants=[never], bounds=Bounds(delays=0)).explore()
    told = str(broken.value)
    assert told.startswith("it was saved\n\n   1. saves a: write session A as #")
    assert told.endswith("→ committed; saves a returns {'a': 1}")


def test_the_shortest_schedule_is_told() -> None:
    def never(view: View) -> str | None:
        return "both are done" if view.over else None

    with pytest.raises(BrokenPromise) as broken:
        Case(
            {"counts 1": counts, "counts 2": counts}, setup=a_session({"n": 0}), invariants=[never], bounds=Bounds(2, 1)
        ).explore()
    assert "   4." in str(broken.value)
    assert "   5." not in str(broken.value)


def test_the_explorer_reaches_every_ending_of_a_rotation() -> None:
    case = Case(
        {"rotates": rotates, "saves a": saves("a", 1)}, setup=a_session(), invariants=[], bounds=Bounds(2, 1, 0, 1)
    )
    endings = {tuple(ending.split("(")[0].split(" ")[0] for ending in pair) for pair in case.explore().endings}
    assert endings >= {
        ("returns", "returns"),
        ("returns", "SessionGoneError"),
        ("IndeterminateError", "returns"),
        ("returns", "IndeterminateError"),
        ("None", "returns"),
    }


def test_replaying_a_process_gives_the_same_requests() -> None:
    def requests(case: Case) -> list[tuple]:
        case.explore()
        return [
            (step.method, step.args, sorted(step.kwargs.items(), key=str))
            for process in case.processes
            for step in process.steps
            if hasattr(step, "method")
        ]

    def make() -> Case:
        return Case({"binds": binds, "revokes": revokes}, setup=a_session(), invariants=[], bounds=Bounds(1))

    one, other = requests(make()), requests(make())
    assert [r[:2] for r in one] == [r[:2] for r in other]
