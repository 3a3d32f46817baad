"""Plugins: which installed distribution has which URL scheme, and the one that is needed, loaded.

A distribution announces its schemes as entry points of the group ``statekit``: the name of each is a scheme, its value
the module with the plugin's hook. In ``pyproject.toml``, the table ``project.entry-points.statekit`` has a line such as
``redis = "statekit_redis"`` for each scheme.

Looking these up imports nothing. When a scheme is configured, its module alone is imported and registered with pluggy,
and its hook is called; somebody else's broken plugin is never touched. A hook is a plain function::

    def statekit_backends() -> list[Backend]: ...

One that carries pluggy's marker for ``statekit`` will do as well. The built-in backends are no entry points, and their
schemes cannot be taken.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, is_dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, cast

from statekit.driver import CONTRACT, AnyBackend, Backend
from statekit.errors import ConfigError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from pluggy import PluginManager

__all__ = ["BUILT_IN", "HOOK", "PACKAGES", "Entry", "Hooks", "Registry", "announced", "find", "installed"]

HOOK: Final = "statekit_backends"
GROUP: Final = "statekit"

BUILT_IN: Final = {"local": "statekit.backends.local", "memory": "statekit.backends.memory"}
"""The schemes that need no plugin."""

PACKAGES: Final = {
    "redis": "statekit-redis",
    "rediss": "statekit-redis",
    "unix": "statekit-redis",
    "redis+cluster": "statekit-redis",
    "dynamodb": "statekit-aws",
    "s3": "statekit-aws",
    "aws": "statekit-aws",
    "gs": "statekit-gcs",
}
"""What to install for a scheme that is missing. It decides nothing else."""


class Hooks:
    """What a plugin module may define."""

    @staticmethod
    def statekit_backends() -> Iterable[AnyBackend]:
        """Return the backends of this plugin. Called once; imports no SDK and opens no connection."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Entry:
    """One scheme, as an installed distribution announces it.

    Attributes:
        scheme: The entry point's name.
        module: Its value.
        distribution: Name and version, for people.
        load: Imports the module and returns it.
    """

    scheme: str
    module: str
    distribution: str
    load: Callable[[], Any]


def installed() -> list[Entry]:
    """Return what is announced on this machine. Imports none of it."""
    from importlib.metadata import entry_points

    return [_entry(point) for point in entry_points(group=GROUP)]


def _entry(point: EntryPoint) -> Entry:
    dist = point.dist
    name = f"{dist.name} {dist.version}" if dist else "an unknown distribution"
    return Entry(point.name, point.value, name, point.load)


class Registry:
    """The backends by scheme, loaded when they are asked for.

    Args:
        announced: Returns what is installed; called at most once.
    """

    def __init__(self, announced: Callable[[], Iterable[Entry]] = installed) -> None:
        self._announced = announced
        self._index: dict[str, list[Entry]] | None = None
        self._backends: dict[str, AnyBackend] = {}
        self._modules: dict[str, tuple[AnyBackend, ...]] = {}
        self._lock = threading.RLock()

    def find(self, scheme: str) -> AnyBackend:
        """Return the backend for a scheme, importing its plugin if this is the first time.

        Raises:
            ConfigError: There is none, or more than one, or it cannot be used.
        """
        with self._lock:
            if scheme not in self._backends:
                module = BUILT_IN.get(scheme)
                self._backends[scheme] = import_module(module).BACKEND if module else self._load(scheme)
            return self._backends[scheme]

    def announced(self) -> dict[str, list[Entry]]:
        """Return every announcement, by scheme."""
        with self._lock:
            if self._index is None:
                index: dict[str, list[Entry]] = {}
                for entry in self._announced():
                    index.setdefault(entry.scheme, []).append(entry)
                self._index = index
            return self._index

    def _load(self, scheme: str) -> AnyBackend:
        entry = self._only(scheme)
        if entry.module not in self._modules:
            self._modules[entry.module] = _backends(entry)
        backends = self._modules[entry.module]
        for backend in backends:
            if scheme in backend.schemes:
                return backend
        declared = ", ".join(sorted({name for backend in backends for name in backend.schemes})) or "none at all"
        raise ConfigError(
            f'the plugin {entry.distribution} announces the scheme "{scheme}" and declares {declared}: '
            "this is its author's to mend",
            clause="P-50",
        )

    def _only(self, scheme: str) -> Entry:
        """Return the one announcement of a scheme. Nothing is loaded before it is known to be the only one."""
        entries = self.announced().get(scheme, [])
        if len(entries) > 1:
            names = " and ".join(sorted(entry.distribution for entry in entries))
            raise ConfigError(f'two plugins have the scheme "{scheme}": {names}; uninstall one of them', clause="P-07")
        if not entries:
            raise self._unknown(scheme)
        return entries[0]

    def _unknown(self, scheme: str) -> ConfigError:
        from statekit._config.names import among, shown

        here = sorted({*BUILT_IN, *self.announced()})
        missing = {name: package for name, package in PACKAGES.items() if name not in here}
        hint = f"pip install {missing[scheme]}" if scheme in missing else among(scheme, [*here, *missing])
        packages = [
            f"{package} ({', '.join(name for name in missing if missing[name] == package)})"
            for package in dict.fromkeys(missing.values())
        ]
        to_add = f"; with pip install: {', '.join(packages)}" if packages else ""
        return ConfigError(
            f"no backend here has the scheme {shown(scheme)}: {hint} (installed: {', '.join(here)}{to_add})",
            clause="P-05",
        )


def _backends(entry: Entry) -> tuple[AnyBackend, ...]:
    """Import one plugin and return what it declares."""
    module = _imported(entry)
    declared = _declared(entry, module)
    if declared is None:
        raise _broken(entry, f"has no function {HOOK}")
    for backend in declared:
        if (problem := _problem(backend)) is not None:
            raise _broken(entry, problem)
    return tuple(cast("Iterable[AnyBackend]", declared))


def _imported(entry: Entry) -> Any:
    try:
        return entry.load()
    except Exception as error:
        # What an import says is about code; anything else might be about configuration, and hold a secret.
        text = f": {error}" if isinstance(error, ImportError | SyntaxError) else ""
        raise _broken(entry, f"could not be imported ({type(error).__name__}{text})") from error


def _declared(entry: Entry, module: Any) -> list[object] | None:
    """Call the plugin's hook; None if it has none."""
    from pluggy import PluginValidationError

    manager = _manager()  # one for each plugin: what one does wrong, no other one meets
    try:
        manager.register(module, name=entry.module)
        answers = manager.hook.statekit_backends()
        return [backend for answer in answers for backend in answer] if answers else None
    except PluginValidationError as error:
        raise _broken(entry, f"has a function {HOOK} that takes arguments") from error
    except Exception as error:
        raise _broken(entry, f"failed in {HOOK} ({type(error).__name__})") from error


def _manager() -> PluginManager:
    """Return a pluggy manager that knows the hook, marked or not: a plugin needs no pluggy to define a function."""
    from inspect import isroutine

    from pluggy import HookimplOpts, HookspecOpts, PluginManager

    class Manager(PluginManager):
        def parse_hookspec_opts(self, module_or_class: Any, name: str) -> HookspecOpts | None:  # noqa: ARG002
            if name != HOOK:
                return None
            return {"firstresult": False, "historic": False, "warn_on_impl": None, "warn_on_impl_args": None}

        def parse_hookimpl_opts(self, plugin: Any, name: str) -> HookimplOpts | None:
            if name != HOOK or not isroutine(getattr(plugin, name)):
                return None
            return super().parse_hookimpl_opts(plugin, name) or {
                "wrapper": False,
                "hookwrapper": False,
                "optionalhook": False,
                "tryfirst": False,
                "trylast": False,
                "specname": None,
            }

    manager = Manager(GROUP)
    manager.add_hookspecs(Hooks)
    return manager


def _problem(backend: object) -> str | None:
    """Say what is wrong with a declaration."""
    contract = getattr(backend, "contract", None)
    if isinstance(contract, int) and contract != CONTRACT:
        newer = "upgrade statekit" if contract > CONTRACT else "upgrade the plugin"
        return f"is written for version {contract} of the driver contract, and this is version {CONTRACT}: {newer}"
    if not isinstance(backend, Backend):
        return f"returned something from {HOOK} that is no Backend"
    if not (is_dataclass(backend.options) and isinstance(backend.options, type)):
        return f'declares the backend "{backend.name}" with options that are no dataclass'
    if backend.open is None and backend.aopen is None:
        return f'declares the backend "{backend.name}" without open and aopen'
    if not (backend.records or backend.objects):
        return f'declares the backend "{backend.name}" for neither records nor objects'
    return None


def _broken(entry: Entry, problem: str) -> ConfigError:
    return ConfigError(f'the plugin {entry.distribution} for the scheme "{entry.scheme}" {problem}', clause="P-08")


_REGISTRY: Final = Registry()


def find(scheme: str) -> AnyBackend:
    """Return the backend for a scheme. See Registry.find."""
    return _REGISTRY.find(scheme)


def announced() -> dict[str, list[Entry]]:
    """Return every announcement, by scheme. See Registry.announced."""
    return _REGISTRY.announced()
