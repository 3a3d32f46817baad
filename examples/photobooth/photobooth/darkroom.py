"""The darkroom: a worker in each process that makes thumbnails, in a workspace that one process holds at a time.

No queue outlives its process. What has no thumbnail yet is found by looking at the gallery; a worker that is killed
leaves its lease to lapse, and the next one who looks has it made again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from statekit import AsyncState, ConflictError, StateError, WorkspaceBusyError

from .photos import Photo
from .thumbnails import make_thumbnail

_log: Final = logging.getLogger(__name__)


class Darkroom:
    """The worker of one process.

    Args:
        state: Where photographs and thumbnails are.
    """

    def __init__(self, state: AsyncState) -> None:
        self._state = state
        self._asked: asyncio.Queue[Photo] = asyncio.Queue()
        self._waiting: set[Photo] = set()

    def ask(self, photo: Photo) -> None:
        """Ask for a photograph's thumbnail, soon."""
        if photo not in self._waiting:
            self._waiting.add(photo)
            self._asked.put_nowait(photo)

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
            photo = await self._asked.get()
            try:
                await develop(self._state, photo)
            except (StateError, OSError):
                _log.warning("a thumbnail is late: whoever looks at the gallery asks for it again", exc_info=True)
            finally:
                self._waiting.discard(photo)


async def develop(state: AsyncState, photo: Photo) -> None:
    """Make a photograph's thumbnail, unless it is there, or another process is about it."""
    with suppress(WorkspaceBusyError):
        async with state.scratch.workspace(f"darkroom/{photo.owner}/{photo.number}") as workspace:
            if await state.objects.exists(photo.thumbnail):
                return
            original = await workspace.fetch(state.objects, photo.key, name="original")
            await asyncio.to_thread(make_thumbnail, original, workspace / "thumbnail.jpg")
            with suppress(ConflictError):  # whoever held the workspace before was late: theirs is the same
                await workspace.publish(
                    "thumbnail.jpg", state.objects, photo.thumbnail, content_type="image/jpeg", if_absent=True
                )
