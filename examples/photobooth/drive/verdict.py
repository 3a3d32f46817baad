"""The verdict: what was acknowledged is looked for in the store, and what should be gone as well."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from photobooth.photos import Photo
from photobooth.thumbnails import make_thumbnail

import statekit
from statekit.testing import FakeClock
from statekit_conformance.running import Running

if TYPE_CHECKING:
    from .visitors import Visitor

NAMESPACE = "photobooth"
SWEEPS = (3, 6)
"""Days later: the first sweep also finishes what a killed process had begun to publish, and leaves its ticket for a
day, in case somebody confirms it again; the second one takes that. No session has ended yet.
"""


class Verdict:
    """Looks for losses.

    Args:
        running: The target.
        key: What sessions are sealed with.
        directories: Where the processes had their workspaces' directories.

    Attributes:
        updates: How many updates of sessions were found.
        swept: How much was swept: what killed processes left, and tickets and workspaces that are done with.
    """

    def __init__(self, running: Running, key: str, directories: Path) -> None:
        self._running, self._key, self._directories = running, key, directories
        self.updates = self.swept = 0

    async def lost(self, visitors: list[Visitor]) -> list[str]:
        """Say what was lost, and what is left over."""
        cookies = [await visitor.cookie() for visitor in visitors]
        return await asyncio.to_thread(lambda: [*self._lost(visitors, cookies), *self.left_over()])

    def _lost(self, visitors: list[Visitor], cookies: list[str]) -> Iterator[str]:
        with self._opened(FakeClock()) as state:
            for visitor, cookie in zip(visitors, cookies, strict=True):
                yield from (f"{visitor}: {words}" for words in visitor.complaints)
                yield from (f"{visitor}: {words}" for words in self._of_session(state, visitor, cookie))
                for key, photograph in visitor.acknowledged.items():
                    yield from _of_photograph(state, key, photograph.path, photograph.digest)

    def _opened(self, clock: FakeClock) -> statekit.State:
        sessions, objects = self._running.site.urls
        scratch = {"root": next(iter(self._roots()), self._directories / "none")}
        return statekit.open(
            sessions=sessions, objects=objects, scratch=scratch, namespace=NAMESPACE, keys=[self._key], clock=clock,
            attempt_timeout=self._running.site.timeout, timeout=self._running.site.timeout,
        )  # fmt: skip

    def _of_session(self, state: statekit.State, visitor: Visitor, cookie: str) -> Iterator[str]:
        session = state.sessions.load(cookie)
        if session is None:
            yield "the login is gone"
            return
        found: int = session.get("uploads", 0)
        self.updates += found
        least, most = len(visitor.acknowledged), len(visitor.acknowledged) + visitor.given_up
        if not least <= found <= most:
            yield f"{least} to {most} uploads were confirmed, and the session counted {found}"

    def left_over(self) -> Iterator[str]:
        """Sweep some days later, and look for what is still there and should not be."""
        for days in SWEEPS:
            clock = FakeClock()
            clock.advance(days * 86_400)
            with self._opened(clock) as state:
                swept = state.sweep()
            self.swept += swept.records + swept.uploads + swept.workspaces + swept.files + swept.directories
        for key in self._stored(clock):
            kind = key.removeprefix(f"{NAMESPACE}/").partition("/")[0]
            if kind in ("t", "w", ".statekit", "unfinished"):
                yield f"{key} is left over"
        for directory in (directory for root in self._roots() for directory in root.glob("*-*")):
            yield f"the directory {directory.name} is left over"

    def _stored(self, clock: FakeClock) -> Iterator[str]:
        """Yield the keys of all records, objects and unfinished uploads, as the drivers see them."""
        site = self._running.site
        places = [site.open(place, clock) for place in (site.settings.sessions, site.settings.objects)]
        records: Any = places[0].drivers.records
        driver: Any = places[1].drivers.objects
        try:
            yield from _keys(records.page, f"{NAMESPACE}/")
            yield from _keys(driver.page, f"{NAMESPACE}/", delimiter=None, start_after=None)
            if hasattr(driver, "uploads"):
                for key in _keys(driver.uploads, f"{NAMESPACE}/"):
                    yield f"unfinished/{key}"
        finally:
            for place in places:
                place.close()

    def _roots(self) -> list[Path]:
        return [path for path in self._directories.iterdir() if path.is_dir()] if self._directories.is_dir() else []


def _keys(page: Any, prefix: str, **options: Any) -> Iterator[str]:
    cursor = None
    while True:
        found = page(prefix, cursor=cursor, limit=1000, timeout=30, **options)
        yield from (item.key for item in found.items)
        cursor, options = found.cursor, dict.fromkeys(options)
        if cursor is None:
            return


def _of_photograph(state: statekit.State, key: str, path: Path, digest: str) -> Iterator[str]:
    photo = Photo.at(key)
    with tempfile.NamedTemporaryFile() as made:
        make_thumbnail(path, Path(made.name))
        expected = hashlib.sha256(Path(made.name).read_bytes()).hexdigest()
    for place, right in ((key, digest), (photo.thumbnail, expected)):
        try:
            found = hashlib.sha256(state.objects.get(place).data).hexdigest()
        except statekit.NotFoundError:
            yield f"{place} is gone"
        else:
            if found != right:
                yield f"{place} has other bytes"
