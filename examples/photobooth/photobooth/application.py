"""The application, put together: whoever wants to know what it is made of begins here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from statekit import AsyncState
from statekit.gateway import ASGIGateway
from statekit.integrations.starlette import Cookie, SessionMiddleware

from . import devices, gallery, logins, refusals, uploads
from .answering import NameProcess
from .booth import Booth
from .darkroom import Darkroom

HERE = Path(__file__).parent


def make_app(state: AsyncState, *, url: str) -> FastAPI:
    """Return the photo booth.

    Args:
        state: Where everything is kept. The application closes it when it ends.
        url: Where browsers find the application.
    """
    darkroom = Darkroom(state)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        async with state, darkroom.at_work():
            yield

    app = FastAPI(title="Photo booth", lifespan=life, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.booth = Booth(state, darkroom)
    for part in (logins, gallery, uploads, devices):
        app.include_router(part.router)
    app.mount("/static", StaticFiles(directory=HERE / "static"))
    app.mount("/files", ASGIGateway(state, origins=[url]))
    refusals.add_to(app)
    cookie = Cookie(secure=url.startswith("https:"))
    app.add_middleware(SessionMiddleware, state=state, cookie=cookie, unavailable=refusals.unavailable)
    app.add_middleware(NameProcess)
    return app
