"""``statekit clauses``: the contract."""

from __future__ import annotations

import argparse
import json
import textwrap

from statekit.contract import CLAUSES, Clause, render

from .terminal import Terminal

__all__ = ["add", "run"]


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "clauses",
        help="print the contract",
        description="Print what every store does on every backend, clause by clause.",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for programs")
    form.add_argument("--markdown", action="store_true", help="CONTRACT.md")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Run the command."""
    if arguments.json:
        terminal.line(json.dumps([_fields(clause) for clause in CLAUSES], indent=2, ensure_ascii=False))
    elif arguments.markdown:
        terminal.line(render().rstrip("\n"))
    else:
        _show(terminal)
    return 0


def _fields(clause: Clause) -> dict[str, object]:
    return {
        "id": clause.id,
        "text": clause.text,
        "party": clause.party.value,
        "level": clause.level.value,
        "needs": clause.needs,
    }


def _show(terminal: Terminal) -> None:
    room = terminal.width - 16
    for clause in CLAUSES:
        first, *more = textwrap.wrap(clause.text, room)
        terminal.line(f"{terminal.style(clause.id.ljust(7), 'bold')} {clause.party.value.ljust(6)}  {first}")
        for text in more:
            terminal.line(" " * 16 + text)
