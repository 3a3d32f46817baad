"""Races of several processes of several threads: some order of the operations explains every answer."""

from __future__ import annotations

from statekit_conformance import clause

from .listings import OBJECT_LISTINGS, RECORD_LISTINGS
from .logins import COUNTERS, MERGES, ROTATIONS
from .owners import REVOCATIONS
from .registers import CREATIONS, OBJECT_DRIVER, OBJECTS, REGISTERS


@clause("R-02", "R-03", "R-04", "R-06", "R-07")
def test_records_are_compare_and_set_registers(race):
    race(REGISTERS)


@clause("R-01", "R-03", "R-06", "R-13")
def test_a_record_is_created_once_until_it_is_deleted(race):
    race(CREATIONS)


@clause("R-17", "R-06", "R-13")
def test_a_listing_of_records_shows_what_is_there_while_others_change_it(race):
    race(RECORD_LISTINGS)


@clause("O-51", "O-52", "O-55", "O-60", "O-61")
def test_objects_of_the_driver_are_compare_and_set_registers(race):
    race(OBJECT_DRIVER)


@clause("O-03", "O-04", "O-05", "O-06", "O-12", "O-13", "O-15")
def test_objects_are_compare_and_set_registers(race):
    race(OBJECTS)


@clause("O-17", "O-03", "O-12")
def test_a_listing_of_objects_shows_what_is_there_while_others_change_it(race):
    race(OBJECT_LISTINGS)


@clause("S-13")
def test_counters_by_update_lose_no_increment_and_count_none_twice(race):
    race(COUNTERS)


@clause("S-07", "S-08", "S-09")
def test_saves_that_merge_lose_nothing(race):
    race(MERGES)


@clause("S-12", "S-18", "S-19", "S-20", "S-21")
def test_rotation_against_save_against_logout_leaves_no_session_behind(race):
    race(ROTATIONS)


@clause("S-24", "S-25", "S-26")
def test_nothing_survives_a_logout_everywhere(race):
    race(REVOCATIONS)
