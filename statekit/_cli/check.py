"""``statekit check``: is the configuration right, and does everything answer?"""

from __future__ import annotations

import argparse
import time

from statekit.config import NOWHERE, Settings, Target
from statekit.driver import Reach
from statekit.state import State

from .places import add_places, settings_of
from .terminal import Terminal

__all__ = ["add", "run"]


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "check",
        help="find out whether the configured backends answer",
        description="Resolve the configuration as an application here would, and make a round trip to each backend.",
    )
    add_places(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Run the command."""
    settings = settings_of(arguments)
    _show(settings, terminal)
    with State(settings) as state:
        began = time.monotonic()
        warnings = state.check()
        elapsed = time.monotonic() - began
    for warning in warnings:
        terminal.line(f"{terminal.style('warning', 'yellow')}   {warning}")
    terminal.line(f"{terminal.style(terminal.sign('tick'), 'green')} answered in {elapsed * 1000:.0f} ms")
    return 0


def _show(settings: Settings, terminal: Terminal) -> None:
    for store, target in (("sessions", settings.sessions), ("objects", settings.objects)):
        terminal.line(f"{store.ljust(9)}   {_described(target)}")
    terminal.line(f"namespace   {settings.namespace or 'none'}")
    if settings.keys:
        terminal.line(f"keys        {len(settings.keys)}: sessions are sealed")


def _described(target: Target) -> str:
    """Describe a backend without its address, which might name more than a log should; a local path is none."""
    if target == NOWHERE:
        return "not configured"
    place = f" in {target.path}" if target.backend.reach is Reach.HOST else ""
    survives = {"nothing": "nothing", "client": "the death of its clients", "server": "the death of the server"}
    return (
        f"{target.backend.name}{place}, seen by one {target.backend.reach.value}, "
        f"survives {survives[target.backend.survives.value]}"
    )
