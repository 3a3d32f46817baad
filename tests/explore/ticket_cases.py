"""The cases of P4, and the wrong variants of it that they find."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from statekit._core.pipeline import fetch
from statekit._core.tickets import plans as tickets
from statekit._core.tickets.plans import TicketPlans
from statekit.driver import Refused

from .catalogue import bounds
from .mutants import Mutant
from .search import Case
from .tickets import (
    ENDED,
    TicketCase,
    a_sweep_finishes,
    abandons,
    being_published,
    confirms,
    confirms_and_deletes,
    confirms_and_replaces,
    it_is_there,
    nobody_is_refused,
    nothing_of_an_abandoned_one,
    reserved,
    sweeps,
    uploads_again,
    what_another_wrote_stays,
    what_replaced_it_stays,
    what_was_deleted_stays_away,
    what_was_there_stays,
    writes,
)

CASES: Final[dict[str, Callable[[], Case]]] = {
    "two confirm": lambda: TicketCase(
        {"confirms": confirms, "also confirms": confirms}, setup=reserved(),
        invariants=[nobody_is_refused, it_is_there], bounds=bounds(1, 1, 0, 1),
    ),
    "two confirm, and replace what was there": lambda: TicketCase(
        {"confirms": confirms, "also confirms": confirms}, setup=reserved(there=True),
        invariants=[nobody_is_refused, it_is_there], bounds=bounds(1, 0, 0, 1),
    ),
    "two confirm beside another upload": lambda: TicketCase(
        {"confirms": confirms, "also confirms": confirms, "uploads": uploads_again}, setup=reserved(),
        invariants=[it_is_there], bounds=bounds(0, 0, 0, 1),
    ),
    "it is confirmed and deleted": lambda: TicketCase(
        {"confirms and deletes": confirms_and_deletes}, setup=reserved(),
        invariants=[what_was_deleted_stays_away], bounds=bounds(2, 1, 1),
    ),
    "it is confirmed and replaced": lambda: TicketCase(
        {"confirms and replaces": confirms_and_replaces}, setup=reserved(there=True),
        invariants=[what_replaced_it_stays], bounds=bounds(2, 1, 1),
    ),
    "it is confirmed and given up": lambda: TicketCase(
        {"confirms": confirms, "abandons": abandons}, setup=reserved(),
        invariants=[nothing_of_an_abandoned_one, it_is_there], bounds=bounds(1, 0, 0, 1),
    ),
    "a sweep finishes what was begun": lambda: TicketCase(
        {"sweeps": sweeps}, setup=being_published(), invariants=[a_sweep_finishes], bounds=bounds(2),
        now={"sweeps": ENDED},
    ),
    "a sweep beside a late confirmer": lambda: TicketCase(
        {"confirms": confirms, "sweeps": sweeps}, setup=being_published(), invariants=[nobody_is_refused, it_is_there],
        bounds=bounds(1, 0, 0, 1), now={"sweeps": ENDED},
    ),
    "another one writes": lambda: TicketCase(
        {"confirms": confirms, "writes": writes}, setup=reserved(if_absent=True),
        invariants=[what_another_wrote_stays], bounds=bounds(1, 0, 0, 1),
    ),
    "something is there": lambda: TicketCase(
        {"confirms": confirms, "also confirms": confirms}, setup=reserved(there=True, if_absent=True),
        invariants=[what_was_there_stays], bounds=bounds(1, 1, 0, 1),
    ),
}  # fmt: skip


# Wrong variants


def leaves_the_upload_to_the_sweep(monkeypatch) -> None:
    def unstage(self, op, name):
        yield from ()
        return False

    monkeypatch.setattr(TicketPlans, "_unstage", unstage)


def copies_whatever_is_uploaded_by_now(monkeypatch) -> None:
    real = TicketPlans._copy

    def copy(self, op, name, target, slip):
        driver = self._objects.driver()
        now = yield from fetch(op, driver, driver.stat, self._staged(name))
        return (yield from real(self, op, name, target, replace(slip, source=now.version if now else slip.source)))

    monkeypatch.setattr(TicketPlans, "_copy", copy)


def fixes_nothing_before_it_copies(monkeypatch) -> None:
    def enter(self, op, name, stored, slip, crc32c):
        return stored, (yield from self._checked(op, name, slip, crc32c))

    monkeypatch.setattr(TicketPlans, "_enter", enter)


def takes_a_refused_copy_for_a_failure(monkeypatch) -> None:
    real = TicketPlans._copied

    def copied(self, op, name, slip):
        answer = yield from self._copy(op, name, self._objects.prefix + slip.key, slip)
        return None if answer is None or isinstance(answer, Refused) else (yield from real(self, op, name, slip))

    monkeypatch.setattr(TicketPlans, "_copied", copied)


def deletes_what_is_being_published(monkeypatch) -> None:
    real = TicketPlans._settled

    def settled(self, op, name):
        found = yield from self._look(op, name)
        if found is not None and found[1].phase == "publishing":
            return (yield from self._unstage(op, name))
        return (yield from real(self, op, name))

    monkeypatch.setattr(TicketPlans, "_settled", settled)


def gives_up_what_is_being_published(monkeypatch) -> None:
    real = TicketPlans._look

    def look(self, op, name):
        found = yield from real(self, op, name)
        if op.name.endswith("abandon") and found is not None and found[1].phase == "publishing":
            return found[0], replace(found[1], phase="reserved")
        return found

    monkeypatch.setattr(TicketPlans, "_look", look)


def drops_the_condition_of_the_copy(monkeypatch) -> None:
    monkeypatch.setattr(tickets, "ABSENT", tickets.ANY)
    monkeypatch.setattr(tickets, "Match", lambda version: tickets.ANY)


MUTANTS: Final[dict[str, Mutant]] = {
    "an upload that is left to the sweep †": Mutant(
        leaves_the_upload_to_the_sweep,
        CASES["it is confirmed and deleted"],
        "what was published and deleted came back",
        "O-37",
    ),
    "a copy of whatever is uploaded by now †": Mutant(
        copies_whatever_is_uploaded_by_now,
        CASES["two confirm beside another upload"],
        "what is published is not what was checked",
        "O-39",
    ),
    "a confirmer that fixes nothing before it copies": Mutant(
        fixes_nothing_before_it_copies,
        CASES["two confirm"],
        "something is published by a ticket that is reserved",
        "O-37",
    ),
    "a refused copy that is taken for a failure": Mutant(
        takes_a_refused_copy_for_a_failure,
        CASES["two confirm"],
        "something is published by a ticket that is failed",
        "O-37",
    ),
    "a sweep that deletes what is being published": Mutant(
        deletes_what_is_being_published,
        CASES["a sweep finishes what was begun"],
        "what a dead confirmer began is not finished by a sweep",
        "O-41",
    ),
    "a ticket that is given up while it is published": Mutant(
        gives_up_what_is_being_published,
        CASES["it is confirmed and given up"],
        "something is published by a ticket that is dead",
        "O-40",
    ),
    "a copy without its conditions": Mutant(
        drops_the_condition_of_the_copy,
        CASES["another one writes"],
        "a ticket that may replace nothing replaces what another one wrote",
        "O-38",
    ),
}
