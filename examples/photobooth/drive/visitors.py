"""Visitors: each has a browser of its own, and clicks what people click."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

from playwright.async_api import BrowserContext, Error, Page, Request, Response

from .photographs import Album, Photograph

PATIENCE = 150_000
"""Milliseconds that a person waits while the page says that it tries again."""
AGAIN = 10_000
"""Milliseconds after which a person clicks again if the page says nothing."""
PASSWORD = "cheese"  # noqa: S105 - everybody says it


class Visitor:
    """One person at one device.

    Args:
        who: For messages.
        name: To log in with.
        context: The browser.
        url: Where the photo booth is.
        album: What is uploaded.
        draw: Decides what is clicked.

    Attributes:
        requests: How many the browser has sent, to whomever.
        acknowledged: What was said to be kept: key and photograph.
        given_up: How many photographs were being sent when the person went away from the page.
        complaints: What the page said that it should not have.
    """

    def __init__(
        self, who: str, name: str, context: BrowserContext, url: str, album: Album, draw: random.Random
    ) -> None:
        self.who, self._name, self._context, self._url = who, name, context, url
        self._album, self._draw = album, draw
        self._sent: dict[str, Photograph] = {}
        self._hearing: set[asyncio.Task[None]] = set()
        self.requests = self.given_up = 0
        self.acknowledged: dict[str, Photograph] = {}
        self.complaints: list[str] = []
        context.on("request", self._count)
        context.on("response", self._hear)

    def __str__(self) -> str:
        return self.who

    @property
    def _page(self) -> Page:
        return self._context.pages[0]

    async def cookie(self) -> str:
        """Return the session's id."""
        cookies = await self._context.cookies()
        return next((cookie["value"] for cookie in cookies if cookie["name"] == "session"), "")

    async def arrive(self) -> None:
        """Open the page, and log in."""
        await self._context.new_page()
        await self._open()
        await self._page.fill("[name=name]", self._name)
        await self._page.fill("[name=password]", PASSWORD)
        await self._page.keyboard.press("Enter")
        await self._shows("gallery")

    async def click_around(self, seconds: float) -> None:
        """Do one thing after the other."""
        what = {
            self._upload: 6,
            self._change_mind: 1,
            self._open_gallery: 1,
            self._look_at_one: 2,
            self._look_at_devices: 1,
            self._upload_too_much: 1,
        }
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            await self._draw.choices(list(what), list(what.values()))[0]()

    async def settle(self) -> None:
        """Wait until everything is developed and on the page."""
        await self._open_gallery()
        try:
            await self._page.wait_for_function("!document.querySelector('.developing')", timeout=PATIENCE)
        except Error:
            self.complaints.append("photographs are still being developed")
        bad = await self._page.evaluate(
            """async () => (await Promise.all([...document.querySelectorAll('.prints img')].map(async (image) => {
                image.loading = 'eager';
                try { await image.decode(); return null; } catch { return image.alt; }
            }))).filter(Boolean)"""
        )
        self.complaints += [f"the print of {title} is not shown" for title in bad]
        await asyncio.gather(*self._hearing)

    async def log_out_everywhere(self) -> None:
        """Click that."""
        await self._open_devices()
        await self._click("text=Log out everywhere", "login")

    async def is_in(self) -> bool:
        """Whether the page knows who this is."""
        await self._open()
        return await self._page.locator("header .who").count() == 1

    async def _open(self) -> None:
        """Go there as one does by the address bar: whoever meets a dead process presses the button again."""
        deadline = time.monotonic() + PATIENCE / 1000
        while True:
            try:
                response = await self._page.goto(self._url)
                if response is not None and response.ok:
                    return
            except Error:
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(self._draw.uniform(0.1, 0.6))

    async def _open_gallery(self) -> None:
        await self._open()
        await self._shows("gallery")

    async def _look_at_one(self) -> None:
        count = await self._page.locator(".prints a").count()
        if not count:
            return
        await self._click(f".prints a >> nth={self._draw.randrange(min(count, 8))}", "photograph")
        await self._click("text=Back to the gallery", "gallery")

    async def _open_devices(self) -> None:
        await self._click("nav >> text=Devices", "devices")

    async def _look_at_devices(self) -> None:
        await self._open_devices()
        if not await self._page.locator(".badge").count():
            self.complaints.append("this device is not among the devices")
        await self._click("nav >> text=Gallery", "gallery")

    async def _upload(self) -> None:
        await self._choose(*await self._photographs())
        for words in await self._page.locator("#uploads [data-state=refused]").all_inner_texts():
            if "the whole wedding" not in words:
                self.complaints.append(f"an upload was refused: {words!r}")

    async def _change_mind(self) -> None:
        """Go away while photographs are being sent: what was begun is left to the sweep."""
        paths = await self._photographs()
        self.given_up += len(paths)
        await self._page.set_input_files("#files", paths)
        await asyncio.sleep(self._draw.uniform(0, 0.4))
        await self._open_gallery()

    async def _photographs(self) -> list[str]:
        made = [await asyncio.to_thread(self._album.next) for _ in range(self._draw.randint(1, 4))]
        self._sent |= {photograph.path.stem: photograph for photograph in made}
        return [str(photograph.path) for photograph in made]

    async def _upload_too_much(self) -> None:
        await self._choose(str(await asyncio.to_thread(self._album.too_large)))
        words = await self._page.locator("#uploads [data-state=refused]").first.inner_text()
        if "12 MB is the most" not in words:
            self.complaints.append(f"too large a file was not refused: {words!r}")

    async def _choose(self, *paths: str) -> None:
        await self._page.set_input_files("#files", list(paths))
        try:
            await self._page.wait_for_function(
                "!document.querySelector('#uploads [data-state=sending]')", timeout=PATIENCE
            )
        except Error:
            said = await self._page.locator("#trouble, [data-state=sending]").all_inner_texts()
            self.complaints.append(f"an upload does not end: {said}")

    async def _click(self, what: str, page: str) -> None:
        """Click what leads to a page; again, if something moved under the mouse and nothing happens."""
        await self._page.click(what)
        while True:
            found = self._page.locator(f"main[data-page={page}], #trouble:visible")
            try:
                await found.first.wait_for(timeout=AGAIN)
            except Error:
                await self._page.click(what)
            else:
                await self._shows(page)
                return

    async def _shows(self, page: str) -> None:
        await self._page.wait_for_selector(f"main[data-page={page}]", timeout=PATIENCE)

    def _count(self, _: Request) -> None:
        self.requests += 1

    def _hear(self, response: Response) -> None:
        if response.url.endswith("/uploads/confirm") and response.ok:
            task = asyncio.ensure_future(self._note(response))
            self._hearing.add(task)
            task.add_done_callback(self._hearing.discard)

    async def _note(self, response: Response) -> None:
        try:
            kept: dict[str, Any] = await response.json()
        except Error:
            return  # the process died while it said so: the page has not heard it either, and asks again
        self.acknowledged[kept["key"]] = self._sent[kept["title"]]
