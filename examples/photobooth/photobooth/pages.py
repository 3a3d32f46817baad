"""Pages: templates, and what every page shows."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Final

from fastapi import Request, Response
from fastapi.templating import Jinja2Templates

from .answering import process_line
from .photos import LARGEST, TYPES

_TEMPLATES: Final = Jinja2Templates(directory=Path(__file__).parent / "templates")


def page(request: Request, template: str, *, status: int = 200, **shown: Any) -> Response:
    """Return a page.

    Args:
        request: What it answers.
        template: What it is made from.
        status: Its status.
        shown: What it shows.
    """
    everywhere = {"process": process_line(), "largest": LARGEST, "types": ",".join(TYPES)}
    return _TEMPLATES.TemplateResponse(request, f"{template}.html", everywhere | shown, status_code=status)


def moment(when: datetime) -> str:
    """Write a time for people."""
    return f"{when.day} {when:%B, %H:%M} UTC"


_TEMPLATES.env.filters["moment"] = moment
