"""``statekit sweep``: reclaim what expired or was abandoned."""

from __future__ import annotations

import argparse
import time

from msgspec import structs

from statekit.state import State

from .places import add_places, settings_of
from .terminal import Terminal

__all__ = ["add", "run"]


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "sweep",
        help="reclaim what expired or was abandoned: once a day",
        description="Delete what expired or was abandoned, where the engine does not. It may be killed and run again.",
    )
    add_places(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Run the command."""
    with State(settings_of(arguments)) as state:
        began = time.monotonic()
        swept = structs.asdict(state.sweep())
        elapsed = time.monotonic() - began
    found = ", ".join(f"{kind}: {count}" for kind, count in swept.items() if count)
    terminal.line(f"{terminal.style(terminal.sign('tick'), 'green')} {found or 'nothing to reclaim'} ({elapsed:.1f} s)")
    return 0
