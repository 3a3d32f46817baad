"""The cases: who runs beside whom, how much may go wrong, and what must hold.

``STATEKIT_EXPLORE=2`` explores with more lost replies, doubled requests and deaths; it takes many minutes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from .cases import (
    HOUR,
    IDLE,
    ONE_EACH,
    OWNER,
    a_failed_rotation_changes_nothing,
    a_session,
    binds,
    counted_once,
    counts,
    creates,
    creates_and_destroys,
    destroyed_is_dead,
    destroys,
    every_login_can_be_found,
    holds_what_was_stored,
    its_own_destroyed_is_dead,
    kept_is_alive,
    lists,
    logs_in,
    rejected_was_never_applied,
    revoked_are_dead,
    revokes,
    revokes_but,
    revokes_but_id,
    rotated_is_dead,
    rotates,
    rotates_with,
    rotation_keeps,
    saves,
    saves_keep,
    sweeps,
    the_login_lives,
    touch_never_creates,
    touched_is_there,
    touches,
)
from .model import Engine
from .process import NOW
from .register import appended_once, appends, deletes_and_creates, register
from .removal import a_file, claimed_once, removes
from .search import Bounds, Case

MORE: Final = int(os.environ.get("STATEKIT_EXPLORE", "1")) - 1
EXPIRY: Final = NOW + IDLE
LATER: Final = NOW + 100_000
TERSE: Final = Engine(generous=False)


def bounds(delays: int = 1, late: int = 0, doubles: int = 0, crashes: int = 0) -> Bounds:
    """More of everything that may go wrong at all, where the environment asks for it."""
    return Bounds(
        delays + MORE if delays else 0, late, doubles + MORE if doubles else 0, crashes + MORE if crashes else 0
    )


anonymous = a_session()
owned = a_session(owner=OWNER)

CASES: Final[dict[str, Callable[[], Case]]] = {
    # P1, bare
    "three writers of one register": lambda: Case(
        {"appends a": appends("a"), "appends b": appends("b"), "appends c": appends("c")},
        setup=register, invariants=[appended_once], bounds=bounds(1, 1, 1),
    ),
    "two writers of one register, one of them dies, and the engine is terse": lambda: Case(
        {"appends a": appends("a"), "appends b": appends("b")},
        setup=register, invariants=[appended_once], bounds=bounds(2, 1, 1, 1), engine=TERSE,
    ),
    "a register is deleted and made anew beside a writer": lambda: Case(
        {"appends a": appends("a"), "deletes and creates": deletes_and_creates, "appends b": appends("b")},
        setup=register, invariants=[], bounds=bounds(1, 1),
    ),
    # Saving
    "two saves": lambda: Case(
        {"saves a": saves("a", 1), "saves b": saves("b", 2)}, setup=anonymous,
        invariants=[saves_keep("a", "b"), holds_what_was_stored, the_login_lives], bounds=bounds(2, 1, 1, 1),
    ),
    "two saves, and the engine is terse": lambda: Case(
        {"saves a": saves("a", 1), "saves b": saves("b", 2)}, setup=anonymous,
        invariants=[saves_keep("a", "b"), holds_what_was_stored, the_login_lives],
        bounds=bounds(2, 1, 1, 1), engine=TERSE,
    ),
    "three saves": lambda: Case(
        {"saves a": saves("a", 1), "saves b": saves("b", 2), "saves c": saves("c", 3)}, setup=anonymous,
        invariants=[saves_keep("a", "b", "c"), the_login_lives], bounds=bounds(1, 1, 1),
    ),
    "two saves that reject conflicts": lambda: Case(
        {"saves a": saves("a", 1, "reject"), "saves b": saves("b", 2, "reject")}, setup=anonymous,
        invariants=[rejected_was_never_applied, the_login_lives], bounds=bounds(2, 1, 1, 1),
    ),
    "two updates": lambda: Case(
        {"counts 1": counts, "counts 2": counts}, setup=a_session({"n": 0}),
        invariants=[counted_once], bounds=bounds(2, 1, 1, 1),
    ),
    "three updates": lambda: Case(
        {"counts 1": counts, "counts 2": counts, "counts 3": counts}, setup=a_session({"n": 0}),
        invariants=[counted_once], bounds=bounds(1, 1, 1),
    ),
    # Ending
    "save and destroy": lambda: Case(
        {"saves a": saves("a", 1), "destroys": destroys}, setup=anonymous,
        invariants=[destroyed_is_dead, touch_never_creates], bounds=bounds(2, 1, 1, 1),
    ),
    "touch, save and destroy": lambda: Case(
        {"touches": touches, "saves a": saves("a", 1), "destroys": destroys}, setup=anonymous,
        invariants=[destroyed_is_dead, touch_never_creates], bounds=bounds(2, 1, 1), now={"touches": LATER},
    ),
    "create, then destroy": lambda: Case(
        {"creates and destroys": creates_and_destroys, "creates and destroys too": creates_and_destroys},
        invariants=[its_own_destroyed_is_dead], bounds=bounds(2, 1, 0, 1),
    ),
    "destroy after the expiry, while a touch from before it is on its way": lambda: Case(
        {"touches": touches, "destroys": destroys}, setup=anonymous, invariants=[destroyed_is_dead],
        bounds=bounds(2, 1, 1, 1), now={"touches": EXPIRY - 1, "destroys": EXPIRY + 1},
    ),
    "destroy after the expiry, while a save from before it is on its way": lambda: Case(
        {"saves a": saves("a", 1), "destroys": destroys}, setup=anonymous, invariants=[destroyed_is_dead],
        bounds=bounds(2, 1, 1, 1), now={"saves a": EXPIRY - 1, "destroys": EXPIRY + 1},
    ),
    "sweep, while a touch from before the expiry is on its way": lambda: Case(
        {"touches": touches, "sweeps": sweeps}, setup=anonymous, invariants=[touched_is_there],
        bounds=bounds(2, 1, 1, 1), now={"touches": EXPIRY - 1, "sweeps": EXPIRY + HOUR},
    ),
    # Rotating
    "rotate alone": lambda: Case(
        {"rotates": rotates}, setup=owned, bounds=bounds(3, 1, 1, 1),
        invariants=[rotated_is_dead, a_failed_rotation_changes_nothing, the_login_lives, every_login_can_be_found],
    ),
    "rotate and save": lambda: Case(
        {"rotates": rotates, "saves a": saves("a", 1)}, setup=anonymous,
        invariants=[rotated_is_dead, rotation_keeps("a"), the_login_lives], bounds=bounds(2, 1, 1, 1),
    ),
    "rotate with changes, and two saves": lambda: Case(
        {"rotates": rotates_with("c", 3), "saves a": saves("a", 1), "saves b": saves("b", 2)}, setup=anonymous,
        invariants=[rotated_is_dead, rotation_keeps("a", "b"), the_login_lives], bounds=bounds(1, 1),
    ),
    "rotate a login, and save": lambda: Case(
        {"rotates": rotates, "saves a": saves("a", 1)}, setup=owned, bounds=bounds(2, 1, 0, 1),
        invariants=[rotated_is_dead, rotation_keeps("a"), the_login_lives, every_login_can_be_found],
    ),
    "rotate and touch": lambda: Case(
        {"rotates": rotates, "touches": touches}, setup=anonymous, invariants=[rotated_is_dead, the_login_lives],
        bounds=bounds(2, 1, 1, 1), now={"touches": LATER},
    ),
    "rotate twice at once": lambda: Case(
        {"rotates": rotates, "rotates too": rotates}, setup=owned, bounds=bounds(1, 1, 0, 1),
        invariants=[rotated_is_dead, the_login_lives, every_login_can_be_found],
    ),
    "rotate and destroy": lambda: Case(
        {"rotates": rotates, "destroys": destroys}, setup=anonymous,
        invariants=[rotated_is_dead, destroyed_is_dead], bounds=bounds(2, 1, 1, 1),
    ),
    "rotate, save and destroy": lambda: Case(
        {"rotates": rotates, "destroys": destroys, "saves a": saves("a", 1)}, setup=anonymous,
        invariants=[rotated_is_dead, destroyed_is_dead, rotation_keeps("a")], bounds=bounds(1, 1),
    ),
    # Revoking
    "rotate and revoke": lambda: Case(
        {"rotates": rotates, "revokes": revokes}, setup=owned, watched=["revokes"], bounds=bounds(1, 1, 0, 1),
        invariants=[rotated_is_dead, revoked_are_dead, every_login_can_be_found],
    ),
    "create and revoke": lambda: Case(
        {"creates": creates(), "revokes": revokes}, setup=owned, watched=["revokes"], bounds=bounds(1, 1),
        invariants=[revoked_are_dead, every_login_can_be_found],
    ),
    "log in and revoke": lambda: Case(
        {"logs in": logs_in, "revokes": revokes}, setup=owned, watched=["revokes"], bounds=bounds(1, 1),
        invariants=[revoked_are_dead, every_login_can_be_found],
    ),
    "create, rotate and revoke": lambda: Case(
        {"creates": creates(), "rotates": rotates, "revokes": revokes}, setup=owned, watched=["revokes"],
        invariants=[revoked_are_dead, every_login_can_be_found, rotated_is_dead], bounds=bounds(0),
    ),
    "rotate and revoke the others": lambda: Case(
        {"rotates": rotates, "revokes": revokes_but}, setup=owned,
        invariants=[rotated_is_dead, kept_is_alive], bounds=bounds(1, 1, 0, 1),
    ),
    "rotate and revoke the others, whose id is in the cookie": lambda: Case(
        {"rotates": rotates, "revokes": revokes_but_id}, setup=owned,
        invariants=[rotated_is_dead, kept_is_alive], bounds=bounds(1, 1, 0, 1),
    ),
    "bind to an owner, and revoke": lambda: Case(
        {"binds": binds, "revokes": revokes}, setup=anonymous,
        invariants=[every_login_can_be_found], bounds=bounds(1, 1, 0, 1),
    ),
    "log in twice where one session is allowed": lambda: Case(
        {"creates": creates(), "creates too": creates()}, setup=owned, policy=ONE_EACH,
        invariants=[every_login_can_be_found], bounds=bounds(1),
    ),
    "log in where an idle session is in the way, and revoke": lambda: Case(
        {"touches": touches, "creates": creates(), "revokes": revokes}, setup=owned, policy=ONE_EACH,
        invariants=[revoked_are_dead], bounds=bounds(0), watched=["revokes"],
        now={"touches": EXPIRY - 1, "creates": EXPIRY + 1, "revokes": EXPIRY + 2},
    ),
    "who revokes dies, and another one revokes two hours later": lambda: Case(
        {"revokes": revokes, "revokes again": revokes}, setup=owned, watched=["revokes", "revokes again"],
        invariants=[revoked_are_dead], bounds=bounds(1, 0, 0, 1), now={"revokes again": NOW + 2 * HOUR},
    ),
    "who revokes dies, and somebody lists": lambda: Case(
        {"revokes": revokes, "lists": lists}, setup=owned, watched=["revokes"],
        invariants=[revoked_are_dead, every_login_can_be_found], bounds=bounds(1, 0, 0, 1),
    ),
    "two log in after the owner's record has expired": lambda: Case(
        {"creates": creates(), "creates too": creates()}, setup=owned, invariants=[], bounds=bounds(1, 1),
        now={"creates": NOW + 100 * 24 * HOUR, "creates too": NOW + 100 * 24 * HOUR},
    ),
    # Objects
    "two delete one object": lambda: Case(
        {"removes": removes, "removes too": removes}, setup=a_file, invariants=[claimed_once],
        bounds=bounds(2, 1, 1, 1),
    ),
}  # fmt: skip
