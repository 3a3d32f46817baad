"""The examples do what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_thumbnails_are_made_in_spite_of_a_killed_worker(tmp_path: Path) -> None:
    pytest.importorskip("PIL", reason="the example needs Pillow")
    command = [sys.executable, str(EXAMPLES / "thumbnails.py")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert "first worker was killed" in done.stdout
    assert done.stdout.count("second worker made ") == 3
    assert done.stdout.endswith("6 thumbnails, the same bytes as without the accident\n")
