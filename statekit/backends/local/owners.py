"""Who is alive: a lock on a file, which ends with the process that holds it.

``flock`` belongs to the open file, so a forked child shares its parent's until it closes its copy; it never
outlives both, which errs on the safe side. The kernel releases it at the end of the process, however that
comes.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["Owner", "claim", "departed"]

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class Owner:
    """A name, never used before, that is alive as long as this object's lock is."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.token = path.name
        self.pid = os.getpid()
        self._path = path
        self._descriptor = descriptor

    def abandon(self) -> None:
        """Let go of the lock, and leave the name for the others to find: what it owned is theirs to collect.

        In a forked child this gives up the child's copy only, and the parent stays alive.
        """
        os.close(self._descriptor)

    def retire(self) -> None:
        """Remove the name: nothing is owned by it any more."""
        self.abandon()
        self._path.unlink(missing_ok=True)


def claim(directory: Path) -> Owner:
    """Come alive in ``directory``."""
    while True:
        path = directory / secrets.token_hex(12)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            # Between the two calls a collector may have locked the file, found it dead and removed it.
            if _lock(descriptor) and os.fstat(descriptor).st_nlink:
                return Owner(path, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


@contextlib.contextmanager
def departed(path: Path) -> Iterator[Owner | None]:
    """Yield the owner of this name if it is dead, locked against other collectors, or None if it lives.

    A name without a file is dead: an owner has a locked file before it owns anything.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if not _lock(descriptor):
        os.close(descriptor)
        yield None
        return
    owner = Owner(path, descriptor)
    try:
        yield owner
    finally:
        owner.abandon()
