"""Whether a case can be asked of a target, and if not, whose business that is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from .running import Running

__all__ = ["CERTIFIED", "STATUSES", "clauses_of", "needs_of", "obstacles", "takes_of", "threads_of"]

STATUSES: Final = ("fail", "waived", "engine-fault", "pass", "skipped", "not-claimed")
"""What a clause can come to on a target. Of several cases the first of these decides."""

_FIXTURES: Final = {
    "records": "records",
    "objects_driver": "objects",
    "engine": "durable",
    "processes": "processes",
    "server": "server",
}
"""What asking for a fixture implies."""

_LEASES: Final = ("records.one_read", "records.cas", "records.create_once", "records.delete_conditional")
_NAMED: Final = (
    *(f"X-{number:02}" for number in (*range(6, 16), *range(20, 24))),
    "X-06.1",
    "X-11.1",
)
"""The clauses about named workspaces."""

CERTIFIED: Final[Mapping[str, tuple[str, ...]]] = {
    "R-01": ("records.create_once",),
    "R-02": ("records.cas", "records.delete_conditional"),
    "R-03": ("records.cas", "records.create_once"),
    "R-03.1": ("records.cas", "records.create_once"),
    "R-04": ("records.delete_conditional",),
    "R-05": ("records.delete_conditional", "records.touch"),
    "R-06": ("records.consistent_read",),
    "R-06.1": ("records.consistent_read",),
    "R-07": ("records.one_read", "records.touch"),
    "R-08": ("records.binary",),
    "R-10": ("records.touch",),
    "R-11": ("records.touch",),
    "R-12": ("records.delete_conditional",),
    "R-14": ("records.delete_conditional", "records.touch"),
    "R-15": ("records.touch",),
    "R-16": ("records.touch",),
    "R-17": ("records.keys",),
    "R-18": ("records.keys",),
    "R-19": ("durable",),
    "R-22": ("records.touch",),
    "R-23": ("records.touch",),
    "S-13": ("records.cas",),
    "O-01": ("objects.range_beyond",),
    "O-03": ("objects.if_absent", "objects.multipart_conditional", "objects.slash_neighbours_if_absent"),
    "O-04": ("objects.if_match", "objects.multipart_conditional"),
    "O-05": ("objects.if_match", "objects.if_absent", "objects.multipart_conditional", "objects.multipart_atomic"),
    "O-06": ("objects.range_beyond",),
    "O-08": ("objects.ranges", "objects.range_beyond"),
    "O-09": ("objects.read_pinned",),
    "O-10": ("objects.batch",),
    "O-11": ("objects.batch",),
    "O-12": ("objects.slash_neighbours",),
    "O-13": ("objects.delete_conditional",),
    "O-15": ("objects.copy_conditional", "objects.copy_pinned"),
    "O-17": ("objects.listing_complete", "objects.listing_order", "objects.slash_neighbours"),
    "O-18": ("objects.delimiter", "objects.slash_neighbours"),
    "O-19": ("objects.start_after", "objects.slash_neighbours"),
    "O-20": ("objects.slash_neighbours",),
    "O-21": ("objects.damage",),
    "O-22": ("objects.uploads_listed", "objects.uploads_dated", "objects.batch"),
    "O-23": ("objects.batch",),
    "O-24": ("objects.batch", "objects.range_beyond"),
    "O-25": ("objects.range_beyond",),
    "O-26": ("objects.slash_neighbours",),
    "O-28": ("objects.signatures",),
    "O-29": ("objects.signatures", "objects.signed_put"),
    "O-30": ("objects.signatures", "objects.signed_put"),
    "O-31": ("objects.signatures", "objects.signed_post"),
    "O-32": ("objects.signatures", "objects.signed_post"),
    "O-33": ("objects.signatures",),
    "O-35": ("objects.signatures",),
    "O-36": ("objects.signatures", "objects.signed_put", "objects.signed_post"),
    "O-37": ("objects.signatures", "objects.signed_post", "objects.copy_conditional"),
    "O-38": ("objects.signatures", "objects.signed_post", "objects.copy_conditional"),
    "O-39": ("objects.signatures", "objects.signed_post"),
    "O-40": ("objects.signatures", "objects.signed_post"),
    "O-41": ("objects.signatures", "objects.signed_post"),
    "O-42": ("objects.signatures", "objects.signed_post", "objects.signed_fields"),
    "O-51": ("objects.range_beyond",),
    "O-52": ("objects.range_beyond",),
    "O-53": ("objects.read_pinned",),
    "O-54": ("objects.range_beyond",),
    "O-55": ("objects.if_match", "objects.if_absent", "objects.delete_conditional"),
    "O-55.1": ("objects.if_match", "objects.if_absent"),
    "O-57": ("objects.checksums",),
    "O-58": ("objects.metadata",),
    "O-59": ("objects.copy_pinned", "objects.metadata"),
    "O-60": ("objects.copy_conditional", "objects.copy_atomic"),
    "O-61": ("objects.delete_conditional",),
    "O-62": ("objects.listing_complete", "objects.listing_order", "objects.slash_neighbours"),
    "O-63": ("objects.delimiter", "objects.slash_neighbours"),
    "O-64": ("objects.start_after", "objects.slash_neighbours"),
    "O-65": ("objects.uploads_listed", "objects.batch"),
    "O-66": ("objects.multipart_conditional", "objects.multipart_atomic"),
    "O-67": ("objects.batch",),
    "O-68": ("objects.uploads_listed", "objects.batch"),
    "O-69": ("durable",),
    "O-70": ("objects.delete_conditional", "objects.read_pinned"),
    "O-71": ("objects.range_beyond",),
    **dict.fromkeys(_NAMED, _LEASES),
    **dict.fromkeys(("X-18", "X-19"), (*_LEASES, "objects.listing_complete", "objects.listing_order")),
    "O-74": ("objects.signatures", "objects.signed_put", "objects.signed_post"),
    "O-75": ("objects.signatures",),
    "K-01": ("objects.keys",),
    "K-03": ("objects.keys",),
    "K-04": ("objects.keys",),
    "K-10": ("records.keys",),
    "K-11": ("objects.keys",),
    "P-52": ("objects.batch",),
}
"""What a clause takes of an engine, by the names of its certification."""


def _all_of(store: str) -> tuple[str, ...]:
    taken = (name for names in CERTIFIED.values() for name in names)
    return tuple(dict.fromkeys(name for name in taken if name.startswith(f"{store}.")))


_AGREEMENT: Final[Mapping[str, tuple[str, ...]]] = {
    "R-40": _all_of("records"),
    "S-60": _all_of("records"),
    "O-48": _all_of("objects"),
    "O-90": _all_of("objects"),
}
"""Generated programs take everything."""

_SESSIONS: Final = (
    "records.one_read",
    "records.cas",
    "records.create_once",
    "records.touch",
    "records.delete_conditional",
)
_BASIS: Final[Mapping[str, tuple[str, ...]]] = {
    "R": ("records.one_read",),
    "S": _SESSIONS,
    "O": ("objects.ranges",),
    "E": (*_SESSIONS, "objects.ranges"),
}
"""What all clauses of a letter take, because no case of theirs does without."""


def clauses_of(item: pytest.Item) -> tuple[str, ...]:
    """Return the clauses that a case is evidence for."""
    return tuple(dict.fromkeys(name for mark in item.iter_markers("clause") for name in mark.args))


def needs_of(item: pytest.Item) -> frozenset[str]:
    """Return what the case itself needs of a target, besides its clauses."""
    marked = {need for mark in item.iter_markers("clause") for need in mark.kwargs.get("needs", ())}
    fixtures: Iterable[str] = getattr(item, "fixturenames", ())
    return frozenset(marked | {_FIXTURES[name] for name in fixtures if name in _FIXTURES})


def takes_of(item: pytest.Item) -> tuple[str, ...]:
    """Return what the case itself takes of an engine, besides what its clauses take."""
    return tuple(name for mark in item.iter_markers("clause") for name in mark.kwargs.get("takes", ()))


def threads_of(item: pytest.Item) -> bool:
    """Return whether the case is asked of asynchronous states on threads without anybody's asking for these."""
    return any(mark.kwargs.get("threads") for mark in item.iter_markers("clause"))


def obstacles(
    running: Running, clauses: tuple[str, ...], needs: frozenset[str], takes: tuple[str, ...] = ()
) -> dict[str, tuple[str, str]]:
    """Return for each clause why the case cannot be asked: a status and a reason."""
    found = {}
    for name in clauses:
        found[name] = _not_claimed(running, name, needs) or _engine_fault(running, name, takes)
    return {name: obstacle for name, obstacle in found.items() if obstacle is not None}


def _not_claimed(running: Running, name: str, needs: frozenset[str]) -> tuple[str, str] | None:
    from statekit.contract import clause

    missing = [need for need in (*clause(name).needs, *sorted(needs)) if need in running.lacks]
    return ("not-claimed", f"needs {missing[0]}: {running.lacks[missing[0]]}") if missing else None


def _engine_fault(running: Running, name: str, takes: tuple[str, ...]) -> tuple[str, str] | None:
    taken = (*_BASIS.get(name[0], ()), *CERTIFIED.get(name, ()), *_AGREEMENT.get(name, ()), *takes)
    for capability in taken:
        for certificate in running.certificates:
            if (finding := certificate.lack(capability)) is not None:
                return "engine-fault", f"{certificate.engine} lacks {capability}: {finding.evidence}"
    return None
