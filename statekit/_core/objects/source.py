"""Where a put's bytes come from: bytes, a file, a path or an iterator, taken piece by piece."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from os import SEEK_END, PathLike
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, TypeAlias, cast

from statekit._core.plan import Await, Plan, Work
from statekit.errors import InvalidInputError

__all__ = ["AsyncData", "Data", "Source", "source_of"]

Bytes: TypeAlias = bytes | bytearray | memoryview
Data: TypeAlias = Bytes | BinaryIO | PathLike[str] | Iterable[bytes]
"""What ``put`` takes: bytes, a binary file from where it stands, a path, or an iterable of bytes."""
AsyncData: TypeAlias = Data | AsyncIterable[bytes]


_END: Final = object()


class Source(Protocol):
    """Bytes that are taken once, from front to back.

    Attributes:
        size: How many there are; None if nobody knows yet.
    """

    size: int | None

    def take(self, size: int) -> Plan[bytes]:
        """Return exactly ``size`` bytes, or fewer at the end."""
        ...

    def rewind(self) -> Plan[bool]:
        """Go back to the beginning, where that is possible."""
        ...

    def close(self) -> Plan[None]:
        """Close what was opened here."""
        ...


def source_of(data: AsyncData) -> Source:
    """Return the source for what the application gave.

    Raises:
        InvalidInputError: It is none of these; text, for instance.
    """
    if isinstance(data, bytes | bytearray | memoryview):
        return _BytesSource(data)
    if isinstance(data, PathLike):
        return _PathSource(Path(data))
    if hasattr(data, "read"):
        return _FileSource(cast("BinaryIO", data))
    if isinstance(data, str):
        raise InvalidInputError("text is neither bytes nor a path: encode it, or give a pathlib.Path", clause="O-01")
    if isinstance(data, AsyncIterable):
        return _AsyncSource(aiter(data))
    if isinstance(data, Iterable):
        return _IteratorSource(iter(data))
    raise InvalidInputError("data is bytes, a binary file, a path, or an iterable of bytes", clause="O-01")


class _BytesSource:
    def __init__(self, data: Bytes) -> None:
        self._data = data if isinstance(data, bytes) else bytes(data)
        self._at = 0
        self.size: int | None = len(self._data)

    def take(self, size: int) -> Plan[bytes]:
        yield from ()
        piece = self._data[self._at : self._at + size]
        self._at += len(piece)
        return piece

    def rewind(self) -> Plan[bool]:
        yield from ()
        self._at = 0
        return True

    def close(self) -> Plan[None]:
        yield from ()


class _FileSource:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size: int | None = None
        self._start: int | None = None
        if file.seekable():
            self._start = file.tell()
            self.size = max(0, file.seek(0, SEEK_END) - self._start)
            file.seek(self._start)

    def take(self, size: int) -> Plan[bytes]:
        pieces: list[bytes] = []
        left = size
        while left:
            piece = yield Work(lambda left=left: self._file.read(left))  # type: ignore[misc]
            _check_piece(piece)
            if not piece:
                break
            pieces.append(piece)
            left -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def rewind(self) -> Plan[bool]:
        start = self._start
        if start is None:
            return False
        yield Work(lambda: self._file.seek(start))
        return True

    def close(self) -> Plan[None]:
        yield from ()  # the application closes what it opened


class _PathSource:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: _FileSource | None = None
        self._file: BinaryIO | None = None
        self.size: int | None = path.stat().st_size

    def take(self, size: int) -> Plan[bytes]:
        if self._opened is None:
            self._file = yield Work(lambda: self._path.open("rb", buffering=0))
            self._opened = _FileSource(cast("BinaryIO", self._file))
        return (yield from self._opened.take(size))

    def rewind(self) -> Plan[bool]:
        if self._opened is not None:
            yield from self._opened.rewind()
        return True

    def close(self) -> Plan[None]:
        if self._file is not None:
            yield Work(self._file.close)


class _PiecewiseSource:
    """Bytes that arrive in pieces of any size."""

    size: int | None = None

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._held = 0
        self._ended = False

    def _next(self) -> Plan[Any]:
        raise NotImplementedError  # pragma: no cover - both subclasses have it

    def take(self, size: int) -> Plan[bytes]:
        while self._held < size and not self._ended:
            piece = yield from self._next()
            if piece is _END:
                self._ended = True
            else:
                _check_piece(piece)
                self._pieces.append(bytes(piece))
                self._held += len(self._pieces[-1])
        joined = b"".join(self._pieces)
        self._pieces = [joined[size:]]
        self._held = len(self._pieces[0])
        return joined[:size]

    def rewind(self) -> Plan[bool]:
        yield from ()
        return False

    def close(self) -> Plan[None]:
        yield from ()  # the application's iterator is the application's


class _IteratorSource(_PiecewiseSource):
    def __init__(self, items: Iterator[bytes]) -> None:
        super().__init__()
        self._items = items

    def _next(self) -> Plan[Any]:
        return (yield Work(lambda: next(self._items, _END)))


class _AsyncSource(_PiecewiseSource):
    def __init__(self, items: AsyncIterator[bytes]) -> None:
        super().__init__()
        self._items = items

    def _next(self) -> Plan[Any]:
        return (yield Await(lambda: cast("Any", anext(self._items, _END))))


def _check_piece(piece: object) -> None:
    """Refuse text and other surprises before they become an object."""
    if not isinstance(piece, bytes | bytearray | memoryview):
        raise InvalidInputError("the data gave something else than bytes: open files in binary mode", clause="O-01")
