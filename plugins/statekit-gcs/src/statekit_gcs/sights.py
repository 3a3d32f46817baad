"""Versions and stamps of records: what the service needs to judge a sight, and the expiry that it cannot judge.

The service has conditions for generation and metageneration, and none for metadata. A sight names an expiry as well
(R-11, R-14), so a version also says with which expiry it was written, a stamp which one came with its metageneration,
and a sight whose parts do not belong together is given a condition that never holds. Check digits keep a version that
was tampered with from being taken for another (R-05).
https://cloud.google.com/storage/docs/request-preconditions
"""

from __future__ import annotations

from typing import Final

from google_crc32c import value as crc32c_of

from statekit.driver import ABSENT, Entry, Expect, Match, Millis, Record, Sight

from .requests import NEVER

__all__ = ["conditions", "stamp_of", "version_of"]

_FIRST: Final = "1"
"""The metageneration right after a write."""


def version_of(generation: str, written: Millis | None) -> str:
    """Return the version of a record that was written with this expiry; a touch does not change it (R-10)."""
    return _sealed(generation, written)


def stamp_of(metageneration: str, expires_at: Millis | None) -> str:
    """Return the stamp of a record that has this expiry now: empty right after a write."""
    return "" if metageneration == _FIRST else _sealed(metageneration, expires_at)


def conditions(sight: Expect | Sight | Record) -> tuple[str | None, str | None]:
    """Return the generation and the metageneration that the service shall compare; None for "whichever"."""
    if isinstance(sight, Match):
        return _opened(sight.version)[0], None
    if isinstance(sight, Entry | Record):
        generation, written = _opened(sight.version)
        metageneration, expiry = _opened(sight.stamp) if sight.stamp else (_FIRST, written)
        return generation, metageneration if expiry == _text(sight.expires_at) else NEVER
    return ("0" if sight is ABSENT else None), None


def _text(expires_at: Millis | None) -> str:
    return "" if expires_at is None else str(expires_at)


def _sealed(number: str, expires_at: Millis | None) -> str:
    said = f"{number}.{_text(expires_at)}"
    return f"{said}.{_check(said)}"


def _opened(sealed: str) -> tuple[str, str]:
    """Return number and expiry; what is none of ours has a number that never was."""
    said, _, check = sealed.rpartition(".")
    number, _, expiry = said.partition(".")
    return (number, expiry) if check == _check(said) else (NEVER, "")


def _check(said: str) -> str:
    return f"{crc32c_of(said.encode(errors='surrogatepass')):08x}"
