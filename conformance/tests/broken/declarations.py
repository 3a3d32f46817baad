"""Declarations, openings and fault tables with one defect each: E-01, P-50 to P-53."""

from __future__ import annotations

from dataclasses import dataclass, make_dataclass, replace
from pathlib import Path

from statekit.driver import Failure, Fault, Survives

from .mutant import declaration, objects, records


@records("E-01")
class a_fault_table_that_raises_for_what_it_does_not_know:
    def fault(self, exc, /):
        raise exc


@records("E-01")
class a_fault_table_that_reads_every_exceptions_text:
    def fault(self, exc, /):
        return Failure(Fault.BUSY) if "locked" in str(exc) else Failure(Fault.UNKNOWN)


@records("E-01")
class what_no_table_names_is_unreached:
    def fault(self, exc, /):
        return Failure(Fault.UNREACHED)


@objects("E-01")
class a_fault_table_that_changes_its_mind:
    def fault(self, exc, /):
        self.__dict__["_asked"] = self.__dict__.get("_asked", 0) + 1
        return Failure(Fault.UNKNOWN, retry_after=float(self._asked))


@declaration("P-50")
def a_process_that_outlives_itself(_sound):
    return {"survives": Survives.CLIENT}


@declaration("P-50")
def options_that_can_be_changed(_sound):
    return {"options": make_dataclass("Options", [])}


@declaration("P-50")
def a_scheme_that_leads_nowhere(sound):
    return {"schemes": (*sound.schemes, "nowhere")}


@declaration("P-51", over="local")
def opening_makes_the_directory(sound):
    def opens(opening):
        Path(opening.authority + opening.path).mkdir(parents=True, exist_ok=True)
        return sound.open(opening)

    return {"open": opens}


@declaration("P-51")
def objects_are_promised_and_not_opened(sound):
    return {"open": lambda opening: replace(sound.open(opening), objects=None)}


@declaration("P-52")
def closing_empties_the_store(sound):
    def opens(opening):
        drivers = sound.open(opening)
        return replace(drivers, close=drivers.records._records.clear)

    return {"open": opens}


@declaration("P-52")
def closing_ends_the_other_openings(sound):
    def opens(opening):
        drivers = sound.open(opening)

        def close():
            drivers.records._lock = None

        return replace(drivers, close=close)

    return {"open": opens}


@dataclass(frozen=True)
class OneMore:
    """Options of which one has no effect."""

    patience_of_saints: int = 0


@declaration("P-53")
def an_option_without_an_effect(_sound):
    return {"options": OneMore}


@declaration("P-53")
def a_client_that_is_ignored(sound):
    return {"open": lambda opening: sound.open(replace(opening, client=None))}
