"""Killed at any moment: nothing torn, nothing acknowledged lost, no orphan after a sweep."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = Path(__file__).with_name("kills.py")


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("sync", "rounds"), [("full", 26), ("normal", 7)])
def test_kills_leave_nothing_torn_lost_or_orphaned(directory, sync, rounds):
    """Eight writers are killed in each round: 208 and 56."""
    seed = random.SystemRandom().randrange(1 << 32)
    done = subprocess.run(
        [sys.executable, KILLS, str(directory), sync, str(seed), str(rounds)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"seed {seed}\n{done.stderr}"
    kills, acknowledged, orphans = map(int, done.stdout.split())
    assert kills == 8 * rounds, f"seed {seed}"
    assert acknowledged > kills, f"seed {seed}"
    assert orphans > 0, f"seed {seed}: no kill left anything behind, so nothing was proven"
