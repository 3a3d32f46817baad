"""Print what exploring each case takes: ``python -m tests.explore``."""

from __future__ import annotations

import sys
import time

from tests.explore.process import patch_randomness
from tests.explore.protocols import CASES


class _Patch:
    setattr = staticmethod(setattr)


def main() -> None:
    """Explore and print."""
    patch_randomness(_Patch)
    print(f"{'states':>9} {'steps':>9} {'ends':>8} {'kinds':>5} {'s':>6}  case")
    total = [0, 0, 0]
    began = time.perf_counter()
    for name, make in CASES.items():
        if sys.argv[1:] and not any(word in name for word in sys.argv[1:]):
            continue
        start = time.perf_counter()
        figures = make().explore()
        took = time.perf_counter() - start
        print(
            f"{figures.states:9} {figures.steps:9} {figures.ends:8} {len(figures.endings):5} {took:6.1f}  {name}",
            flush=True,
        )
        total = [a + b for a, b in zip(total, (figures.states, figures.steps, figures.ends), strict=True)]
    print(f"{total[0]:9} {total[1]:9} {total[2]:8}       {time.perf_counter() - began:6.1f}  {len(CASES)} cases")


main()
