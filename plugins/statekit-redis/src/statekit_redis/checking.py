"""The check of how the servers are set up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from redis.exceptions import ResponseError

from .answers import info
from .faults import EvictingError
from .flows import Flow
from .requests import Command

__all__ = ["check"]

SILENT: Final = "the server does not answer INFO: whether it evicts keys or persists is not known"
FORGETFUL: Final = "append-only persistence is off: what was acknowledged is lost if the server dies"


def check(primaries: Callable[[], int]) -> Flow[tuple[str, ...]]:
    """Ask every primary how it is set up; return warnings.

    Args:
        primaries: Returns how many there are, once something was sent.

    Raises:
        EvictingError: One would delete sessions when its memory is full.
    """
    warnings: list[str] = []
    node = 0
    while True:
        try:
            warnings += _judged(info((yield Command(("INFO",), node=node))))
        except ResponseError:
            warnings.append(SILENT)
        node += 1
        if node >= primaries():
            return tuple(dict.fromkeys(warnings))


def _judged(server: Mapping[str, Any]) -> list[str]:
    if server.get("maxmemory_policy", "noeviction") != "noeviction":
        raise EvictingError
    return [] if int(server.get("aof_enabled", 0)) else [FORGETFUL]
