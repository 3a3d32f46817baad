"""The darkroom: a worker in each process that makes thumbnails, in a workspace that one process holds at a time.

Nothing is queued anywhere. What has no thumbnail yet is found by looking; a worker that is killed leaves its lease to
lapse, and the next one who looks goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from statekit import AsyncState, AsyncWorkspace, ConflictError, StateError, WorkspaceBusyError

from .photos import Photo, developed, newest
from .thumbnails import make_thumbnail

_AT_ONCE: Final = 100
"""Photographs that one visit to the darkroom looks at."""
_log: Final = logging.getLogger(__name__)


class Darkroom:
    """The worker of one process.

    Args:
        state: Where photographs and thumbnails are.
    """

    def __init__(self, state: AsyncState) -> None:
        self._state = state
        self._asked: asyncio.Queue[str] = asyncio.Queue()
        self._waiting: set[str] = set()

    def ask(self, owner: str) -> None:
        """Ask for the thumbnails that a person's photographs lack, soon."""
        if owner not in self._waiting:
            self._waiting.add(owner)
            self._asked.put_nowait(owner)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Work in the background while the block lasts."""
        work = asyncio.create_task(self._work())
        try:
            yield
        finally:
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work

    async def _work(self) -> None:
        while True:
            owner = await self._asked.get()
            self._waiting.discard(owner)
            try:
                await develop(self._state, owner)
            except (StateError, OSError):
                _log.warning("thumbnails are late: whoever looks at the gallery asks for them again", exc_info=True)


async def develop(state: AsyncState, owner: str) -> None:
    """Make the thumbnails that are missing, unless another process is about it."""
    with suppress(WorkspaceBusyError):
        async with state.scratch.workspace(f"darkroom/{owner}") as workspace:
            photos = await newest(state, owner, _AT_ONCE)
            done = await developed(state, photos)
            for photo in photos:
                if photo not in done:
                    await _develop(state, workspace, photo)


async def _develop(state: AsyncState, workspace: AsyncWorkspace, photo: Photo) -> None:
    name, made = f"{photo.number}.{photo.suffix}", f"{photo.number}-thumbnail.jpg"
    original = await workspace.fetch(state.objects, photo.key, name=name)
    await asyncio.to_thread(make_thumbnail, original, workspace / made)
    with suppress(ConflictError):  # whoever held the workspace before was late: theirs is the same
        await workspace.publish(made, state.objects, photo.thumbnail, content_type="image/jpeg", if_absent=True)
    for file in (name, made):
        await workspace.remove(file)
