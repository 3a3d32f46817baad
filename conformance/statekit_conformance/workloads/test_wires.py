"""Races over a wire that loses requests and replies: no write conflicts with itself, and none is applied twice."""

from __future__ import annotations

from statekit_conformance import clause

from .logins import COUNTERS, MERGES, ROTATIONS
from .registers import OBJECT_DRIVER, OBJECTS, REGISTERS
from .trouble import replies_lost

LOST = {"label": "replies lost", "trouble": replies_lost, "wired": True}
SERVER = ("server",)


@clause("R-02", "R-09", "R-23", "E-01", needs=SERVER)
def test_records_over_a_wire_that_loses_replies(race):
    race(REGISTERS, **LOST)


@clause("O-55", "O-60", "O-61", "E-01", needs=SERVER)
def test_objects_of_the_driver_over_a_wire_that_loses_replies(race):
    race(OBJECT_DRIVER, **LOST)


@clause("E-05", "E-06", "O-03", "O-04", "O-13", "O-15", needs=SERVER)
def test_objects_over_a_wire_that_loses_replies(race):
    race(OBJECTS, **LOST)


@clause("E-05", "E-06", "S-13", needs=SERVER)
def test_counters_over_a_wire_that_loses_replies(race):
    race(COUNTERS, **LOST)


@clause("E-05", "E-06", "S-07", "S-09", needs=SERVER)
def test_saves_over_a_wire_that_loses_replies(race):
    race(MERGES, **LOST)


@clause("E-05", "E-06", "S-12", "S-18", "S-19", "S-20", needs=SERVER)
def test_rotations_over_a_wire_that_loses_replies(race):
    race(ROTATIONS, **LOST)
