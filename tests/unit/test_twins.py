"""The synchronous and the asynchronous stores: the same methods, signatures and documentation."""

from __future__ import annotations

import inspect
import typing

import pytest

from statekit.objects import (
    AsyncObjectReader,
    AsyncObjectStore,
    AsyncObjectWriter,
    ObjectReader,
    ObjectStore,
    ObjectWriter,
)
from statekit.scratch import AsyncScratchSpace, AsyncWorkspace, ScratchSpace, Workspace
from statekit.sessions import AsyncSessionStore, SessionStore
from statekit.state import AsyncState, State
from statekit.tickets import AsyncTicketStore, TicketStore

STORES = [
    (SessionStore, AsyncSessionStore),
    (ObjectStore, AsyncObjectStore),
    (TicketStore, AsyncTicketStore),
    (ScratchSpace, AsyncScratchSpace),
    (Workspace, AsyncWorkspace),
]
PLAIN = {"list": AsyncObjectStore, "workspace": AsyncScratchSpace}
"""Returns an asynchronous iterator, or something to enter, and is no coroutine function."""
COLOURED = {"data", "objects"}
"""Arguments that may be, or are, asynchronous where the store is."""
SHARED = set(Workspace.__mro__) & set(AsyncWorkspace.__mro__)


def public(kind: type) -> dict[str, object]:
    """Return its methods, those included that it inherits, but for what both twins share."""
    parts = [part for part in reversed(kind.__mro__[:-1]) if part not in SHARED]
    return {name: found for part in parts for name, found in vars(part).items() if not name.startswith("_")}


@pytest.mark.parametrize(("one", "other"), [*STORES, (State, AsyncState)], ids=lambda kind: kind.__name__)
class TestTwins:
    def test_have_the_same_methods(self, one: type, other: type) -> None:
        assert public(one).keys() == public(other).keys()

    def test_take_the_same_arguments(self, one: type, other: type) -> None:
        for name, method in public(one).items():
            mine, twin = inspect.signature(method), inspect.signature(public(other)[name])  # type: ignore[arg-type]
            assert list(mine.parameters) == list(twin.parameters), name
            for parameter, of_twin in zip(mine.parameters.values(), twin.parameters.values(), strict=True):
                assert (parameter.kind, parameter.default) == (of_twin.kind, of_twin.default), name
                if parameter.name not in COLOURED:
                    assert parameter.annotation == of_twin.annotation, name

    def test_return_the_same(self, one: type, other: type) -> None:
        for name, method in public(one).items():
            mine = str(inspect.signature(method).return_annotation)  # type: ignore[arg-type]
            twin = str(inspect.signature(public(other)[name]).return_annotation)  # type: ignore[arg-type]
            assert (
                mine.replace("Iterator", "AsyncIterator").replace("Object", "AsyncObject").replace("Work", "AsyncWork")
                == twin.replace("AsyncObject", "Object").replace("Object", "AsyncObject")
                or mine == twin
            ), name

    def test_differ_in_colour(self, one: type, other: type) -> None:
        for name in public(one):
            assert not inspect.iscoroutinefunction(public(one)[name]), name
            if PLAIN.get(name) is not other:
                assert inspect.iscoroutinefunction(public(other)[name]), name

    def test_are_documented(self, one: type, other: type) -> None:
        for kind in (one, other):
            assert kind.__doc__
            for name, method in public(kind).items():
                assert getattr(method, "__doc__", None), f"{kind.__name__}.{name}"


@pytest.mark.parametrize("kind", [kind for pair in STORES for kind in pair], ids=lambda kind: kind.__name__)
def test_every_operation_takes_a_timeout(kind: type) -> None:
    for name, method in public(kind).items():
        timeout = inspect.signature(method).parameters["timeout"]  # type: ignore[arg-type]
        assert (timeout.kind, timeout.default) == (inspect.Parameter.KEYWORD_ONLY, None), name


@pytest.mark.parametrize("kind", [kind for pair in STORES for kind in pair], ids=lambda kind: kind.__name__)
def test_annotations_can_be_evaluated(kind: type) -> None:
    for method in public(kind).values():
        names = {"list": list, "ObjectStore": ObjectStore, "AsyncObjectStore": AsyncObjectStore}
        typing.get_type_hints(method, localns=names)


def test_the_files_of_both_offer_the_same() -> None:
    wanted = {"read", "seek", "close", "info"}
    for kind in (ObjectReader, AsyncObjectReader):
        assert wanted - {"info"} <= {name for name in dir(kind) if not name.startswith("_")}
    extra = {"flush", "readable", "writable", "seekable"}
    assert public(ObjectWriter).keys() - extra == public(AsyncObjectWriter).keys()


def test_the_asynchronous_documentation_points_to_the_other() -> None:
    for one, other in STORES:
        for name in public(one):
            assert f"See {one.__name__}.{name}." in (public(other)[name].__doc__ or ""), name
