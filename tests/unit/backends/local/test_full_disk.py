"""A full disk is an error that says what to do, and nothing that was acknowledged is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).with_name("programs.py")


def run(*arguments):
    done = subprocess.run([sys.executable, PROGRAMS, *map(str, arguments)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("limit", [250_000, 600_000])
def test_a_limit_on_the_size_of_files(directory, limit):
    faults = run("limited", directory, limit)
    assert "MISCONFIGURED" in faults
    assert faults <= {"MISCONFIGURED", "UNKNOWN"}


@pytest.fixture
def small_disk(tmp_path):
    path = tmp_path / "disk"
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(path)],
        check=False,
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"mounting a small tmpfs is not permitted here: {mounted.stderr.strip()}")
    yield path
    subprocess.run(["umount", str(path)], check=True)


def test_a_full_disk(small_disk):
    faults = run("full", small_disk / "state")
    assert "MISCONFIGURED" in faults
    assert faults <= {"MISCONFIGURED", "UNKNOWN"}
