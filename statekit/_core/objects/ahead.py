"""Reading ahead: whoever reads from front to back finds the next pieces on their way, or there already."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from statekit._core.plan import Begin, Collect, Drop, Errand, Plan, clean_up

from .writing import PART

__all__ = ["MOST", "PIECE", "ReadAhead"]

PIECE: Final = 4 * 1024 * 1024
"""Bytes that a reader begins with, and reads in a row before anything is read ahead."""
MOST: Final = 2
"""Parts that are fetched ahead, at most: with the one that is read 24 MiB of a process's memory."""


class ReadAhead:
    """The pieces of one version of an object, in the order in which they are asked for.

    What follows 4 MiB in a row is read ahead, by one part and then by two: who reads a few bytes here and there fetches
    no others. Parts end where those of an upload do, which are of the same size, as Amazon advises
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance-guidelines.html).

    Args:
        read: Reads so many bytes from a place.
        size: The object's bytes.
    """

    def __init__(self, read: Callable[[int, int], Plan[bytes]], size: int) -> None:
        self._read = read
        self._size = size
        self._next = 0
        self._in_a_row = 0
        self._begun: deque[tuple[int, Errand]] = deque()
        self._end = 0
        self._most = 0

    def note(self, start: int, data: bytes) -> None:
        """Take note of what was read."""
        self._in_a_row = len(data) + (self._in_a_row if start == self._next else 0)
        self._next = start + len(data)

    def piece(self, start: int, length: int) -> Plan[bytes]:
        """Return bytes from a place: as many as were asked for, or another number where they are read ahead."""
        if self._begun and self._begun[0][0] != start:
            yield from self.drop()
        if start == self._next and self._in_a_row >= PIECE:
            data = yield from self._following(start)
        else:
            data = yield from self._read(start, length)
        self.note(start, data)
        return data

    def _following(self, start: int) -> Plan[bytes]:
        """Return the next piece, with those behind it on their way."""
        if not self._begun:
            self._end = start
        self._most = min(self._most + 1, MOST)
        while len(self._begun) <= self._most and self._end < self._size:
            length = min(PART - self._end % PART, self._size - self._end)
            self._begun.append((self._end, (yield Begin(partial(self._read, self._end, length)))))
            self._end += length
        try:
            data: bytes = yield Collect(self._begun[0][1])
        except BaseException as error:
            yield from clean_up(error, self.drop)
            raise
        self._begun.popleft()
        return data

    def drop(self) -> Plan[None]:
        """Read ahead no more, and wait for what is on its way."""
        self._most = 0
        while self._begun:
            yield Drop(self._begun[-1][1])
            self._begun.pop()
