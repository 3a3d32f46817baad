"""A target that runs: its engines started and certified, its URLs filled in, what it offers found out."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .targets import Target

if TYPE_CHECKING:
    from statekit_conformance.engines import Engine
    from statekit_conformance.engines.certify import Certificate

    from .proxy import Proxy
    from .site import Site

__all__ = ["CannotStartError", "Running", "reason_not_to_start"]

SURVIVAL: Final = ("nothing", "client", "server")


class CannotStartError(Exception):
    """The target cannot be judged here; the message is one line."""


def reason_not_to_start(target: Target) -> str | None:
    """Say why a target cannot start on this machine, without starting anything; None if nothing speaks against it."""
    from statekit.errors import ConfigError
    from statekit.plugins import find

    try:
        for scheme in target.schemes:
            find(scheme)
    except ConfigError as error:
        missing = error.clause == "P-05" and target.distribution
        return f"{target.distribution} is not installed" if missing else str(error)
    return next(filter(None, (_unavailable(name) for name, _ in target.engines)), None)


def _unavailable(name: str) -> str | None:
    try:
        from statekit_conformance.engines import EngineError, engine
    except ImportError as error:
        return f"{error}; pip install statekit-conformance[engines]"
    try:
        reason = engine(name).available()
    except (EngineError, ImportError) as error:
        reason = str(error)
    return None if reason is None else f"{name}: {reason}"


class Running:
    """A started target. ``stop`` ends whatever it started.

    Attributes:
        target: What was started.
        site: Where its state is.
        certificates: What its engines were found to do.
    """

    def __init__(self, target: Target, allowed: tuple[str, ...] = ()) -> None:
        self.target, self._allowed = target, allowed
        self.certificates: list[Certificate] = []
        self._engines: dict[str, Engine] = {}
        self._undo = ExitStack()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        directory = Path(tempfile.mkdtemp(prefix="statekit-"))
        self._undo.callback(shutil.rmtree, directory, ignore_errors=True)
        self._fields = {"directory": str(directory), "unique": _fresh()}
        self._fields |= self._start_engines(directory)
        if self.target.start is not None:
            if self.target.stop is not None:
                self._undo.callback(self.target.stop)
            self._fields |= self.target.start(directory) or {}
        self._set_environment(self._filled_environment(self._fields), self._undo)
        self._settle()

    def _settle(self) -> None:
        """Find the place that the URLs name, with what is missing there created."""
        self.site = self._site(self._fields)
        self._undo.callback(self.site.loop.close)
        if self.target.provision:
            self._provision()
        if self.target.prepare is not None:
            self.target.prepare(self.site.urls)

    def move(self) -> None:
        """Go on in a fresh place, where the backend can create one: emulators are slow where much was left behind."""
        if self.target.provision:
            self._fields["unique"] = _fresh()
            self._settle()

    def _provision(self) -> None:
        """Let the backends create what is missing, those that can."""
        from statekit.testing import FakeClock

        settings = self.site.settings
        for place in (settings.sessions, settings.objects)[: len(self.site.backends)]:
            if place.backend.provision is not None:
                place.backend.provision(self.site.opening(place, FakeClock()), dry_run=False)

    def _filled_environment(self, fields: Mapping[str, str]) -> dict[str, str]:
        return {name: text.format_map(fields) for name, text in self.target.environment.items()}

    def _site(self, fields: Mapping[str, str]) -> Site:
        from statekit.errors import ConfigError

        from .site import Site

        records, objects = self.target.url, self.target.objects_url or self.target.url
        urls = (records.format_map(fields), objects.format_map(fields))
        site = Site(self.target.name, urls, self.target.timeout, self._allowed)
        try:
            _ = site.settings
        except ConfigError as error:
            raise CannotStartError(str(error)) from error
        return site

    def _start_engines(self, directory: Path) -> Mapping[str, str]:
        """Start each engine once, certify it while it is fresh, and return the fields of templates that it fills."""
        fields: dict[str, str] = {}
        for name, protocol in self.target.engines:
            engine = self._engines.get(name) or self._start_engine(name, directory / name)
            url = engine.endpoints[protocol]
            fields |= {protocol: url, f"{protocol}_address": url.partition("://")[2].partition("/")[0]}
            self._certify(engine, protocol)
        return fields

    def _start_engine(self, name: str, directory: Path) -> Engine:
        from statekit_conformance.engines import EngineError, engine

        server = engine(name)
        self._undo.callback(server.stop)
        try:
            server.start(directory)
        except EngineError as error:
            raise CannotStartError(str(error)) from error
        self._engines[name] = server
        self._set_environment(server.environment, self._undo)
        return server

    def _certify(self, engine: Engine, protocol: str) -> None:
        from statekit_conformance.engines.certify import certify

        self.certificates.append(certify(engine, protocol))

    @staticmethod
    def _set_environment(variables: Mapping[str, str], undo: ExitStack) -> None:
        for name, value in variables.items():
            undo.callback(_restore, name, os.environ.get(name))
            os.environ[name] = value

    @contextmanager
    def proxied(self) -> Iterator[tuple[Site, list[Proxy]]]:
        """Stand proxies before the engines' endpoints, and give the target as it is reached through them."""
        from .proxy import Proxy

        with ExitStack() as undo:
            proxies: list[Proxy] = []
            fields = dict(self._fields)
            environment: dict[str, str] = {}
            for name, protocol in self.target.engines:
                engine = self._engines[name]
                host, _, port = self._fields[f"{protocol}_address"].rpartition(":")
                places = engine.named or ((host, int(port)),)
                new = [undo.enter_context(Proxy(place)) for place in places]
                proxies += new
                if engine.named:
                    undo.callback(engine.announce, engine.named)
                    engine.announce([proxy.address for proxy in new])
                for place, proxy in zip(places, new, strict=True):
                    before, after = (":".join(map(str, address)) for address in (place, proxy.address))
                    for key in (protocol, f"{protocol}_address"):
                        fields[key] = fields[key].replace(before, after)
                    theirs = engine.environment.items()
                    environment |= {key: value.replace(before, after) for key, value in theirs if before in value}
            self._set_environment(environment | self._filled_environment(fields), undo)
            yield self._site(fields), proxies

    def stop(self) -> None:
        """End it: engines, files, environment. A second call does nothing."""
        self._undo.close()

    @property
    def engine(self) -> str:
        """The engines' names."""
        return " + ".join(self._engines) or "embedded"

    @property
    def version(self) -> str:
        """The engines' versions, or the plugin's."""
        from statekit.plugins import announced

        if self._engines:
            return " + ".join(engine.version for engine in self._engines.values())
        plugins = [entry.distribution for scheme in self.target.schemes for entry in announced().get(scheme, ())]
        return " + ".join(dict.fromkeys(plugins)) or f"statekit {_version('statekit')}"

    @property
    def durability(self) -> str:
        """What the weakest of its backends says that an acknowledged write survives."""
        found: list[str] = [backend.survives.value for backend in self.site.backends]
        return min(found, key=SURVIVAL.index)

    @property
    def embedded(self) -> bool:
        """Whether the engine lives in the client's process: then killing the client kills it."""
        from statekit.driver import Reach

        return all(backend.reach is Reach.HOST for backend in self.site.backends) and not self._serves

    @property
    def _serves(self) -> bool:
        return bool(self._engines) or self.target.kill is not None

    @property
    def restartable(self) -> bool:
        """Whether there is a server that can be killed and started again."""
        return bool(self._engines) or (self.target.kill is not None and self.target.restart is not None)

    @property
    def certified(self) -> dict[str, Any]:
        """What the engines were found to do, by capability."""
        found = {}
        for certificate in self.certificates:
            for finding in certificate.findings:
                for name in finding.certifies:
                    if name not in found or not finding.holds:
                        found[name] = {"holds": finding.holds, "evidence": finding.evidence}
        return dict(sorted(found.items()))

    def check(self) -> None:
        """Make a round trip, in the colour that there is."""
        from .subject import Subject

        sync = all(backend.open is not None for backend in self.site.backends)
        subject = Subject(self.site, "sync" if sync else "async")
        try:
            subject.open().check()
        finally:
            subject.close()

    def kill(self) -> None:
        """Kill the servers."""
        for engine in self._engines.values():
            engine.kill()
        if self.target.kill is not None:
            self.target.kill()

    def restart(self) -> None:
        """Start the servers again on their data."""
        for engine in self._engines.values():
            engine.restart()
        if self.target.restart is not None:
            self.target.restart()

    @property
    def pids(self) -> tuple[int, ...]:
        """The servers' processes."""
        return tuple(pid for engine in self._engines.values() for pid in engine.pids)

    @cached_property
    def offers(self) -> frozenset[str]:
        """What clauses may need and this target has."""
        return frozenset(need for need in NEEDS if need not in self.lacks)

    @cached_property
    def lacks(self) -> Mapping[str, str]:
        """What clauses may need and this target does not have, and why."""
        from .needs import lacking

        return lacking(self)


NEEDS: Final = ("records", "objects", "multipart", "signing", "reopen", "processes", "durable", "server")


def _fresh() -> str:
    return f"statekit-{secrets.token_hex(6)}"


def _version(distribution: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"


def _restore(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
