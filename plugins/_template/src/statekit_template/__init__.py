"""Sessions in one SQLite file: the declaration. Importing this module opens nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from statekit.driver import CONTRACT, AnyBackend, Backend, Drivers, Opening, Reach, Survives

__all__ = ["BACKEND", "TemplateOptions", "statekit_backends"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateOptions:
    """What may stand in the URL's query; core reads it, and refuses what is not here.

    Attributes:
        sync: SQLite's ``synchronous``: ``full``, or ``extra`` for file systems that need it.
    """

    sync: Literal["full", "extra"] = "full"


def _open(opening: Opening[TemplateOptions]) -> Drivers:
    """Return drivers. The SDK is imported here and not above, and nothing is connected before the first call."""
    from .records import TemplateRecords

    if opening.client is not None:
        raise ValueError("this backend takes no client")
    return Drivers(records=TemplateRecords(opening.path, opening.options.sync))


BACKEND: Final = Backend(
    contract=CONTRACT,
    name="template",
    schemes=("template",),
    options=TemplateOptions,
    records=True,
    objects=False,
    reach=Reach.HOST,
    survives=Survives.SERVER,
    open=_open,
)


def statekit_backends() -> list[AnyBackend]:
    """Return the backends of this distribution: the hook that the entry point leads to."""
    return [BACKEND]
