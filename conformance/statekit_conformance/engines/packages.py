"""Is the Python package that an engine needs installed?"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec


def missing_package(module: str, *, package: str | None = None) -> str | None:
    """Return what to install if a module cannot be imported, without importing it."""
    try:
        found = find_spec(module)
    except ModuleNotFoundError:  # a parent package is missing
        found = None
    return None if found else f"the package {package or module} is not installed"


def installed_version(package: str) -> str:
    """Return a distribution's version, or "unknown" where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
