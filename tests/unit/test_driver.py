"""The driver contract: what the author of a backend imports."""

from __future__ import annotations

import inspect

import msgspec
import pytest

from statekit import driver
from statekit.backends.memory.objects import MemoryObjects
from statekit.backends.memory.records import MemoryRecords
from statekit.driver import (
    ABSENT,
    ANY,
    UNSEEN,
    AsyncMultipartDriver,
    AsyncObjectDriver,
    AsyncRecordDriver,
    AsyncSigningDriver,
    Match,
    MultipartDriver,
    ObjectDriver,
    Record,
    RecordDriver,
    Refused,
    SigningDriver,
)
from statekit.testing import FakeClock, FaultyDriver, ScriptedDriver

TWINS = [
    (RecordDriver, AsyncRecordDriver),
    (ObjectDriver, AsyncObjectDriver),
    (MultipartDriver, AsyncMultipartDriver),
    (SigningDriver, AsyncSigningDriver),
]
PURE = {"fault", "parts"}


def methods(kind: type) -> dict[str, object]:
    return {name: found for name, found in vars(kind).items() if not name.startswith("_")}


@pytest.mark.parametrize(("one", "other"), TWINS, ids=lambda kind: kind.__name__)
def test_the_asynchronous_twin_has_the_same_signatures(one: type, other: type) -> None:
    assert methods(one).keys() == methods(other).keys()
    for name, method in methods(one).items():
        twin = methods(other)[name]
        if isinstance(method, property):
            assert isinstance(twin, property)
            continue
        assert inspect.signature(method) == inspect.signature(twin), name
        assert inspect.iscoroutinefunction(twin) is (name not in PURE), name


@pytest.mark.parametrize("kind", [kind for pair in TWINS for kind in pair], ids=lambda kind: kind.__name__)
def test_every_method_is_unary_and_takes_a_timeout(kind: type) -> None:
    for name, method in methods(kind).items():
        if name in PURE or isinstance(method, property):
            continue
        parameters = inspect.signature(method).parameters
        assert parameters["timeout"].kind is inspect.Parameter.KEYWORD_ONLY, name
        assert parameters["timeout"].default is inspect.Parameter.empty, name
        positional = [p for p in parameters.values() if p.name != "self" and p.kind is p.POSITIONAL_OR_KEYWORD]
        assert positional == [], f"{name}: others would depend on the names"


def test_everything_exported_is_there_and_sorted() -> None:
    assert all(hasattr(driver, name) for name in driver.__all__)
    assert len(set(driver.__all__)) == len(driver.__all__)


def test_the_memory_drivers_are_drivers() -> None:
    objects = MemoryObjects()
    objects.clock = FakeClock()
    assert isinstance(MemoryRecords(), RecordDriver)
    assert isinstance(objects, ObjectDriver)
    assert isinstance(objects, MultipartDriver)


@pytest.mark.parametrize("kind", [RecordDriver, ObjectDriver, MultipartDriver])
def test_the_drivers_for_tests_are_drivers(kind: type) -> None:
    assert isinstance(ScriptedDriver(), kind)


def test_a_faulty_driver_is_what_it_wraps_and_no_more() -> None:
    assert isinstance(FaultyDriver(MemoryRecords()), RecordDriver)
    assert not isinstance(FaultyDriver(MemoryRecords()), ObjectDriver)


@pytest.mark.parametrize(
    "kind", [driver.Record, driver.Entry, driver.Committed, driver.Stat, driver.Meta, driver.Upload]
)
def test_answers_are_frozen_values(kind: type) -> None:
    assert issubclass(kind, msgspec.Struct)
    assert kind.__struct_config__.frozen


def test_expectations_are_told_apart() -> None:
    assert len({ANY, ABSENT, UNSEEN, Match("v"), Match("w")}) == 5
    assert Match("v") == Match("v")
    assert Refused().current is UNSEEN
    assert Refused(None).current is None
    assert Record(b"", "v", None).stamp == ""
