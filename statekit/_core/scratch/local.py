"""The directories of workspaces under one root, each held by a lock that dies with its process.

    root/ lock                 held shortly while a directory is made, or while the dead ones are found
          ws-<random>/         locked itself, as long as its process uses it
              files/           what the application sees
              parts/           what is not complete yet
          dead-<random>/       being removed, by whoever finds it

A directory whose lock can be taken belongs to nobody any more.
"""

from __future__ import annotations

import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from statekit.errors import Fault, MisconfiguredError, UnsupportedError

__all__ = ["Directory", "Root"]

_LIVE, _DEAD = "ws-", "dead-"
_LOCKS: Final[set[int]] = set()
"""Descriptors that hold locks in this process."""


class Directory:
    """One workspace's directory.

    Attributes:
        files: Where the application works.
        parts: On the same disk, for what is to be moved there when it is complete.
        pid: The process that it belongs to.
    """

    def __init__(self, place: Path, lock: int) -> None:
        self._place, self._lock = place, lock
        self.files, self.parts = place / "files", place / "parts"
        self.pid = os.getpid()
        self._removed = False

    @property
    def is_ours(self) -> bool:
        """Whether this process is the one that made it, and not a child that inherited it."""
        return self.pid == os.getpid()

    def part(self) -> Path:
        """Return a fresh path for something incomplete."""
        return self.parts / secrets.token_hex(8)

    def remove(self) -> None:
        """Remove it with everything in it; a second time, or in a forked child, do nothing."""
        if self.is_ours and not self._removed:
            self._removed = True
            try:
                _remove(self._place)
            finally:
                _unlock(self._lock)


def _close_all() -> None:
    """In a forked child: close the copies of all locks, or they would outlive the process that holds them."""
    for lock in _LOCKS:
        os.close(lock)
    _LOCKS.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_all)


class Root:
    """Where workspaces have their directories on this host.

    Args:
        path: By default a folder of this user's own in the system's directory for temporary files.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def create(self) -> Directory:
        """Make a directory of mode 0700, and remove what dead processes left.

        Raises:
            MisconfiguredError: The root cannot be used, or others could get at it.
        """
        root = self._prepared()
        self._clean(root)
        with _locked(root / "lock"):
            place = root / (_LIVE + secrets.token_hex(8))
            place.mkdir(mode=0o700)
            lock = _lock(place, os.O_RDONLY | os.O_DIRECTORY)
        directory = Directory(place, lock)
        directory.files.mkdir(mode=0o700)
        directory.parts.mkdir(mode=0o700)
        return directory

    def clean(self) -> int:
        """Remove what dead processes left; return how many directories."""
        root = self._place()
        return self._clean(root) if root.is_dir() else 0

    def _clean(self, root: Path) -> int:
        if any(_entries(root, _LIVE)):
            with _locked(root / "lock"):
                for place in _entries(root, _LIVE):
                    _bury(root, place)
        dead = list(_entries(root, _DEAD))
        for place in dead:
            _remove(place)
        return len(dead)

    def _place(self) -> Path:
        if self._path is not None:
            return self._path
        import tempfile  # most processes never make a workspace

        owner = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
        return Path(tempfile.gettempdir()) / f"statekit-{owner}"

    def _prepared(self) -> Path:
        root = self._place()
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise _unfit(f"cannot be made ({type(error).__name__})") from error
        if self._path is None:
            _check_private(root)
        return root


def _check_private(root: Path) -> None:
    """Refuse a default root that somebody else has put there first: anybody can in a directory like /tmp."""
    found = root.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise _unfit("is no directory")
    if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & 0o077):
        raise _unfit("is open to other users")


def _unfit(problem: str) -> MisconfiguredError:
    return MisconfiguredError(
        f"the root of workspaces {problem}: name another one, as in scratch = {{ root = ... }}",
        fault=Fault.MISCONFIGURED,
        clause="X-01",
    )


def _entries(root: Path, kind: str) -> Iterator[Path]:
    with os.scandir(root) as found:
        yield from [Path(entry.path) for entry in found if entry.name.startswith(kind)]


def _bury(root: Path, place: Path) -> None:
    """Mark a directory as dead if nobody holds it. Its files are removed when others need not wait for that."""
    with suppress(FileNotFoundError, BlockingIOError):  # its own process has removed it, or holds it
        lock = _lock(place, os.O_RDONLY | os.O_DIRECTORY, wait=False)
        try:
            place.rename(root / (_DEAD + secrets.token_hex(8)))
        finally:
            _unlock(lock)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a file's lock. Nobody holds it for long."""
    lock = _lock(path, os.O_RDWR | os.O_CREAT)
    try:
        yield
    finally:
        _unlock(lock)


def _lock(path: Path, flags: int, *, wait: bool = True) -> int:
    """Lock a file or directory until the descriptor is closed, by us or with the process.

    Raises:
        BlockingIOError: Somebody else holds it, and we do not wait.
        UnsupportedError: This system has no such locks.
    """
    try:
        import fcntl
    except ImportError:
        raise UnsupportedError("workspaces need the file locks of a POSIX system", clause="X-02") from None
    lock = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    _LOCKS.add(lock)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BaseException:
        _unlock(lock)
        raise
    return lock


def _unlock(lock: int) -> None:
    _LOCKS.discard(lock)
    os.close(lock)


def _remove(place: Path) -> None:
    """Remove a directory, which somebody else may be removing, too."""
    import shutil  # most processes never make a workspace

    tried: set[str] = set()

    def mend(_: object, path: str, raised: Any) -> None:
        error = raised[1] if isinstance(raised, tuple) else raised
        if isinstance(error, FileNotFoundError):
            return
        if not isinstance(error, PermissionError) or path in tried:
            raise error
        tried.add(path)
        _permit(Path(path))
        again(Path(path))

    def again(path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            if sys.version_info >= (3, 12):
                shutil.rmtree(path, onexc=mend)
            else:
                shutil.rmtree(path, onerror=mend)
        else:
            path.unlink(missing_ok=True)

    again(place)


def _permit(path: Path) -> None:
    """Take back the rights that the application took away from a directory of its own."""
    for directory in (path.parent, path):
        if directory.is_dir() and not directory.is_symlink():
            directory.chmod(0o700)
