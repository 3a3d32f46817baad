"""The configuration file: ``statekit.toml``, or ``[tool.statekit]`` in ``pyproject.toml``.

Each is searched from the working directory upwards; only the first one found is read, and one that is there but
cannot be read is an error, not a reason to look further.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from statekit.errors import ConfigError

from .names import among, shown

__all__ = ["File", "find"]

_OURS: Final = re.compile(rb"""(?m)^\s*\[?\s*["']?tool["']?\s*(?:\.\s*["']?statekit|\])""")
_POSITION: Final = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True, slots=True)
class File:
    """A configuration file that was found.

    Attributes:
        path: Where.
        table: The name of the table in it that is ours.
        settings: What that table holds.
    """

    path: Path
    table: str
    settings: Mapping[str, Any]


def find(directory: Path) -> File | None:
    """Search a directory and those above it.

    Raises:
        ConfigError: The file cannot be read, is malformed, or holds what is not statekit's.
    """
    folders = (directory, *directory.parents)
    for folder in folders:
        path = folder / "statekit.toml"
        if (data := _read(path)) is not None:
            return File(path, "statekit", _own_table(path, _parsed(path, data)))
    for folder in folders:
        path = folder / "pyproject.toml"
        data = _read(path)
        # One that has no table of ours costs no parsing, and its mistakes are somebody else's.
        if data is not None and _OURS.search(data):
            settings = _table(_table(_parsed(path, data), "tool", path), "statekit", path)
            if settings:
                return File(path, "tool.statekit", settings)
    return None


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        if not os.access(path.parent, os.X_OK):
            return None  # nobody can tell what is in there
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error


def _parsed(path: Path, data: bytes) -> dict[str, Any]:
    import tomllib

    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}, line {line}: this is not UTF-8, and TOML is") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}, {_complaint(str(error), text)}") from None


def _complaint(message: str, text: str) -> str:
    """Put the position of a mistake in front of what it is."""
    matched = _POSITION.search(message)
    if matched is None:
        return message
    line = matched[1] or str(text.rstrip("\n").count("\n") + 1)
    column = f", column {matched[2]}" if matched[2] else ""
    return f"line {line}{column}: {message[: matched.start()]}"


def _own_table(path: Path, content: dict[str, Any]) -> Mapping[str, Any]:
    """Return the table ``statekit``, which is all that a file of this name holds."""
    for name, value in content.items():
        if name != "statekit":
            hint = among(name, ["statekit"]) if isinstance(value, dict) else "settings stand below [statekit]"
            raise ConfigError(f"{path}: {shown(name)} is not known here; {hint}", clause="P-02")
    return _table(content, "statekit", path)


def _table(content: Mapping[str, Any], name: str, path: Path) -> Mapping[str, Any]:
    table = content.get(name, {})
    if not isinstance(table, dict):
        raise ConfigError(f'{path}: "{name}" is a table', clause="P-03")
    return table
