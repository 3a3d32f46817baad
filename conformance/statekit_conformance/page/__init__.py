"""The report as one page that needs nothing else: the matrix of clauses by targets, and the evidence behind it."""

from .document import render

__all__ = ["render"]
