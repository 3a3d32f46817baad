"""``statekit demo``: what statekit promises, kept before your eyes by processes that are killed and come back."""

from __future__ import annotations

import argparse

from statekit._cli.places import add_places
from statekit._cli.terminal import Terminal

__all__ = ["add", "run"]


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "demo",
        help="watch it work, here or on a backend of yours",
        description=(
            "Start worker processes, let them log in, compete, upload and be killed, and check what is left. "
            "Uses a fresh directory, or with a URL a namespace of its own there, which is emptied again."
        ),
    )
    add_places(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Run the command; 0 only if every promise was kept."""
    from .acts import ACTS
    from .stage import perform

    places = {"url": arguments.url, "sessions": arguments.sessions, "objects": arguments.objects}
    return perform(ACTS, {name: place for name, place in places.items() if place is not None}, terminal)
