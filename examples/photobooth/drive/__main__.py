"""``python -m drive``, in the photo booth's folder: one backend after the other, and a table of what was lost."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from pathlib import Path

from statekit_conformance.running import Running
from statekit_conformance.targets import known

from .ride import Plan, Report, ride

TARGETS = ("local", "redis@valkey", "aws@dynalite+seaweedfs", "gcs@engine")
COLUMNS = ("backend", "requests", "photographs", "updates", "processes killed", "stores killed", "swept", "lost")


def main() -> int:
    """Drive, print, and fail if anything was lost."""
    parser = argparse.ArgumentParser(prog="drive", description=__doc__)
    parser.add_argument("targets", nargs="*", default=TARGETS, help="of the conformance suite")
    parser.add_argument("--seconds", type=float, default=30.0, help="for each backend")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    asked = parser.parse_args()
    print(f"seed {asked.seed}, {asked.seconds:g} s for each backend", flush=True)
    reports = [_report(name, Plan(asked.seconds, asked.seed)) for name in asked.targets]
    _print_table(reports)
    return 1 if any(report.lost for report in reports) else 0


def _report(name: str, plan: Plan) -> Report:
    running = Running(known(name))
    try:
        with tempfile.TemporaryDirectory(prefix="photobooth-") as folder:
            report = asyncio.run(ride(running, plan, Path(folder)))
    finally:
        running.stop()
    for words in report.lost or ["nothing"]:
        print(f"{name}: lost: {words}", flush=True)
    return report


def _print_table(reports: list[Report]) -> None:
    rows = [COLUMNS, *(report.row for report in reports)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    for number, row in enumerate(rows):
        first, *rest = (
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join((first, *rest)))
        if number == 0:
            print("  ".join("-" * width for width in widths))


if __name__ == "__main__":
    sys.exit(main())
