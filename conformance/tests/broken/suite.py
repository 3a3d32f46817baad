"""A plugin for pytest that has the conformance suite judge every mutant, each by its own clauses, in one run.

``STATEKIT_MUTANTS`` names a folder: ``kills.json`` is written there. ``STATEKIT_MUTANTS_ONLY`` names some of them, and
``STATEKIT_MUTANTS_ALL`` has every case asked: usually a mutant that each of its clauses has killed is left alone.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase

from statekit_conformance.agreement import budget
from statekit_conformance.targets import Target
from statekit_conformance.verdicts import clauses_of

from .accident import accident
from .catalogue import CONTROLS, JUDGED, MUTANTS
from .mutant import Mutant

ONLY = os.environ.get("STATEKIT_MUTANTS_ONLY", "").split()
EVERY = bool(os.environ.get("STATEKIT_MUTANTS_ALL"))
CHOSEN = {name: mutant for name, mutant in {**MUTANTS, **CONTROLS}.items() if not ONLY or name in ONLY}
KILLS: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
"""Mutant, clause, and what the cases said that failed."""
ACCIDENTS: dict[str, list[str]] = defaultdict(list)
"""Mutant, and what is wrong with its own lines: what a case says then is no judgement."""
ASKED: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))

budget.PHASES = (Phase.generate,)  # nobody reads the programs that kill


def target_of(mutant: Mutant) -> Target:
    """Return the target that the suite judges."""
    return Target(
        name=mutant.scheme,
        url=mutant.url,
        start=mutant.begin,
        stop=mutant.end,
        clauses=JUDGED[mutant.scheme],
    )


TARGETS = [target_of(mutant) for mutant in CHOSEN.values()]


def pytest_statekit_targets() -> list[Target]:
    """Return a target for each mutant."""
    return TARGETS


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask a case that is asked of no target once for each mutant of its clauses."""
    clauses = set(clauses_of(metafunc.definition))
    if clauses and "statekit_running" not in metafunc.fixturenames:
        concerned = [name for name, mutant in CHOSEN.items() if clauses & set(mutant.clauses)]
        metafunc.parametrize("broken", concerned, indirect=True)


@pytest.fixture(autouse=True)
def broken(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have the mutant in this process and in those that the case starts, where no target does it."""
    name: str | None = getattr(request, "param", None)
    if name is None:
        yield
        return
    start = tmp_path_factory.mktemp("start")
    (start / "sitecustomize.py").write_text(f"from broken.catalogue import MUTANTS\nMUTANTS[{name!r}].begin()\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(start)
        CHOSEN[name].begin()
        yield
        CHOSEN[name].end()


def _scheme(item: Any) -> str | None:
    """Return the mutant that a case is asked of."""
    params = getattr(item, "callspec", None) and item.callspec.params
    place = params and params.get("statekit_running")
    return place.target.name if place else params and params.get("broken")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Go from mutant to mutant, and leave out what is asked of none."""
    order = {target.name: number for number, target in enumerate(TARGETS)}
    items[:] = sorted((item for item in items if _scheme(item) in order), key=lambda item: order[_scheme(item)])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave the dead alone."""
    name = _scheme(item)
    item.user_properties.append(("broken", name))
    clauses = set(clauses_of(item)) & set(CHOSEN[name].clauses)
    if clauses and not EVERY and all(KILLS[name][clause] for clause in clauses):
        pytest.skip("it is dead")
    for clause in clauses:
        ASKED[name][clause].append(item.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Note what fails by a mistake in a mutant instead of by what is wrong with it."""
    report = yield
    found = accident(call.excinfo.value) if call.excinfo else None
    if found:
        ACCIDENTS[_scheme(item)].append(found)
        report.user_properties.append(("accident", found))
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note who killed whom."""
    facts = dict(report.user_properties).get("statekit")
    if report.failed and isinstance(facts, dict) and "accident" not in dict(report.user_properties):
        name = dict(report.user_properties)["broken"]
        case = report.nodeid.rpartition("::")[2].partition("[")[0]
        crash = getattr(report.longrepr, "reprcrash", None)
        why = (str(report.longrepr) if crash is None else crash.message).splitlines()
        for clause in CHOSEN[name].clauses or facts["clauses"]:
            if clause in facts["clauses"]:
                KILLS[name][clause].append(f"{case}: {why[0] if why else ''}"[:300])


def pytest_sessionfinish() -> None:
    """Write down who killed whom."""
    folder = os.environ.get("STATEKIT_MUTANTS")
    if folder:
        found = {name: {"kills": KILLS[name], "asked": ASKED[name], "accidents": ACCIDENTS[name]} for name in CHOSEN}
        Path(folder, "kills.json").write_text(json.dumps(found, indent=1))
