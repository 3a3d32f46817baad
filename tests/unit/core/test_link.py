"""The way to an opened backend: once, again after a fork, and never after close."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from typing import Any

import pytest

from statekit._core.link import Link
from statekit.backends.memory.records import MemoryRecords
from statekit.driver import Drivers, Opening
from statekit.errors import ClosedError, ConfigError, UnsupportedError
from statekit.testing import FakeClock, backend_of


def link_of(opened: list[Opening[Any]], drivers: Drivers | None = None, *, asynchronous: bool = False) -> Link:
    def opener(opening: Opening[Any]) -> Drivers:
        opened.append(opening)
        return drivers or Drivers(records=MemoryRecords())

    backend = replace(backend_of(records=MemoryRecords()), open=opener)
    opening = Opening(
        scheme="test",
        authority="",
        path="",
        options=backend.options(),
        client=None,
        attempt_timeout=1.0,
        concurrency=1,
        clock=FakeClock(),
    )
    return Link(backend, opening, asynchronous=asynchronous)


def test_nothing_is_opened_before_the_first_use_and_then_once() -> None:
    opened: list[Opening[Any]] = []
    link = link_of(opened)
    assert opened == []
    assert link.records() is link.records()
    assert len(opened) == 1


def test_many_threads_open_it_once() -> None:
    opened: list[Opening[Any]] = []
    link = link_of(opened)
    start = threading.Barrier(8)

    def use() -> None:
        start.wait()
        link.records()

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 1


def test_a_store_that_the_backend_does_not_offer_is_unsupported() -> None:
    link = link_of([])
    with pytest.raises(UnsupportedError, match="holds no objects"):
        link.objects()
    with pytest.raises(UnsupportedError, match="holds no records"):
        link_of([], Drivers()).records()


def test_what_was_taken_for_closing_is_never_opened_again() -> None:
    opened: list[Opening[Any]] = []
    link = link_of(opened)
    link.records()
    assert link.take() is not None
    assert link.take() is None
    with pytest.raises(ClosedError):
        link.records()
    assert len(opened) == 1


def test_what_was_never_opened_needs_no_closing() -> None:
    opened: list[Opening[Any]] = []
    link = link_of(opened)
    assert link.take() is None
    assert opened == []


def test_an_asynchronous_backend_needs_an_asynchronous_state() -> None:
    backend = replace(backend_of(records=MemoryRecords(), native=True), open=None)
    opening = link_of([]).opening
    assert Link(backend, opening, asynchronous=True).native
    with pytest.raises(ConfigError, match="aopen"):
        Link(backend, opening, asynchronous=False)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_opens_its_own_and_does_not_touch_its_parent_s() -> None:
    class Connection(MemoryRecords):
        def __del__(self) -> None:
            if os.getpid() != parent:
                os._exit(9)

    parent = os.getpid()
    opened: list[Opening[Any]] = []

    def opener(opening: Opening[Any]) -> Drivers:
        opened.append(opening)
        return Drivers(records=Connection())

    link = link_of([])
    link.backend = replace(link.backend, open=opener)
    mine = link.records()
    child = os.fork()
    if child == 0:
        import gc

        inherited = id(mine)
        del mine
        own = link.records()
        gc.collect()
        os._exit(0 if id(own) != inherited and len(opened) == 2 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert link.records() is mine
    assert len(opened) == 1
