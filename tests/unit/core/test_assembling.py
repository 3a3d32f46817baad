"""Objects that are made of parts: no second copy, and a checksum that nobody computes twice."""

from __future__ import annotations

import tracemalloc
from random import Random

import pytest
from google_crc32c import value as crc32c
from hypothesis import given
from hypothesis import strategies as st

from statekit._core.objects.assembling import Assembly
from statekit.driver import combined_crc32c

MIB = 1 << 20


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_the_checksum_of_a_whole_is_made_of_its_parts(parts: list[bytes]) -> None:
    assert combined_crc32c((crc32c(part), len(part)) for part in parts) == crc32c(b"".join(parts))


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=6), st.randoms())
def test_parts_come_in_any_order(parts: list[bytes], random: Random) -> None:
    whole = b"".join(parts)
    places = [(sum(map(len, parts[:n])), part) for n, part in enumerate(parts)]
    random.shuffle(places)
    assembly = Assembly(len(whole))
    for at, part in places:
        assembly.place(at, part)
    assert (assembly.take(), assembly.checksum()) == (whole, crc32c(whole))


def test_a_part_that_is_sent_again_takes_its_place_again() -> None:
    assembly = Assembly(4)
    for at, part in ((0, b"xx"), (2, b"cd"), (0, b"ab")):
        assembly.place(at, part)
    assert (assembly.take(), assembly.checksum()) == (b"abcd", crc32c(b"abcd"))


def test_what_was_taken_cannot_be_changed_any_more() -> None:
    assembly = Assembly(2)
    assembly.place(0, b"ab")
    whole = assembly.take()
    with pytest.raises(ValueError, match="released"):
        assembly.place(0, b"xy")
    assert whole == b"ab"


def test_the_whole_is_in_memory_once() -> None:
    part = b"x" * MIB
    tracemalloc.start()
    assembly = Assembly(16 * MIB)
    for n in range(16):
        assembly.place(n * MIB, part)
    whole = assembly.take()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert whole == part * 16
    assert peak < 17 * MIB
