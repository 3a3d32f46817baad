"""What ``import statekit`` gives, and what it costs."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

import statekit
from statekit import errors, types

HEAVY = (
    "asyncio",
    "concurrent.futures",
    "logging",
    "sqlite3",
    "pluggy",
    "importlib.metadata",
    "dataclasses",
    "msgspec",
)
SDKS = ("boto3", "botocore", "redis", "google.cloud", "cryptography", "opentelemetry")


def fresh(code: str) -> Any:
    """Run code in a new interpreter and return what it printed as JSON."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def test_importing_statekit_imports_nothing_heavy() -> None:
    names = (*HEAVY, *SDKS)
    loaded = fresh(
        f"import sys; before = set(sys.modules); import statekit; new = set(sys.modules) - before\n"
        f"import json; print(json.dumps([name for name in {names!r} if name in new]))"
    )
    assert loaded == []


@pytest.mark.parametrize("url", ["memory:", "local:never-created"])
def test_opening_imports_no_sdk_no_asyncio_and_no_pluggy(url: str) -> None:
    names = ("asyncio", "concurrent.futures", "sqlite3", "pluggy", "importlib.metadata", "difflib", *SDKS)
    loaded = fresh(
        f"import sys, statekit; statekit.open({url!r}, namespace='x')\n"
        f"import json; print(json.dumps([name for name in {names!r} if name in sys.modules]))"
    )
    assert loaded == []


def test_every_public_name_is_there() -> None:
    for name in statekit.__all__:
        assert getattr(statekit, name) is not None


def test_every_error_is_public_at_the_top() -> None:
    assert set(errors.__all__) <= set(statekit.__all__)
    for name in errors.__all__:
        assert getattr(statekit, name) is getattr(errors, name)


def test_every_type_is_public_at_the_top() -> None:
    assert {name for name in types.__all__ if not name.isupper()} <= set(statekit.__all__)


def test_dir_shows_names_that_are_not_loaded_yet() -> None:
    assert fresh("import statekit, json; print(json.dumps(set(statekit.__all__) <= set(dir(statekit))))")


def test_a_star_import_brings_the_public_names() -> None:
    assert fresh(
        "from statekit import *; import json; print(json.dumps([State.__name__, ConflictError.__name__]))"
    ) == [
        "State",
        "ConflictError",
    ]


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'statekit' has no attribute 'nothing'"):
        _ = statekit.nothing


def test_the_two_ways_in_take_the_same_arguments() -> None:
    from inspect import signature

    assert list(signature(statekit.open).parameters.values()) == list(signature(statekit.aopen).parameters.values())


def test_there_is_a_version() -> None:
    assert statekit.__version__[0].isdigit()


def test_a_source_tree_that_is_not_installed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    def version(_: str) -> str:
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert statekit._version() == "0+source"
