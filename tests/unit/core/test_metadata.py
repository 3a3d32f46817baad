"""Application metadata in the engines' printable ASCII, and back."""

from __future__ import annotations

import enum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statekit._core import limits, metadata
from statekit.errors import InvalidInputError, LimitExceededError

quick = settings(database=None, deadline=None, max_examples=300)


class Colour(enum.StrEnum):
    RED = "red"


def size(entries: dict[str, str]) -> int:
    return sum(len(key.encode()) + len(value.encode()) for key, value in entries.items())


names = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,63}", fullmatch=True).filter(lambda key: not key.startswith("statekit-"))
tricky = st.text("=b64?Q_- aé\n", max_size=12).map(lambda text: "=b64=" + text)
values = st.one_of(st.text(max_size=60), st.text("a =?", max_size=8), tricky)
dicts = st.dictionaries(names, values, max_size=24).filter(lambda entries: size(entries) <= 1024)


@quick
@given(dicts)
def test_what_was_encoded_decodes_to_what_it_was(entries: dict[str, str]) -> None:
    assert metadata.decode(metadata.encode(entries)) == entries


@quick
@given(dicts)
def test_what_is_stored_is_ascii_that_no_header_changes(entries: dict[str, str]) -> None:
    for value in metadata.encode(entries).values():
        assert value
        assert value.isascii()
        assert value.isprintable()
        assert value == " ".join(value.split(" ")).strip()
        assert "  " not in value
        assert "=?" not in value


@quick
@given(dicts)
def test_what_is_stored_leaves_room_for_core_in_the_two_kilobytes_of_s3(entries: dict[str, str]) -> None:
    assert size(metadata.encode(entries)) <= 1700


def test_the_largest_encoding_leaves_room_too() -> None:
    # 24 entries, all marked, each with the two characters that a last group of one byte costs.
    entries = {chr(ord("a") + n): "\n" * 40 for n in range(24)}
    entries["a"] += "\n" * (1024 - size(entries))
    assert size(entries) == 1024
    assert size(metadata.encode(entries)) <= 1700


@pytest.mark.parametrize("value", ["a", "hello world", "=", "=b64", "a=b64=", "%C3%A9", '"quoted"', "a, b", "?="])
def test_an_ordinary_value_is_stored_as_it_is(value: str) -> None:
    assert metadata.encode({"a": value}) == {"a": value}


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("", "=b64="),
        (" ", "=b64=IA"),
        ("é", "=b64=w6k"),
        ("a ", "=b64=YSA"),
        (" a", "=b64=IGE"),
        ("a  b", "=b64=YSAgYg"),
        ("a\nb", "=b64=YQpi"),
        ("a\x7f", "=b64=YX8"),
        ("=b64=", "=b64=PWI2ND0"),
        ("=?UTF-8?Q?=C3=A9?=", "=b64=PT9VVEYtOD9RPz1DMz1BOT89"),
        ("\U0001f600", "=b64=8J-YgA"),
    ],
)
def test_a_value_that_would_not_come_back_is_marked_for_ever_in_the_same_form(value: str, stored: str) -> None:
    assert metadata.encode({"a": value}) == {"a": stored}
    assert metadata.decode({"a": stored}) == {"a": value}


@pytest.mark.parametrize(
    "value",
    [
        "=b64=w",
        "=b64=w6k=",
        "=b64=w6l",
        "=b64=_w",
        "=b64=w6 k",
        "=b64=é",
        "=b64=w6k\n",
        "=b64=7aCA",
        "=b64=+/+/",
    ],
)
def test_a_foreign_value_that_is_not_validly_marked_comes_back_as_it_is(value: str) -> None:
    assert metadata.decode({"a": value}) == {"a": value}


@quick
@given(st.dictionaries(st.text(), st.one_of(st.text(), tricky)))
def test_whatever_another_program_wrote_is_no_error(stored: dict[str, str]) -> None:
    decoded = metadata.decode(stored)
    assert set(decoded) == {key for key in stored if not key.startswith("statekit-")}


def test_the_entries_of_core_are_left_out() -> None:
    assert metadata.decode({"statekit-crc": "1", "a": "b"}) == {"a": "b"}


@pytest.mark.parametrize("key", ["a", "0", "a-b_c", "a" * 63, "a" * 64, "statekit", "statekitten"])
def test_a_key_in_lower_case_is_accepted(key: str) -> None:
    assert metadata.encode({key: "x"}) == {key: "x"}


NO_KEYS = [
    *("", "A", "aB", "-a", "_a", "a b", "a.b", "a:b", "a\n", "é", "a" * 65, "statekit-", "statekit-a"),
    *(None, b"a", 1, Colour.RED),
]


@pytest.mark.parametrize("key", NO_KEYS)
def test_any_other_key_is_refused(key: str) -> None:
    with pytest.raises(InvalidInputError, match=r"^a metadata key "):
        metadata.encode({key: "x"})


@pytest.mark.parametrize("value", [None, 1, b"a", Colour.RED, "secret\ud800"])
def test_a_value_that_is_no_unicode_text_is_refused(value: str) -> None:
    with pytest.raises(InvalidInputError, match=r"^a metadata value ") as caught:
        metadata.encode({"a": value})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("count", [0, 23, 24])
def test_up_to_24_entries_are_accepted(count: int) -> None:
    entries = {f"k{n}": "v" for n in range(count)}
    assert metadata.encode(entries) == entries


def test_25_entries_are_refused() -> None:
    with pytest.raises(LimitExceededError, match="25 entries, and 24 is the limit"):
        metadata.encode({f"k{n}": "v" for n in range(25)})


@pytest.mark.parametrize("text", ["v" * 1022, "v" * 1023, "é" * 511 + "v"])
def test_up_to_1024_bytes_of_keys_and_values_are_accepted(text: str) -> None:
    assert metadata.decode(metadata.encode({"a": text})) == {"a": text}


@pytest.mark.parametrize("entries", [{"a": "v" * 1024}, {"a": "é" * 512}, {"a": "v" * 512, "ab": "v" * 510}])
def test_1025_bytes_of_keys_and_values_are_refused(entries: dict[str, str]) -> None:
    assert size(entries) == 1025
    with pytest.raises(LimitExceededError, match="1025 bytes of UTF-8, and 1024 is the limit"):
        metadata.encode(entries)


def test_the_encoding_uses_the_limits_of_the_contract() -> None:
    assert (metadata._BYTES, metadata._ENTRIES) == (limits.METADATA_BYTES, limits.METADATA_ENTRIES)
