"""Values: what comes back equal and of the same type, what is refused, and how much there may be."""

from __future__ import annotations

import enum
import math
import uuid
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from zoneinfo import ZoneInfo

import pytest

from statekit.errors import InvalidInputError, LimitExceededError, UnserialisableError
from statekit_conformance import clause

MOST = 256 * 1024
HEAD = 8  # msgpack's: a map of one entry, a key of one letter, bytes of 32 bits of length

VALUES = {
    "None": None,
    "booleans": [True, False, 1, 0],
    "small integers": [0, 1, -1, 127, 128, -32, -33, 255, 256, 65535, 65536],
    "large integers": [2**31, -(2**31) - 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1],
    "huge integers": [10**100, -(10**100), 2**1024],
    "floats": [0.0, 1.0, -1.5, 1e308, 5e-324, 0.1 + 0.2, math.pi],
    "infinities": [math.inf, -math.inf],
    "texts": ["", "a", "ü", "e\u0301", "日本語", "😀", "\0", "\n", "\u2028", "\ufeff", "x" * 70_000],
    "bytes": [b"", b"\0", b"\xff\xfe", bytes(range(256)), bytes(70_000)],
    "lists": [[], [[]], [[[1], 2], 3], list(range(20_000))],
    "tuples": [(), (1,), ((),), (1, (2, (3, [4])))],
    "sets": [set(), {1}, {"a", b"a", 1, None, (1, 2)}, {frozenset({frozenset()})}, set(range(300))],
    "frozensets": [frozenset(), frozenset({1, "a"}), frozenset({frozenset({1}), (frozenset(),)})],
    "dicts": {"": {}, "a": {"b": {"c": None}}, "ü": {"x": [{}]}},
    "keys of other types": {1: "int", None: "None", (1, "a"): "tuple", b"b": "bytes", frozenset({1}): "set", 1.5: 1},
    "keys that are dates": {date(2024, 1, 1): 1, uuid.UUID(int=5): 2, Decimal("1.50"): 3, timedelta(1): 4},
    "naive datetimes": [datetime(2024, 2, 29, 1, 2, 3, 4), datetime.min, datetime.max],  # noqa: DTZ001, DTZ901
    "a folded time": [datetime(2024, 10, 27, 2, 30, fold=1), time(2, 30, fold=1)],  # noqa: DTZ001
    "datetimes in UTC": [datetime(2024, 1, 1, tzinfo=UTC), datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC)],
    "the ends of time in UTC": [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)],
    "datetimes with an offset": [
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        datetime(2024, 1, 1, tzinfo=timezone(-timedelta(hours=23, seconds=59))),
        datetime(2024, 1, 1, tzinfo=timezone(timedelta(0), "GMT")),
    ],
    "datetimes in a zone": [
        datetime(2024, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin")),
        datetime(2024, 12, 1, 12, 0, 0, 1, tzinfo=ZoneInfo("America/New_York")),
    ],
    "dates": [date(2024, 2, 29), date.min, date.max],
    "times": [time(), time(23, 59, 59, 999_999), time(1, 2, tzinfo=UTC), time(1, tzinfo=timezone(timedelta(hours=1)))],
    "durations": [timedelta(), timedelta(microseconds=-1), timedelta.min, timedelta.max, timedelta(days=1)],
    "decimals": [Decimal(text) for text in ("0", "-0", "1.10", "1E+2", "1E-30", "123456789.123456789", "Infinity")],
    "UUIDs": [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), uuid.UUID("12345678-1234-5678-1234-567812345678")],
    "everything at once": {
        "rows": [{"id": 1, "at": (datetime(2024, 1, 1, tzinfo=UTC), {Decimal("1.0")}), "raw": [b"x", {None: ()}]}],
    },
}


def alike(one, other):
    """Whether two values are equal and of the same types all the way down, signs and folds included."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return len(one) == len(other) and all(
            any(alike(key, name) and alike(value, other[name]) for name in other) for key, value in one.items()
        )
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, set | frozenset):
        return len(one) == len(other) and all(any(alike(item, found) for found in other) for item in one)
    if isinstance(one, datetime | time):
        return one == other and (one.fold, one.utcoffset(), one.tzname()) == (
            other.fold,
            other.utcoffset(),
            other.tzname(),
        )
    if isinstance(one, Decimal):
        return one.as_tuple() == other.as_tuple()
    if isinstance(one, float) and one == 0:
        return math.copysign(1, one) == math.copysign(1, other)
    return one == other


@clause("S-33")
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_value_comes_back_equal_and_of_the_same_type(view, value):
    session = view.sessions.create({"made": value})
    session["saved"] = value
    view.sessions.save(session)
    found = view.sessions.load(session.id)
    assert alike(found["made"], value)
    assert alike(found["saved"], value)


@clause("S-33")
def test_numbers_that_are_none_come_back_as_such(view):
    data = {"float": math.nan, "decimal": Decimal("NaN"), "signalling": Decimal("sNaN12"), "zero": -0.0}
    found = view.sessions.load(view.sessions.create(data).id)
    assert math.isnan(found["float"])
    assert str(found["decimal"]) == "NaN"
    assert str(found["signalling"]) == "sNaN12"
    assert math.copysign(1, found["zero"]) == -1


@clause("S-33")
def test_one_and_true_and_one_point_zero_stay_apart(view):
    found = view.sessions.load(view.sessions.create({"values": [1, True, 1.0, Decimal(1)]}).id)
    assert [type(value) for value in found["values"]] == [int, bool, float, Decimal]


@clause("S-33")
@pytest.mark.parametrize("value", [VALUES["sets"], VALUES["dicts"], VALUES["decimals"], VALUES["a folded time"]])
def test_a_value_that_was_only_looked_at_has_not_changed(view, value):
    session = view.sessions.load(view.sessions.create({"value": value}).id)
    assert session["value"] == value
    assert not session.modified
    view.sessions.save(session)
    assert view.events[-1].attempts == 0


@clause("S-33")
def test_nesting_may_be_64_containers_deep(view):
    value = 1
    for _ in range(64):
        value = [value]
    assert view.sessions.load(view.sessions.create({"value": value}).id)["value"] == value


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 1


class Word(str):
    __slots__ = ()


class Number(int):
    pass


class Moment(datetime):
    pass


class Pocket(dict):
    pass


@dataclass
class Record:
    a: int = 1


class Lost(tzinfo):
    def utcoffset(self, _):
        raise LookupError

    dst = tzname = utcoffset


Point = namedtuple("Point", "x y")  # noqa: PYI024 - what an application might have


def cycle():
    value = []
    value.append([value])
    return value


def too_deep():
    value = 1
    for _ in range(65):
        value = [value]
    return value


REFUSED = {
    "an Enum": Colour.RED,
    "an IntEnum": Level.LOW,
    "a StrEnum": enum.StrEnum("Kind", "A")("a"),
    "a dataclass": Record(),
    "a subclass of str": Word("a"),
    "a subclass of int": Number(1),
    "a subclass of datetime": Moment(2024, 1, 1),
    "a subclass of dict": Pocket(a=1),
    "a named tuple": Point(1, 2),
    "an OrderedDict": OrderedDict(a=1),
    "a defaultdict": defaultdict(list),
    "a Counter": Counter("aab"),
    "a deque": deque([1]),
    "a bytearray": bytearray(b"x"),
    "a memoryview": memoryview(b"x"),
    "a range": range(3),
    "a complex": 1j,
    "a Fraction": Fraction(1, 2),
    "a path": PurePosixPath("a"),
    "a function": len,
    "a class": int,
    "an object": object(),
    "a generator": (item for item in ()),
    "an Ellipsis": ...,
    "a lone surrogate": "\ud800",
    "a key with a lone surrogate": {"\udfff": 1},
    "a cycle": cycle(),
    "65 containers": too_deep(),
    "a NaN in a set": {math.nan},
    "a NaN as a key": {math.nan: 1},
    "an Enum in a set": {Colour.RED},
    "an Enum as a key": {Colour.RED: 1},
    "a zone that says nothing": datetime(2024, 1, 1, tzinfo=Lost()),
}


@clause("S-34", needs=("reopen",))
@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED)
def test_another_type_is_refused_before_anything_is_sent(view, raw, value):
    with pytest.raises(UnserialisableError):
        view.sessions.create({"fine": 1, "profile": {"tags": ["a", value]}})
    assert view.events[-1].attempts == 0
    assert raw.keys() == set()


@clause("S-34")
@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"profile": Colour.RED}, "profile"),
        ({"profile": {"tags": ["a", Colour.RED]}}, "profile.tags[1]"),
        ({"profile": [{"rows": ((1, 2), (Colour.RED,))}]}, "profile[0].rows[1][0]"),
    ],
)
def test_the_message_names_the_path_and_the_type_and_no_value(view, data, path):
    with pytest.raises(UnserialisableError) as caught:
        view.sessions.create(data)
    assert path in str(caught.value)
    assert "Colour" in str(caught.value)
    assert "RED" not in str(caught.value)


@clause("S-34")
@pytest.mark.parametrize("mode", ["merge", "reject", "overwrite"])
def test_a_save_of_another_type_is_refused_and_changes_nothing(view, mode):
    session = view.sessions.create({"a": 1, "items": []})
    session["a"] = 2
    session["items"].append(Colour.RED)
    with pytest.raises(UnserialisableError):
        view.sessions.save(session, on_conflict=mode)
    assert view.events[-1].attempts == 0
    assert dict(view.sessions.load(session.id)) == {"a": 1, "items": []}
    session["items"].pop()
    view.sessions.save(session)
    assert dict(view.sessions.load(session.id)) == {"a": 2, "items": []}


@clause("S-34", needs=("reopen",))
def test_an_update_or_a_rotation_to_another_type_is_refused_and_changes_nothing(view, raw):
    session = view.sessions.create({"a": 1})
    before = raw.contents()
    with pytest.raises(UnserialisableError):
        view.sessions.update(session.id, lambda copy: copy.update(a=Colour.RED))
    session["a"] = Colour.RED
    with pytest.raises(UnserialisableError):
        view.sessions.rotate(session)
    assert raw.contents() == before


# Sizes


@clause("S-35", needs=("reopen",))
def test_a_payload_of_256_kib_is_stored_and_one_byte_more_is_refused_before_anything_is_sent(view, raw):
    largest = view.sessions.create({"k": bytes(MOST - HEAD)})
    assert view.sessions.load(largest.id)["k"] == bytes(MOST - HEAD)
    before = raw.keys()
    with pytest.raises(LimitExceededError):
        view.sessions.create({"k": bytes(MOST - HEAD + 1)})
    assert view.events[-1].attempts == 0
    assert raw.keys() == before


@clause("S-35")
@pytest.mark.parametrize("mode", ["merge", "reject", "overwrite"])
def test_a_save_may_fill_a_session_to_the_limit_and_no_further(view, mode):
    session = view.sessions.create({"k": b""})
    session["k"] = bytes(MOST - HEAD + 1)
    with pytest.raises(LimitExceededError):
        view.sessions.save(session, on_conflict=mode)
    assert view.events[-1].attempts == 0
    session["k"] = bytes(MOST - HEAD)
    view.sessions.save(session, on_conflict=mode)
    assert len(view.sessions.load(session.id)["k"]) == MOST - HEAD


@clause("S-35", needs=("reopen",))
def test_an_update_or_a_rotation_beyond_the_limit_is_refused_and_changes_nothing(view, raw):
    session = view.sessions.create({"k": b"x"})
    before = raw.contents()
    with pytest.raises(LimitExceededError):
        view.sessions.update(session.id, lambda copy: copy.update(k=bytes(MOST)))
    session["k"] = bytes(MOST)
    with pytest.raises(LimitExceededError):
        view.sessions.rotate(session)
    assert view.events[-1].attempts == 0
    assert raw.contents() == before


@clause("S-07", "S-35")
def test_two_saves_that_fit_only_alone_do_not_both_fit(view):
    identifier = view.sessions.create({"kept": 1}).id
    first, second = (view.sessions.load(identifier) for _ in range(2))
    first["a"] = bytes(MOST // 2)
    second["b"] = bytes(MOST // 2)
    view.sessions.save(first)
    with pytest.raises(LimitExceededError):
        view.sessions.save(second)
    assert sorted(view.sessions.load(identifier)) == ["a", "kept"]


@clause("S-35")
def test_a_full_session_may_be_saved_many_times_and_rotated(view):
    session = view.sessions.create({"k": bytes(MOST - HEAD)}, owner="o" * 256, label="l" * 200)
    for number in range(18):
        session["k"] = bytes((number,)) * (MOST - HEAD)
        view.sessions.save(session)
    session = view.sessions.rotate(session)
    assert view.sessions.load(session.id)["k"] == bytes((17,)) * (MOST - HEAD)


# A dict


@clause("S-36")
def test_a_session_does_what_a_dict_does(view):
    session = view.sessions.load(view.sessions.create({"a": 1, "b": [2], "c": None}).id)
    assert list(session) == ["a", "b", "c"] == list(session.keys())
    assert (len(session), bool(session), "a" in session, "x" in session) == (3, True, True, False)
    assert session == {"a": 1, "b": [2], "c": None}
    assert session != {"a": 1, "b": [2]}
    assert list(session.items()) == [("a", 1), ("b", [2]), ("c", None)]
    assert session.get("c", "default") is None
    assert session.get("x", "default") == "default"
    assert session.setdefault("b", []) == [2]
    session.setdefault("d", []).append(4)
    assert session.pop("a") == 1
    assert session.pop("a", "gone") == "gone"
    session.update({"f": 6}, g=7)
    session["f"] = 8
    del session["c"]
    view.sessions.save(session)
    assert dict(view.sessions.load(session.id)) == {"b": [2], "d": [4], "f": 8, "g": 7} == {**session}


@clause("S-36")
def test_a_missing_key_is_a_key_error_also_after_its_deletion(view):
    session = view.sessions.load(view.sessions.create({"a": 1, "b": 2}).id)
    with pytest.raises(KeyError):
        session["x"]
    with pytest.raises(KeyError):
        del session["x"]
    del session["a"]
    with pytest.raises(KeyError):
        session["a"]
    with pytest.raises(KeyError):
        del session["a"]
    assert "a" not in session
    assert list(session) == ["b"]
    session["a"] = 3
    assert session["a"] == 3


@clause("S-36")
def test_a_session_can_be_emptied(view):
    session = view.sessions.load(view.sessions.create({"a": 1, "b": {"c": 2}}).id)
    session.popitem()
    session.clear()
    assert (len(session), bool(session), list(session)) == (0, False, [])
    view.sessions.save(session)
    assert dict(view.sessions.load(session.id)) == {}


@clause("S-36")
def test_an_empty_session_is_still_a_session(view):
    found = view.sessions.load(view.sessions.create().id)
    assert found is not None
    assert not found


@clause("S-36")
@pytest.mark.parametrize("key", [1, None, b"a", ("a",), Word("a"), Colour.RED], ids=repr)
def test_a_key_that_is_no_str_is_refused(view, key):
    session = view.sessions.create({"a": 1})
    with pytest.raises(InvalidInputError):
        session[key] = 1
    with pytest.raises(InvalidInputError):
        view.sessions.create({key: 1})
    assert view.events[-1].attempts == 0
    assert dict(session) == {"a": 1}


@clause("S-36")
def test_any_text_may_be_a_key(view):
    data = {"": 1, "ü": 2, "a.b": 3, "\0": 4, "😀": 5, "x" * 1000: 6, "__class__": 7}
    assert dict(view.sessions.load(view.sessions.create(data).id)) == data


@clause("S-36")
def test_a_sessions_keys_keep_their_order(view):
    keys = ["zebra", "apple", "mango", "1", "Ä"]
    session = view.sessions.load(view.sessions.create(dict.fromkeys(keys, 0)).id)
    session["last"] = 1
    view.sessions.save(session)
    assert list(view.sessions.load(session.id)) == [*keys, "last"]
