"""Where the state lives: from arguments, environment and files to settings.

A setting is looked for in the arguments, in the environment (``STATEKIT_URL``, ``STATEKIT_SESSIONS_URL``,
``STATEKIT_OBJECTS_URL``, ``STATEKIT_SCRATCH_URL``, ``STATEKIT_NAMESPACE``, ``STATEKIT_KEYS``,
``STATEKIT_GATEWAY_URL``), and in the nearest ``statekit.toml``, or else ``pyproject.toml`` with a table
``tool.statekit``, from the working directory upwards. The first that has it wins; within one of them, a store's own URL
wins over the URL for all. A scratch space has its records where sessions are and its files where objects are, unless it
has a place of its own.

Where nothing names any backend, state lives in ``.statekit`` beside the configuration file, or in the working
directory: but not on a platform whose disk does not last. Where only one store has a backend, the other one has none,
and says so when it is used: a store never moves to a local disk because its URL is missing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from statekit import plugins
from statekit._config.names import shown
from statekit._config.options import read
from statekit._config.platforms import forgetful
from statekit._config.sources import Source, sources
from statekit._config.urls import Address, parse, refuse_secrets
from statekit._config.values import WrongValueError, convert, seconds
from statekit.driver import CONTRACT, AnyBackend, Backend, Drivers, Reach, Survives
from statekit.errors import ConfigError
from statekit.types import ScratchPolicy, SessionPolicy

__all__ = ["Place", "Settings", "Target", "resolve"]

Place: TypeAlias = str | Mapping[str, Any]
"""Where a store lives: a URL, or a mapping with ``url``, options by name and possibly ``client``."""

DEFAULT: Final = "local:.statekit"
POLICY: Final = frozenset(field.name for field in fields(ScratchPolicy))
"""What a scratch space's table may say beside where it is."""
_URL: Final = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One store's backend, found and with its options read.

    Attributes:
        backend: What its plugin registered.
        scheme: The URL's scheme.
        authority: What stood between ``//`` and the next ``/``, case kept.
        path: The rest, decoded, without query. Absolute, where the backend keeps its state on this host.
        options: An instance of the backend's options.
        client: The application's own SDK client, or None.
    """

    backend: AnyBackend
    scheme: str
    authority: str
    path: str
    options: Any
    client: object | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that ``statekit.open`` found out.

    Attributes:
        sessions: The sessions' backend.
        objects: The objects' backend.
        scratch: The backends of a scratch space's records and of its files; by default the sessions' and the objects'.
        workspaces: How much a workspace may hold, and for how long.
        namespace: What keeps this application's state apart from others' in the same store; may be empty.
        policy: How long sessions live.
        timeout: Seconds that an operation may take.
        attempt_timeout: Seconds that one request may take.
        keys: The key ring, the writing key first, as ``statekit keygen`` prints them; may end in ``plain``.
        gateway: The public URL that ``statekit.gateway`` is mounted at, for backends that sign nothing themselves.
    """

    sessions: Target
    objects: Target
    scratch: tuple[Target, Target] | None = None
    workspaces: ScratchPolicy = ScratchPolicy()  # noqa: RUF009 - it is frozen
    namespace: str = ""
    policy: SessionPolicy = SessionPolicy()  # noqa: RUF009 - it is frozen
    timeout: float = 10.0
    attempt_timeout: float = 10.0
    keys: tuple[str, ...] = field(default=(), repr=False)
    gateway: str | None = None


@dataclass(frozen=True, slots=True)
class _NoOptions:
    """There is nothing to choose."""


NOWHERE: Final = Target(
    backend=Backend(
        contract=CONTRACT,
        name="none",
        schemes=(),
        options=_NoOptions,
        records=False,
        objects=False,
        reach=Reach.PROCESS,
        survives=Survives.NOTHING,
        open=lambda _: Drivers(),
    ),
    scheme="",
    authority="",
    path="",
    options=_NoOptions(),
)
"""Where a store lives for which nothing was configured, although another one was."""


def resolve(
    *,
    url: Place | None = None,
    sessions: Place | None = None,
    objects: Place | None = None,
    scratch: Place | None = None,
    namespace: str | None = None,
    keys: Sequence[str] | None = None,
    gateway: str | None = None,
    policy: SessionPolicy | Mapping[str, Any] | None = None,
    timeout: float | None = None,
    attempt_timeout: float | None = None,
    client: object | None = None,
) -> Settings:
    """Find out all settings. Reads configuration files and imports the plugins that are configured; nothing else.

    Raises:
        ConfigError: Something is wrong; the message begins with where it was found.
    """
    arguments = {
        "url": url,
        "sessions": sessions,
        "objects": objects,
        "scratch": scratch,
        "namespace": namespace,
        "keys": keys,
        "gateway": gateway,
        "policy": policy,
        "timeout": timeout,
        "attempt_timeout": attempt_timeout,
    }
    found = sources(arguments, os.environ)
    first, second, *others = _targets(found, client)
    return Settings(sessions=first, objects=second, scratch=(others[0], others[1]), **_values(found))


def _targets(found: list[Source], client: object | None) -> list[Target]:
    """Return the backends of sessions, of objects, and of a scratch space's records and files."""
    chosen = [_target(found, store) for store in ("sessions", "objects")]
    chosen += [_scratch_target(found, part, other) for part, other in (("records", "sessions"), ("objects", "objects"))]
    if not any(chosen):
        if client is not None:
            raise ConfigError("the argument client goes with a URL, and none is configured")
        return [_default(found)] * len(chosen)
    if client is not None:
        chosen = _with_client(chosen, client)
    return [target or NOWHERE for target in chosen]


def _with_client(chosen: list[Target | None], client: object) -> list[Target | None]:
    """Give the application's client to the backend that it is for."""
    targets = [target for target in chosen if target is not None]
    if any(target.client is not None or target != targets[0] for target in targets):
        raise ConfigError(
            "the argument client goes with one backend, and the stores have several: "
            'give each its own, as in sessions={"url": ..., "client": ...}'
        )
    for target in targets:
        _refuse_client(target.scheme)
    return [target and replace(target, client=client) for target in chosen]


def _refuse_client(scheme: str) -> None:
    """Refuse a client where it would be ignored."""
    if scheme in plugins.BUILT_IN:
        raise ConfigError(f"{scheme}: takes no client", clause="P-53")


def _target(found: list[Source], store: str) -> Target | None:
    """Return a store's backend as the first source has it; None if none has."""
    for source in found:
        for name in (store, "url"):
            if name in source.settings:
                with _naming(source.where(name)):
                    return _located(source.settings[name], source.directory, with_client=source is found[0])
    return None


def _scratch_target(found: list[Source], part: str, other: str) -> Target | None:
    """Return the backend of a scratch space's records or files: its own, or that of the other store's."""
    for source in found:
        place, where = _own_place(source.settings.get("scratch"), part)
        if place is not None:
            with _naming(source.where("scratch") + where):
                return _located(place, source.directory, with_client=source is found[0])
        if other in source.settings or "url" in source.settings:
            return _target([source], other)
    return None


def _own_place(setting: object, part: str) -> tuple[object, str]:
    """Return what a scratch space's setting says of one half's place, or None; and what to call that."""
    if not isinstance(setting, Mapping):
        return setting, ""
    if "url" in setting:
        return {name: value for name, value in setting.items() if name not in POLICY}, ""
    return setting.get(part), f".{part}"


def _default(found: list[Source]) -> Target:
    platform = forgetful(os.environ)
    if platform is not None:
        variable, name = platform
        raise ConfigError(
            f"no backend is configured, and the disk of {name} (recognised by {variable}) does not last, so that "
            f"the default, {DEFAULT}, would lose everything: set STATEKIT_URL, such as "
            "redis://host:6379/0, or STATEKIT_SESSIONS_URL and STATEKIT_OBJECTS_URL, such as "
            "dynamodb://TABLE and s3://BUCKET",
            clause="P-10",
        )
    with _naming("the default"):
        return _located(DEFAULT, found[-1].directory)


def _located(place: object, directory: Path | None, *, with_client: bool = False) -> Target:
    """Return the backend that a URL, or a table with one, stands for; only an argument can hold a client."""
    if isinstance(place, str):
        return _built(parse(place), {}, None, directory)
    if not isinstance(place, Mapping) or not isinstance(place.get("url"), str):
        raise ConfigError('a store is a URL, or a table with "url" and options', clause="P-03")
    given = {name: value for name, value in place.items() if name != "url"}
    client = given.pop("client", None) if with_client else None
    return _built(parse(place["url"]), given, client, directory)


def _built(address: Address, given: Mapping[str, Any], client: object | None, directory: Path | None) -> Target:
    for name in given:
        if name in address.options:
            raise ConfigError(f"the option {shown(name)} is given twice, in the URL and beside it")
    refuse_secrets(given)
    backend = plugins.find(address.scheme)
    if client is not None:
        _refuse_client(address.scheme)
    options = {**address.options, **given}
    authority, path = _placed(backend, address, directory)
    return Target(
        backend=backend,
        scheme=address.scheme,
        authority=authority,
        path=path,
        options=read(backend.options, options, directory, owner=f"the backend {backend.name}"),
        client=client,
    )


def _placed(backend: AnyBackend, address: Address, directory: Path | None) -> tuple[str, str]:
    """Return authority and path; what is kept on this host gets an absolute path, wherever the process goes later."""
    if backend.reach is not Reach.HOST:
        return address.authority, address.path
    if address.authority:
        raise ConfigError(
            f"a path comes right after {address.scheme}: as in {address.scheme}:relative or {address.scheme}:/absolute"
        )
    if not address.path:
        raise ConfigError(f"a directory is missing: as in {address.scheme}:.statekit")
    try:
        return "", str(convert(Path, address.path, directory))
    except WrongValueError:
        raise ConfigError("the path is relative, and the working directory does not exist any more") from None


def _values(found: list[Source]) -> dict[str, Any]:
    """Return the settings that are no backends, as far as any source has them."""
    readers = {
        "namespace": _namespace,
        "keys": _keys,
        "gateway": _gateway,
        "policy": _policy,
        "scratch": _workspaces,
        "timeout": _seconds,
        "attempt_timeout": _seconds,
    }
    values = {}
    for name, reader in readers.items():
        source = next((source for source in found if name in source.settings), None)
        if source is not None:
            with _naming(source.where(name)):
                values[name] = reader(source.settings[name], source.directory)
    values["workspaces"] = values.pop("scratch", ScratchPolicy())
    return values


def _namespace(value: object, _: Path | None) -> str:
    if not isinstance(value, str):
        raise ConfigError("this is text", clause="K-08")
    return value


def _keys(value: object, _: Path | None) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not value or not all(isinstance(key, str) and key for key in value):
        raise ConfigError("this is a list of keys as `statekit keygen` prints them, the one that writes first")
    return tuple(value)


def _gateway(value: object, _: Path | None) -> str:
    parts = urlsplit(value) if isinstance(value, str) and _URL.fullmatch(value) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.netloc or "@" in parts.netloc:
        raise ConfigError("this is the public URL of statekit.gateway, such as https://app.example/files")
    if parts.query or parts.fragment:
        raise ConfigError("the gateway's URL has neither a query nor a fragment")
    return parts.geturl().rstrip("/")


def _policy(value: object, _: Path | None) -> SessionPolicy:
    if isinstance(value, SessionPolicy):
        return value
    if not isinstance(value, Mapping):
        raise ConfigError("this is a table with times such as idle_timeout", clause="P-03")
    return read(SessionPolicy, value, None, owner="the policy")


def _workspaces(value: object, directory: Path | None) -> ScratchPolicy:
    """Return what a scratch space's table says beside where it is."""
    given = value if isinstance(value, Mapping) else {}
    known = {name: option for name, option in given.items() if name not in ("records", "objects")}
    if "url" in given:  # then the rest are options of the backend
        known = {name: option for name, option in known.items() if name in POLICY}
    return read(ScratchPolicy, known, directory, owner="the scratch space")


def _seconds(value: object, _: Path | None) -> float:
    try:
        return seconds(value)
    except WrongValueError:
        raise ConfigError("this is a positive number of seconds, or a duration such as 10s", clause="P-03") from None


@contextmanager
def _naming(where: str) -> Iterator[None]:
    """Put where it was found in front of what is wrong."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}", clause=error.clause) from error.__cause__
