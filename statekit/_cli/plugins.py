"""``statekit plugins``: which schemes are installed, who has them, and what is wrong with those that do not load."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass, fields
from itertools import groupby
from typing import Final

from statekit import __version__, plugins
from statekit._config.values import expected
from statekit.driver import AnyBackend
from statekit.errors import ConfigError

from .terminal import Terminal

__all__ = ["add", "run"]


@dataclass(frozen=True, slots=True)
class _Row:
    """One scheme; ``problem`` is set where it cannot be used, and then the rest is unknown."""

    scheme: str
    distribution: str
    backend: str | None = None
    stores: tuple[str, ...] = ()
    reach: str | None = None
    survives: str | None = None
    asyncio: str | None = None
    options: dict[str, str] | None = None
    problem: str | None = None


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "plugins",
        help="list the backends that are installed",
        description="List every installed URL scheme and its backend. Loads them all; exits with 1 if one is broken.",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for programs")
    form.add_argument("--markdown", action="store_true", help="the README's table")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, terminal: Terminal) -> int:
    """Run the command."""
    rows = _rows()
    if arguments.json:
        terminal.line(json.dumps([asdict(row) for row in rows], indent=2))
    elif arguments.markdown:
        _show_markdown(rows, terminal)
    else:
        _show(rows, terminal)
    return 1 if any(row.problem for row in rows) else 0


def _rows() -> list[_Row]:
    rows = [_row(scheme, f"statekit {__version__}") for scheme in sorted(plugins.BUILT_IN)]
    for scheme, entries in sorted(plugins.announced().items()):
        names = " and ".join(sorted(entry.distribution for entry in entries))
        if scheme in plugins.BUILT_IN:
            rows.append(_Row(scheme, names, problem="the scheme is built in: this plugin is never used"))
        else:
            rows.append(_row(scheme, names))
    return rows


def _row(scheme: str, distribution: str) -> _Row:
    try:
        backend = plugins.find(scheme)
    except ConfigError as error:
        return _Row(scheme, distribution, problem=str(error))
    return _Row(
        scheme,
        distribution,
        backend.name,
        tuple(store for store, held in (("sessions", backend.records), ("objects", backend.objects)) if held),
        backend.reach.value,
        backend.survives.value,
        "threads" if backend.aopen is None else "native",
        _options(backend),
    )


def _options(backend: AnyBackend) -> dict[str, str]:
    from typing import get_type_hints

    hints = get_type_hints(backend.options, include_extras=True)
    return {field.name: expected(hints[field.name]) for field in fields(backend.options)}


def _show(rows: list[_Row], terminal: Terminal) -> None:
    terminal.table(
        ("scheme", "backend", "stores", "seen by one", "survives the death of", "from"),
        [
            (
                f"{row.scheme}:",
                row.backend or "?",
                " ".join(row.stores) or "?",
                row.reach or "?",
                {"nothing": "nobody"}.get(row.survives or "?", row.survives or "?"),
                row.distribution,
            )
            for row in rows
        ],
    )
    for row in rows:
        if row.problem:
            terminal.line(f"{terminal.style(terminal.sign('cross'), 'red')} {row.scheme}: {row.problem}")


_REACHES: Final = {"process": "this process", "host": "processes of one host", "network": "every host"}
_SURVIVED: Final = {"nothing": "nothing", "client": "any client's death", "server": "the server's death, too"}


def _show_markdown(rows: list[_Row], terminal: Terminal) -> None:
    """Show the backends that work: those that are built in first, then by distribution."""
    terminal.line("| URL | sessions | objects | who sees the same state | a write survives | asyncio | install |")
    terminal.line("|---|---|---|---|---|---|---|")
    working = sorted((row for row in rows if row.problem is None), key=_backend_of)
    for (added, distribution, _), group in groupby(working, _backend_of):
        schemes = list(group)
        first = schemes[0]
        cells = (
            ", ".join(f"`{row.scheme}:`" for row in schemes),
            *("yes" if store in first.stores else "no" for store in ("sessions", "objects")),
            _REACHES[first.reach or ""],
            _SURVIVED[first.survives or ""],
            first.asyncio or "",
            f"`{distribution}`" if added else "built in",
        )
        terminal.line(f"| {' | '.join(cells)} |")


def _backend_of(row: _Row) -> tuple[bool, str, str]:
    return row.scheme not in plugins.BUILT_IN, row.distribution.partition(" ")[0], row.backend or ""
