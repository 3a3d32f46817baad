"""Where a put's bytes come from, taken piece by piece."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statekit._core.arun import AsyncRunner
from statekit._core.objects.source import source_of
from statekit._core.plan import Plan
from statekit._core.run import Runner
from statekit.errors import InvalidInputError
from statekit.testing import FakeClock

quick = settings(database=None, deadline=None, max_examples=100)


def run(plan: Plan[Any]) -> Any:
    return Runner(FakeClock()).run(plan)


def all_of(source: Any, size: int) -> list[bytes]:
    taken = []
    while piece := run(source.take(size)):
        taken.append(piece)
    return taken


@quick
@given(st.lists(st.binary(max_size=20), max_size=20), st.integers(1, 30))
def test_pieces_are_of_the_size_asked_for_whatever_they_arrive_in(pieces: list[bytes], size: int) -> None:
    data = b"".join(pieces)
    expected = [data[at : at + size] for at in range(0, len(data), size)]
    for given_ in (data, bytearray(data), memoryview(data), io.BytesIO(data), iter(pieces), pieces):
        assert all_of(source_of(given_), size) == expected


def test_a_path_is_opened_when_it_is_read_and_closed_after(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    source = source_of(path)
    assert source.size == 10
    assert run(source.rewind()) is True
    assert all_of(source, 4) == [b"0123", b"4567", b"89"]
    assert run(source.rewind()) is True
    assert all_of(source, 10) == [b"0123456789"]
    run(source.close())
    assert source._file.closed  # type: ignore[attr-defined]


def test_a_path_that_was_never_read_needs_no_closing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    run(source_of(tmp_path / "file").close())


@pytest.mark.parametrize(
    ("data", "size", "rewinds"),
    [(b"abc", 3, True), (io.BytesIO(b"abc"), 3, True), (iter([b"abc"]), None, False)],
)
def test_what_is_known_beforehand(data: Any, size: int | None, rewinds: bool) -> None:
    source = source_of(data)
    assert source.size == size
    all_of(source, 2)
    assert run(source.rewind()) is rewinds


def test_a_file_that_cannot_go_back_says_so() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    source = source_of(Pipe(b"abc"))
    assert (source.size, run(source.rewind())) == (None, False)


def test_a_file_goes_back_to_where_it_stood() -> None:
    file = io.BytesIO(b"0123456789")
    file.seek(5)
    source = source_of(file)
    assert (source.size, all_of(source, 3)) == (5, [b"567", b"89"])
    run(source.rewind())
    assert all_of(source, 9) == [b"56789"]


@pytest.mark.parametrize("data", ["text", 7, None, object()])
def test_anything_else_is_refused(data: Any) -> None:
    with pytest.raises(InvalidInputError):
        source_of(data)


@pytest.mark.parametrize("data", [io.StringIO("text"), ["text"], [7], [None], [b"x", None]])
def test_anything_else_inside_is_refused_when_it_arrives(data: Any) -> None:
    with pytest.raises(InvalidInputError):
        all_of(source_of(data), 10)


def test_an_async_iterator_gives_its_pieces() -> None:
    async def pieces():
        for piece in (b"ab", b"", b"cde"):
            yield piece

    async def main() -> list[bytes]:
        runner, source = AsyncRunner(FakeClock(), native=True), source_of(pieces())
        return [await runner.run(source.take(4)), await runner.run(source.take(4)), await runner.run(source.take(4))]

    assert asyncio.run(main()) == [b"abcd", b"e", b""]
