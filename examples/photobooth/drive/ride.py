"""One backend's ride: a balancer, two processes, three browsers, trouble for a while, and then the verdict."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright

import statekit
from statekit_conformance.running import Running

from .balancer import Balancer
from .photographs import Album
from .processes import Processes
from .trouble import Trouble
from .verdict import Verdict
from .visitors import Visitor

CHROMIUM = os.environ.get("STATEKIT_CHROMIUM", "/usr/bin/chromium")
VISITORS = (
    ("Ada", "laptop", {"viewport": {"width": 1280, "height": 800}}),
    ("Ada", "phone", {"viewport": {"width": 390, "height": 840}, "color_scheme": "dark"}),
    ("Bob", "laptop", {"viewport": {"width": 1024, "height": 768}}),
)
"""Name, device, and what the browser is like: two are the same person."""


@dataclass(frozen=True)
class Plan:
    """How long, and in which order.

    Attributes:
        seconds: For how long there is trouble.
        seed: Decides who is killed when, and who clicks what.
    """

    seconds: float
    seed: int


@dataclass(frozen=True)
class Report:
    """What came of it.

    Attributes:
        row: For the table.
        lost: What was lost, in words.
    """

    row: tuple[str, ...]
    lost: list[str]


async def ride(running: Running, plan: Plan, folder: Path) -> Report:
    """Drive the photo booth on one backend.

    Args:
        running: The target, started.
        plan: How long, and in which order.
        folder: For photographs and workspaces.
    """
    key, workspaces = await _keygen(), folder / "tmp"
    workspaces.mkdir()
    verdict = Verdict(running, key, workspaces)
    async with Balancer.started() as balancer:
        await _allow_scripts(running, balancer.url)
        processes = Processes(balancer, _environment(running, balancer.url, key, workspaces), folder)
        trouble = Trouble(running, processes, random.Random(plan.seed))
        with processes:
            async with _browsers(balancer.url, folder, plan) as visitors:
                await _visit(visitors, trouble, plan.seconds)
                lost = [*await verdict.lost(visitors), *await _log_out_everywhere(visitors)]
    figures = (
        *(sum(visitor.requests for visitor in visitors), sum(len(visitor.acknowledged) for visitor in visitors)),
        *(verdict.updates, trouble.processes_killed, trouble.stores_killed, verdict.swept, len(lost)),
    )
    return Report((running.target.name, *map(str, figures)), lost)


def _environment(running: Running, url: str, key: str, workspaces: Path) -> dict[str, str]:
    """Return what the photo booth's processes are told."""
    sessions, objects = running.site.urls
    return {
        "STATEKIT_SESSIONS_URL": sessions,
        "STATEKIT_OBJECTS_URL": objects,
        "STATEKIT_KEYS": key,
        "PHOTOBOOTH_URL": url,
        "TMPDIR": str(workspaces),
    }


async def _visit(visitors: list[Visitor], trouble: Trouble, seconds: float) -> None:
    await asyncio.gather(*(visitor.arrive() for visitor in visitors))
    async with trouble.during():
        await asyncio.gather(*(visitor.click_around(seconds) for visitor in visitors))
    await asyncio.gather(*(visitor.settle() for visitor in visitors))


async def _log_out_everywhere(visitors: list[Visitor]) -> list[str]:
    """Let the first one log out everywhere; say who is in and should not be, and the other way round."""
    first, second, other = visitors
    await first.log_out_everywhere()
    states = [(visitor, await visitor.is_in()) for visitor in (first, second, other)]
    return [f"{who} is {'in' if found else 'out'} after Ada logged out everywhere" for who, found in states
            if found is not (who is other)]  # fmt: skip


@asynccontextmanager
async def _browsers(url: str, folder: Path, plan: Plan) -> AsyncIterator[list[Visitor]]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        visitors = []
        for number, (name, device, looks) in enumerate(VISITORS):
            options: Any = looks
            context = await browser.new_context(**options)
            seed = plan.seed * 10 + number
            album = Album(folder / f"photographs-{number}", seed)
            visitors.append(Visitor(f"{name} ({device})", name, context, url, album, random.Random(seed)))
        yield visitors
        await browser.close()


async def _allow_scripts(running: Running, origin: str) -> None:
    """Let pages of this origin send to the store, where that is the store's to allow."""
    sessions, objects = running.site.urls

    def provision() -> None:
        with statekit.open(sessions=sessions, objects=objects, attempt_timeout=running.site.timeout) as state:
            state.provision(origins=[origin])

    await asyncio.to_thread(provision)


async def _keygen() -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "statekit", "keygen", stdout=asyncio.subprocess.PIPE
    )
    made, _ = await process.communicate()
    return made.decode().strip()
