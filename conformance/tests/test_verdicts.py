"""Whether a case can be asked: what its clauses and the case itself take of an engine."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from statekit_conformance.engines.certify import Certificate
from statekit_conformance.engines.findings import Finding
from statekit_conformance.verdicts import obstacles, takes_of


def running_without(capability: str) -> Any:
    finding = Finding("probe", (capability,), holds=False, evidence="seen", seconds=0.0)
    certificate = Certificate("engine", "1", "s3", "nothing", (finding,))
    return SimpleNamespace(certificates=[certificate], lacks={})


def item_with(*marks: dict[str, Any]) -> Any:
    return SimpleNamespace(iter_markers=lambda _: [SimpleNamespace(args=(), kwargs=kwargs) for kwargs in marks])


def test_what_a_case_takes_stands_in_any_of_its_marks() -> None:
    item = item_with({"needs": (), "takes": ("a",)}, {"takes": ("b", "c")}, {})
    assert takes_of(cast("Any", item)) == ("a", "b", "c")


def test_a_case_that_takes_what_the_engine_lacks_is_the_engines_fault_for_each_clause() -> None:
    running = running_without("objects.uploads_dated")
    found = obstacles(running, ("O-63", "O-62"), frozenset(), ("objects.uploads_dated",))
    assert found == dict.fromkeys(("O-63", "O-62"), ("engine-fault", "engine lacks objects.uploads_dated: seen"))


def test_a_case_that_takes_nothing_is_asked() -> None:
    assert obstacles(running_without("objects.uploads_dated"), ("O-63",), frozenset()) == {}
