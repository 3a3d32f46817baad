"""Environments: LMDB wants each of them open once in a process, and none carried through a fork."""

from __future__ import annotations

import os
import threading
from typing import Final

import lmdb

__all__ = ["Environment"]

_READERS: Final = 1024
"""Threads of all processes that may read at once."""


class Environment:
    """A share in this process's environment for a folder, taken when it is first used.

    Args:
        path: The folder.
        size: Bytes that it may ever hold.
    """

    def __init__(self, path: str, size: int) -> None:
        self._path, self._size = path, size
        self._owner = 0
        """The process that holds the share; 0 if none does."""

    def get(self) -> lmdb.Environment:
        """Return the environment; after a fork, the child's own.

        Raises:
            lmdb.Error: It cannot be opened.
            OSError: Nor can its folder.
        """
        with _shares.lock:
            if self._owner != os.getpid():
                _shares.take(self._path, self._size)
                self._owner = os.getpid()
            return _shares.held[self._path]

    def close(self) -> None:
        """Give the share back."""
        with _shares.lock:
            if self._owner == os.getpid():
                _shares.give_back(self._path)
            self._owner = 0


class _Shares:
    """The environments that are open in this process, and how many use each."""

    def __init__(self) -> None:
        self.held: dict[str, lmdb.Environment] = {}
        self._users: dict[str, int] = {}
        self.lock = threading.Lock()

    def take(self, path: str, size: int) -> None:
        if path not in self.held:
            self.held[path] = lmdb.open(path, map_size=size, max_readers=_READERS)
            self.held[path].reader_check()  # forget readers that were killed
        self._users[path] = self._users.get(path, 0) + 1

    def give_back(self, path: str) -> None:
        self._users[path] -= 1
        if not self._users[path]:
            del self._users[path]
            self.held.pop(path).close()

    def forget(self) -> None:
        """Close what a forked child inherited: in the child that ends nothing but the child's copy."""
        for environment in self.held.values():
            environment.close()
        self.held.clear()
        self._users.clear()
        self.lock = threading.Lock()  # another thread of the parent's may have held it


_shares: Final = _Shares()
os.register_at_fork(after_in_child=_shares.forget)
