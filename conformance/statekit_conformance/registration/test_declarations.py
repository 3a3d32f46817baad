"""Declarations: complete, cheap to read, and every option of them means something."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_type_hints

import pytest

from statekit import plugins
from statekit.driver import CONTRACT, Backend, Reach, Survives
from statekit.errors import StateError, UnsupportedError
from statekit_conformance import clause


@pytest.fixture
def backends(site):
    return site.backends


@clause("P-50")
def test_a_declaration_is_complete(backends):
    for backend in backends:
        assert isinstance(backend, Backend)
        assert backend.contract == CONTRACT
        assert re.fullmatch(r"[a-z][a-z0-9-]*", backend.name)
        assert backend.schemes
        assert all(re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme) for scheme in backend.schemes)
        assert isinstance(backend.reach, Reach)
        assert isinstance(backend.survives, Survives)
        assert (type(backend.records), type(backend.objects)) == (bool, bool)
        assert backend.records or backend.objects
        assert callable(backend.open) or callable(backend.aopen)


@clause("P-50")
def test_options_are_a_frozen_dataclass_with_types(backends):
    for backend in backends:
        options = backend.options
        assert is_dataclass(options)
        assert options.__dataclass_params__.frozen
        hints = get_type_hints(options)
        assert {field.name for field in fields(options)} <= set(hints)


@clause("P-50")
def test_what_survives_its_client_reaches_beyond_its_process(backends):
    for backend in backends:
        assert backend.survives is Survives.NOTHING or backend.reach is not Reach.PROCESS


@clause("P-50")
def test_registering_imports_no_sdk(backends):
    for backend in backends:
        assert seen_in_a_fresh_process("imports", module_of(backend)) == []


@clause("P-50")
def test_every_scheme_leads_to_the_declaration(backends):
    for backend in backends:
        for scheme in backend.schemes:
            assert plugins.find(scheme).name == backend.name


@clause("P-51")
def test_opening_does_no_io_and_returns_what_the_declaration_promises(site):
    seen = seen_in_a_fresh_process("opening", site.name, *site.urls)
    assert seen["openings"]
    for opening in seen["openings"]:
        assert opening["right kind"]
        assert opening["did"] == []
        assert opening["stores"] == opening["declared"]


@clause("P-53")
def test_every_option_is_read_somewhere(backends):
    for backend in backends:
        read = names_read(source_of(backend))
        unused = [field.name for field in fields(backend.options) if field.name not in read]
        assert not unused, f"options of {backend.name} that nothing reads: {unused}"


@clause("P-53")
def test_a_client_that_is_none_is_used_or_refused(subject):
    """A backend that takes no clients says so; one that does cannot work with this one."""
    with pytest.raises(Exception) as caught:
        use(subject.open(client=object(), timeout=2.0))
    assert isinstance(caught.value, StateError | TypeError | ValueError | AttributeError)


def use(view):
    """Make a call that needs the client."""
    try:
        view.sessions.create({"a": 1})
    except UnsupportedError:
        view.objects.put("a", b"1")


def module_of(backend):
    """Return the module that registers a backend."""
    scheme = backend.schemes[0]
    return plugins.BUILT_IN.get(scheme) or plugins.announced()[scheme][0].module


def source_of(backend):
    """Return the files of the plugin's package, or of its module where it is no more than that."""
    module = sys.modules[backend.options.__module__]
    path = Path(module.__file__)
    package = path.parent if (path.parent / "__init__.py").exists() else None
    return sorted(package.rglob("*.py")) if package else [path]


def names_read(files):
    """Return the attributes that are read in some files; all of them where a whole dataclass is taken apart."""
    names = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                names.add(node.attr)
    return names


def seen_in_a_fresh_process(*arguments):
    """Return what the probe saw."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "statekit_conformance.registration.probe", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
