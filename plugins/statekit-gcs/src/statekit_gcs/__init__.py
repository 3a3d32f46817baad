"""Google Cloud Storage as a backend of statekit: ``gs://bucket/prefix``.

Importing this module imports no client library; opening a backend does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from statekit.driver import CONTRACT, AnyBackend, Backend, Drivers, Opening, Reach, Survives

from .options import GcsOptions

__all__ = ["BACKEND", "GcsOptions", "statekit_backends"]


def _open(opening: Opening[GcsOptions]) -> Drivers:
    from .opening import open_sync

    return open_sync(opening)


def _provision(opening: Opening[GcsOptions], /, *, dry_run: bool) -> Sequence[str]:
    from .provision import provision

    return provision(opening, dry_run=dry_run)


def _welcome(opening: Opening[GcsOptions], origins: Sequence[str], /, *, dry_run: bool) -> Sequence[str]:
    from .cors import welcome

    return welcome(opening, origins, dry_run=dry_run)


BACKEND: Final = Backend(
    contract=CONTRACT,
    name="gcs",
    schemes=("gs",),
    options=GcsOptions,
    records=True,
    objects=True,
    reach=Reach.NETWORK,
    survives=Survives.SERVER,
    open=_open,
    provision=_provision,
    welcome=_welcome,
)


def statekit_backends() -> Iterable[AnyBackend]:
    """Return the backends of this plugin: the hook that statekit calls."""
    return (BACKEND,)
