"""The public API is typed as documented, for both type checkers, wrong uses included."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)


def needs(module: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(importlib.util.find_spec(module) is None, reason=f"{module} is not installed")


@needs("mypy")
@pytest.mark.timeout(300)
def test_mypy_agrees() -> None:
    done = run(sys.executable, "-m", "mypy", "--strict", "--warn-unused-ignores", str(HERE / "api.py"))
    assert done.returncode == 0, done.stdout + done.stderr


@needs("pyright")
@pytest.mark.timeout(300)
def test_pyright_agrees() -> None:
    done = run(sys.executable, "-m", "pyright", "--pythonpath", sys.executable, str(HERE / "api.py"))
    if done.returncode not in (0, 1):
        pytest.skip(f"pyright cannot run here: {done.stderr.strip()[-200:]}")
    assert done.returncode == 0, done.stdout
