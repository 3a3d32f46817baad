"""What an application holds: opening, closing, forking, threads, events, and that nothing secret is ever shown."""

from __future__ import annotations

import asyncio
import copy
import logging
import os
import pickle
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from statekit._core.clock import SystemClock
from statekit.backends.memory.records import MemoryRecords
from statekit.driver import Drivers, Fault, Page, Record
from statekit.errors import BackendError, ClosedError, StateError, UnsupportedError
from statekit.state import AsyncState, State
from statekit.testing import FakeClock, FaultyDriver, ScriptedDriver, backend_of
from statekit.types import Swept
from tests.plans.states import Heard, async_state_of, memory_objects, settings_for, state_of


def closing_backend(closed: list[str], **drivers: Any) -> Any:
    backend = backend_of(**drivers)
    return replace(backend, open=lambda _: Drivers(**drivers, close=lambda: closed.append("closed")))


class TestClosing:
    def test_closes_what_was_opened_once(self) -> None:
        closed: list[str] = []
        state = State(settings_for(closing_backend(closed, records=MemoryRecords())))
        state.sessions.create()
        state.close()
        state.close()
        assert closed == ["closed"]

    def test_opens_nothing_to_close_it(self) -> None:
        closed: list[str] = []
        with State(settings_for(closing_backend(closed, records=MemoryRecords()))):
            pass
        assert closed == []

    def test_refuses_everything_afterwards_and_says_so_in_its_events(self) -> None:
        heard = Heard()
        state = state_of(heard=heard)
        session = state.sessions.create(owner="u")
        session["a"] = 1
        heard.clear()
        state.close()
        sessions = state.sessions
        calls: list[Callable[[], Any]] = [
            lambda: sessions.create(),
            lambda: sessions.load(session.id),
            lambda: sessions.load("malformed"),
            lambda: sessions.save(session),
            lambda: sessions.update(session.id, len),
            lambda: sessions.touch(session),
            lambda: sessions.rotate(session),
            lambda: sessions.destroy(session),
            lambda: sessions.list("u"),
            lambda: sessions.revoke("x"),
            lambda: sessions.revoke_all("u"),
            lambda: sessions.owner_mark("u"),
            lambda: sessions.sweep(),
            lambda: state.check(),
            lambda: state.sweep(),
        ]
        for call in calls:
            with pytest.raises(ClosedError) as raised:
                call()
            assert raised.value.op is not None
        assert heard.outcomes() == ["ClosedError"] * len(calls)

    def test_in_the_middle_of_an_operation_ends_it(self) -> None:
        state: State

        def close_it(*args: Any, **kwargs: Any) -> Any:
            state.close()
            raise ConnectionResetError

        state = state_of(records=ScriptedDriver(close_it))
        with pytest.raises((ClosedError, BackendError)):
            state.sessions.load("A" * 43)

    def test_of_an_asynchronous_state_awaits_what_closes(self) -> None:
        closed: list[str] = []

        async def main() -> None:
            state = AsyncState(settings_for(closing_backend(closed, records=MemoryRecords())))
            await state.sessions.create()
            await state.close()
            await state.close()
            with pytest.raises(ClosedError):
                await state.sessions.create()

        asyncio.run(main())
        assert closed == ["closed"]

    def test_closes_the_other_backend_when_one_cannot_be_closed(self) -> None:
        def failing() -> None:
            raise OSError("one")

        def targets(closed: list[str]) -> Any:
            good = settings_for(closing_backend(closed, records=MemoryRecords(), objects=memory_objects(FakeClock())))
            bad = backend_of(objects=memory_objects(FakeClock()), name="bad")
            bad = replace(bad, open=lambda _: Drivers(objects=memory_objects(FakeClock()), close=failing))
            return replace(good, objects=settings_for(bad).objects)

        closed: list[str] = []
        state = State(targets(closed))
        state.sessions.create()
        state.objects.exists("a")
        with pytest.raises(OSError, match="one"):
            state.close()
        assert closed == ["closed"]

        async def main() -> None:
            asynchronous = AsyncState(targets(closed))
            await asynchronous.sessions.create()
            await asynchronous.objects.exists("a")
            with pytest.raises(OSError, match="one"):
                await asynchronous.close()

        asyncio.run(main())
        assert closed == ["closed"] * 2

    def test_leaves_no_thread_behind(self) -> None:
        before = set(threading.enumerate())

        async def main() -> None:
            async with async_state_of(clock=SystemClock()) as state:
                await state.sessions.create(owner="u")
                await asyncio.gather(*(state.sessions.create(owner="u") for _ in range(20)))

        asyncio.run(main())
        with state_of() as state:
            for _ in range(10):
                state.sessions.create(owner="u")
            state.sessions.revoke_all("u")
        left = [t for t in threading.enumerate() if t not in before and t.name.startswith("statekit")]
        assert left == []


class TestItself:
    @pytest.mark.parametrize("make", [state_of, async_state_of])
    def test_does_not_pickle_and_says_what_to_do(self, make: Callable[..., Any]) -> None:
        for copying in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="open one in each process"):
                copying(make())

    def test_says_where_things_are(self) -> None:
        assert repr(state_of()) == "<State: sessions on test, objects on test>"
        assert repr(async_state_of()) == "<AsyncState: sessions on test, objects on test>"
        assert repr(state_of().sessions) == "<SessionStore on test>"
        assert repr(async_state_of().objects) == "<AsyncObjectStore on test>"

    def test_opens_a_backend_of_two_stores_once(self) -> None:
        opened: list[int] = []
        clock = FakeClock()
        backend = backend_of(records=MemoryRecords(), objects=memory_objects(clock))
        real = backend.open
        assert real is not None
        backend = replace(backend, open=lambda opening: opened.append(1) or real(opening))
        state = State(settings_for(backend), clock=clock)
        assert opened == []
        state.sessions.create()
        state.objects.put("a", b"")
        assert opened == [1]

    def test_a_store_that_the_backend_does_not_have_is_unsupported_when_it_is_used(self) -> None:
        state = state_of(records=MemoryRecords())
        with pytest.raises(UnsupportedError) as raised:
            state.objects.get("a")
        assert (raised.value.op, raised.value.clause) == ("objects.get", "P-09")
        assert state.sweep() == Swept()

    def test_check_makes_a_round_trip_with_each_driver(self) -> None:
        records, objects = ScriptedDriver(None), ScriptedDriver(None)
        assert state_of(records=records, objects=objects).check() == ()
        assert [asked.method for asked in records.calls + objects.calls] == ["read", "stat"]

    def test_check_raises_what_is_wrong(self) -> None:
        with pytest.raises(BackendError) as raised:
            state_of(records=ScriptedDriver(Fault.DENIED)).check()
        assert (raised.value.op, raised.value.fault) == ("state.check", Fault.DENIED)

    def test_check_passes_on_what_the_backend_itself_finds(self) -> None:
        def finding(*found: str) -> State:
            backend = backend_of(records=MemoryRecords())
            return State(settings_for(replace(backend, open=lambda _: Drivers(records=MemoryRecords(), check=check))))

        def check() -> tuple[str, ...]:
            if found is None:
                raise OSError
            return found

        found: tuple[str, ...] | None = ("no persistence",)
        assert finding().check() == ("no persistence",)
        found = None
        with pytest.raises(BackendError):
            finding().check()


class TestForking:
    pytestmark = [
        pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork"),
        pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
    ]

    def test_a_child_opens_its_own_and_its_parent_s_keeps_working(self) -> None:
        opened: list[int] = []
        backend = backend_of(records=MemoryRecords())

        def opener(_: Any) -> Drivers:
            opened.append(os.getpid())
            return Drivers(records=MemoryRecords())

        state = State(settings_for(replace(backend, open=opener)))
        session = state.sessions.create(owner="u")
        for _ in range(3):
            state.sessions.create(owner="u")
        child = os.fork()
        if child == 0:
            code = 1
            try:
                own = state.sessions.create(owner="u")
                state.sessions.create(owner="u")
                fine = state.sessions.load(session.id) is None and state.sessions.load(own.id) is not None
                fine = fine and state.sessions.revoke_all("u") == 2
                state.close()
                code = 0 if fine and opened == [os.getppid(), os.getpid()] else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert state.sessions.load(session.id) is not None
        assert state.sessions.revoke_all("u") == 4
        assert opened == [os.getpid()]


class TestThreads:
    def test_many_count_together(self) -> None:
        state = state_of(clock=SystemClock())
        session = state.sessions.create({"n": 0}, owner="u")
        failures: list[BaseException] = []

        def count() -> None:
            try:
                for _ in range(10):
                    state.sessions.update(session.id, lambda s: s.update(n=s["n"] + 1))
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=count) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert state.sessions.load(session.id) == {"n": 80}

    def test_many_log_in_and_are_all_revoked(self) -> None:
        state = state_of(clock=SystemClock())
        ids: list[str] = []
        threads = [threading.Thread(target=lambda: ids.append(state.sessions.create(owner="u").id)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert state.sessions.revoke_all("u") == 20
        assert not any(state.sessions.load(identifier) for identifier in ids)


SECRET_VALUE, SECRET_KEY, SECRET_OWNER, SECRET_LABEL = "valuemarker", "keymarker", "ownermarker", "labelmarker"
SECRET_OBJECT = "folder/objectmarker.txt"
SECRETS = [SECRET_VALUE, SECRET_OWNER, SECRET_LABEL, "objectmarker", "enginemarker"]


def attempts(state: State) -> Iterator[Callable[[], Any]]:
    """Everything that can be done with secrets in hand, rightly and wrongly."""
    sessions, objects = state.sessions, state.objects
    session = sessions.create({"k": SECRET_VALUE}, owner=SECRET_OWNER, label=SECRET_LABEL)
    SEEN.append(session.id)
    [info] = sessions.list(SECRET_OWNER)
    yield lambda: sessions.create({"k": SECRET_VALUE}, owner=SECRET_OWNER * 100)
    yield lambda: sessions.create({"k": SECRET_VALUE}, label=SECRET_LABEL * 100)
    yield lambda: sessions.create({"k": {SECRET_VALUE}}, owner=SECRET_OWNER, since="stale")
    yield lambda: sessions.create({"k": [SECRET_VALUE, object()]})
    yield lambda: sessions.create({"k": SECRET_VALUE * 100_000})
    yield lambda: sessions.load(session.id)
    yield lambda: sessions.load(session.id + SECRET_VALUE)
    yield lambda: sessions.update(session.id, lambda s: s.update(k=SECRET_VALUE * 2))
    yield lambda: sessions.update(session.id[::-1], len)
    yield lambda: sessions.save(session, on_conflict=SECRET_VALUE)  # type: ignore[arg-type]
    yield lambda: sessions.rotate(session, owner="other")
    yield lambda: sessions.list(SECRET_OWNER)
    yield lambda: sessions.revoke(info.handle)
    yield lambda: sessions.save(session)
    yield lambda: sessions.touch(session)
    yield lambda: sessions.rotate(session)
    yield lambda: sessions.destroy(session.id)
    yield lambda: sessions.revoke_all(SECRET_OWNER, keep=session.id)
    yield lambda: sessions.owner_mark(SECRET_OWNER * 100)
    yield lambda: objects.put(SECRET_OBJECT, SECRET_VALUE.encode())
    yield lambda: objects.put(SECRET_OBJECT, SECRET_VALUE)  # type: ignore[arg-type]
    yield lambda: objects.put(SECRET_OBJECT, b"", metadata={"Not Lower": SECRET_VALUE})
    yield lambda: objects.put(SECRET_OBJECT, b"", metadata={"k": SECRET_VALUE * 1000})
    yield lambda: objects.put(SECRET_OBJECT, b"", content_type="ä" + SECRET_VALUE)
    yield lambda: objects.put(SECRET_OBJECT, b"", if_absent=True)
    yield lambda: objects.put(SECRET_OBJECT, b"", if_match=SECRET_VALUE)
    yield lambda: objects.put(SECRET_OBJECT + "//", b"")
    yield lambda: objects.get("nowhere/" + SECRET_OBJECT)
    yield lambda: objects.get(SECRET_OBJECT)
    yield lambda: objects.open("nowhere/" + SECRET_OBJECT)
    yield lambda: objects.delete(SECRET_OBJECT, if_match=SECRET_VALUE)
    yield lambda: objects.delete_many([SECRET_OBJECT, SECRET_OBJECT + "\\"])
    yield lambda: objects.copy(SECRET_OBJECT + "2", SECRET_OBJECT)
    yield lambda: list(objects.list("/" + SECRET_OBJECT))
    yield lambda: state.check()


SEEN: list[str] = []
ANSWERS = ("ObjectInfo(", "StoredObject(", "[SessionInfo(", "{")
"""What shows to the application what it asked for: an object's key, a device's label, the keys it deleted."""


class TestNothingSecretIsShown:
    @pytest.mark.parametrize("fault", [None, *Fault])
    @pytest.mark.parametrize("skip", range(3))
    def test_by_any_error_event_log_or_repr(
        self, fault: Fault | None, skip: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        clock, heard = FakeClock(), Heard()
        records, objects = FaultyDriver(MemoryRecords()), FaultyDriver(memory_objects(clock))
        state = state_of(records=records, objects=objects, clock=clock, heard=heard)
        SEEN.clear()
        shown: list[str] = [repr(state), repr(state.sessions), repr(state.objects)]
        failed = 0
        for attempt in attempts(state):
            if fault is not None:
                for driver in (records, objects):
                    driver._plans.clear()
                    driver.refuse(fault=fault, skip=skip, times=50)
            try:
                shown.append(repr(attempt()))
            except StateError as error:
                failed += 1
                shown += [str(error), repr(error), str(error.key), str(error.op)]
                shown += traceback.format_exception_only(error)
            for driver in (records, objects):
                driver._plans.clear()
        shown += [repr(event) for event in heard]
        shown += [record.getMessage() for record in caplog.records]
        assert failed > 10
        for secret in [*SECRETS, *SEEN]:
            found = [text for text in shown if secret in text and not text.startswith(ANSWERS)]
            assert found == [], f"{secret} is shown"

    def test_by_an_engine_s_own_words(self) -> None:
        def engine(*args: Any, **kwargs: Any) -> Any:
            raise OSError("enginemarker: redis://user:password@host/" + "A" * 43)

        state = state_of(records=ScriptedDriver(engine, engine, engine))
        with pytest.raises(BackendError) as raised:
            state.sessions.load("A" * 43)
        assert "enginemarker" not in str(raised.value) + repr(raised.value)
        assert "enginemarker" in str(raised.value.__cause__)


class TestEvents:
    def test_each_operation_emits_exactly_one(self) -> None:
        heard = Heard()
        state = state_of(heard=heard)
        sessions, objects = state.sessions, state.objects
        count = 0
        session = sessions.create({"a": 1}, owner="u")
        count += 1
        session["a"] = 2
        steps: list[tuple[str, Callable[[], Any]]] = [
            ("load", lambda: sessions.load(session.id)),
            ("load", lambda: sessions.load("malformed")),
            ("save", lambda: sessions.save(session)),
            ("update", lambda: sessions.update(session.id, lambda s: s.update(b=1))),
            ("touch", lambda: sessions.touch(session)),
            ("list", lambda: sessions.list("u")),
            ("owner_mark", lambda: sessions.owner_mark("u")),
            ("rotate", lambda: sessions.rotate(session)),
            ("revoke", lambda: sessions.revoke("nothing")),
            ("revoke_all", lambda: sessions.revoke_all("u")),
            ("destroy", lambda: sessions.destroy(session)),
            ("sweep", lambda: sessions.sweep()),
            ("put", lambda: objects.put("a", b"x")),
            ("get", lambda: objects.get("a")),
            ("stat", lambda: objects.stat("a")),
            ("exists", lambda: objects.exists("a")),
            ("copy", lambda: objects.copy("a", "b")),
            ("list", lambda: list(objects.list())),
            ("delete", lambda: objects.delete("a")),
            ("delete_many", lambda: objects.delete_many(["a", "b"])),
            ("sweep", lambda: objects.sweep()),
            ("read", lambda: objects.put("a", b"x") and objects.open("a").close()),
            ("write", lambda: objects.open("a", "wb").close()),
            ("check", lambda: state.check()),
        ]
        for name, step in steps:
            heard.clear()
            step()
            assert [event.operation for event in heard][-1:] == [name]
            assert len(heard) == (2 if name == "read" else 1), name
            assert heard.last.outcome == "ok"
        assert count == 1

    def test_they_say_how_much_was_sent_and_how_often(self) -> None:
        heard = Heard()
        records = FaultyDriver(MemoryRecords())
        state = state_of(records=records, heard=heard)
        records.refuse("write", times=2)
        state.sessions.create({"a": b"x" * 1000})
        assert heard.last.attempts == 3
        assert 1000 < heard.last.size < 1050
        assert heard.last.seconds > 0


def test_a_listing_that_never_ends_ends_with_the_pages() -> None:
    driver = ScriptedDriver(Page((), "1"), Page((), "2"), Page((), None))
    assert list(state_of(objects=driver).objects.list()) == []
    assert [asked.kwargs["cursor"] for asked in driver.calls] == [None, "1", "2"]


def test_a_sealed_state_reads_with_the_same_keys_only() -> None:
    memory = MemoryRecords()
    key, other = "A" * 43 + "=", "B" * 42 + "A="
    one = state_of(records=memory, keys=(key,))
    session = one.sessions.create({"a": "plaintextmarker"})
    assert not any(b"plaintextmarker" in record.value for record in memory._records.values())
    assert state_of(records=memory, keys=(other, key)).sessions.load(session.id) == {"a": "plaintextmarker"}
    for keys in ((), (other,)):
        with pytest.raises(StateError):
            state_of(records=memory, keys=keys).sessions.load(session.id)


def test_a_sealed_session_that_is_moved_to_another_key_does_not_verify() -> None:
    memory = MemoryRecords()
    state = state_of(records=memory, keys=("A" * 43 + "=",))
    one, other = state.sessions.create({"a": 1}), state.sessions.create({"a": 2})
    keys = list(memory._records)
    moved: Record = memory._records[keys[0]]
    memory._records[keys[1]] = moved
    outcomes = []
    for session in (one, other):
        try:
            outcomes.append(state.sessions.load(session.id))
        except StateError as error:
            outcomes.append(type(error).__name__)
    assert "CorruptDataError" in outcomes
