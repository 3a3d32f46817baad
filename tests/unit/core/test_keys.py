"""The grammar of keys, prefixes and namespaces."""

from __future__ import annotations

import enum
import pickle
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statekit._core import keys, limits
from statekit.errors import ConfigError, InvalidKeyError

quick = settings(database=None, deadline=None, max_examples=300)
long_enough = "/".join(["s" * 200] * 4) + "/"  # 804 bytes


class Colour(enum.StrEnum):
    RED = "red"


VALID = {
    "one letter": "a",
    "one space": " ",
    "hidden file": ".well-known/x",
    "three dots": "a/.../b",
    "dot inside": "a.b/c.",
    "almost reserved": ".statekitten",
    "reserved, but deeper": "a/.statekit",
    "reserved in other case": ".Statekit/a",
    "printable ASCII": "".join(map(chr, range(0x20, 0x7F))).replace("/", "").replace("\\", ""),
    "line separator": "a\u2028b",
    "paragraph separator": "a\u2029b",
    "no-break space": "\u00a0",
    "private use": "\ue000",
    "above the BMP": "\U0001f600",
    "decomposed": "e\u0301",
    "segment of 255 bytes": "s" * 255,
    "segment of 255 bytes, not the last": "s" * 255 + "/a",
    "segment of 255 bytes beyond ASCII": "é" * 127 + "a",
    "key of 900 bytes": long_enough + "s" * 96,
    "key of 900 bytes beyond ASCII": long_enough + "é" * 48,
}

INVALID = {
    "empty": "",
    "slash": "/",
    "leading slash": "/a",
    "trailing slash": "a/",
    "two slashes": "a//b",
    "dot": ".",
    "dot segment first": "./a",
    "dot segment": "a/./b",
    "dot segment last": "a/.",
    "dot dot": "..",
    "dot dot segment": "a/../b",
    "dot dot segment last": "a/..",
    "backslash": "a\\b",
    "NUL": "a\0b",
    "line feed": "a\nb",
    "trailing line feed": "a\n",
    "unit separator": "a\x1fb",
    "DEL": "a\x7fb",
    "first of C1": "a\x80b",
    "NEL": "a\x85b",
    "last of C1": "a\x9fb",
    "high surrogate": "a\ud800",
    "low surrogate": "a\udfff",
    "reserved": ".statekit",
    "reserved segment": ".statekit/a",
    "segment of 256 bytes": "s" * 256,
    "segment of 256 bytes, not the last": "s" * 256 + "/a",
    "segment of 256 bytes beyond ASCII": "é" * 128,
    "key of 901 bytes": long_enough + "s" * 97,
    "key of 901 bytes beyond ASCII": long_enough + "é" * 48 + "s",
    "None": None,
    "bytes": b"a",
    "int": 1,
    "subclass of str": Colour.RED,
}


@pytest.mark.parametrize("key", VALID.values(), ids=VALID.keys())
def test_a_key_within_the_grammar_is_accepted(key: str) -> None:
    keys.check_key(key)


@pytest.mark.parametrize("key", INVALID.values(), ids=INVALID.keys())
def test_a_key_outside_the_grammar_is_refused(key: str) -> None:
    with pytest.raises(InvalidKeyError, match="1 to 900 bytes of UTF-8"):
        keys.check_key(key)


def test_every_control_character_is_refused_and_nothing_else_below_256_is() -> None:
    for code in set(range(0x100)) - set(b"/\\"):
        if unicodedata.category(chr(code)) == "Cc":
            with pytest.raises(InvalidKeyError):
                keys.check_key(f"a{chr(code)}")
        else:
            keys.check_key(f"a{chr(code)}")


@pytest.mark.parametrize("key", ["secret\n", "secret//x", ".statekit/secret", "secret" * 200, "secret\ud800"])
def test_the_message_does_not_repeat_the_key(key: str) -> None:
    with pytest.raises(InvalidKeyError) as caught:
        keys.check_key(key)
    assert "secret" not in str(caught.value)
    assert "secret" not in str(pickle.loads(pickle.dumps(caught.value)))


def test_the_message_says_what_is_wrong() -> None:
    for key, problem in {"a\\": "backslash", "a/..": "segment . or ..", "a\t": "control character"}.items():
        with pytest.raises(InvalidKeyError, match=f"^the key .*{problem}.*; a key is"):
            keys.check_key(key)


def accepts(key: str) -> bool:
    try:
        keys.check_key(key)
    except InvalidKeyError:
        return False
    return True


def plainly_valid(key: str) -> bool:
    """The grammar once more, as slowly and plainly as it can be said."""
    if any(unicodedata.category(char) in {"Cc", "Cs"} or char == "\\" for char in key):
        return False
    segments = key.split("/")
    return (
        1 <= len(key.encode()) <= 900
        and all(1 <= len(segment.encode()) <= 255 and segment not in {".", ".."} for segment in segments)
        and segments[0] != ".statekit"
    )


segments = st.sampled_from(["", ".", "..", "...", "a", ".a", ".statekit", " ", "é", "s" * 255, "s" * 256, "é" * 128])
anything = st.one_of(
    st.text(),
    st.text("a./\\\x7f \ud800é", max_size=12),
    st.lists(segments, max_size=6).map("/".join),
)


@quick
@given(anything)
def test_exactly_the_grammar_is_accepted(key: str) -> None:
    assert accepts(key) == plainly_valid(key)


@quick
@given(st.lists(segments.filter(bool), min_size=1, max_size=4).map("/".join).filter(plainly_valid), st.data())
def test_every_beginning_of_a_key_is_a_prefix(key: str, data: st.DataObject) -> None:
    keys.check_prefix(key[: data.draw(st.integers(0, len(key)))])


@quick
@given(anything)
def test_every_accepted_prefix_begins_some_key(prefix: str) -> None:
    try:
        keys.check_prefix(prefix)
    except InvalidKeyError:
        assert not any(accepts(prefix + more) for more in ("", "a", "/a", ".a", "a/a"))
    else:
        assert any(accepts(prefix + more) for more in ("", "a"))


PREFIXES = [
    *(
        "",
        "a",
        "a/",
        "a/b",
        ".",
        "..",
        "...",
        "a/.",
        "a/..",
        ".well",
        ".statekit",
        ".state",
        "é",
        "a/.statekit/",
    ),
    *("s" * 255, "s" * 255 + "/", long_enough + "s" * 96, long_enough + "s" * 94 + "/"),
]
NO_PREFIXES = [
    *("/", "//", "a//", "./", "../", "a/../", "a/./b", ".statekit/", ".statekit/a", "\\", "a\n", "\ud800"),
    *("s" * 256, "s" * 256 + "/", long_enough + "s" * 95 + "/", long_enough + "s" * 97, None, b""),
]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_prefix_may_end_anywhere_in_a_key(prefix: str) -> None:
    keys.check_prefix(prefix)


@pytest.mark.parametrize("prefix", NO_PREFIXES)
def test_a_prefix_that_begins_no_key_is_refused(prefix: str) -> None:
    with pytest.raises(InvalidKeyError, match="a prefix is empty or the beginning of a key"):
        keys.check_prefix(prefix)


@pytest.mark.parametrize("namespace", ["", "a", "0", "shop", "shop-2.eu_west", "a" * 64])
def test_a_namespace_is_empty_or_a_short_lower_case_name(namespace: str) -> None:
    keys.check_namespace(namespace)


@pytest.mark.parametrize("namespace", ["a" * 65, "A", "-a", ".a", "_a", "a/b", "a b", "a\n", "é", "٣", None, b"", 1])
def test_any_other_namespace_is_a_config_error(namespace: str) -> None:
    with pytest.raises(ConfigError, match="1 to 64"):
        keys.check_namespace(namespace)


def test_a_redacted_key_is_the_beginning_of_its_hash() -> None:
    assert keys.redact("a") == "key:ca978112"
    assert keys.redact("\ud800").startswith("key:")


@quick
@given(st.text())
def test_a_redacted_key_has_the_same_form_whatever_the_key_is(key: str) -> None:
    redacted = keys.redact(key)
    assert len(redacted) == 12
    assert int(redacted.removeprefix("key:"), 16) >= 0


@pytest.mark.parametrize(
    ("key", "is_hidden"),
    [
        (".statekit", True),
        (".statekit/", True),
        (".statekit/parts/a", True),
        (".statekitten", False),
        (".stateki", False),
        ("a/.statekit/b", False),
        ("", False),
    ],
)
def test_only_what_lies_under_the_reserved_segment_is_hidden(key: str, is_hidden: bool) -> None:
    assert keys.hidden(key) is is_hidden


@quick
@given(anything)
def test_no_accepted_key_is_hidden(key: str) -> None:
    assert not (accepts(key) and keys.hidden(key))


def test_the_grammar_uses_the_limits_of_the_contract() -> None:
    assert (keys._KEY_BYTES, keys._SEGMENT_BYTES) == (limits.KEY_BYTES, limits.SEGMENT_BYTES)
