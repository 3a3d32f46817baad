"""All mutants: importing this registers them."""

from __future__ import annotations

from . import agreement, declarations, everywhere, objects, presigning, records, sessions, stores, uploads, workspaces
from .mutant import MUTANTS, Mutant

__all__ = [
    "CONTROLS",
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
