"""``statekit keygen``: a key for sealing and signing."""

from __future__ import annotations

import argparse

from statekit._core.seal import generate

from .terminal import Terminal

__all__ = ["add", "run"]


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "keygen",
        help="make a key",
        description="Print a new random key. Put it in front of the others in STATEKIT_KEYS, with a comma between.",
    )
    parser.set_defaults(run=run)


def run(_: argparse.Namespace, terminal: Terminal) -> int:
    """Run the command."""
    terminal.line(generate())
    return 0
