"""A board on which racers of all processes pin what the others need to know, as a browser keeps a cookie."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

__all__ = ["Board"]


class Board:
    """A folder with one small file for each name. What is pinned replaces what was there at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def pin(self, name: str, value: Any) -> None:
        """Let everybody see a JSON value under a name."""
        draft = self._folder / f"{name}~{secrets.token_hex(6)}"
        draft.write_text(json.dumps(value), "utf-8")
        draft.replace(self._folder / name)

    def seen(self, name: str) -> Any:
        """Return what was pinned last under a name, or None."""
        try:
            return json.loads((self._folder / name).read_text("utf-8"))
        except FileNotFoundError:
            return None
