"""The contract's limits: one under, at, and one over."""

from __future__ import annotations

import enum
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statekit._core import limits
from statekit.errors import InvalidInputError, LimitExceededError

quick = settings(database=None, deadline=None, max_examples=300)


class Colour(enum.StrEnum):
    RED = "red"


def test_the_limits_are_those_of_the_contract() -> None:
    assert limits.KEY_BYTES == 900
    assert limits.SEGMENT_BYTES == 255
    assert limits.SESSION_BYTES == 262_144
    assert limits.METADATA_BYTES == 1024
    assert limits.METADATA_ENTRIES == 24
    assert limits.HEADER_BYTES == 255
    assert limits.OWNER_BYTES == 256
    assert limits.LABEL_BYTES == 200
    assert limits.SESSIONS_PER_OWNER == 1000


@pytest.mark.parametrize("size", [0, 1, 262_143, 262_144])
def test_a_payload_up_to_256_kib_is_accepted(size: int) -> None:
    limits.check_payload(size)


def test_a_payload_of_one_byte_more_is_refused_with_both_sizes() -> None:
    with pytest.raises(LimitExceededError, match="takes 262145 bytes, and 262144 is the limit"):
        limits.check_payload(262_145)


@pytest.mark.parametrize("owner", ["a", " ", "\n", "a" * 255, "a" * 256, "é" * 128, "user@example.org"])
def test_an_owner_of_1_to_256_bytes_is_accepted(owner: str) -> None:
    limits.check_owner(owner)


@pytest.mark.parametrize("owner", ["a" * 257, "é" * 128 + "a"])
def test_an_owner_of_one_byte_more_is_refused(owner: str) -> None:
    with pytest.raises(LimitExceededError, match="257 bytes of UTF-8, and 256 is the limit"):
        limits.check_owner(owner)


def test_an_empty_owner_is_refused_and_says_how_to_have_none() -> None:
    with pytest.raises(InvalidInputError, match="None, for a session that nobody owns"):
        limits.check_owner("")


@pytest.mark.parametrize("label", ["", "a", "a" * 199, "a" * 200, "é" * 100])
def test_a_label_of_up_to_200_bytes_is_accepted(label: str) -> None:
    limits.check_label(label)


@pytest.mark.parametrize("label", ["a" * 201, "é" * 100 + "a"])
def test_a_label_of_one_byte_more_is_refused(label: str) -> None:
    with pytest.raises(LimitExceededError, match="201 bytes of UTF-8, and 200 is the limit"):
        limits.check_label(label)


@pytest.mark.parametrize("check", [limits.check_owner, limits.check_label])
@pytest.mark.parametrize("text", [None, b"a", 1, Colour.RED, "secret\ud800"])
def test_an_owner_or_label_that_is_no_unicode_text_is_refused(check: Callable[[str], None], text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        check(text)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "value",
    ["a", "text/html; charset=utf-8", "a" * 254, "a" * 255, 'attachment; filename="two  spaces.txt"', "~!"],
)
def test_a_header_of_printable_ascii_is_accepted(value: str) -> None:
    limits.check_header("content_type", value)


def test_a_header_of_256_characters_is_refused() -> None:
    with pytest.raises(LimitExceededError, match="cache_control has 256 characters, and 255 is the limit"):
        limits.check_header("cache_control", "a" * 256)


@pytest.mark.parametrize(
    "value", ["", " ", " a", "a ", "a\n", "a\r\nX-Evil: 1", "a\tb", "a\x7f", "a\0", "é", "\ud800", None, b"a"]
)
def test_a_header_that_an_engine_would_change_or_refuse_is_refused(value: str) -> None:
    with pytest.raises(InvalidInputError, match=r"^content_type is "):
        limits.check_header("content_type", value)


@pytest.mark.parametrize("name", ["content_disposition", "Content-Disposition"])
def test_a_file_name_beyond_ascii_is_shown_the_way_to_write_it(name: str) -> None:
    with pytest.raises(InvalidInputError, match=r"filename\*=UTF-8''… \(RFC 6266\)") as caught:
        limits.check_header(name, 'attachment; filename="geheimnisträger.txt"')
    assert "geheim" not in str(caught.value)


def test_other_headers_do_not_mention_file_names() -> None:
    with pytest.raises(InvalidInputError) as caught:
        limits.check_header("content_type", "é")
    assert "6266" not in str(caught.value)


@quick
@given(st.text(max_size=300))
def test_an_accepted_header_is_its_own_stripped_printable_ascii(value: str) -> None:
    try:
        limits.check_header("content_type", value)
    except InvalidInputError:
        return
    assert value
    assert value == value.strip()
    assert value.isascii()
    assert value.isprintable()
    assert len(value) <= 255
