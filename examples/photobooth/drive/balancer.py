"""A balancer: each connection goes to the next process that is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Final, Self

_PIECE: Final = 64 * 1024
_NOBODY: Final = (
    b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 67\r\nConnection: close\r\n\r\n"
    b"<title>One moment</title><p>No process is there to answer just now."
)


class Balancer:
    """Passes bytes on, and knows nothing of what they mean.

    Attributes:
        ports: Where processes listen. One that refuses a connection is passed over.
        url: What browsers know.
    """

    def __init__(self) -> None:
        self.ports: list[int] = []
        self.url = ""
        self._turn = count()
        self._serving: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def started(cls) -> AsyncIterator[Self]:
        """Balance while the block lasts."""
        balancer = cls()
        server = await asyncio.start_server(balancer._accept, "127.0.0.1", 0)
        balancer.url = f"http://localhost:{server.sockets[0].getsockname()[1]}"
        try:
            yield balancer
        finally:
            server.close()
            for task in balancer._serving:
                task.cancel()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        process = await self._process()
        if process is None:
            await _answer(reader, writer)
            return
        ways = [asyncio.ensure_future(_pump(reader, process[1])), asyncio.ensure_future(_pump(process[0], writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            writer.close()
            process[1].close()

    async def _process(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        ports, turn = list(self.ports), next(self._turn)
        for number in range(len(ports)):
            with suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", ports[(turn + number) % len(ports)])
        return None


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        await reader.read(_PIECE)
        writer.write(_NOBODY)
        await writer.drain()
    writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
