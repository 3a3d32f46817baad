"""Keys: one grammar everywhere, and no two keys for one object."""

from __future__ import annotations

import unicodedata
from enum import Enum

import pytest

from statekit.errors import ConfigError, InvalidKeyError
from statekit_conformance import clause

GOOD = {
    "one character": "a",
    "900 bytes": "/".join(["x" * 255, "y" * 255, "z" * 255, "w" * 132]),
    "a segment of 255 bytes": "x" * 255,
    "a segment of 255 bytes in another script": "é" * 127 + "x",
    "900 bytes in another script": "/".join(["中" * 85, "文" * 85, "字" * 85, "😀" * 33]),
    "many segments": "/".join("a" * 450),
    "a space": " ",
    "spaces at both ends": " a ",
    "a dot at the end": "a.",
    "a dot at the beginning": ".a",
    "three dots": "...",
    "dots in the middle": "a/.../b..c/..d",
    "a file of Windows": "CON",
    "an option": "-rf",
    "all printable ASCII": "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in "/\\"),
    "what looks encoded": "%2F%2e%2E%00+%20&#x2f;",
    "what looks like a URL": "https:a?b=c&d#e",
    "a glob": "*?[a-z]{a,b}",
    "a quote": "'\"`$(x);|<>",
    "a line separator": "a\u2028b\u2029",
    "a byte order mark": "\ufeffa",
    "a zero-width joiner": "a\u200db",
    "from right to left": "\u202eabc",
    "a private character": "\ue000",
    "no character": "\ufdd0",
    "an emoji of several": "🏳️\u200d🌈/👨\u200d👩\u200d👧",
    "the last character": "\U0010ffff",
}


@clause("K-01")
@pytest.mark.parametrize("key", GOOD.values(), ids=GOOD)
def test_a_key_within_the_grammar_is_accepted_and_listed_unchanged(view, key):
    assert len(key.encode()) <= 900
    view.objects.put(key, b"data", metadata={"a": "b"})
    assert [info.key for info in view.objects.list()] == [key]
    assert view.objects.get(key).data == b"data"
    assert view.objects.stat(key).key == key
    view.objects.copy(key, "copy")
    view.objects.copy("copy", key)
    with view.objects.open(key) as file:
        assert file.read() == b"data"
    assert view.objects.delete(key) is True
    assert [info.key for info in view.objects.list()] == ["copy"]


@clause("K-01")
def test_the_longest_key_of_the_longest_namespace_is_accepted(subject):
    view = subject.open(namespace=(subject.namespace + "n" * 64)[:64])
    key = GOOD["900 bytes in another script"]
    assert len(key.encode()) in range(890, 901)
    view.objects.put(key, b"data")
    assert [info.key for info in view.objects.list()] == [key]
    assert view.objects.delete(key) is True


BAD = {
    "nothing": "",
    "901 bytes": "/".join(["x" * 255, "y" * 255, "z" * 255, "w" * 133]),
    "a megabyte": "a/" * 500_000 + "a",
    "a segment of 256 bytes": "x" * 256,
    "a segment of 256 bytes in another script": "é" * 128,
    "a segment of 256 bytes below": "a/" + "x" * 256 + "/b",
    "a slash": "/",
    "a slash at the beginning": "/a",
    "a slash at the end": "a/",
    "two slashes": "a//b",
    "two slashes at the end": "a//",
    "a dot": ".",
    "two dots": "..",
    "a dot below": "a/./b",
    "two dots below": "a/../b",
    "two dots at the end": "a/..",
    "two dots at the beginning": "../a",
    "a null": "a\0b",
    "a line break": "a\nb",
    "a line break at the end": "a\n",
    "a carriage return": "a\rb",
    "a tab": "\ta",
    "an escape": "\x1b[0m",
    "a delete": "a\x7f",
    "a next line": "a\x85b",
    "a control character of the upper half": "\x9f",
    "a backslash": "a\\b",
    "a lone surrogate": "a\ud800",
    "the other lone surrogate": "\udc80b",
}


class Kind(str, Enum):  # noqa: UP042 - formats as something else than it holds
    A = "a"


class Text(str):
    __slots__ = ()


def uses(view, key):
    """Give every way to name an object."""
    return [
        lambda: view.objects.put(key, b"x"),
        lambda: view.objects.put(key, b"x", if_absent=True),
        lambda: view.objects.get(key),
        lambda: view.objects.stat(key),
        lambda: view.objects.exists(key),
        lambda: view.objects.delete(key),
        lambda: view.objects.delete_many([key]),
        lambda: view.objects.copy(key, "target"),
        lambda: view.objects.copy("source", key),
        lambda: view.objects.open(key),
        lambda: view.objects.open(key, "wb"),
    ]


@clause("K-02")
@pytest.mark.parametrize("key", [*BAD.values(), Kind.A, Text("a"), b"a", None, 7], ids=[*BAD, *"EsbNi"])
def test_a_key_outside_the_grammar_is_refused_by_every_use_before_anything_is_sent(view, key):
    for use in uses(view, key):
        with pytest.raises(InvalidKeyError):
            use()
    assert all(event.attempts == 0 for event in view.events)
    assert list(view.objects.list()) == []


@clause("K-02", "E-03")
def test_the_message_about_a_key_does_not_repeat_it(view):
    with pytest.raises(InvalidKeyError) as caught:
        view.objects.get("a/secret-plan/..")
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(caught.value)
    assert "secret" not in (caught.value.key or "")


PAIRS = {
    "case": ("Readme", "readme"),
    "case in another script": ("É", "é"),
    "case of one letter of two": ("straße", "strasse"),
    "normal form": (unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")),
    "compatibility": ("ﬁle", "file"),
    "Angstrom": ("\u212b", "\u00c5"),
    "width": ("a", "\uff41"),
    "a space at the end": ("a", "a "),
    "a dot at the end": ("a", "a."),
    "a letter at the end": ("a", "aa"),
    "a joiner at the end": ("a", "a\u200d"),
    "a byte order mark": ("a", "\ufeffa"),
    "what it is encoded as": ("a b", "a%20b"),
    "what it is encoded as in forms": ("a b", "a+b"),
    "an encoded slash": ("a/b", "a%2Fb"),
    "an encoded dot": ("%2e", "%2E"),
    "the last byte of 900": (
        "/".join(["x" * 255] * 3 + ["w" * 131 + "a"]),
        "/".join(["x" * 255] * 3 + ["w" * 131 + "b"]),
    ),
    "a similar slash": ("a/b", "a\u2215b"),
}


@clause("K-03")
@pytest.mark.parametrize(("one", "other"), PAIRS.values(), ids=PAIRS)
def test_keys_that_only_look_alike_are_different_objects(view, one, other):
    view.objects.put(one, b"one")
    assert view.objects.exists(other) is False
    view.objects.put(other, b"other", if_absent=True)
    assert (view.objects.get(one).data, view.objects.get(other).data) == (b"one", b"other")
    assert [info.key for info in view.objects.list()] == sorted([one, other], key=str.encode)
    assert view.objects.delete(one) is True
    assert view.objects.get(other).data == b"other"


@clause("K-03", "K-07")
@pytest.mark.parametrize(("one", "other"), [PAIRS["case"], PAIRS["normal form"], PAIRS["a space at the end"]])
def test_owners_that_only_look_alike_are_different_owners(view, one, other):
    session = view.sessions.create(owner=one)
    assert view.sessions.list(other) == []
    assert view.sessions.revoke_all(other) == 0
    assert view.sessions.load(session.id) is not None


@clause("K-04")
@pytest.mark.parametrize("end", range(1, len("photos/äé/😀x") + 1))
def test_a_prefix_may_end_anywhere(view, end):
    key = "photos/äé/😀x"
    view.objects.put(key, b"")
    view.objects.put("other", b"")
    assert [info.key for info in view.objects.list(key[:end])] == [key]


@clause("K-04")
@pytest.mark.parametrize("prefix", ["", ".", "..", "a/.", "a/..", ".state", "a/" + "x" * 255, "😀"])
def test_what_a_key_can_begin_with_is_a_prefix(view, prefix):
    key = f"{prefix}x" if len(prefix) < 200 else prefix
    view.objects.put(key, b"")
    assert [info.key for info in view.objects.list(prefix)] == [key]
    assert list(view.objects.list(prefix, start_after=key)) == []


@clause("K-04")
@pytest.mark.parametrize(
    "prefix",
    [
        key
        for name, key in BAD.items()
        if name not in {"nothing", "a slash at the end", "a dot", "two dots", "two dots at the end"}
    ],
    ids=[
        name
        for name in BAD
        if name not in {"nothing", "a slash at the end", "a dot", "two dots", "two dots at the end"}
    ],
)
def test_what_no_key_can_begin_with_is_refused_before_anything_is_sent(view, prefix):
    for options in ({}, {"delimiter": "/"}):
        with pytest.raises(InvalidKeyError):
            list(view.objects.list(prefix, **options))
    with pytest.raises(InvalidKeyError):
        list(view.objects.list(start_after=prefix))
    assert all(event.attempts == 0 for event in view.events)


NAMESPACES = ["a", "0", "shop", "a.b_c-d", "n" * 64, "9lives", "a..b", "a--"]


@clause("K-08")
@pytest.mark.parametrize("namespace", NAMESPACES)
def test_a_namespace_within_its_grammar_is_accepted(subject, namespace):
    subject.open(namespace=namespace)


@clause("K-08")
@pytest.mark.parametrize(
    "namespace",
    [
        "A",
        "Shop",
        "a b",
        "a/b",
        "/",
        "a/",
        ".a",
        "_a",
        "-a",
        "n" * 65,
        "é",
        "a\n",
        "a\0",
        "a\\b",
        "a:b",
        "..",
        "a%2f",
        "²",
    ],
)
def test_a_namespace_outside_its_grammar_is_refused_at_opening(subject, namespace):
    with pytest.raises(ConfigError):
        subject.open(namespace=namespace)
