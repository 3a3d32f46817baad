"""The conformance suite of statekit: a verdict for every clause of the contract, on any backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

__all__ = ["clause"]


def clause(
    *ids: str, needs: tuple[str, ...] = (), takes: tuple[str, ...] = (), threads: bool = False
) -> pytest.MarkDecorator:
    """Say which clauses of the contract a case is evidence for.

    Args:
        ids: Such as ``R-01``. Each gets the case's outcome.
        needs: What this case needs of a target besides what its clauses need: ``records``, ``objects``, ``multipart``,
            ``reopen``, ``processes``, ``durable``.
        takes: What it takes of an engine besides what its clauses take, by the names of the engines' certification.
        threads: Whether it is asked of an asynchronous state wherever core runs the drivers in threads.
    """
    import pytest

    return pytest.mark.clause(*ids, needs=needs, takes=takes, threads=threads)
