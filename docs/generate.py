"""Writes what is generated into the documents: ``python docs/generate.py``, in an environment that has all plugins.

    python docs/generate.py --check                    # only say what is stale; exits with 1 then
    python docs/generate.py --report report.json …     # the README's matrix, too, from reports of the suite

CONTRACT.md is generated as a whole; of README.md what stands between ``<!-- begin NAME -->`` and ``<!-- end NAME -->``.
The matrix takes a run of the suite: it is written where a report is given, and not checked.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
README: Final = ROOT / "README.md"
CONTRACT: Final = ROOT / "CONTRACT.md"


def main() -> int:
    """Write or check, and return the exit status."""
    parser = argparse.ArgumentParser(description="Write what is generated into the documents.")
    parser.add_argument("--check", action="store_true", help="change nothing, and exit with 1 if something is stale")
    parser.add_argument("--report", action="extend", nargs="+", default=[], help="reports of the conformance suite")
    arguments = parser.parse_args()
    fresh = {CONTRACT: _output("statekit", "clauses", "--markdown"), README: _readme(arguments.report)}
    stale = [path for path, text in fresh.items() if path.read_text("utf-8") != text]
    for path in stale:
        print(f"{path.name} {'is stale: python docs/generate.py' if arguments.check else 'is written'}")
        if not arguments.check:
            path.write_text(fresh[path], "utf-8")
    return 1 if stale and arguments.check else 0


def _readme(reports: list[str]) -> str:
    text = _replaced(README.read_text("utf-8"), "backends", _output("statekit", "plugins", "--markdown"))
    return _replaced(text, "matrix", _output("statekit_conformance", "matrix", *reports)) if reports else text


def _output(module: str, *arguments: str) -> str:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, encoding="utf-8").stdout


def _replaced(text: str, name: str, part: str) -> str:
    """Return the text with another part between its marks, which are there exactly once."""
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
    replaced, count = re.subn(f"(?<={re.escape(begin)}).*?(?={re.escape(end)})", lambda _: part, text, flags=re.DOTALL)
    if count != 1:
        raise SystemExit(f"README.md has {count} places for {name}")
    return replaced


if __name__ == "__main__":
    sys.exit(main())
