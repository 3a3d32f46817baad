"""Photographs to upload: those that scikit-image ships, each time cut, turned and compressed in another way."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

NAMES = ("astronaut.png", "chelsea.png", "coffee.png", "hubble_deep_field.jpg", "motorcycle_left.png", "rocket.jpg")
FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}
ORIENTATION, CAMERA = 0x0112, 0x0110


@dataclass(frozen=True)
class Photograph:
    """One file.

    Attributes:
        path: Where it is; no two have one name.
        digest: The SHA-256 of its bytes.
    """

    path: Path
    digest: str


class Album:
    """Makes photographs, no two alike.

    Args:
        folder: Where to; it is made.
        seed: Decides what they are like.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._draw = folder, random.Random(seed)
        self._folder.mkdir()
        self._count = 0
        self._originals = [(path.stem, path) for path in _shipped()]

    def next(self) -> Photograph:
        """Return another one: mostly a JPEG of a camera that may have been held upright, now and then a PNG or WebP."""
        self._count += 1
        title, source = self._draw.choice(self._originals)
        suffix = self._draw.choices(list(FORMATS), (8, 1, 1))[0]
        path = self._folder / f"{title.replace('_', ' ')} {self._count}.{suffix}"
        with Image.open(source) as original:
            image = self._cut(original.convert("RGB"))
        exif = image.getexif()
        exif[ORIENTATION], exif[CAMERA] = self._draw.choice((1, 3, 6, 8)), f"Box {self._count}"
        image.save(path, FORMATS[suffix], quality=self._draw.randint(80, 95), exif=exif)
        return Photograph(path, hashlib.sha256(path.read_bytes()).hexdigest())

    def _cut(self, image: Image.Image) -> Image.Image:
        width, height = image.size
        left, top = self._draw.uniform(0, width * 0.2), self._draw.uniform(0, height * 0.2)
        part = image.crop((int(left), int(top), int(left + width * 0.8), int(top + height * 0.8)))
        scale = self._draw.uniform(1.2, 2.2)
        return part.resize((int(part.width * scale), int(part.height * scale)), Image.Resampling.BICUBIC)

    def too_large(self) -> Path:
        """Return a file that nobody takes."""
        path = self._folder / "the whole wedding.jpg"
        path.write_bytes(b"\xff\xd8\xff" + bytes(12_500_000))
        return path


def _shipped() -> list[Path]:
    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        raise RuntimeError("the photographs are those of scikit-image: pip install scikit-image")
    return [path for name in NAMES if (path := Path(spec.origin).parent / "data" / name).is_file()]
