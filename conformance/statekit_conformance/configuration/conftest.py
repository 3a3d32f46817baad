"""What the cases about configuration share: an environment without any, and plugins made for one case."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import statekit
from statekit_conformance.subject import Subject

LEFT_ALONE = frozenset({"PATH", "HOME", "PYTHONPATH", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "SYSTEMROOT"})


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return an empty working directory, with nothing configured by environment or file."""
    from statekit._config.platforms import VARIABLES

    for name in os.environ:
        if name.startswith("STATEKIT") or name in VARIABLES:
            monkeypatch.delenv(name)
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def opening(subject: Subject) -> Callable[..., Any]:
    """Return ``statekit.open`` or ``aopen``, for what is refused before there is anything to close."""
    return statekit.open if subject.colour == "sync" else statekit.aopen


@pytest.fixture
def url(subject: Subject) -> str:
    """Return the target's URL for records."""
    address: str = subject.site.urls[0]
    return address


PLUGIN = """
from statekit.driver import CONTRACT, Backend, Drivers, Reach, Survives
from dataclasses import dataclass

@dataclass(frozen=True)
class Options:
    colour: str = "red"

def statekit_backends():
    return [Backend(contract={contract}, name="{scheme}", schemes=("{scheme}",), options=Options, records=True,
                    objects=False, reach=Reach.PROCESS, survives=Survives.NOTHING, open=lambda opening: Drivers())]
"""


class Installed:
    """A folder with distributions in it, and processes that see them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def add(
        self,
        distribution: str,
        scheme: str,
        *,
        module: str | None = None,
        text: str = PLUGIN,
        contract: str = "CONTRACT",
    ) -> None:
        """Install a distribution whose plugin announces a scheme."""
        module = module or distribution.replace("-", "_")
        (self.folder / f"{module}.py").write_text(text.replace("{contract}", contract).replace("{scheme}", scheme))
        info = self.folder / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[statekit]\n{scheme} = {module}\n")

    def run(self, program: str, *arguments: str) -> str:
        """Run a program in a process of its own, and return what it printed."""
        environment = {name: value for name, value in os.environ.items() if name in LEFT_ALONE}
        paths = [str(self.folder), *filter(None, sys.path)]
        environment["PYTHONPATH"] = os.pathsep.join(paths)
        done = subprocess.run(  # noqa: S603 - a program of a case's own
            [sys.executable, "-c", dedent(program), *arguments],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def refusals(self, *urls: str) -> list[str]:
        """Return the messages of the ConfigErrors that opening each of these URLs raises, in one process."""
        printed = self.run(
            """
            import statekit, sys
            for url in sys.argv[1:]:
                try:
                    statekit.open(url)
                except statekit.ConfigError as error:
                    print(" ".join(str(error).split()))
                else:
                    print("it was opened")
            """,
            *urls,
        )
        return printed.splitlines()


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    """Return a folder to install distributions in."""
    return Installed(tmp_path / "site")
