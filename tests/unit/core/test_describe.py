"""Between what applications say of an object and what drivers store of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from statekit._core.objects.describe import NOTHING, Put, expectation, info_of, replaced, replaced_by
from statekit.driver import ABSENT, ANY, Match, Meta, Stat
from statekit.errors import InvalidInputError, LimitExceededError
from statekit.types import ObjectInfo

INFO = ObjectInfo("a", "v1", 1, datetime.now(UTC), write_id="w1")
FOREIGN = ObjectInfo("a", "v1", 1, datetime.now(UTC))


@pytest.mark.parametrize(
    ("if_absent", "if_match", "expected"),
    [(False, None, ANY), (True, None, ABSENT), (False, "v1", Match("v1")), (False, INFO, Match("v1"))],
)
def test_conditions_become_expectations(if_absent, if_match, expected) -> None:
    assert expectation(if_absent=if_absent, if_match=if_match) == expected


def test_both_conditions_at_once_are_refused() -> None:
    with pytest.raises(InvalidInputError):
        Put(if_absent=True, if_match="v").expect()


@pytest.mark.parametrize(
    ("put", "named"),
    [
        (Put(), None),
        (Put(if_absent=True), NOTHING),
        (Put(if_match="v1"), "v1"),
        (Put(if_match=INFO), "w1"),
        (Put(if_match=FOREIGN), "v1"),
    ],
)
def test_a_write_names_what_it_replaces(put: Put, named: str | None) -> None:
    assert put.meta().replaces == named
    assert replaced_by(put.expect(), put.if_match) == named


def test_each_write_has_its_own_id() -> None:
    assert Put().meta().write_id != Put().meta().write_id


@pytest.mark.parametrize("replaces", ["w1", "v1"])
def test_what_replaced_a_version_says_so_by_either_name(replaces: str) -> None:
    stat = Stat("a", "v2", 1, 0, Meta(write_id="w2", replaces=replaces), None)
    assert replaced(stat, Match("v1"), INFO)


@pytest.mark.parametrize("meta", [None, Meta(), Meta(write_id="w2", replaces="other"), Meta(replaces=NOTHING)])
def test_what_replaced_something_else_does_not(meta: Meta | None) -> None:
    assert not replaced(Stat("a", "v2", 1, 0, meta, None), Match("v1"), INFO)


@pytest.mark.parametrize("header", ["content_type", "cache_control", "content_disposition"])
@pytest.mark.parametrize(("value", "error"), [("ä", InvalidInputError), ("x" * 256, LimitExceededError)])
def test_a_header_that_no_engine_takes_is_refused(header: str, value: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        Put(**{header: value}).meta()


def test_an_object_of_others_is_described_without_metadata() -> None:
    info = info_of("a", Stat("ns/a", "v", 3, 1_500, None, None))
    assert info == ObjectInfo("a", "v", 3, datetime.fromtimestamp(1.5, UTC), metadata={})
