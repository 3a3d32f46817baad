"""The command ``statekit``, also as ``python -m statekit``.

Exit status: 0 if all is well; 1 if something does not work; 2 if the command or the configuration is wrong.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from statekit._cli import check, clauses, demo, keygen, plugins, provision, sweep
from statekit._cli.terminal import Terminal
from statekit.errors import ConfigError, StateError

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    arguments = _parser().parse_args(argv)
    logging.getLogger("statekit").addHandler(logging.NullHandler())  # what went wrong is said once, below
    try:
        return int(arguments.run(arguments, Terminal(sys.stdout)))
    except StateError as error:
        _complain(error)
        return 2 if isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain once more while flushing at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="statekit",
        description="Sessions and objects for Python processes that come and go.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (demo, check, provision, sweep, plugins, clauses, keygen):
        command.add(commands)
    return parser


def _complain(error: StateError) -> None:
    """Say in one line what went wrong, and where."""
    terminal = Terminal(sys.stderr)
    where = f"{error.op} on {error.backend}: " if error.op and error.backend else ""
    terminal.line(f"{terminal.style('statekit:', 'red')} {where}{' '.join(str(error).split())}")


if __name__ == "__main__":
    sys.exit(main())
