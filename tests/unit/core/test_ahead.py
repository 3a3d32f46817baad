"""Reading ahead, stepped by hand."""

from __future__ import annotations

from typing import Any

import pytest

from statekit._core.objects import ahead
from statekit._core.objects.ahead import ReadAhead
from statekit._core.plan import Begin, Call, Collect, Drop, Plan
from statekit.errors import ConflictError

PIECE, PART = 500, 1000


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "PIECE", PIECE)
    monkeypatch.setattr(ahead, "PART", PART)


def data_of(start: int, length: int) -> bytes:
    return bytes(at * 7 % 251 for at in range(start, start + length))


def read(start: int, length: int) -> Plan[bytes]:
    return (yield Call(data_of, (start, length), {}))


class Hands:
    """Steps plans: requests are answered at once, errands when they are collected.

    Attributes:
        log: What was asked for, as a word and the first byte.
        failing: First bytes of the pieces that cannot be read.
    """

    def __init__(self) -> None:
        self.log: list[tuple[str, int]] = []
        self.failing: set[int] = set()

    def run(self, plan: Plan[Any]) -> Any:
        step = lambda: plan.send(None)  # noqa: E731 - replaced by each effect's outcome
        while True:
            try:
                effect = step()
            except StopIteration as end:
                return end.value
            step = self._perform(effect, plan)

    def _perform(self, effect: Any, plan: Plan[Any]) -> Any:
        match effect:
            case Call(args=(start, length)):
                self.log.append(("read", start))
                return lambda: plan.send(data_of(start, length))
            case Begin(begun):
                request: Any = begun().send(None)
                self.log.append(("begin", request.args[0]))
                return lambda: plan.send(request.args)
            case Collect(errand):
                self.log.append(("collect", errand[0]))
                if errand[0] in self.failing:
                    return lambda: plan.throw(ConflictError("overwritten"))
                return lambda: plan.send(data_of(*errand))
            case Drop(errand):
                self.log.append(("drop", errand[0]))
                return lambda: plan.send(None)
        raise AssertionError(effect)

    def since(self) -> list[tuple[str, int]]:
        """What was asked for since the last time."""
        log, self.log = self.log, []
        return log


@pytest.fixture
def hands() -> Hands:
    return Hands()


def reading_on(hands: Hands, size: int = 10_000) -> ReadAhead:
    """Return one whose first piece was read."""
    reading = ReadAhead(read, size)
    reading.note(0, data_of(0, PIECE))
    return reading


def test_what_follows_is_fetched_with_one_part_ahead_and_then_with_two(hands: Hands) -> None:
    reading = reading_on(hands)
    assert hands.run(reading.piece(500, 100)) == data_of(500, 500)
    assert hands.since() == [("begin", 500), ("begin", 1000), ("collect", 500)]
    assert hands.run(reading.piece(1000, 100)) == data_of(1000, 1000)
    assert hands.since() == [("begin", 2000), ("begin", 3000), ("collect", 1000)]
    assert hands.run(reading.piece(2000, 100)) == data_of(2000, 1000)
    assert hands.since() == [("begin", 4000), ("collect", 2000)]


def test_nothing_is_fetched_beyond_the_end(hands: Hands) -> None:
    reading = reading_on(hands, 1300)
    pieces = [hands.run(reading.piece(500, 100)), hands.run(reading.piece(1000, 300))]
    assert b"".join(pieces) == data_of(500, 800)
    assert hands.since() == [("begin", 500), ("begin", 1000), ("collect", 500), ("collect", 1000)]


def test_what_does_not_follow_is_fetched_as_it_is_asked_for(hands: Hands) -> None:
    reading = reading_on(hands)
    for start in (7000, 3000, 7100):
        assert hands.run(reading.piece(start, 100)) == data_of(start, 100)
    assert hands.since() == [("read", 7000), ("read", 3000), ("read", 7100)]


def test_small_reads_in_a_row_read_ahead_once_they_are_worth_it(hands: Hands) -> None:
    reading = reading_on(hands)
    for start in range(3000, 3500, 100):
        assert hands.run(reading.piece(start, 100)) == data_of(start, 100)
    assert [word for word, _ in hands.since()] == ["read"] * 5
    assert hands.run(reading.piece(3500, 100)) == data_of(3500, 500)
    assert hands.since() == [("begin", 3500), ("begin", 4000), ("collect", 3500)]


def test_going_elsewhere_drops_what_was_begun_and_begins_again_with_little(hands: Hands) -> None:
    reading = reading_on(hands)
    hands.run(reading.piece(500, 100))
    hands.run(reading.piece(1000, 100))
    hands.since()
    assert hands.run(reading.piece(8000, 500)) == data_of(8000, 500)
    assert hands.since() == [("drop", 3000), ("drop", 2000), ("read", 8000)]
    hands.run(reading.piece(8500, 100))
    assert hands.since() == [("begin", 8500), ("begin", 9000), ("collect", 8500)]


def test_a_part_that_fails_surfaces_in_its_place_and_the_others_are_dropped(hands: Hands) -> None:
    reading = reading_on(hands)
    hands.failing = {1000}
    assert hands.run(reading.piece(500, 100)) == data_of(500, 500)
    hands.since()
    with pytest.raises(ConflictError):
        hands.run(reading.piece(1000, 100))
    log = hands.since()
    assert log[-4:] == [("collect", 1000), ("drop", 3000), ("drop", 2000), ("drop", 1000)]
    hands.failing = set()
    assert hands.run(reading.piece(1000, 100)) == data_of(1000, 1000)
    assert hands.since() == [("begin", 1000), ("begin", 2000), ("collect", 1000)]


def test_a_part_that_fails_behind_the_last_one_read_concerns_nobody(hands: Hands) -> None:
    reading = reading_on(hands)
    hands.failing = {1000}
    hands.run(reading.piece(500, 100))
    hands.since()
    hands.run(reading.drop())
    assert hands.since() == [("drop", 1000)]
    hands.run(reading.drop())
    assert hands.since() == []


def test_a_part_that_is_too_short_is_followed_by_what_was_missing(hands: Hands) -> None:
    def short(start: int, length: int) -> Plan[bytes]:
        return (yield Call(data_of, (start, min(length, 300)), {}))

    reading = ReadAhead(short, 10_000)
    reading.note(0, data_of(0, PIECE))
    assert hands.run(reading.piece(500, 100)) == data_of(500, 300)
    hands.since()
    assert hands.run(reading.piece(800, 100)) == data_of(800, 200)
    assert hands.since() == [("drop", 1000), ("begin", 800), ("begin", 1000), ("collect", 800)]


def test_dropping_that_is_interrupted_goes_on_where_it_was(hands: Hands) -> None:
    reading = reading_on(hands)
    hands.run(reading.piece(500, 100))
    hands.run(reading.piece(1000, 100))
    dropping = reading.drop()
    assert dropping.send(None).errand[0] == 3000  # type: ignore[union-attr]
    with pytest.raises(KeyboardInterrupt):
        dropping.throw(KeyboardInterrupt())
    hands.since()
    hands.run(reading.drop())
    assert hands.since() == [("drop", 3000), ("drop", 2000)]
