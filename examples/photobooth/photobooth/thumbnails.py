"""Thumbnails: the same bytes from the same photograph, whoever makes them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageOps, UnidentifiedImageError

_SIZE: Final = (640, 640)
"""Pixels, at most."""
_GREY: Final = (120, 116, 112)


def make_thumbnail(original: Path, thumbnail: Path) -> None:
    """Write a photograph's thumbnail, upright; a grey one that says so, if nobody can read the photograph."""
    try:
        image = _reduced(original)
    except (UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning, OSError, SyntaxError):
        image = Image.new("RGB", (640, 480), _GREY)
        ImageDraw.Draw(image).text((320, 240), "This file is damaged.", anchor="mm", font_size=36)
    image.save(thumbnail, "JPEG", quality=82, optimize=True)


def _reduced(original: Path) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(original) as image:
            image.draft("RGB", _SIZE)
            upright = ImageOps.exif_transpose(image)
            upright.thumbnail(_SIZE)
            return upright.convert("RGB")
