"""Options: from what was given to an instance of the dataclass that declares them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from statekit.errors import ConfigError

from .names import among, shown
from .values import WrongValueError, convert, expected

__all__ = ["read"]

Options = TypeVar("Options")


def read(kind: type[Options], given: Mapping[str, object], directory: Path | None, *, owner: str) -> Options:
    """Make an instance of ``kind`` from options by name.

    Args:
        kind: A dataclass; its annotations are the types.
        given: Text, or what TOML or Python has for it.
        directory: Where relative paths start.
        owner: Whose options they are, such as ``the local backend``, for messages.

    Raises:
        ConfigError: A name is unknown or missing, or a value is not of its type. No value is repeated.
    """
    known = {field.name: field for field in fields(kind) if field.init}  # type: ignore[arg-type]  # a dataclass
    for name in given:
        if name not in known:
            hint = among(name, known, none="it has none")
            raise ConfigError(f"{owner} has no option {shown(name)}; {hint}", clause="P-02")
    for name, field in known.items():
        if name not in given and _is_required(field):
            raise ConfigError(f'{owner} needs the option "{name}"')
    hints = _hints(kind, owner)
    values = {name: _converted(name, hints[name], value, directory, owner) for name, value in given.items()}
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{owner} does not accept its options together: {error}", clause="P-03") from error


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _hints(kind: type, owner: str) -> dict[str, Any]:
    try:
        return get_type_hints(kind, include_extras=True)
    except Exception as error:
        raise ConfigError(
            f"the types of the options of {owner} cannot be read: they are the author's to mend"
        ) from error


def _converted(name: str, annotation: Any, value: object, directory: Path | None, owner: str) -> Any:
    try:
        return convert(annotation, value, directory)
    except WrongValueError:
        raise ConfigError(f'the option "{name}" of {owner} takes {expected(annotation)}', clause="P-03") from None
