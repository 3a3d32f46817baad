"""The values that applications give to the stores and get from them."""

from __future__ import annotations

import dataclasses
import pickle
from datetime import UTC, datetime, timedelta

import pytest

from statekit import types
from statekit.errors import ConfigError
from statekit.types import (
    Checkpoint,
    Event,
    ObjectInfo,
    Prefix,
    ScratchPolicy,
    SessionInfo,
    SessionPolicy,
    StoredObject,
    Swept,
)

NOW = datetime(2027, 1, 15, tzinfo=UTC)
VALUES = [
    SessionPolicy(),
    ScratchPolicy(),
    Checkpoint(1, 2, 3, 1, 2),
    SessionInfo("h", NOW, NOW, NOW, None),
    ObjectInfo("k", "v", 1, NOW, metadata={"a": "b"}),
    Prefix("a/"),
    StoredObject(b"secret", ObjectInfo("k", "v", 6, NOW)),
    Swept(1, 2),
    Event("save", "sessions", "memory", "ok", 1, 0, 10, 0.1),
]


def test_the_defaults_are_those_of_the_contract() -> None:
    policy = SessionPolicy()
    assert policy.idle_timeout == timedelta(days=14)
    assert policy.lifetime == timedelta(days=90)
    assert policy.touch_interval == timedelta(seconds=60)
    assert policy.sessions_per_owner == 100


@pytest.mark.parametrize(
    "options",
    [{"quota": -1}, {"files": -1}, {"lease": timedelta(milliseconds=999)}, {"lease": timedelta(days=7)}],
)
def test_a_policy_of_workspaces_that_makes_no_sense_is_a_configuration_error(options) -> None:
    with pytest.raises(ConfigError):
        ScratchPolicy(**options)


def test_sweeps_add_up() -> None:
    assert Swept(1, 2, 3, 4, 5) + Swept(uploads=1, directories=2) == Swept(1, 3, 3, 4, 7)


@pytest.mark.parametrize(
    "options",
    [
        {"idle_timeout": timedelta(0)},
        {"idle_timeout": timedelta(seconds=-1)},
        {"idle_timeout": timedelta(days=91)},
        {"lifetime": timedelta(days=13)},
        {"touch_interval": timedelta(seconds=-1)},
        {"touch_interval": timedelta(days=14)},
        {"sessions_per_owner": 0},
        {"sessions_per_owner": 1001},
    ],
)
def test_a_policy_that_makes_no_sense_is_a_configuration_error(options) -> None:
    with pytest.raises(ConfigError):
        SessionPolicy(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"idle_timeout": timedelta(days=90)},
        {"touch_interval": timedelta(0)},
        {"sessions_per_owner": 1},
        {"sessions_per_owner": 1000},
        {"idle_timeout": timedelta(minutes=1), "touch_interval": timedelta(seconds=59)},
    ],
)
def test_a_policy_at_its_bounds_is_fine(options) -> None:
    assert dataclasses.asdict(SessionPolicy(**options)).items() >= options.items()


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
class TestEvery:
    def test_value_is_immutable(self, value) -> None:
        field = dataclasses.fields(value)[0].name
        with pytest.raises((dataclasses.FrozenInstanceError, AttributeError)):
            setattr(value, field, None)

    def test_value_pickles(self, value) -> None:
        assert pickle.loads(pickle.dumps(value)) == value

    def test_value_is_exported(self, value) -> None:
        assert type(value).__name__ in types.__all__


def test_an_object_shows_none_of_its_bytes() -> None:
    assert "secret" not in repr(VALUES[4])


def test_everything_exported_is_there() -> None:
    assert all(hasattr(types, name) for name in types.__all__)
