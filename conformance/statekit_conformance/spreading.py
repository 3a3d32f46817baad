"""With pytest-xdist: one process has all cases of a target, so that no other one starts its engines.

Targets are begun in the order in which they are named: the slowest ones first, for those who know.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # xdist has no types

from .targets import Target

__all__ = ["ByTarget"]


class ByTarget(LoadScopeScheduling):  # type: ignore[misc]
    """Cases that are asked of no target are kept together by their modules.

    Args:
        config: pytest's.
        log: xdist's.
        targets: Those that are judged.
    """

    def __init__(self, config: pytest.Config, log: Any, targets: Sequence[Target]) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)
        names = "|".join(re.escape(target.name) for target in targets)
        self._place = re.compile(rf"(?:^|[\[-])({names})-(?:sync|async)[\]-]")

    def _split_scope(self, nodeid: str) -> str:
        found = self._place.search(nodeid)
        scope: str = super()._split_scope(nodeid) if found is None else found[1]
        return scope
