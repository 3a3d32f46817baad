"""Every error that statekit raises: its tree, its attributes, and that it is raised somewhere."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from pathlib import Path

import pytest

from statekit import errors
from statekit.errors import (
    BackendError,
    ConflictError,
    Fault,
    IndeterminateError,
    InvalidInputError,
    NotFoundError,
    StateError,
    UnserialisableError,
)

CLASSES = [found for _, found in inspect.getmembers(errors, inspect.isclass) if issubclass(found, StateError)]
SOURCE = Path(errors.__file__).parent


def test_everything_is_exported_and_nothing_else() -> None:
    assert sorted(errors.__all__) == sorted([*(found.__name__ for found in CLASSES), "Fault"])


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
class TestEvery:
    def test_error_can_be_made_of_nothing_and_of_a_message(self, kind: type[StateError]) -> None:
        assert str(kind()) == ""
        assert str(kind("what was attempted")) == "what was attempted"

    def test_error_starts_without_a_name(self, kind: type[StateError]) -> None:
        error = kind("x")
        assert (error.op, error.store, error.backend, error.key, error.clause) == (None,) * 5

    @pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
    def test_error_pickles_with_every_attribute(self, kind: type[StateError], protocol: int) -> None:
        error = kind("x", clause="S-01")
        error.op, error.store, error.backend, error.key = "sessions.save", "sessions", "redis", "k…"
        if isinstance(error, ConflictError):
            error.current = "v7"
        if isinstance(error, BackendError):
            error.fault, error.retry_after = Fault.THROTTLED, 2.5
        again = pickle.loads(pickle.dumps(error, protocol))
        assert type(again) is kind
        assert again.args == error.args
        assert vars(again) == vars(error)

    def test_error_pickles_without_its_cause(self, kind: type[StateError]) -> None:
        error = kind("x")
        error.__cause__ = OSError(lambda: "what cannot be pickled")
        assert str(pickle.loads(pickle.dumps(error))) == "x"

    def test_error_copies(self, kind: type[StateError]) -> None:
        error = kind("x", clause="E-01")
        error.op = "objects.get"
        for again in (copy.copy(error), copy.deepcopy(error)):
            assert (type(again), again.op, again.clause, str(again)) == (kind, "objects.get", "E-01", "x")

    def test_error_is_documented(self, kind: type[StateError]) -> None:
        assert kind.__doc__
        assert kind.__name__ in (errors.__doc__ or "")

    def test_error_is_raised_somewhere(self, kind: type[StateError]) -> None:
        if kind in (StateError, InvalidInputError):
            pytest.skip("it is a common base")
        made = re.compile(rf"\b{kind.__name__}\(|\({kind.__name__}, ")
        places = [
            path
            for path in SOURCE.rglob("*.py")
            if path.name != "errors.py" and "testing" not in path.parts and made.search(path.read_text())
        ]
        assert places, f"nobody raises {kind.__name__}"


def test_what_python_calls_the_same_can_be_caught_as_that() -> None:
    assert issubclass(NotFoundError, LookupError)
    assert issubclass(InvalidInputError, ValueError)
    assert issubclass(UnserialisableError, TypeError)


def test_the_tree_is_as_it_is_drawn() -> None:
    drawn: dict[str, int] = {}
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^([ │├└─]*)([A-Z]\w+Error|StateError)\b", line)
        if found:
            drawn[found[2]] = len(found[1].replace("    ", "", 1)) // 4
    for kind in CLASSES:
        depth = len([base for base in kind.__mro__ if issubclass(base, StateError)]) - 1
        assert drawn[kind.__name__] == depth, kind


def test_only_what_passes_by_itself_is_retryable() -> None:
    assert BackendError("x", fault=Fault.THROTTLED).retryable
    assert not BackendError("x", fault=Fault.DENIED).retryable
    assert BackendError("x").fault is Fault.UNKNOWN
    assert not IndeterminateError("x").retryable
