"""The files in a workspace's directory: what they are called, where they are, and how many there may be.

Names follow the grammar of keys. Links, devices, sockets and pipes are refused: a link would lead a reader, or the next
process that restores a checkpoint, out of the directory.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

from msgspec import Struct

from statekit._core.keys import check_key
from statekit.errors import InvalidInputError, QuotaExceededError

__all__ = [
    "LocalFile",
    "Quota",
    "Usage",
    "check_room",
    "check_shape",
    "locate",
    "look",
    "minding_the_disk",
    "names",
    "prepare",
    "scan",
    "weigh",
]

_BLOCK: Final = 1024 * 1024
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class Usage(Struct, frozen=True):
    """How much there is."""

    files: int = 0
    size: int = 0

    def plus(self, size: int) -> Usage:
        """Return the same with one more file."""
        return Usage(self.files + 1, self.size + size)


class Quota(Struct, frozen=True):
    """How much there may be.

    Attributes:
        size: Bytes.
        files: Files.
    """

    size: int
    files: int

    def check(self, usage: Usage) -> None:
        """Refuse more than that.

        Raises:
            QuotaExceededError: It is more.
        """
        if usage.size > self.size:
            raise QuotaExceededError(f"the workspace's quota is {self.size} bytes, and this makes more", clause="X-05")
        if usage.files > self.files:
            raise QuotaExceededError(f"the workspace's quota is {self.files} files, and this makes more", clause="X-05")


class LocalFile(Struct, frozen=True):
    """A regular file of a workspace.

    Attributes:
        name: Its name in the workspace.
        path: Where it is.
        size: Bytes.
        digest: Its SHA-256 in hexadecimal digits; empty if nobody asked for it.
    """

    name: str
    path: Path
    size: int
    digest: str = ""


def locate(directory: Path, name: str) -> Path:
    """Return where a file is, or would be.

    Raises:
        InvalidKeyError: The name is outside the grammar of keys.
        InvalidInputError: A segment before the last is no directory, or the last one is no regular file.
    """
    check_key(name)
    *parents, last = name.split("/")
    path = directory
    for segment in parents:
        path /= segment
        mode = _mode(path)
        if mode is not None and not stat.S_ISDIR(mode):
            _refuse("a file's name leads through a link or another file")
    path /= last
    mode = _mode(path)
    if mode is not None and not stat.S_ISREG(mode):
        _refuse("a file's name is a directory's, a link's or a device's")
    return path


def prepare(directory: Path, name: str) -> Path:
    """Return where a file is to be, in a directory that exists. Raises what ``locate`` does."""
    path = locate(directory, name)
    if path.parent != directory:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def _mode(path: Path) -> int | None:
    try:
        return path.lstat().st_mode
    except FileNotFoundError:
        return None


def _refuse(problem: str) -> NoReturn:
    raise InvalidInputError(f"{problem}: a workspace holds regular files and directories", clause="X-04")


def look(directory: Path, name: str) -> LocalFile | None:
    """Return one file with its digest; None if there is none. Raises what ``locate`` does."""
    path = locate(directory, name)
    return LocalFile(name, path, path.stat().st_size, _digest(path)) if path.exists() else None


def check_shape(names: Iterable[str]) -> None:
    """See that all these names fit into one directory.

    Raises:
        InvalidInputError: One is a file, and a directory in another.
    """
    several = set(names)
    for name in several:
        at = name.find("/")
        while at > 0:
            if name[:at] in several:
                _refuse("a name is a file's, and a directory's in another file's")
            at = name.find("/", at + 1)


def names(directory: Path) -> frozenset[str]:
    """Return what all files are called.

    Raises:
        InvalidInputError: A link or a device is there.
    """
    return frozenset(name for name, _, _ in _walk(directory, ""))


def weigh(directory: Path, *, without: Iterable[str] = ()) -> Usage:
    """Count what is there, except for some names.

    Raises:
        InvalidInputError: A link or a device is there.
    """
    left_out = frozenset(without)
    sizes = [size for name, _, size in _walk(directory, "") if name not in left_out]
    return Usage(len(sizes), sum(sizes))


def scan(directory: Path, *, digests: bool = True) -> list[LocalFile]:
    """Return all files, sorted by name.

    Raises:
        InvalidKeyError: A file has a name outside the grammar of keys.
        InvalidInputError: A link or a device is there.
    """
    found = []
    for name, path, size in _walk(directory, ""):
        check_key(name)
        found.append(LocalFile(name, path, size, _digest(path) if digests else ""))
    return sorted(found, key=lambda file: file.name.encode())


def _walk(directory: Path, prefix: str) -> Iterator[tuple[str, Path, int]]:
    with os.scandir(directory) as entries:
        for entry in entries:
            name = prefix + entry.name
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path), f"{name}/")
            elif entry.is_file(follow_symlinks=False):
                yield name, Path(entry.path), entry.stat(follow_symlinks=False).st_size
            else:
                _refuse("a link or a device is in the way")


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def check_room(directory: Path, size: int) -> None:
    """See that the disk has room for so many bytes more.

    Raises:
        QuotaExceededError: It has not.
    """
    import shutil  # which loads three compressors; most processes never make a workspace

    if shutil.disk_usage(directory).free < size:
        raise _full()


@contextmanager
def minding_the_disk() -> Iterator[None]:
    """Say it our way if the disk is full in spite of all checks."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise _full() from error
        raise


def _full() -> QuotaExceededError:
    return QuotaExceededError("the disk under the workspace has no room for this", clause="X-05")
