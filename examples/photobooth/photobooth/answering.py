"""Who answers: each response names the process that made it, and how long that process has been there."""

from __future__ import annotations

import os
import time
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_BEGAN: Final = time.monotonic()


def process_line() -> str:
    """Return the line for people."""
    return f"process {os.getpid()}, {age(time.monotonic() - _BEGAN)} old"


def age(seconds: float) -> str:
    """Say how long something has been there."""
    for unit, length in (("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "less than a second"


class NameProcess:
    """Middleware that adds the header ``X-Answered-By``."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application, and sign what it answers."""

        async def signed(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Answered-By"] = process_line()
            await send(message)

        await self.app(scope, receive, signed if scope["type"] == "http" else send)
