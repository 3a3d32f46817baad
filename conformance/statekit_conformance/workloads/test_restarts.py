"""Races in which clients and engines are killed: what was acknowledged is there, what was refused is not."""

from __future__ import annotations

import pytest

from statekit_conformance import clause

from .logins import COUNTERS, ROTATIONS
from .owners import REVOCATIONS
from .registers import OBJECT_DRIVER, OBJECTS, REGISTERS
from .trouble import clients_killed, engine_killed

CLIENTS = {"label": "clients killed", "trouble": clients_killed}
ENGINE = {"label": "engine killed", "trouble": engine_killed}


@clause("R-20", "R-03.1", "R-02", "R-06", needs=("processes",))
def test_records_survive_clients_that_are_killed(race):
    race(REGISTERS, **CLIENTS)


@clause("O-56", "O-55.1", "O-60", "O-61", needs=("processes",))
def test_objects_of_the_driver_survive_clients_that_are_killed(race):
    race(OBJECT_DRIVER, **CLIENTS)


@clause("O-10", "O-03", "O-04", "O-13", "O-15", needs=("processes",))
def test_objects_survive_clients_that_are_killed(race):
    race(OBJECTS, **CLIENTS)


@clause("S-12", "S-18", "S-19", "S-24", "S-25", needs=("processes",))
@pytest.mark.parametrize("workload", [ROTATIONS, REVOCATIONS], ids=["rotations", "revocations"])
def test_sessions_survive_clients_that_are_killed(race, workload):
    race(workload, **CLIENTS)


@clause("R-19", "R-02", "R-06", needs=("durable",))
def test_records_survive_the_engine_being_killed_under_load(race):
    race(REGISTERS, **ENGINE)


@clause("O-69", "O-55", "O-60", "O-61", needs=("durable",))
def test_objects_of_the_driver_survive_the_engine_being_killed_under_load(race):
    race(OBJECT_DRIVER, **ENGINE)


@clause("R-19", "S-13", "E-06", needs=("durable",))
def test_counters_survive_the_engine_being_killed_under_load(race):
    race(COUNTERS, **ENGINE)
