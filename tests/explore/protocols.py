"""All that is explored: P1 and P2, which sessions stand on, P3 and P4."""

from __future__ import annotations

from .catalogue import CASES as SESSION_CASES
from .mutants import MUTANTS as SESSION_MUTANTS
from .ticket_cases import CASES as TICKET_CASES
from .ticket_cases import MUTANTS as TICKET_MUTANTS
from .workspace_cases import CASES as WORKSPACE_CASES
from .workspace_cases import MUTANTS as WORKSPACE_MUTANTS

__all__ = ["CASES", "MUTANTS"]

CASES = SESSION_CASES | WORKSPACE_CASES | TICKET_CASES
MUTANTS = SESSION_MUTANTS | WORKSPACE_MUTANTS | TICKET_MUTANTS
