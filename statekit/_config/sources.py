"""Where settings come from: arguments, the environment, a file, in this order: the first that has a setting wins."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from statekit.errors import ConfigError

from . import files
from .names import among, shown

__all__ = ["SETTINGS", "Source", "sources"]

SETTINGS: Final = (
    "url",
    "sessions",
    "objects",
    "scratch",
    "namespace",
    "keys",
    "gateway",
    "policy",
    "timeout",
    "attempt_timeout",
)
"""What can be set, by its name in a file and as an argument."""

_VARIABLES: Final = {
    "STATEKIT_URL": "url",
    "STATEKIT_SESSIONS_URL": "sessions",
    "STATEKIT_OBJECTS_URL": "objects",
    "STATEKIT_SCRATCH_URL": "scratch",
    "STATEKIT_NAMESPACE": "namespace",
    "STATEKIT_KEYS": "keys",
    "STATEKIT_GATEWAY_URL": "gateway",
}
_MAY_BE_EMPTY: Final = "STATEKIT_NAMESPACE"


@dataclass(frozen=True, slots=True)
class Source:
    """One place that settings come from.

    Attributes:
        settings: What it says.
        prefix: What a message puts before a setting's name.
        names: What the settings are called there, where that is something else.
        directory: Where relative paths start; None if the working directory is gone.
    """

    settings: Mapping[str, Any]
    prefix: str
    names: Mapping[str, str]
    directory: Path | None

    def where(self, name: str) -> str:
        """Name a setting of this source, for a message."""
        return self.prefix + self.names.get(name, name)


def sources(arguments: Mapping[str, Any], environ: Mapping[str, str]) -> list[Source]:
    """Return all sources, the most specific one first.

    Raises:
        ConfigError: A variable is misspelt or empty, or the file cannot be used.
    """
    directory = None
    with suppress(FileNotFoundError):  # the working directory was removed
        directory = Path.cwd()
    given = {name: value for name, value in arguments.items() if value is not None}
    found = [Source(given, "the argument ", {}, directory), _environment(environ, directory)]
    file = files.find(directory) if directory else None
    return [*found, _file(file)] if file else found


def _environment(environ: Mapping[str, str], directory: Path | None) -> Source:
    settings: dict[str, Any] = {}
    for variable, name in _VARIABLES.items():
        value = environ.get(variable)
        if value is None:
            continue
        if not value.strip() and variable != _MAY_BE_EMPTY:
            raise ConfigError(f"{variable} is set and empty; give it a value, or unset it")
        settings[name] = value
    _refuse_misspelt(environ)
    if "keys" in settings:
        settings["keys"] = [key.strip() for key in settings["keys"].split(",")]
    return Source(settings, "", {name: variable for variable, name in _VARIABLES.items()}, directory)


def _refuse_misspelt(environ: Mapping[str, str]) -> None:
    """Refuse a variable that is nearly one of ours: ignoring it would silently store somewhere else."""
    strangers = [name for name in environ if name.startswith("STATEKIT") and name not in _VARIABLES]
    if strangers:
        from difflib import get_close_matches

        for variable in strangers:
            match = get_close_matches(variable[8:].strip("_"), [known[9:] for known in _VARIABLES], 1, 0.66)
            if match:
                hint = f'did you mean "STATEKIT_{match[0]}"?'
                raise ConfigError(f"the environment variable {variable} is not known; {hint}", clause="P-02")


def _file(file: files.File) -> Source:
    for name in file.settings:
        if name not in SETTINGS:
            where = f"{file.path}: [{file.table}]"
            raise ConfigError(f"{where} has no setting {shown(name)}; {among(name, SETTINGS)}", clause="P-02")
    return Source(file.settings, f"{file.path}: {file.table}.", {}, file.path.parent)
