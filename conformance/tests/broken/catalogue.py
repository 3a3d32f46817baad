"""All mutants: importing this registers them."""

from __future__ import annotations

from . import agreement, declarations, everywhere, objects, records, sessions, stores, uploads
from .mutant import MUTANTS, Mutant

__all__ = [
    "CONTROLS",
    "MUTANTS",
    "agreement",
    "declarations",
    "everywhere",
    "objects",
    "records",
    "sessions",
    "stores",
    "uploads",
]

CONTROLS = {
    "sound-memory": Mutant("sound-memory", "nothing over memory", ()),
    "sound-local": Mutant("sound-local", "nothing over local", (), "local"),
}
"""No defect at all: whatever a mutant is judged by has to pass here, or it fails there for the wrong reason."""
