"""Session values as bytes: what comes back, what is refused, what damage does, and what never changes."""

from __future__ import annotations

import array
import collections
import dataclasses
import decimal
import enum
import io
import math
import pickle
import struct
import uuid
import zoneinfo
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statekit._core import codec
from statekit.errors import CorruptDataError, UnserialisableError

quick = settings(database=None, deadline=None, max_examples=300)
NAN = float("nan")
BERLIN = ZoneInfo("Europe/Berlin")


def described(value: Any) -> Any:
    """Take a value apart into what two values must share to be the same one, beyond being equal."""
    kind = type(value)
    if kind in {list, tuple}:
        return kind, [described(item) for item in value]
    if kind in {set, frozenset}:
        return kind, sorted((described(item) for item in value), key=repr)
    if kind is dict:
        return kind, [(described(key), described(item)) for key, item in value.items()]
    if kind is float:
        return kind, struct.pack(">d", value)
    if kind is Decimal:
        return kind, value.as_tuple()
    if kind in {datetime, time}:
        zone = value.tzinfo
        name = zone.key if type(zone) is ZoneInfo else str(zone)
        return kind, value.replace(tzinfo=None), value.fold, type(zone), name, value.utcoffset()
    return kind, value


def stored(value: object) -> Any:
    return codec.decode(codec.encode(value))


def assert_comes_back(value: object) -> None:
    assert described(stored(value)) == described(value)


# What comes back

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
offsets = st.timedeltas(timedelta(hours=-23, minutes=-59), timedelta(hours=23, minutes=59))
zones = st.one_of(
    st.none(),
    st.just(UTC),
    offsets.map(timezone),
    st.builds(timezone, offsets, texts.filter(bool)),
    st.sampled_from([BERLIN, ZoneInfo("America/New_York"), ZoneInfo("Etc/GMT+5"), ZoneInfo("UTC")]),
)
folds = st.integers(0, 1)
datetimes = st.builds(lambda at, zone, fold: at.replace(tzinfo=zone, fold=fold), st.datetimes(), zones, folds)
times = st.builds(lambda at, zone, fold: at.replace(tzinfo=zone, fold=fold), st.times(), zones, folds)
decimals = st.one_of(
    st.decimals(allow_nan=False),
    st.builds(
        lambda sign, digits, exponent: Decimal((sign, digits, exponent)),
        folds,
        st.lists(st.integers(0, 9), max_size=40).map(tuple),
        st.integers(-400, 400),
    ),
)
findable = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**200), 2**200),
    st.floats(allow_nan=False),
    texts,
    st.binary(max_size=20),
    decimals,
    st.uuids(),
    st.dates(),
    times,
    datetimes,
    st.timedeltas(),
)
hashables = st.recursive(
    findable,
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3),
    max_leaves=6,
)
leaves = st.one_of(findable, st.floats(), st.just(Decimal("NaN")), st.just(Decimal("-sNaN12")))
values = st.recursive(
    leaves | hashables,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.sets(hashables, max_size=4),
        st.frozensets(hashables, max_size=4),
        st.dictionaries(texts, inner, max_size=4),
        st.dictionaries(hashables, inner, max_size=4),
    ),
    max_leaves=12,
)


@quick
@given(values)
def test_every_supported_value_comes_back_equal_and_of_the_same_type(value: object) -> None:
    assert_comes_back(value)


@quick
@given(values)
def test_encoding_what_was_decoded_gives_the_same_bytes(value: object) -> None:
    encoded = codec.encode(value)
    assert codec.encode(codec.decode(encoded)) == encoded


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | texts | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(texts, inner, max_size=20),
    max_leaves=30,
)


@quick
@given(plain)
def test_both_ways_through_the_encoder_give_the_same_bytes(value: object) -> None:
    assert codec._pack(value, 0) == codec.encode(value) == msgspec.msgpack.encode(value)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 65_535, 65_536])
def test_containers_of_every_header_size_come_back(size: int) -> None:
    for value in (tuple(range(size)), set(range(size)), dict.fromkeys(range(size)), [*range(size), ()]):
        assert_comes_back(value)


@pytest.mark.parametrize(
    "value",
    [
        *(
            0,
            -1,
            2**63 - 1,
            2**63,
            2**64 - 1,
            2**64,
            2**64 + 1,
            -(2**63),
            -(2**63) - 1,
            2**71,
            -(2**71),
        ),
        *(0.0, -0.0, math.inf, -math.inf, NAN, -NAN, 5e-324, 1.7976931348623157e308, 0.1),
        *("", "\0", "\U0010ffff", "\ufffe", b"", b"\0\xff"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_scalars_at_their_edges_come_back(value: object) -> None:
    assert_comes_back(value)
    assert_comes_back((value,))


def test_an_int_longer_than_python_would_print_comes_back() -> None:
    for value in (10**5000, -(10**5000)):
        assert stored(value) == value


def test_a_nan_keeps_its_payload() -> None:
    nan = struct.unpack(">d", bytes.fromhex("fff8000000000001"))[0]
    assert struct.pack(">d", stored([nan])[0]).hex() == "fff8000000000001"


DECIMALS = [
    *("0", "-0", "0.00", "0E+5", "-0E-7", "1E+400", "1E-400", "NaN", "-NaN", "NaN123", "sNaN"),
    *("Infinity", "-Infinity", "1." + "0" * 100, "123456789" * 20),
    *("1E+999999999999999999", "-9.9E-999999999999999999"),
]


@pytest.mark.parametrize("text", DECIMALS)
def test_decimals_come_back_exactly_whatever_the_context(text: str) -> None:
    with decimal.localcontext(prec=3):
        assert_comes_back(Decimal(text))


@pytest.mark.parametrize(
    "value",
    [
        *(timedelta.min, timedelta.max, timedelta.resolution, -timedelta.resolution, timedelta(0)),
        *(timedelta(days=-1, seconds=86399), timedelta(milliseconds=1.5)),
        *(date.min, date.max, date(2024, 2, 29), time.min, time.max, time(12, fold=1)),
        *(
            time(12, tzinfo=UTC),
            time(12, tzinfo=timezone(timedelta(hours=2), "CEST"), fold=1),
            time(2, tzinfo=BERLIN),
        ),
        *(datetime.min, datetime.max, datetime(2024, 10, 27, 2, 30, fold=1)),  # noqa: DTZ001, DTZ901
        *(
            datetime.min.replace(tzinfo=UTC),
            datetime.max.replace(tzinfo=UTC),
            datetime(1969, 12, 31, tzinfo=UTC),
        ),
        *(datetime(2024, 1, 1, 0, 0, 0, 1, UTC), datetime(2024, 1, 1, tzinfo=UTC, fold=1)),
        *(UUID(int=0), UUID(int=2**128 - 1), uuid.uuid5(uuid.NAMESPACE_DNS, "a")),
    ],
    ids=repr,
)
def test_times_and_uuids_at_their_edges_come_back(value: object) -> None:
    assert_comes_back(value)


@pytest.mark.parametrize(
    "value",
    [
        (1, "a", None),
        [(), [()], ((),)],
        {"a": (1, [2, (3,)])},
        {1, 2, 3},
        frozenset({frozenset(), frozenset({frozenset({1})})}),
        {(1, 2), (1, (2.5, "x"))},
        {1.5, True, None, "1", b"1", date(2024, 1, 1), UUID(int=1), Decimal(7)},
        {"tags": {"b", "a"}, "seen": datetime(2024, 1, 1)},  # noqa: DTZ001
    ],
    ids=repr,
)
def test_what_msgspec_would_turn_into_a_list_or_a_string_comes_back(value: object) -> None:
    assert_comes_back(value)


# Keys of a dict


@pytest.mark.parametrize("key", [1, 1.0, True, -0.0, 2**70, None, "1", b"1", (1, (2,)), frozenset({1}), Decimal("1.0")])
def test_a_key_keeps_its_type_even_where_it_equals_another_one(key: object) -> None:
    assert_comes_back({key: "x"})
    assert_comes_back({"outer": {key: ({key: 1},)}})


@pytest.mark.parametrize(
    "key", [date(2024, 1, 1), time(1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=BERLIN), UUID(int=1)]
)
def test_dates_times_and_uuids_are_keys(key: object) -> None:
    assert_comes_back({key: "x", timedelta(1): None})


@pytest.mark.parametrize("nan", [NAN, Decimal("NaN"), (1, NAN), (frozenset({("a", NAN)}),)], ids=repr)
def test_a_nan_is_refused_where_it_could_not_be_found_again(nan: object) -> None:
    for value in ({nan: 1}, {nan}, frozenset({nan}), {"a": {nan}}, {(1, nan): 1}):
        with pytest.raises(UnserialisableError, match="NaN"):
            codec.encode(value)
    assert_comes_back([(NAN,), {"a": NAN}, Decimal("NaN")])


def test_a_dict_keeps_its_order() -> None:
    assert list(stored({"b": 1, "a": (), "c": 2})) == ["b", "a", "c"]


def test_equal_sets_have_equal_bytes_however_they_were_filled() -> None:
    for elements in ([8, 0, 16, 24], ["b", "a", "c"], [(2,), (1,)], [frozenset({8, 0}), frozenset({16, 0})]):
        encodings = {codec.encode(set(order)) for order in (elements, elements[::-1], elements[1:] + elements[:1])}
        assert len(encodings) == 1


# Time zones


class Sometimes(tzinfo):
    """An offset that depends on the date, as dateutil's zones have it."""

    def utcoffset(self, at: datetime | None) -> timedelta | None:
        return None if at is None else timedelta(hours=2 if 3 < at.month < 10 else 1)

    def dst(self, at: datetime | None) -> timedelta | None:
        return None

    def tzname(self, at: datetime | None) -> str | None:
        return None


class Folding(Sometimes):
    """An offset that depends on the fold."""

    def utcoffset(self, at: datetime | None) -> timedelta | None:
        return timedelta(hours=1 - (at.fold if at else 0))


class Absent(Sometimes):
    def utcoffset(self, at: datetime | None) -> timedelta | None:
        return None


class Broken(Sometimes):
    def utcoffset(self, at: datetime | None) -> timedelta | None:
        raise NotImplementedError


class MyZone(ZoneInfo):
    pass


@pytest.mark.parametrize("fold", [0, 1])
@pytest.mark.parametrize("hour", [1, 2, 3])
@pytest.mark.parametrize("day", [datetime(2024, 3, 31), datetime(2024, 10, 27), datetime(2024, 7, 1)])  # noqa: DTZ001
def test_a_named_zone_is_kept_also_when_a_time_occurs_twice_or_never(day: datetime, hour: int, fold: int) -> None:
    value = day.replace(hour=hour, minute=30, tzinfo=BERLIN, fold=fold)
    assert_comes_back(value)
    assert stored(value).tzinfo is BERLIN


def test_a_fixed_offset_keeps_its_microseconds_and_its_own_name() -> None:
    for zone in (
        timezone(timedelta(microseconds=-1)),
        timezone(timedelta(hours=5, seconds=1), "LMT"),
        timezone.min,
    ):
        restored = stored(datetime(2024, 1, 1, tzinfo=zone))
        assert restored.tzinfo == zone
        assert restored.tzname() == zone.tzname(None)


def test_any_other_zone_becomes_its_fixed_offset_where_that_is_equal() -> None:
    value = datetime(2024, 7, 1, 12, tzinfo=Sometimes())
    restored = stored(value)
    assert restored == value
    assert restored.tzinfo == timezone(timedelta(hours=2))


def berlin_from_its_file(key: str | None) -> ZoneInfo:
    files = (Path(root, "Europe/Berlin") for root in zoneinfo.TZPATH)
    data = next(file.read_bytes() for file in files if file.exists())
    return ZoneInfo.from_file(io.BytesIO(data), key=key)


@pytest.mark.parametrize("key", [None, "Asia/Tokyo", "No/Such", "../../etc/passwd", "Europe", "zone.tab", "a\0b", "é"])
def test_a_zone_that_its_key_would_not_restore_becomes_its_fixed_offset(key: str | None) -> None:
    value = datetime(2024, 7, 1, 12, tzinfo=berlin_from_its_file(key))
    restored = stored(value)
    assert restored == value
    assert restored.tzinfo == timezone(timedelta(hours=2))


def test_a_second_copy_of_a_named_zone_is_kept_by_its_key() -> None:
    value = datetime(2024, 7, 1, 12, tzinfo=ZoneInfo.no_cache("Europe/Berlin"))
    assert stored(value).tzinfo is BERLIN


@pytest.mark.parametrize(
    "value",
    [
        datetime(2024, 7, 1, tzinfo=Folding()),
        datetime(2024, 7, 1, tzinfo=Absent()),
        datetime(2024, 7, 1, tzinfo=Broken()),
        datetime(2024, 10, 27, 2, 30, tzinfo=MyZone("Europe/Berlin")),
        time(12, tzinfo=Sometimes()),
        time(12, tzinfo=MyZone("Europe/Berlin")),
        datetime(2024, 7, 1, tzinfo=timezone(timedelta(0), "\ud800")),
    ],
    ids=lambda value: f"{type(value).__name__} in {type(value.tzinfo).__name__}",
)
def test_a_zone_that_cannot_be_restored_is_refused(value: object) -> None:
    with pytest.raises(UnserialisableError, match=r"^seen: its time zone"):
        codec.encode(value, at="seen")


# What is refused


class Colour(enum.Enum):
    RED = 1


class Number(enum.IntEnum):
    ONE = 1


class Name(enum.StrEnum):
    A = "a"


class Flags(enum.IntFlag):
    A = 1


class Point(NamedTuple):
    x: int


@dataclasses.dataclass(frozen=True)
class Item:
    name: str = ""


class Struct(msgspec.Struct, frozen=True):
    price: int = 1


SUBCLASSES = [
    type(f"My{kind.__name__}", (kind,), {})
    for kind in (int, float, str, bytes, list, dict, tuple, set, frozenset, timedelta, Decimal)
]
UNSUPPORTED = [
    *(Colour.RED, Number.ONE, Name.A, Flags.A, Point(1), Item(), Struct(), collections.OrderedDict(a=1)),
    *(collections.defaultdict(list), collections.Counter("a"), collections.deque([1]), bytearray(b"a")),
    *(
        memoryview(b"a"),
        array.array("b", [1]),
        1j,
        object(),
        int,
        len,
        range(3),
        ...,
        NotImplemented,
        Exception("a"),
    ),
    *({}.keys(), {}.values(), iter([1]), msgspec.Raw(b"\x01"), msgspec.msgpack.Ext(1, b"\x90")),
    *(timezone.utc, BERLIN, Fraction(1, 2), Path("a")),  # noqa: UP017
    *(kind() for kind in SUBCLASSES),
    *(
        type("MyDate", (date,), {})(2024, 1, 1),
        type("MyTime", (time,), {})(),
        type("MyUUID", (UUID,), {})(int=1),
    ),
    type("MyDatetime", (datetime,), {})(2024, 1, 1, tzinfo=UTC),
]


@pytest.mark.parametrize("value", UNSUPPORTED, ids=lambda value: type(value).__name__)
def test_every_other_type_is_refused_wherever_it_is(value: object) -> None:
    places = [value, [value], (value,), {"a": value}, {"a": [{"b": (value,)}]}, {"a": (), "b": value}]
    if getattr(type(value), "__hash__", None) is not None:
        places += [{value}, frozenset({value}), {value: 1}, {(value,): 1}, {"a": {(1, frozenset({value}))}}]
    for place in places:
        with pytest.raises(UnserialisableError, match=f"a {type(value).__qualname__} would not come back equal"):
            codec.encode(place)


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\ud83d\ude00"])
def test_a_lone_surrogate_is_refused_wherever_it_is(text: str) -> None:
    for value in (text, [text], {"a": text}, {text: 1}, {"a": {text}}, {"a": [(), text]}, (text,)):
        with pytest.raises(UnserialisableError, match="lone surrogate"):
            codec.encode(value)


def nested(depth: int, wrap: Callable[[Any], Any]) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = wrap(value)
    return value


WRAPS = {
    "list": lambda inner: [inner],
    "dict": lambda inner: {"a": inner},
    "tuple": lambda inner: (inner,),
    "frozenset": lambda inner: frozenset({inner}),
    "key": lambda inner: {(inner,): 1} if inner == 1 else [inner],
    "list beside a set": lambda inner: [inner, set()],
}


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS.keys())
def test_64_containers_within_each_other_are_accepted_and_65_refused(wrap: Callable[[Any], Any]) -> None:
    deeper = 1 if wrap in {WRAPS["key"], WRAPS["list beside a set"]} else 0
    for depth in (63, 64):
        assert_comes_back(nested(depth - deeper, wrap))
    with pytest.raises(UnserialisableError, match="contains itself, or more than 64 containers"):
        codec.encode(nested(65 - deeper, wrap))


def test_a_cycle_is_refused_and_its_path_is_cut_off() -> None:
    cycle: list[Any] = []
    cycle.append({"next": cycle})
    looped: dict[str, Any] = {}
    looped["again"] = (looped,)
    for value in (cycle, looped, [cycle], {"a": (cycle,)}):
        with pytest.raises(UnserialisableError, match="it contains itself") as caught:
            codec.encode(value, at="cart")
        assert len(str(caught.value)) < 200


def test_two_references_to_one_value_are_no_cycle() -> None:
    shared = [1, (2,)]
    assert_comes_back([shared, shared, {"a": shared}])


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (Colour.RED, "cart"),
        ({"items": [1, 2, 3, {"price": Colour.RED}]}, "cart.items[3].price"),
        ([[], [(1, Colour.RED)]], "cart[1][0][1]"),
        ({"tags": {Colour.RED}}, "cart.tags{…}"),
        ({"tags": frozenset({(1, Colour.RED)})}, "cart.tags{…}[1]"),
        ({Colour.RED: 1}, "cart(key)"),
        ({"a": {(1, Colour.RED): 1}}, "cart.a(key)[1]"),
        ({"first-name": Colour.RED}, "cart.first-name"),
        ({"user@example.org": Colour.RED}, "cart[str]"),
        ({"x" * 41: Colour.RED}, "cart[str]"),
        ({"": Colour.RED}, "cart[str]"),
        ({4111111111111111: {b"secret": Colour.RED}}, "cart[int][bytes]"),
        ([[[[[[[[[Colour.RED]]]]]]]]], "cart[0][0][0][0][0][0][0][0]…"),
    ],
)
def test_the_message_names_the_path(value: object, path: str) -> None:
    with pytest.raises(UnserialisableError) as caught:
        codec.encode(value, at="cart")
    assert str(caught.value).startswith(f"{path}: a Colour would not come back")


@pytest.mark.parametrize(("value", "path"), [(Name.A, "the value"), ({"b": [Name.A]}, "b[0]"), ([Name.A], "[0]")])
def test_without_a_key_the_path_begins_at_the_value(value: object, path: str) -> None:
    with pytest.raises(UnserialisableError) as caught:
        codec.encode(value)
    assert str(caught.value).startswith(f"{path}: ")


def test_the_message_never_holds_a_value() -> None:
    for value in (
        Item("secret"),
        type("Text", (str,), {})("secret"),
        ["secret\ud800"],
        {"se cret": Colour.RED},
    ):
        with pytest.raises(UnserialisableError) as caught:
            codec.encode(value, at="cart")
        assert "secret" not in str(caught.value)
        assert "se cret" not in str(caught.value)
        assert "secret" not in str(pickle.loads(pickle.dumps(caught.value)))


# Damage


def decodes_or_is_corrupt(data: bytes) -> None:
    try:
        codec.decode(data)
    except CorruptDataError as error:
        assert str(error)


@settings(quick, max_examples=1000)
@given(st.binary(max_size=60))
def test_random_bytes_are_a_value_or_corrupt_data(data: bytes) -> None:
    decodes_or_is_corrupt(data)


codes = st.integers(-128, 127) | st.integers(1, 10)
extensions = st.recursive(
    st.builds(
        lambda code, data: msgspec.msgpack.encode(msgspec.msgpack.Ext(code, data)),
        codes,
        st.binary(max_size=40),
    ),
    lambda inner: st.one_of(
        st.builds(lambda code, data: msgspec.msgpack.encode(msgspec.msgpack.Ext(code, data)), codes, inner),
        st.lists(inner, max_size=3).map(lambda items: bytes((0x90 | len(items),)) + b"".join(items)),
        st.tuples(inner, inner).map(lambda pair: b"\x81" + b"".join(pair)),
    ),
    max_leaves=5,
)


@settings(quick, max_examples=1000)
@given(extensions)
def test_random_extensions_are_a_value_or_corrupt_data(data: bytes) -> None:
    decodes_or_is_corrupt(data)


@settings(quick, max_examples=400)
@given(values.map(codec.encode).filter(bool), st.data())
def test_damaged_values_are_a_value_or_corrupt_data(encoded: bytes, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(encoded) - 1))
    changed = bytearray(encoded)
    changed[position] = data.draw(st.integers(0, 255))
    decodes_or_is_corrupt(bytes(changed))


@settings(quick, max_examples=100)
@given(values)
def test_a_truncated_or_continued_value_is_corrupt_data(value: object) -> None:
    encoded = codec.encode(value)
    for length in range(len(encoded)):
        with pytest.raises(CorruptDataError):
            codec.decode(encoded[:length])
    for more in (b"\x00", b"\xc0", encoded):
        with pytest.raises(CorruptDataError):
            codec.decode(encoded + more)


@pytest.mark.parametrize(
    "data",
    [
        *(b"\x91" * 100_000, b"\x91" * 2000 + b"\x01", b"\x81\xa1a" * 5000 + b"\x01"),
        *(
            b"\xdd\xff\xff\xff\xff",
            b"\xdf\xff\xff\xff\xff",
            b"\xc6\xff\xff\xff\xff",
            b"\xc9\xff\xff\xff\xff\x01",
        ),
        b"\xdd\xff\xff\xff\xff" * 1000,
    ],
    ids=lambda data: data[:4].hex(),
)
def test_a_bomb_is_corrupt_data(data: bytes) -> None:
    with pytest.raises(CorruptDataError):
        codec.decode(data)


@pytest.mark.parametrize("opening", ["91", "81a161", "d50191", "d50391", "81c0"])
def test_64_stored_containers_are_accepted_and_65_are_corrupt_data_on_every_python(opening: str) -> None:
    def stored_at(depth: int) -> bytes:
        data = b"\x01"
        for _ in range(depth):
            code = int(opening[2:4], 16) if opening.startswith("d5") else None
            data = bytes.fromhex(opening[-2:] if code else opening) + data
            data = msgspec.msgpack.encode(msgspec.msgpack.Ext(code, data)) if code else data
        return data

    for depth in (63, 64):
        assert codec.encode(codec.decode(stored_at(depth))) == stored_at(depth)
    for depth in (65, 66, 200):
        with pytest.raises(CorruptDataError, match="more than 64 containers"):
            codec.decode(stored_at(depth))


def test_many_containers_beside_each_other_are_not_deep() -> None:
    value: object
    for value in (
        [[]] * 1000,
        {n: {} for n in range(1000)},
        [[[n]] * 3 for n in range(100)],
        ["ü" * 1000, [()]],
    ):
        assert_comes_back(value)


@pytest.mark.parametrize("code", [1, 3], ids=["tuples", "frozensets"])
def test_a_bomb_of_extensions_is_corrupt_data(code: int) -> None:
    data = b"\x01"
    for _ in range(2000):
        data = msgspec.msgpack.encode(msgspec.msgpack.Ext(code, b"\x91" + data))
    with pytest.raises(CorruptDataError):
        codec.decode(data)


DAMAGED = {
    "code 0": "d400c0",
    "code 11": "d40bc0",
    "code 127": "d47fc0",
    "code -2": "d4fec0",
    "tuple that is no array": "d40101",
    "tuple with more behind it": "d5019001",
    "tuple that is empty": "c70001",
    "set with an element twice": "c70302920101",
    "set with equal elements": "c70b029201cb3ff0000000000000",
    "set of lists": "d5029190",
    "set of maps": "d5029180",
    "frozenset of sets": "c7040391d40290",
    "set with 1 and true": "c703029201c3",
    "int of no bytes": "c70004",
    "int that fits 64 bits": "d40401",
    "int that fits 64 bits, at length": "c7090400ffffffffffffffff",
    "int with a needless byte": "c70a0400010000000000000000",
    "decimal of no text": "c70005",
    "decimal of other text": "d60561626364",
    "decimal with an underscore": "c70305315f30",
    "decimal with a space": "d5052031",
    "decimal in other digits": "d505d9a3",
    "decimal that is not canonical": "d5052b31",
    "UUID of 15 bytes": "c70f06" + "00" * 15,
    "UUID of 17 bytes": "c71106" + "00" * 17,
    "30th of February": "d60707e8021e",
    "year 0": "d60700000101",
    "year 10000": "d60727100101",
    "date of 5 bytes": "c7050707e8010100",
    "hour 24": "c70908180000000000000000",
    "second 60": "c7090800003c000000000000",
    "a million microseconds": "c70908000000000f42400000",
    "fold 2": "c7090800000000000000" + "0200",
    "zone of kind 3": "c7090800000000000000" + "0003",
    "naive time with more behind it": "c70a0800000000000000" + "000000",
    "time that is too short": "d70800000000000000" + "00",
    "offset of a day": "c711080000000000000000" + "01" + "000000141dd76000",
    "offset beyond any timedelta": "c711080000000000000000" + "01" + "7fffffffffffffff",
    "offset that is too short": "c710080000000000000000" + "01" + "00" * 7,
    "offset with a name that is no UTF-8": "c712080000000000000000" + "01" + "00" * 8 + "ff",
    "zone without a key": "c709080000000000000000" + "02",
    "zone that is unknown": "c70b080000000000000000" + "02" + b"XX".hex(),
    "zone that is a directory": "c70f080000000000000000" + "02" + b"Europe".hex(),
    "zone that is a table": "c711080000000000000000" + "02" + b"zone.tab".hex(),
    "zone outside of the database": "c712080000000000000000" + "02" + b"../passwd".hex(),
    "zone that is no ASCII": "c70b080000000000000000" + "02" + "c3a9",
    "zone with a NUL": "c70b080000000000000000" + "02" + "6100",
    "datetime without its time": "d60907e80101",
    "timedelta of too many days": "c70c0a3b9aca000000000000000000",
    "timedelta that is not normalised": "c70c0a000000000001518000000000",
    "timedelta that is too short": "c70b0a0000000000000000000000",
    "timestamp in the year 10000": "c70cff000000000000003afff44180",
    "timestamp of too many nanoseconds": "d7ffffffffffffffffff",
    "text that is no UTF-8": "a1ff",
    "text with a surrogate": "a3eda080",
    "reserved opcode": "c1",
    "map with a map as key": "818001",
    "map with a list in a tuple as key": "81d501919001",
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED.keys())
def test_invalid_content_is_corrupt_data(data: str) -> None:
    for encoded in (data, "91" + data, "81a161" + data):
        with pytest.raises(CorruptDataError):
            codec.decode(bytes.fromhex(encoded))


def test_an_unknown_code_and_an_unknown_zone_say_what_they_are() -> None:
    with pytest.raises(CorruptDataError, match="unknown type 11: damaged, or from a later release"):
        codec.decode(bytes.fromhex("d40bc0"))
    with pytest.raises(CorruptDataError, match="time zone is unknown here"):
        codec.decode(bytes.fromhex(DAMAGED["zone that is unknown"]))


# Bytes that every later release must read, and write

GOLDEN = [
    (None, "c0"),
    (True, "c3"),
    (False, "c2"),
    (0, "00"),
    (-1, "ff"),
    (2**63, "cf8000000000000000"),
    (2**64 - 1, "cfffffffffffffffff"),
    (-(2**63), "d38000000000000000"),
    (1.5, "cb3ff8000000000000"),
    (-0.0, "cb8000000000000000"),
    ("é", "a2c3a9"),
    (b"\x00\xff", "c40200ff"),
    ([1, [2]], "92019102"),
    ({"a": {"b": None}}, "81a16181a162c0"),
    ((), "d40190"),
    ((1, (2,)), "c706019201d5019102"),
    (set(), "d40290"),
    ({3, 1, 2}, "d60293010203"),
    (frozenset({"a"}), "c7030391a161"),
    ({frozenset({(1,)})}, "c7090291c7050391d5019101"),
    (2**64, "c70904010000000000000000"),
    (-(2**63) - 1, "c70904ff7fffffffffffffff"),
    (Decimal("-0.10"), "c705052d302e3130"),
    (Decimal("1E+400"), "c7060531452b343030"),
    (Decimal("Infinity"), "d705496e66696e697479"),
    (UUID("12345678-1234-5678-1234-567812345678"), "d80612345678123456781234567812345678"),
    (date(2024, 2, 29), "d60707e8021d"),
    (time(1, 2, 3, 4, fold=1), "c70908010203000000040100"),
    (time(1, tzinfo=timezone(timedelta(hours=-5))), "c71108010000000000000001fffffffbcf1dcc00"),
    (time(1, tzinfo=ZoneInfo("Europe/Berlin")), "c716080100000000000000024575726f70652f4265726c696e"),
    (datetime(2024, 1, 2, 3, 4, 5, 6), "c70d0907e80102030405000000060000"),  # noqa: DTZ001
    (datetime(2024, 1, 2, 3, 4, 5, 6, UTC), "d7ff00005dc065937d25"),
    (datetime(2024, 1, 2, 3, 4, 5, 0, UTC), "d6ff65937d25"),
    (datetime(1, 1, 1, tzinfo=UTC), "c70cff00000000fffffff1886e0900"),
    (datetime(2024, 1, 2, tzinfo=UTC, fold=1), "c7150907e801020000000000000001010000000000000000"),
    (
        datetime(2024, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2))),
        "c7150907e8010203040500000000000100000001ad274800",
    ),
    (
        datetime(2024, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2), "CEST")),
        "c7190907e8010203040500000000000100000001ad27480043455354",
    ),
    (
        datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
        "c71a0907e80a1b021e000000000001024575726f70652f4265726c696e",
    ),
    (timedelta(days=-1, seconds=86399, microseconds=999999), "c70c0affffffff0001517f000f423f"),
    (timedelta.min, "c70c0ac46536010000000000000000"),
    ({1: 2, (1, 2): None}, "820102c70301920102c0"),
]


@pytest.mark.parametrize(("value", "encoded"), GOLDEN, ids=lambda part: repr(part)[:40])
def test_stored_bytes_never_change(value: object, encoded: str) -> None:
    assert codec.encode(value).hex() == encoded
    assert described(codec.decode(bytes.fromhex(encoded))) == described(value)


@pytest.mark.parametrize(
    ("encoded", "text"), [("c705054e614e3132", "NaN12"), ("d6052d4e614e", "-NaN"), ("d605734e614e", "sNaN")]
)
def test_stored_decimals_that_equal_nothing_never_change(encoded: str, text: str) -> None:
    assert codec.encode(Decimal(text)).hex() == encoded
    assert str(codec.decode(bytes.fromhex(encoded))) == text


def test_every_extension_has_golden_bytes() -> None:
    seen: set[int] = set()
    reader = msgspec.msgpack.Decoder(ext_hook=lambda code, _: seen.add(code))
    for _, encoded in GOLDEN:
        reader.decode(bytes.fromhex(encoded))
    assert seen == set(codec._RESTORERS) == set(range(1, 11))
