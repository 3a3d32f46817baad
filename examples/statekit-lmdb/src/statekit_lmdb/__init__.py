"""Sessions in an LMDB environment: the declaration. Importing this module opens nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from statekit.driver import CONTRACT, AnyBackend, Backend, Drivers, Opening, Reach, Survives

__all__ = ["BACKEND", "LmdbOptions", "statekit_backends"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LmdbOptions:
    """What may stand in the URL's query.

    Attributes:
        size_mib: The most that the environment may ever hold, in MiB; disk is taken only for what is stored.
    """

    size_mib: int = 1024


def _open(opening: Opening[LmdbOptions]) -> Drivers:
    from .environment import Environment
    from .records import LmdbRecords

    if opening.client is not None:
        raise ValueError("this backend takes no client")
    if opening.options.size_mib < 1:
        raise ValueError("size_mib is at least 1")
    environment = Environment(opening.path, opening.options.size_mib << 20)
    return Drivers(records=LmdbRecords(environment), close=environment.close)


BACKEND: Final = Backend(
    contract=CONTRACT,
    name="lmdb",
    schemes=("lmdb",),
    options=LmdbOptions,
    records=True,
    objects=False,
    reach=Reach.HOST,
    survives=Survives.SERVER,
    open=_open,
)


def statekit_backends() -> list[AnyBackend]:
    """Return the backends of this distribution: the hook that the entry point leads to."""
    return [BACKEND]
