"""What is stored of sessions: their values, which come apart without being decoded."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from statekit._core.codec import decode, encode
from statekit._core.limits import SESSION_BYTES
from statekit._core.sessions.forms import Live, decode_cell, encode_form, encode_live
from statekit.errors import CorruptDataError, LimitExceededError, UnserialisableError

quick = settings(database=None, deadline=None, max_examples=100)
values = st.none() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=3)


def live(data: dict[str, Raw]) -> Live:
    return Live(1, 2, 3, None, None, b"", b"", data)


@quick
@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), values, max_size=5))
def test_a_session_comes_apart_into_what_it_was_made_of(session: dict[str, object]) -> None:
    before = live({key: Raw(encode(value)) for key, value in session.items()})
    after = decode_cell(encode_live(before))
    assert isinstance(after, Live)
    assert after == before
    assert {key: decode(value) for key, value in after.data.items()} == session
    assert encode_live(after) == encode_live(before)


def test_stored_values_and_new_ones_are_stored_together() -> None:
    stored = decode_cell(encode_live(live({"a": Raw(encode((1,))), "b": Raw(encode(2))})))
    assert isinstance(stored, Live)
    joined = decode_cell(encode_live(live({**stored.data, "b": Raw(encode({3}))})))
    assert isinstance(joined, Live)
    assert {key: decode(value) for key, value in joined.data.items()} == {"a": (1,), "b": {3}}


def test_a_key_that_is_no_text_is_refused() -> None:
    with pytest.raises(UnserialisableError, match="a session's key"):
        encode_live(live({"\ud800": Raw(b"\x01")}))


def test_the_data_are_limited_and_what_is_beside_them_does_not_count() -> None:
    value = encode("x" * (SESSION_BYTES - 8))  # a map of one, a key of one letter, and five bytes before the text
    largest = Live(1, 2, 3, "u" * 256, "l" * 200, bytes(32), bytes(32), {"k": Raw(value)})
    assert len(encode_form(largest.data)) == SESSION_BYTES
    assert decode_cell(encode_live(largest)) == largest
    with pytest.raises(LimitExceededError):
        encode_live(msgspec.structs.replace(largest, data={"kk": Raw(value)}))


@pytest.mark.parametrize(
    "data",
    ["", "c0", "90", "01", "8101", "81a161", "81a16191", "8101c0", "81c0c0", "81a1ffc0", "dfffffffff", "80c0"],
)
def test_data_that_are_no_map_of_text_are_corrupt(data: str) -> None:
    whole = encode_form(live({}))
    with pytest.raises(CorruptDataError):
        decode_cell(whole[:-1] + bytes.fromhex(data))


def test_stored_data_never_change() -> None:
    stored = bytes.fromhex("82a4636172749101a2c3bcd5019102")
    assert encode_form({"cart": Raw(encode([1])), "ü": Raw(encode((2,)))}) == stored
    assert decode(stored) == {"cart": [1], "ü": (2,)}
