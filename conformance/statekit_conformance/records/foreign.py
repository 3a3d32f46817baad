"""Versions that are nobody's, though some resemble one: an engine that is lenient takes them for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

__all__ = ["malformed", "resembling"]

_ALIEN: Final = (
    "",
    " ",
    "0",
    "1",
    "-1",
    "1e3",
    "None",
    "null",
    "*",  # If-Match: * is "any version" to HTTP
    "' OR '1'='1",
    "\\",
    "{}",
    "é",
    "版本",
    "\x00",
    "\r\n",
    "\udc80",  # has no UTF-8 form
    "9" * 5_000,
)


def malformed() -> tuple[str, ...]:
    """Return texts that no engine has for a version."""
    return _ALIEN


def resembling(version: str) -> Iterator[str]:
    """Return texts that resemble a version and are not it."""
    yield from (f" {version}", f"{version} ", f"{version}0", f"0{version}", f"+{version}", f"-{version}")
    yield from (f'"{version}"', f'W/"{version}"', f"{version}, {version}", f"{version}\x00", version[:-1])
    yield from (other for other in (version.upper(), version.lower()) if other != version)
