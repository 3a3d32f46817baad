"""Seen from a fresh process: what registering a backend imports, and what opening it does.

``python -m statekit_conformance.registration.probe imports MODULE``, and ``opening NAME RECORDS_URL OBJECTS_URL`` after
the same, print what was seen as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from typing import Any, Final, Self

__all__ = ["imports", "opening"]

_OURS: Final = {"statekit", "statekit_conformance", "msgspec", "typing_extensions", "pluggy", "google_crc32c"}
_WATCHED: Final = {
    "socket.connect": "connects",
    "socket.getaddrinfo": "looks a host up",
    "socket.sendto": "sends",
    "sqlite3.connect": "opens a database",
    "subprocess.Popen": "starts a process",
    "os.system": "starts a process",
    "os.fork": "forks",
    "os.mkdir": "makes a folder",
    "os.rename": "renames a file",
    "os.remove": "removes a file",
    "os.truncate": "truncates a file",
}
_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def imports(module: str) -> list[str]:
    """Import a plugin's module and call its hook; return what else was imported, standard library aside."""
    import statekit.driver  # noqa: F401 - what every plugin may import

    before = set(sys.modules)
    plugin = import_module(module)
    hook = getattr(plugin, "statekit_backends", None)
    if hook is not None:
        list(hook())
    names = {name.partition(".")[0] for name in set(sys.modules) - before}
    return sorted(names - _OURS - set(sys.stdlib_module_names) - {module.partition(".")[0]})


def opening(name: str, *urls: str) -> dict[str, Any]:
    """Open a target's backends in every colour and close them unused; return what else they did meanwhile."""
    from statekit.driver import AsyncDrivers, Drivers
    from statekit.testing import FakeClock
    from statekit_conformance.site import Site

    site, clock, colours = Site(name, (urls[0], urls[1])), FakeClock(), []
    for place in (site.settings.sessions, site.settings.objects):
        backend, offered = place.backend, site.opening(place, clock)
        for opener, kind in ((backend.open, Drivers), (backend.aopen, AsyncDrivers)):
            if opener is not None:
                with _Watch() as watch:
                    drivers = opener(offered)
                stores = {store: getattr(drivers, store) is not None for store in ("records", "objects")}
                seen = {"backend": backend.name, "right kind": isinstance(drivers, kind), "did": watch.seen}
                colours.append({**seen, "stores": stores, "declared": {s: getattr(backend, s) for s in stores}})
    return {"openings": colours}


class _Watch:
    """Listens to what this process does. An audit hook is for ever, so it is switched off."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._on = False
        sys.addaudithook(self._heard)

    def __enter__(self) -> Self:
        self._on = True
        return self

    def __exit__(self, *_: object) -> None:
        self._on = False

    def _heard(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._on:
            return
        if event in _WATCHED:
            self.seen.append(_WATCHED[event])
        elif event == "open" and isinstance(args[2], int) and args[2] & _WRITING:
            self.seen.append("opens a file for writing")


if __name__ == "__main__":
    what, *arguments = sys.argv[1:]
    print(json.dumps(imports(*arguments) if what == "imports" else opening(*arguments)))  # noqa: T201
