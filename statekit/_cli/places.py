"""The options that say where stores live, and what comes of them."""

from __future__ import annotations

import argparse

from statekit.config import Settings, resolve

__all__ = ["add_places", "settings_of"]


def add_places(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where stores live."""
    parser.add_argument("--url", help="where both stores live")
    parser.add_argument("--sessions", metavar="URL", help="where sessions live, if elsewhere")
    parser.add_argument("--objects", metavar="URL", help="where objects live, if elsewhere")


def settings_of(arguments: argparse.Namespace) -> Settings:
    """Resolve the configuration as an application here would, but for these options.

    Raises:
        ConfigError: Something in it is wrong.
    """
    return resolve(url=arguments.url, sessions=arguments.sessions, objects=arguments.objects)
