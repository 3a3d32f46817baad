"""``python -m statekit_conformance matrix REPORT…``: what reports come to, as a table in Markdown."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from .matrix import UnfitReportError, render

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m statekit_conformance")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    matrix = commands.add_parser("matrix", help="print what reports come to, as a table in Markdown")
    matrix.add_argument("reports", nargs="+", type=Path, metavar="REPORT", help="what --statekit-report wrote")
    arguments = parser.parse_args(argv)
    try:
        documents = [json.loads(path.read_text("utf-8")) for path in arguments.reports]
        sys.stdout.write(f"{render(documents)}\n")
    except (OSError, ValueError, UnfitReportError) as error:
        sys.stderr.write(f"statekit_conformance: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
