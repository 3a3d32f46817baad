"""One run of the suite on the mutants, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from .plugin import announce

HERE = Path(__file__).parent
ARGUMENTS = ["--pyargs", "statekit_conformance", "-p", "broken.suite", "-p", "no:randomly", "-p", "no:cacheprovider"]
QUIET = ["-q", "--no-header", "--tb=line", "--show-capture=no", "--disable-warnings"]


def judged(folder: Path, *names: str, every: bool = False, patience: float = 20.0) -> dict[str, Any]:
    """Run the suite on some mutants or all; return by name ``kills`` and ``asked``, each by clause, and ``accidents``.

    Args:
        folder: An empty one, for what the run leaves.
        names: The mutants' schemes.
        every: Whether the dead are asked on.
        patience: Seconds that a case may take.
    """
    site = folder / "site"
    announce(site)
    paths = [str(site), str(HERE.parent), *filter(None, sys.path)]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTEST_ADDOPTS": "",
        "STATEKIT_MUTANTS": str(folder),
        "STATEKIT_MUTANTS_ONLY": " ".join(names),
        "STATEKIT_MUTANTS_ALL": "1" if every else "",
    }
    with (folder / "output.txt").open("w") as output:
        command = [sys.executable, "-m", "pytest", *ARGUMENTS, *QUIET, f"--statekit-case-timeout={patience:g}"]
        done = subprocess.run(command, cwd=folder, env=environment, stdout=output, stderr=output, check=False)
    found = folder / "kills.json"
    if not found.exists():
        raise AssertionError(f"the run ended with {done.returncode}:\n{(folder / 'output.txt').read_text()[-3000:]}")
    answer: dict[str, Any] = json.loads(found.read_text())
    return answer


def main(*names: str) -> None:
    """Print who is dead, by which cases."""
    from .catalogue import MUTANTS

    with tempfile.TemporaryDirectory() as place:
        for scheme, told in judged(Path(place), *names, every=bool(os.environ.get("STATEKIT_MUTANTS_ALL"))).items():
            name = MUTANTS[scheme].name if scheme in MUTANTS else ""
            for clause, kills in told["kills"].items():
                asked = len(told["asked"].get(clause, ()))
                print(f"{'dead ' if kills else 'ALIVE'} {scheme:9} {name}  {clause} {len(kills)}/{asked}  {kills[:1]}")
            for clause in MUTANTS[scheme].clauses if scheme in MUTANTS else ():
                if not told["kills"].get(clause):
                    print(f"ALIVE {scheme:9} {name}  {clause} 0/{len(told['asked'].get(clause, ()))}")
        print((Path(place) / "output.txt").read_text()[-300:])


if __name__ == "__main__":
    main(*sys.argv[1:])
