"""Where everything is in a bucket: the names of records, objects, and uploads in parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from statekit.driver import Opening

from .options import GcsOptions

__all__ = ["RESERVED", "Place", "place_of"]

RESERVED: Final = ".statekit/gcs/"
"""What all names begin with that are not an object's of core's."""
_NAME_BYTES: Final = 1024  # https://cloud.google.com/storage/docs/objects#naming
_KEY_BYTES: Final = 1000  # K-11


@dataclass(frozen=True, slots=True)
class Place:
    """A part of a bucket.

    Attributes:
        bucket: The bucket's name.
        root: What every name in it begins with; empty, or ending with a slash.
    """

    bucket: str
    root: str = ""

    @property
    def records(self) -> str:
        """What the names of records begin with."""
        return f"{self.root}{RESERVED}records/"

    @property
    def parts(self) -> str:
        """What the names of uploaded parts begin with."""
        return f"{self.root}{RESERVED}parts/"

    @property
    def uploads(self) -> str:
        """What the names of the marks of begun uploads begin with."""
        return f"{self.root}{RESERVED}uploads/"

    def record(self, key: str) -> str:
        """Return a record's name."""
        return self.records + key

    def object(self, key: str) -> str:
        """Return an object's name."""
        return self.root + key

    def part(self, upload: str, number: int) -> str:
        """Return the name of an uploaded part."""
        return f"{self.parts}{upload}/{number:05}"

    def joint(self, upload: str, digest: str = "") -> str:
        """Return the name of several parts joined to one object, or what all of them begin with."""
        return f"{self.parts}{upload}/joint-{digest}"

    def record_key(self, name: str) -> str:
        """Return a record's key for its name."""
        return name.removeprefix(self.records)

    def object_key(self, name: str) -> str:
        """Return an object's key for its name."""
        return name.removeprefix(self.root)

    def is_reserved(self, name: str) -> bool:
        """Whether a name is none of an object of core's."""
        return name.startswith(self.root + RESERVED)


def place_of(opening: Opening[GcsOptions]) -> Place:
    """Return the place that a URL names.

    Raises:
        ValueError: It names no bucket, or a prefix that leaves too little of a name for a key.
    """
    root = opening.path.strip("/")
    root = f"{root}/" if root else ""
    if not opening.authority:
        raise ValueError("the URL names no bucket: gs://bucket or gs://bucket/prefix")
    if len(root.encode()) > _NAME_BYTES - _KEY_BYTES:
        raise ValueError(f"the URL's prefix has at most {_NAME_BYTES - _KEY_BYTES - 1} bytes, so that every key fits")
    return Place(opening.authority, root)
