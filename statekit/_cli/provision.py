"""``statekit provision``: create the table and the bucket that an application is configured to use."""

from __future__ import annotations

import argparse

from statekit.state import State

from .places import add_places, settings_of
from .terminal import Terminal

__all__ = ["add", "run"]


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "provision",
        help="create what the configured backends need and lack",
        description="Create what is missing, such as a table or a bucket. Nothing that exists is changed unsaid.",
    )
    add_places(parser)
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument(
        "--cors-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="let pages of this origin, such as https://shop.example, send presigned requests; may be repeated",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Run the command."""
    with State(settings_of(arguments)) as state:
        lines = state.provision(origins=arguments.cors_origin, dry_run=arguments.dry_run)
    for line in lines or ("there is nothing to create",):
        terminal.line(f"{terminal.style(terminal.sign('tick'), 'green')} {line}")
    if arguments.dry_run:
        terminal.line(terminal.style("nothing was changed", "dim"))
    return 0
