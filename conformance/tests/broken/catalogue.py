"""All mutants: importing this registers them."""

from __future__ import annotations

from typing import Final

from . import agreement, declarations, everywhere, objects, presigning, records, sessions, stores, uploads, workspaces
from .mutant import MUTANTS, Mutant

__all__ = [
    "CONTROLS",
    "JUDGED",
    "MUTANTS",
    "agreement",
    "declarations",
    "everywhere",
    "objects",
    "presigning",
    "records",
    "sessions",
    "stores",
    "uploads",
    "workspaces",
]

CONTROLS = {
    "sound-memory": Mutant("sound-memory", "nothing over memory", ()),
    "sound-local": Mutant("sound-local", "nothing over local", (), "local"),
    "sound-signing": presigning.SOUND,
}
"""No defect at all: whatever a mutant is judged by has to pass here, or it fails there for the wrong reason."""


def control_of(mutant: Mutant) -> str:
    """Return the control that stands on what a mutant stands on."""
    signs = issubclass(mutant.drivers.get("objects", object), presigning.Signs)
    return "sound-signing" if signs else f"sound-{mutant.over}"


JUDGED: Final = {
    **{scheme: frozenset(mutant.clauses) for scheme, mutant in MUTANTS.items()},
    **{
        control: frozenset(clause for one in MUTANTS.values() if control_of(one) == control for clause in one.clauses)
        for control in CONTROLS
    },
}
"""What each is judged by: a mutant by the clauses that it violates, a control by those of its mutants."""
