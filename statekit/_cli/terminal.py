"""Output that people read: colours where they are wanted, words everywhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TextIO

__all__ = ["Terminal"]

_STYLES: Final = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}
_SIGNS: Final = {"tick": ("✓", "ok"), "cross": ("✗", "FAILED"), "arrow": ("→", "->"), "dot": ("·", "-")}


class Terminal:
    """One output stream.

    Colours are used on a terminal, unless ``NO_COLOR`` is set (https://no-color.org) or ``TERM`` is ``dumb``; signs
    beyond ASCII where the stream's encoding has them.
    """

    def __init__(self, stream: TextIO, environ: Mapping[str, str] = os.environ) -> None:
        self._stream = stream
        self._coloured = stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
        self._plain = not _has_signs(stream.encoding or "utf-8")  # none: it is in memory
        self.width = max(60, min(shutil.get_terminal_size((100, 24)).columns, 120)) if stream.isatty() else 100

    def style(self, text: str, *names: str) -> str:
        """Return the text in these styles: ``bold``, ``dim``, ``red``, ``green``, ``yellow``."""
        if not self._coloured or not text:
            return text
        return f"\x1b[{';'.join(_STYLES[name] for name in names)}m{text}\x1b[0m"

    def sign(self, name: str) -> str:
        """Return a sign: ``tick``, ``cross``, ``arrow`` or ``dot``."""
        return _SIGNS[name][self._plain]

    def line(self, text: str = "") -> None:
        """Write a line, at once: somebody is watching."""
        if self._plain:
            text = text.encode("ascii", "replace").decode()
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Write rows under their headings; the last column takes what room it needs."""
        lines = [tuple(head), *map(tuple, rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(head) - 1)]
        for number, line in enumerate(lines):
            cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=False)]
            text = "   ".join([*cells, line[-1]]).rstrip()
            self.line(self.style(text, "bold") if number == 0 else text)


def _has_signs(encoding: str) -> bool:
    try:
        "".join(sign for sign, _ in _SIGNS.values()).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
