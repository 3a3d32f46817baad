"""URLs that say where state lives: ``scheme:path`` or ``scheme://authority/path``, and options as a query.

The standard library's parser is not used, because its ``hostname`` turns the name of a table into lower case. A ``+``
is a plus everywhere: only percent signs encode.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from statekit.errors import ConfigError

from .names import is_secret, shown

__all__ = ["Address", "parse", "refuse_secrets"]

_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,31}):(.*)")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LONE_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_BRACKETED: Final = re.compile(r"\[[^\]]*\]")

_ADVICE: Final = (
    "URLs and settings end up in logs and repositories. Leave it out: credentials come from where the backend's SDK "
    "looks for them, such as its own environment variables, or with a client of yours as the argument client"
)


@dataclass(frozen=True, slots=True)
class Address:
    """A URL, taken apart.

    Attributes:
        scheme: Lower case.
        authority: What stands between ``//`` and the next ``/``, as it was written.
        path: The rest, decoded.
        options: The query, decoded.
    """

    scheme: str
    authority: str
    path: str
    options: Mapping[str, str]


def parse(url: str) -> Address:
    """Take a URL apart.

    Raises:
        ConfigError: It is no URL, holds a secret or a fragment, or repeats an option. Nothing of it is repeated but the
            names of options.
    """
    if _CONTROL.search(url) or url != url.strip():
        raise ConfigError("the URL begins or ends with a space, or holds a control character")
    matched = _URL.fullmatch(url)
    if matched is None:
        raise ConfigError("this is no URL; write scheme:path or scheme://authority/path, such as local:.statekit")
    scheme, rest = matched[1].lower(), matched[2]
    _refuse_password(rest)
    if "#" in rest:
        raise ConfigError("the URL has a fragment, which means nothing here; write a # in a name as %23")
    place, _, query = rest.partition("?")
    options = _options(query)
    authority, path = _split(place)
    return Address(scheme, authority, _decoded(path), options)


def refuse_secrets(names: Mapping[str, object]) -> None:
    """Refuse options that would hold a credential, whether the backend knows them or not.

    Raises:
        ConfigError: There is one. Its value is not repeated.
    """
    for name in names:
        if is_secret(name):
            raise ConfigError(f"the option {shown(name)} would hold a secret, and {_ADVICE}", clause="P-04")


def _refuse_password(rest: str) -> None:
    """Refuse ``//user:password@host``, also where the password is not encoded and holds a slash."""
    if not rest.startswith("//"):
        return
    authority = _BRACKETED.sub("", re.split(r"[/?#]", rest[2:], maxsplit=1)[0])
    user, at, _ = authority.rpartition("@")
    port = authority.partition(":")[2]
    cut_short = not at and port != "" and not port.isdigit() and "@" in rest
    if ":" in user or cut_short:
        raise ConfigError(f"the URL holds a password, and {_ADVICE}", clause="P-04")


def _split(place: str) -> tuple[str, str]:
    if not place.startswith("//"):
        return "", place
    authority, slash, path = place[2:].partition("/")
    return authority, slash + path


def _options(query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for item in query.split("&") if query else ():
        name, equals, value = item.partition("=")
        name = _decoded(name)
        if not equals or not name:
            raise ConfigError("the URL's query is not made of name=value, with & between them")
        if name in options:
            raise ConfigError(f"the URL gives the option {shown(name)} twice")
        options[name] = "" if is_secret(name) else _decoded(value)
    refuse_secrets(options)
    return options


def _decoded(text: str) -> str:
    if _LONE_PERCENT.search(text):
        raise ConfigError("the URL has a % that encodes nothing; write % as %25")
    try:
        decoded = unquote_to_bytes(text).decode()
    except UnicodeError:
        raise ConfigError("what the URL encodes with % is not UTF-8") from None
    if _CONTROL.search(decoded):
        raise ConfigError("the URL holds an encoded control character")
    return decoded
