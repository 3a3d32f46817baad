"""The pytest plugin's door: it is loaded in every pytest run of whoever installed the suite, so it imports nothing.

What it opens is in ``suite``, and only when the suite is asked for.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pytest

HERE: Final = Path(__file__).parent
PACKAGE: Final = "statekit_conformance"
SECTIONS: Final = (
    "records",
    "object_driver",
    "sessions",
    "objects",
    "scratch",
    "presigning",
    "keys",
    "errors",
    "configuration",
    "registration",
    "workloads",
    "agreement",
)
"""The folders that hold cases."""

# Assertions in cases explain themselves whatever the user's python_files says.
pytest.register_assert_rewrite(*(f"{PACKAGE}.{section}" for section in SECTIONS))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("statekit", "statekit conformance suite")
    add = group.addoption
    named = {"action": "append", "default": []}
    add(
        "--statekit-target",
        metavar="NAME",
        help="a known target, or all; may be repeated or separated by commas",
        **named,
    )
    add("--statekit-url", metavar="URL", help="any installed backend, by its URL; may be repeated", **named)
    add("--statekit-require", metavar="NAMES", help="targets that must start; one that cannot is a failure", **named)
    add("--statekit-allow", metavar="HOST", help="a host besides loopback that may be connected to", **named)
    add("--statekit-report", metavar="FILE", help="write the verdicts as JSON")
    add("--statekit-waivers", metavar="FILE", help="TOML: clauses that are expected to fail, with reasons")
    add("--statekit-html", metavar="FILE", help="write the verdicts as one page")
    add("--statekit-soak", metavar="SECONDS", type=float, default=0.0, help="race for so long, for each workload")
    add("--statekit-seed", metavar="NUMBER", type=int, help="what races are drawn from; a random one by default")
    add("--statekit-threads", action="store_true", help="judge asynchronous states on threads of network backends, too")
    add("--statekit-case-timeout", metavar="SECONDS", type=float, default=60.0, help="for one case; 60 by default")


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Add ``pytest_statekit_targets``."""
    pluginmanager.add_hookspecs(_Hooks)


class _Hooks:
    @staticmethod
    def pytest_statekit_targets(config: pytest.Config) -> Any:
        """Return a list of ``statekit_conformance.targets.Target`` to judge, besides those that options name."""


def pytest_configure(config: pytest.Config) -> None:
    """Open the suite if it is asked for."""
    config.addinivalue_line("markers", "clause(*ids): the clauses of the contract that a case is evidence for")
    if _asked_for(config):
        from .suite import Suite

        config.pluginmanager.register(Suite(config), "statekit-suite")


def _asked_for(config: pytest.Config) -> bool:
    option = config.option
    return bool(option.statekit_target or option.statekit_url) or any(map(_is_ours, config.args))


def _is_ours(argument: str) -> bool:
    name = str(argument).partition("::")[0]
    if name == PACKAGE or name.startswith(f"{PACKAGE}."):
        return True
    path = Path(name).absolute()
    return path == HERE or HERE in path.parents


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> Generator[None, Any, Any]:
    """Collect the cases, and of this package nothing else, whatever the user's ``python_files`` says."""
    others = yield
    if HERE not in file_path.parents:
        return others
    if file_path.name.startswith("test_") and file_path.relative_to(HERE).parts[0] in SECTIONS:
        return [Cases.from_parent(parent, path=file_path)]
    return []


class Cases(pytest.Module):
    """A module of cases: functions named ``test_…``, whatever the user's ``python_functions`` says."""

    def funcnamefilter(self, name: str) -> bool:
        """Take what is named like a test."""
        return name.startswith("test_")

    def classnamefilter(self, name: str) -> bool:  # noqa: ARG002
        """Take no classes."""
        return False

    def collect(self) -> Any:
        """Refuse to collect for nobody."""
        if not self.config.pluginmanager.has_plugin("statekit-suite"):
            raise self.CollectError(ADVICE)
        return super().collect()


def is_case(item: pytest.Item) -> bool:
    """Whether an item is one of ours."""
    return isinstance(item.getparent(pytest.Module), Cases)


ADVICE: Final = (
    "the statekit suite has nothing to judge: name a target (--statekit-target memory, or all), give the URL of an "
    "installed backend (--statekit-url scheme://…), or return targets from pytest_statekit_targets in a conftest.py"
)
