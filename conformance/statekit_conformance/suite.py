"""The suite at work in pytest: cases for each target, started targets, verdicts from outcomes."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pytest

from . import fixtures
from .choice import choose
from .fixtures import OBSTACLE, Place
from .guard import Guard
from .patience import HANGS, Patience, limited
from .plugin import is_case
from .report import Report
from .running import CannotStartError, Running
from .table import write_table
from .targets import Target
from .verdicts import clauses_of, needs_of, obstacles, takes_of, threads_of
from .waivers import WaiverError, read_waivers

__all__ = ["Suite"]

_TOO_MANY: Final = 3
"""Cases that may hang on a target before it is asked no more."""
_STARTING: Final = 300.0
"""Seconds for starting and certifying a target's engines."""
_RAW: Final = frozenset({"records", "objects_driver", "engine", "processes", "server"})
"""Fixtures that make no difference between a synchronous state and an asynchronous one."""
_MIXED: Final = "race"
"""The fixture whose cases use both colours at once."""


class Suite:
    """Registered as a plugin when the suite is asked for."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.choice = choose(config)
        self.report = Report(self.choice.targets, self.choice.absent, _waivers(config))
        self._check_report_path()
        self._running: Running | None = None
        self._module: Path | None = None
        self._failed: dict[str, str] = {}
        self._hangs: dict[str, int] = {}
        self._guard = Guard(config.option.statekit_allow)
        config.pluginmanager.register(fixtures, "statekit-fixtures")
        # A case that soaks is not one that hangs.
        patience = config.option.statekit_case_timeout + 2 * config.option.statekit_soak
        config.pluginmanager.register(Patience(patience), "statekit-patience")

    def _check_report_path(self) -> None:
        for path in filter(None, (self.config.option.statekit_report, self.config.option.statekit_html)):
            if not Path(path).absolute().parent.is_dir():
                raise pytest.UsageError(f"the report cannot be written: {Path(path).absolute().parent} is no folder")

    def pytest_report_header(self) -> list[str]:
        """Name the targets, and why others cannot start."""
        names = ", ".join(target.name for target in self.choice.targets) or "none"
        absent = [f"statekit target {name} cannot start: {reason}" for name, reason in self.choice.absent.items()]
        return [f"statekit targets: {names}", *absent]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run each case for each target, in the colours that make a difference to it."""
        if "statekit_running" in metafunc.fixturenames:
            stores, clauses = _uses_stores(metafunc), clauses_of(metafunc.definition)
            most = 1 if _MIXED in metafunc.fixturenames else 2
            threads = self.config.option.statekit_threads or threads_of(metafunc.definition)
            places = [
                Place(target, colour)
                for target in self.choice.targets
                if _is_judged_by(target, clauses)
                for colour in _colours(target, stores=stores, threads=threads)[:most]
            ]
            metafunc.parametrize("statekit_running", places, indirect=True, scope="session", ids=str)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Refuse to judge nothing; forget cases that no target is judged by."""
        if any(is_case(item) for item in items) and not self.choice.targets:
            raise pytest.UsageError("no target can start here; the lines above say why")
        items[:] = [item for item in items if not (is_case(item) and _is_asked_of_nobody(item))]

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Let one process have all of a target."""
        from .spreading import ByTarget

        return ByTarget(config, log, self.choice.targets)

    def start(self, target: Target) -> Running:
        """Return the target, started, stopping another one that runs.

        Raises:
            CannotStartError: It cannot be started; nor will it be tried again.
        """
        if target.name in self._failed:
            raise CannotStartError(self._failed[target.name])
        if self._running is None or self._running.target is not target:
            self.stop()
            try:
                self._running = self._checked(target)
            except Exception as error:
                self._failed[target.name] = _line(error)
                # What starts and does not work is the backend's to answer for, required or not.
                fatal = target.name in self.choice.required or not isinstance(error, CannotStartError)
                self.report.note_failure(target.name, _line(error), fatal=fatal)
                raise CannotStartError(_line(error)) from error
            self.report.note_target(self._running)
            self._module = None
        return self._running

    def _checked(self, target: Target) -> Running:
        with limited(_STARTING, f"the start of {target.name}"):
            running = Running(target, tuple(self.config.option.statekit_allow))
        try:
            running.check()
        except BaseException:
            running.stop()
            raise
        return running

    def stop(self) -> None:
        """Stop what runs."""
        running, self._running = self._running, None
        if running is not None:
            running.stop()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Start the case's target, and see whether the case can be asked of it."""
        if is_case(item):
            self._prepare(item)

    def _prepare(self, item: pytest.Item) -> None:
        place, clauses = _place(item), clauses_of(item)
        facts: dict[str, Any] = {"clauses": list(clauses), "target": place and place.target.name}
        item.user_properties.append(("statekit", facts))
        if place is None:
            return
        running = self._started(place.target)
        if self._module not in (None, item.path):
            running.move()
        self._module = item.path
        found = obstacles(running, clauses, needs_of(item), takes_of(item))
        if found:
            facts["obstacles"] = {name: list(obstacle) for name, obstacle in found.items()}
            item.stash[OBSTACLE] = ": ".join(min(found.values()))

    def _started(self, target: Target) -> Running:
        if self._hangs.get(target.name, 0) >= _TOO_MANY:
            pytest.fail(f"{target.name} hung in {_TOO_MANY} cases and is asked no more", pytrace=False)
        try:
            return self.start(target)
        except CannotStartError as error:
            pytest.skip(f"the target {target.name} cannot start: {error}")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        """Turn an expected failure into one."""
        report: pytest.TestReport = yield
        place = _place(item) if is_case(item) else None
        if place is not None and report.failed:
            self._count_hang(place.target, call)
            waiver = self.report.waiver(clauses_of(item), place.target.name)
            if waiver is not None:
                report.outcome, report.wasxfail = "skipped", f"waived: {waiver.reason}"
        return report

    def _count_hang(self, target: Target, call: pytest.CallInfo[None]) -> None:
        if call.excinfo is not None and HANGS in str(call.excinfo.value):
            self._hangs[target.name] = self._hangs.get(target.name, 0) + 1

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what a case came to; here or in the process that others report to."""
        self.report.add(report)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Note what a worker found out about targets."""
        self.report.merge(getattr(node, "workeroutput", {}).get("statekit", {}))

    def pytest_deselected(self) -> None:
        """Note that not every case ran."""
        self.report.note_deselected()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Stop everything; write the report, unless this process only reports to another."""
        self.stop()
        self._guard.close()
        output = getattr(self.config, "workeroutput", None)
        if output is not None:
            output["statekit"] = self.report.notes
            return
        if self.report.problems() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self.config.option.statekit_report:
            self.report.write(Path(self.config.option.statekit_report))
        if self.config.option.statekit_html:
            self.report.write_page(Path(self.config.option.statekit_html))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Show clauses by targets."""
        if getattr(self.config, "workeroutput", None) is None:
            write_table(terminalreporter, self.report)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Stop everything, whatever happened."""
        self.stop()


def _place(item: pytest.Item) -> Place | None:
    callspec = getattr(item, "callspec", None)
    found: Place | None = callspec.params.get("statekit_running") if callspec is not None else None
    return found


def _is_judged_by(target: Target, clauses: tuple[str, ...]) -> bool:
    return target.clauses is None or not target.clauses.isdisjoint(clauses)


def _is_asked_of_nobody(item: pytest.Item) -> bool:
    """Whether a case is only there because pytest makes one item of an empty list of parameters."""
    callspec = getattr(item, "callspec", None)
    return callspec is not None and not isinstance(callspec.params.get("statekit_running", Place), type | Place)


def _uses_stores(metafunc: pytest.Metafunc) -> bool:
    """Whether a case asks for ``subject``, directly or by fixtures of its own, and not for raw drivers alone."""
    definitions = metafunc._arg2fixturedefs  # noqa: SLF001 - pytest has no other way to tell who asks for what
    asked, seen = list(metafunc.definition._fixtureinfo.argnames), set[str]()  # noqa: SLF001
    while asked:
        name = asked.pop()
        if name == "subject":
            return True
        if name not in seen and name not in _RAW:
            seen.add(name)
            asked += [argument for found in definitions.get(name, ()) for argument in found.argnames]
    return False


def _colours(target: Target, *, stores: bool, threads: bool) -> tuple[Any, ...]:
    """Return the colours that make a difference to a target.

    Without asynchronous drivers an asynchronous state runs the others in threads, which is core's doing: it is judged
    on the backends of this process and this host, and elsewhere by the cases for which it was measured to be cheap, or
    where that is asked for.
    """
    from statekit.driver import Reach
    from statekit.plugins import find

    backends = [find(scheme) for scheme in target.schemes]
    sync = all(backend.open is not None for backend in backends)
    native = any(backend.aopen is not None for backend in backends)
    near = any(backend.reach is not Reach.NETWORK for backend in backends)
    return (("sync",) if sync else ()) + (("async",) if native or (stores and (near or threads)) else ())


def _waivers(config: pytest.Config) -> tuple[Any, ...]:
    path = config.option.statekit_waivers
    try:
        return read_waivers(Path(path)) if path else ()
    except WaiverError as error:
        raise pytest.UsageError(str(error)) from error


def _line(error: BaseException) -> str:
    """Return what went wrong at the bottom of it, as one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = " ".join(str(error).split())
    return text if type(error).__name__ == "CannotStartError" else f"{type(error).__name__}: {text}"
