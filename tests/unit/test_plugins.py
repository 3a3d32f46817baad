"""Finding plugins among installed distributions, and loading the one that is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from statekit import plugins
from statekit.backends.memory import BACKEND as MEMORY
from statekit.backends.memory.objects import MemoryObjects
from statekit.backends.memory.records import MemoryRecords
from statekit.driver import (
    AsyncObjectDriver,
    AsyncRecordDriver,
    MultipartDriver,
    ObjectDriver,
    RecordDriver,
    SigningDriver,
)
from statekit.driver.checklist import missing
from statekit.errors import ConfigError
from statekit.plugins import Registry

GOOD = """
from dataclasses import dataclass
from statekit.driver import CONTRACT, Backend, Drivers, Reach, Survives

@dataclass(frozen=True)
class Options:
    pass

def open_it(opening):
    raise AssertionError("nobody connects here")

def backend(**changes):
    declaration = dict(contract=CONTRACT, name="shelf", schemes=("shelf", "shelves"), options=Options, records=True,
        objects=False, reach=Reach.NETWORK, survives=Survives.SERVER, open=open_it)
    return Backend(**{**declaration, **changes})

def statekit_backends():
    return [backend()]
"""


class Site:
    """A directory of installed distributions."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def install(self, name: str, source: str, *schemes: str, version: str = "1.0", module: str | None = None) -> None:
        """Install a distribution with one module, which is announced for each scheme."""
        module = module or name.replace("-", "_")
        (self.path / f"{module}.py").write_text(source)
        info = self.path / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = "".join(f"{scheme} = {module}\n" for scheme in schemes)
        (info / "entry_points.txt").write_text(f"[statekit]\n{lines}")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Distributions that this process can import; what they leave in sys.modules is removed again."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Site(tmp_path)
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def complaint(scheme: str) -> ConfigError:
    """Return what is said about a scheme."""
    with pytest.raises(ConfigError) as caught:
        Registry().find(scheme)
    return caught.value


def run(site: Site, code: str) -> Any:
    """Run code in a process that has these distributions, and return what it printed as JSON."""
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(site.path)!r})\n{code}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


# Finding


def test_the_built_in_backends_need_no_look_at_what_is_installed() -> None:
    def announced() -> list[plugins.Entry]:
        raise AssertionError("nobody asked")

    registry = Registry(announced)
    assert registry.find("memory") is MEMORY
    assert registry.find("local").name == "local"


def test_a_plugin_is_found_by_each_of_its_schemes_and_loaded_once(site: Site) -> None:
    site.install("statekit-shelf", GOOD, "shelf", "shelves")
    registry = Registry()
    assert registry.find("shelf").name == "shelf"
    assert registry.find("shelves") is registry.find("shelf")


def test_a_hook_with_pluggys_marker_will_do_as_well(site: Site) -> None:
    marked = GOOD.replace(
        "def statekit_backends", "import pluggy\n@pluggy.HookimplMarker('statekit')\ndef statekit_backends"
    )
    site.install("statekit-shelf", marked, "shelf")
    assert Registry().find("shelf").name == "shelf"


def test_a_hook_may_yield(site: Site) -> None:
    site.install("statekit-shelf", GOOD.replace("return [backend()]", "yield backend()"), "shelf")
    assert Registry().find("shelf").name == "shelf"


def test_every_announcement_can_be_listed_without_importing_any(site: Site) -> None:
    site.install("statekit-shelf", "raise SystemExit('imported')", "shelf", version="2.1")
    entry = Registry().announced()["shelf"][0]
    assert (entry.scheme, entry.module, entry.distribution) == ("shelf", "statekit_shelf", "statekit-shelf 2.1")


def test_an_unknown_scheme_lists_what_plugins_have_too(site: Site) -> None:
    site.install("statekit-shelf", GOOD, "shelf")
    error = complaint("shelv")
    assert error.clause == "P-05"
    assert 'did you mean "shelf"?' in str(error)


def test_a_scheme_that_resembles_none_gets_the_list() -> None:
    with pytest.raises(ConfigError, match="known are aws, dynamodb, gs, local, memory, redis") as caught:
        Registry(list).find("zzzzzz")
    assert "(installed: local, memory; with pip install: statekit-redis (redis, " in str(caught.value)


def test_nothing_more_is_offered_once_all_is_installed() -> None:
    entries = [plugins.Entry(scheme, "m", "d 1", lambda: None) for scheme in plugins.PACKAGES]
    with pytest.raises(ConfigError) as caught:
        Registry(lambda: entries).find("zzzzzz")
    assert "pip install" not in str(caught.value)


# Neighbours


def test_only_the_configured_plugin_is_imported_and_a_broken_neighbour_never(site: Site) -> None:
    site.install("statekit-shelf", GOOD, "shelf")
    site.install("statekit-broken", "raise RuntimeError('I break whoever imports me')", "broken")
    told = run(
        site,
        "import json, statekit\n"
        "state = statekit.open('shelf:x')\n"
        "print(json.dumps([repr(state), 'statekit_shelf' in sys.modules, 'statekit_broken' in sys.modules]))",
    )
    assert told == ["<State: sessions on shelf, objects on shelf>", True, False]


def test_pluggy_and_metadata_are_imported_only_for_a_plugin(site: Site) -> None:
    site.install("statekit-shelf", GOOD, "shelf")
    names = "[name for name in ('pluggy', 'importlib.metadata') if name in sys.modules]"
    told = run(
        site,
        "import json, statekit\n"
        f"statekit.open('memory:')\nbefore = {names}\nstatekit.open('shelf:x')\nprint(json.dumps([before, {names}]))",
    )
    assert told == [[], ["pluggy", "importlib.metadata"]]


def test_two_plugins_with_one_scheme_are_both_named_and_neither_is_imported(site: Site) -> None:
    site.install("statekit-shelf", "raise SystemExit('imported')", "shelf")
    site.install("another-shelf", "raise SystemExit('imported')", "shelf", version="3")
    error = complaint("shelf")
    assert error.clause == "P-07"
    assert str(error) == (
        'two plugins have the scheme "shelf": another-shelf 3 and statekit-shelf 1.0; uninstall one of them'
    )


def test_their_quarrel_is_not_the_business_of_a_third(site: Site) -> None:
    site.install("one", GOOD, "shelf")
    site.install("two", GOOD, "shelf")
    site.install("three", GOOD.replace("shelves", "third"), "third")
    assert Registry().find("third").name == "shelf"


def test_one_distribution_that_announces_a_scheme_twice_is_refused(site: Site) -> None:
    site.install("statekit-shelf", GOOD, "shelf", "shelf")
    assert "two plugins" in str(complaint("shelf"))


def test_a_distribution_that_is_found_twice_is_one(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site.install("statekit-shelf", GOOD, "shelf")
    again = tmp_path / "again"
    again.mkdir()
    Site(again).install("statekit-shelf", GOOD, "shelf")
    monkeypatch.syspath_prepend(str(again))
    assert Registry().find("shelf").name == "shelf"


def test_a_built_in_scheme_cannot_be_taken(site: Site) -> None:
    site.install("thief", "raise SystemExit('imported')", "memory", "local")
    registry = Registry()
    assert registry.find("memory") is MEMORY
    assert registry.find("local").name == "local"


# Broken plugins


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import no_such_sdk", "could not be imported (ModuleNotFoundError: No module named 'no_such_sdk')"),
        ("def (", "could not be imported (SyntaxError: "),
        ("raise RuntimeError('hunter2')", "could not be imported (RuntimeError)"),
        ("", "has no function statekit_backends"),
        ("statekit_backends = 5", "has no function statekit_backends"),
        ("def statekit_backends(x): return []", "has a function statekit_backends that takes arguments"),
        ("def statekit_backends(): raise KeyError('hunter2')", "failed in statekit_backends (KeyError)"),
        ("def statekit_backends(): return 5", "failed in statekit_backends (TypeError)"),
        ("def statekit_backends(): return [5]", "returned something from statekit_backends that is no Backend"),
        (
            GOOD.replace("[backend()]", "[backend(contract=2)]"),
            "is written for version 2 of the driver contract, and this is version 1: upgrade statekit",
        ),
        (
            GOOD.replace("[backend()]", "[backend(contract=0)]"),
            "is written for version 0 of the driver contract, and this is version 1: upgrade the plugin",
        ),
        (GOOD.replace("[backend()]", "[backend(options=dict)]"), 'the backend "shelf" with options that are no datacl'),
        (GOOD.replace("[backend()]", "[backend(options=Options())]"), "with options that are no dataclass"),
        (GOOD.replace("[backend()]", "[backend(open=None)]"), 'declares the backend "shelf" without open and aopen'),
        (
            GOOD.replace("[backend()]", "[backend(records=False)]"),
            'the backend "shelf" for neither records nor objects',
        ),
    ],
)
def test_a_broken_plugin_is_named_with_what_is_wrong(site: Site, source: str, told: str) -> None:
    site.install("statekit-shelf", source, "shelf")
    error = complaint("shelf")
    assert error.clause == "P-08"
    assert str(error).startswith('the plugin statekit-shelf 1.0 for the scheme "shelf" ')
    assert told in str(error)
    assert "hunter2" not in str(error)


def test_what_went_wrong_in_an_import_is_the_cause(site: Site) -> None:
    site.install("statekit-shelf", "raise RuntimeError('the reason')", "shelf")
    assert str(complaint("shelf").__cause__) == "the reason"


def test_a_plugin_that_does_not_declare_what_it_announces_is_told_so(site: Site) -> None:
    site.install("statekit-shelf", GOOD, "cupboard")
    assert str(complaint("cupboard")) == (
        'the plugin statekit-shelf 1.0 announces the scheme "cupboard" and declares shelf, shelves: '
        "this is its author's to mend"
    )


def test_a_plugin_is_asked_again_after_it_failed(site: Site) -> None:
    site.install("statekit-shelf", GOOD + "\nimport no_such_sdk", "shelf")
    registry = Registry()
    with pytest.raises(ConfigError):
        registry.find("shelf")
    (site.path / "no_such_sdk.py").write_text("")
    import importlib

    importlib.invalidate_caches()
    assert registry.find("shelf").name == "shelf"


# The checklist


def test_the_memory_drivers_have_all_that_is_asked_for() -> None:
    assert missing(MemoryRecords(), RecordDriver) == ()
    assert missing(MemoryObjects(), ObjectDriver) == ()
    assert missing(MemoryObjects(), MultipartDriver) == ()


@pytest.mark.parametrize(
    "protocol",
    [RecordDriver, ObjectDriver, MultipartDriver, SigningDriver, AsyncRecordDriver, AsyncObjectDriver],
)
def test_an_empty_driver_lacks_everything(protocol: type) -> None:
    lacking = missing(object(), protocol)
    assert lacking
    assert not any(name.startswith("_") for name in lacking)


def test_the_methods_that_a_driver_lacks_are_named() -> None:
    class Half:
        def read(self) -> None: ...
        def write(self) -> None: ...

        touch = None
        page = "not a method"

    assert missing(Half(), RecordDriver) == ("delete", "fault", "page", "touch")


def test_a_property_need_not_be_a_method() -> None:
    assert not callable(MemoryObjects().parts)
    assert "parts" not in missing(MemoryObjects(), MultipartDriver)
    assert "parts" in missing(MemoryRecords(), MultipartDriver)


def test_what_stands_before_a_driver_has_what_the_driver_has() -> None:
    class Before:
        def __init__(self, driver: object) -> None:
            self._driver = driver

        def __getattr__(self, name: str) -> Any:
            return getattr(self._driver, name)

    assert missing(Before(MemoryRecords()), RecordDriver) == ()
