"""Object stores over the memory backend and faulty drivers, with parts of 1,000 bytes."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statekit._core.objects import ahead, files, plans, writing
from statekit.driver import UNSEEN, Chunk, Committed, Fault, Gone, Meta, Parts, Refused, Stat
from statekit.errors import (
    BackendError,
    ClosedError,
    ConflictError,
    CorruptDataError,
    DeniedError,
    IndeterminateError,
    InvalidInputError,
    InvalidKeyError,
    LimitExceededError,
    NotFoundError,
    StateError,
    UnavailableError,
    UnsupportedError,
)
from statekit.testing import FakeClock, FaultyDriver, ScriptedDriver
from statekit.types import Prefix
from tests.plans.states import Heard, async_state_of, memory_objects, state_of

PART = 1000
SIZES = [0, 1, 999, 1000, 1001, 1999, 2000, 2001, 10_500]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (plans, writing, files, ahead):
        monkeypatch.setattr(module, "PART", PART)
    for module in (ahead, files):
        monkeypatch.setattr(module, "PIECE", PART)


class Store:
    """A state, and what stands behind it."""

    def __init__(self, **options: Any) -> None:
        self.clock = FakeClock()
        self.memory = memory_objects(self.clock)
        self.driver = FaultyDriver(self.memory)
        self.heard = Heard()
        self.state = state_of(objects=self.driver, clock=self.clock, heard=self.heard, **options)
        self.objects = self.state.objects

    @property
    def uploads(self) -> int:
        return len(self.memory._uploads)


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store()
    yield store
    store.state.close()


def scripted(*answers: Any) -> tuple[Any, ScriptedDriver]:
    driver = ScriptedDriver(*answers)
    return state_of(objects=driver).objects, driver


def data_of(size: int) -> bytes:
    return bytes(n * 7 % 251 for n in range(size))


class Drip(io.RawIOBase):
    """A file that gives a few bytes at a time and cannot go back."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(size, 333))


def pieces(data: bytes, size: int = 700) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]
    yield b""


class TestPutting:
    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("kind", ["bytes", "bytearray", "memoryview", "file", "drip", "path", "pieces", "list"])
    def test_any_data_of_any_length_comes_back(self, store: Store, size: int, kind: str, tmp_path: Path) -> None:
        data = data_of(size)
        path = tmp_path / "file"
        path.write_bytes(data)
        given: Any = {
            "bytes": lambda: data,
            "bytearray": lambda: bytearray(data),
            "memoryview": lambda: memoryview(data),
            "file": lambda: io.BytesIO(data),
            "drip": lambda: Drip(data),
            "path": lambda: path,
            "pieces": lambda: pieces(data),
            "list": lambda: list(pieces(data)),
        }[kind]()
        info = store.objects.put("a", given)
        found = store.objects.get("a")
        assert found.data == data
        assert found.info == info
        assert info.size == size
        assert store.uploads == 0

    def test_a_small_one_is_one_request(self, store: Store) -> None:
        store.objects.put("a", b"x" * 1000)
        assert store.driver.calls == ["write"]

    def test_a_large_one_goes_in_parts(self, store: Store) -> None:
        store.objects.put("a", b"x" * 1001)
        assert store.driver.calls[0] == "begin"
        assert sorted(store.driver.calls) == ["begin", "finish", "part", "part"]

    def test_a_file_is_read_from_where_it_stands(self, store: Store) -> None:
        file = io.BytesIO(b"0123456789")
        file.seek(4)
        store.objects.put("a", file)
        assert store.objects.get("a").data == b"456789"
        assert not file.closed

    @pytest.mark.parametrize(
        "data", ["text", 7, None, object(), io.StringIO("text"), ["text"], iter([b"x", None, b"y"])]
    )
    def test_what_is_not_bytes_is_refused_and_nothing_is_stored(self, store: Store, data: Any) -> None:
        with pytest.raises(InvalidInputError):
            store.objects.put("a", data)
        assert not store.objects.exists("a")

    def test_a_piece_that_is_nothing_does_not_end_the_object_early(self, store: Store) -> None:
        with pytest.raises(InvalidInputError):
            store.objects.put("a", iter([b"x" * 5000, None, b"y"]))  # type: ignore[list-item]
        assert not store.objects.exists("a")
        assert store.uploads == 0

    def test_an_async_iterator_is_for_the_asynchronous_store(self, store: Store) -> None:
        async def items() -> AsyncIterator[bytes]:
            yield b"x"

        with pytest.raises(TypeError, match="asynchronous"):
            store.objects.put("a", items())  # type: ignore[arg-type]

    def test_a_path_that_is_not_there_is_the_application_s_error(self, store: Store, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            store.objects.put("a", tmp_path / "none")

    def test_everything_beside_the_bytes_comes_back(self, store: Store) -> None:
        for size in (10, 2500):
            store.objects.put(
                "a",
                b"x" * size,
                content_type="text/plain",
                cache_control="no-store",
                content_disposition="attachment",
                metadata={"name": "naïve  file ✓"},
            )
            info = store.objects.stat("a")
            assert (info.content_type, info.cache_control, info.content_disposition) == (
                "text/plain",
                "no-store",
                "attachment",
            )
            assert info.metadata == {"name": "naïve  file ✓"}
            assert info.write_id

    @pytest.mark.parametrize("size", [10, 2500])
    def test_conditions_hold_at_every_size(self, store: Store, size: int) -> None:
        data = b"x" * size
        first = store.objects.put("a", data, if_absent=True)
        with pytest.raises(ConflictError) as raised:
            store.objects.put("a", data, if_absent=True)
        assert raised.value.current == first.version
        second = store.objects.put("a", b"y" * size, if_match=first)
        with pytest.raises(ConflictError):
            store.objects.put("a", data, if_match=first.version)
        assert store.objects.get("a").info.version == second.version
        assert store.uploads == 0

    def test_two_conditions_exclude_each_other(self, store: Store) -> None:
        with pytest.raises(InvalidInputError):
            store.objects.put("a", b"", if_absent=True, if_match="v")
        assert store.driver.calls == []

    def test_a_driver_without_parts_takes_small_objects_only(self) -> None:
        class Small:
            def __init__(self) -> None:
                self._memory = memory_objects(FakeClock())

            def __getattr__(self, name: str) -> Any:
                if name in ("begin", "part", "parts", "finish", "abort", "uploads"):
                    raise AttributeError(name)
                return getattr(self._memory, name)

        objects = state_of(objects=Small()).objects
        objects.put("a", b"x" * 1000)
        with pytest.raises(UnsupportedError):
            objects.put("b", b"x" * 1001)
        assert objects.sweep().uploads == 0


class TestParts:
    @pytest.mark.parametrize("size", [2001, 2999, 3000, 3001, 3003, 5000, 10_000])
    def test_data_of_a_known_size_always_fit(self, store: Store, size: int) -> None:
        store.memory.parts = Parts(smallest=1, largest=1 << 30, most=3)  # type: ignore[misc]
        assert store.objects.put("a", b"x" * size).size == size
        assert store.objects.get("a").data == b"x" * size

    def test_data_of_unknown_size_fit_or_are_refused_and_leave_nothing(self, store: Store) -> None:
        store.memory.parts = Parts(smallest=1, largest=1 << 30, most=3)  # type: ignore[misc]
        store.objects.put("a", pieces(b"x" * 3000))
        with pytest.raises(LimitExceededError):
            store.objects.put("b", pieces(b"x" * 3001))
        assert store.uploads == 0

    def test_at_most_four_are_on_their_way(self, store: Store) -> None:
        import threading

        lock, now, most = threading.Lock(), [0], [0]
        real = store.memory.part

        def part(*args: Any, **kwargs: Any) -> Any:
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            try:
                return real(*args, **kwargs)
            finally:
                with lock:
                    now[0] -= 1

        store.memory.part = part  # type: ignore[method-assign]
        store.objects.put("a", data_of(20_500))
        assert 1 <= most[0] <= 4
        assert store.objects.get("a").data == data_of(20_500)


FAILURES = [OSError("source"), KeyboardInterrupt(), ConflictError("mine")]


class TestAPutThatFails:
    @pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
    @pytest.mark.parametrize("after", [500, 1500, 7000])
    def test_because_its_source_does_leaves_what_was_there(
        self, store: Store, error: BaseException, after: int
    ) -> None:
        def items() -> Iterator[bytes]:
            yield b"x" * after
            raise error

        store.objects.put("a", b"before")
        with pytest.raises(type(error)):
            store.objects.put("a", items())
        assert store.objects.get("a").data == b"before"
        assert store.uploads == 0
        assert store.heard[-2].outcome == type(error).__name__

    @pytest.mark.parametrize("skip", range(6))
    def test_because_a_part_does_leaves_nothing(self, store: Store, skip: int) -> None:
        store.driver.refuse("part", fault=Fault.DENIED, skip=skip)
        with pytest.raises(DeniedError):
            store.objects.put("a", data_of(5500))
        assert store.uploads == 0
        assert not store.objects.exists("a")
        assert "abort" in store.driver.calls

    @pytest.mark.parametrize("method", ["part", "finish"])
    def test_because_the_engine_is_gone_leaves_the_parts_to_the_sweep(self, store: Store, method: str) -> None:
        store.driver.refuse(method, times=10_000)
        store.driver.refuse("abort", times=10_000)
        with pytest.raises(UnavailableError):
            store.objects.put("a", data_of(2500))
        assert store.uploads == 1
        store.driver._plans.clear()
        assert store.objects.sweep().uploads == 0
        store.clock.advance(25 * 3600)
        assert store.objects.sweep().uploads == 1
        assert store.uploads == 0

    def test_because_it_is_cancelled_leaves_nothing(self) -> None:
        async def main() -> None:
            clock = FakeClock()
            memory = memory_objects(clock)
            for native in (False, True):
                state = async_state_of(objects=memory, clock=clock, native=native)

                async def endless() -> AsyncIterator[bytes]:
                    while True:
                        yield b"x" * 700
                        await asyncio.sleep(0)

                task = asyncio.create_task(state.objects.put("a", endless()))
                while not any(upload.parts for upload in memory._uploads.values()):
                    await asyncio.sleep(0)
                task.cancel()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert memory._uploads == {}
                assert await state.objects.exists("a") is False
                await state.close()

        asyncio.run(main())

    def test_and_is_cancelled_while_it_cleans_up_leaves_nothing(self) -> None:
        async def main() -> None:
            clock = FakeClock()
            memory = memory_objects(clock)
            aborting, go_on = asyncio.Event(), asyncio.Event()

            class Slow:
                def __getattr__(self, name: str) -> Any:
                    found = getattr(memory, name)
                    if not callable(found) or name == "fault":
                        return found

                    async def method(*args: Any, **kwargs: Any) -> Any:
                        if name == "abort" and not aborting.is_set():
                            aborting.set()
                            await go_on.wait()
                        return found(*args, **kwargs)

                    return method

                async def read(self, *args: Any, **kwargs: Any) -> Any:
                    return memory.read(*args, **kwargs)

            def items() -> Iterator[bytes]:
                yield b"x" * 5000
                raise OSError

            state = async_state_of(objects=Slow(), clock=clock, native=True)
            task = asyncio.create_task(state.objects.put("a", items()))
            await aborting.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert memory._uploads == {}
            await state.close()

        asyncio.run(main())


class TestALostReply:
    @pytest.mark.parametrize("size", [10, 2500])
    @pytest.mark.parametrize("condition", [{}, {"if_absent": True}])
    def test_is_settled_by_the_write_id(self, store: Store, size: int, condition: dict[str, Any]) -> None:
        store.driver.lose_reply("finish" if size > PART else "write")
        info = store.objects.put("a", data_of(size), **condition)
        assert store.objects.stat("a").version == info.version
        assert store.objects.get("a").data == data_of(size)

    @pytest.mark.parametrize("size", [10, 2500])
    def test_before_delivery_is_sent_again(self, store: Store, size: int) -> None:
        store.driver.reset("finish" if size > PART else "write")
        store.objects.put("a", data_of(size), if_absent=True)
        assert store.objects.get("a").data == data_of(size)

    def test_of_a_write_that_was_overwritten_since_is_success_with_a_stale_version(self) -> None:
        mine: list[Meta] = []

        def lost(*args: Any, meta: Meta, **kwargs: Any) -> Any:
            mine.append(meta)
            raise TimeoutError

        def overwritten(*args: Any, **kwargs: Any) -> Stat:
            return Stat("a", "v9", 1, 0, Meta(write_id="other", replaces=mine[0].write_id), None)

        objects, driver = scripted(lost, overwritten)
        info = objects.put("a", b"x", if_absent=True)
        assert info.version != "v9"
        assert driver.left == 0

    def test_where_another_one_created_it_is_a_conflict(self) -> None:
        objects, _ = scripted(Fault.LOST, Stat("a", "v9", 1, 0, Meta(write_id="other", replaces="-"), None))
        with pytest.raises(ConflictError):
            objects.put("a", b"x", if_absent=True)

    def test_where_another_one_replaced_the_same_version_is_a_conflict(self) -> None:
        objects, _ = scripted(Fault.LOST, Stat("a", "v9", 1, 0, Meta(write_id="other", replaces="v1"), None))
        with pytest.raises(ConflictError):
            objects.put("a", b"x", if_match="v1")

    @pytest.mark.parametrize(
        "there",
        [
            None,
            Stat("a", "v9", 1, 0, Meta(write_id="other", replaces="third"), None),
            Stat("a", "v9", 1, 0, Meta(), None),
        ],
    )
    def test_that_nothing_settles_is_indeterminate(self, there: Stat | None) -> None:
        objects, _ = scripted(Fault.LOST, there)
        with pytest.raises(IndeterminateError):
            objects.put("a", b"x", if_match="v1")

    def test_of_a_refusal_after_it_is_not_trusted(self) -> None:
        mine: list[Meta] = []

        def lost(*args: Any, meta: Meta, **kwargs: Any) -> Any:
            mine.append(meta)
            raise OSError

        def won(*args: Any, **kwargs: Any) -> Stat:
            return Stat("a", "v2", 1, 0, mine[0], None)

        objects, _ = scripted(Fault.LOST, None, lambda *a, meta, **k: mine.append(meta) or Refused(UNSEEN), won)
        assert objects.put("a", b"x", if_absent=True).version == "v2"
        assert lost is not None

    def test_of_a_deletion_is_repeated_and_never_claimed(self, store: Store) -> None:
        store.objects.put("a", b"x")
        store.driver.lose_reply("delete")
        assert store.objects.delete("a") is False
        assert not store.objects.exists("a")

    def test_of_a_conditional_deletion_that_finds_another_object_is_indeterminate(self) -> None:
        objects, _ = scripted(Fault.LOST, Refused(Stat("a", "v9", 1, 0, Meta(write_id="w", replaces="-"), None)))
        with pytest.raises(IndeterminateError):
            objects.delete("a", if_match="v1")

    def test_unless_that_object_replaced_the_one_that_was_to_be_deleted(self) -> None:
        objects, _ = scripted(Fault.LOST, Refused(Stat("a", "v9", 1, 0, Meta(write_id="w", replaces="v1"), None)))
        with pytest.raises(ConflictError) as raised:
            objects.delete("a", if_match="v1")
        assert raised.value.current == "v9"

    def test_of_a_copy_is_settled_by_the_write_id(self, store: Store) -> None:
        store.objects.put("a", b"x", metadata={"k": "v"})
        store.driver.lose_reply("copy")
        info = store.objects.copy("a", "b", if_absent=True)
        assert store.objects.stat("b").version == info.version
        assert store.objects.stat("b").metadata == {"k": "v"}


class TestACompletionThatLostARace:
    def test_is_sent_anew_with_another_upload(self, store: Store) -> None:
        store.driver.refuse("finish", fault=Fault.BUSY)
        store.objects.put("a", data_of(2500))
        assert store.driver.calls.count("begin") == 2
        assert store.objects.get("a").data == data_of(2500)
        assert store.uploads == 0

    def test_from_a_source_that_cannot_go_back_is_a_conflict(self, store: Store) -> None:
        store.driver.refuse("finish", fault=Fault.BUSY)
        with pytest.raises(ConflictError, match="second time"):
            store.objects.put("a", pieces(data_of(2500)))
        assert store.uploads == 0

    def test_again_and_again_is_given_up(self, store: Store) -> None:
        store.driver.refuse("finish", fault=Fault.BUSY, times=1000)
        with pytest.raises(UnavailableError):
            store.objects.put("a", data_of(2500))
        assert store.driver.calls.count("begin") <= 4
        assert store.uploads == 0


class TestGetting:
    @given(size=st.integers(0, 4100), start=st.integers(0, 4200), length=st.integers(0, 4200) | st.none())
    @settings(database=None, deadline=None, max_examples=150)
    def test_a_range_is_exactly_the_bytes_asked_for(self, size: int, start: int, length: int | None) -> None:
        store, data = SHARED, data_of(size)
        store.objects.put("a", data)
        end = size if length is None else start + length
        assert store.objects.get("a", start=start, length=length).data == data[start:end]

    @pytest.mark.parametrize("bounds", [{"start": -1}, {"length": -1}])
    def test_a_negative_range_is_invalid(self, store: Store, bounds: dict[str, int]) -> None:
        with pytest.raises(InvalidInputError):
            store.objects.get("a", **bounds)
        assert store.driver.calls == []

    def test_what_is_not_there_is_not_found(self, store: Store) -> None:
        for missing in (store.objects.get, store.objects.stat, store.objects.open):
            with pytest.raises(NotFoundError) as raised:
                missing("nowhere/at-all")
            assert raised.value.key is not None
            assert "at-all" not in raised.value.key
        assert store.objects.exists("nowhere/at-all") is False

    def test_an_overwrite_between_parts_is_a_conflict(self, store: Store) -> None:
        store.objects.put("a", data_of(5000))
        real = store.memory.read

        def read(key: str, **kwargs: Any) -> Any:
            answer = real(key, **kwargs)
            if kwargs["start"] == 0:
                store.memory.write(key, b"", meta=Meta(write_id="w"), crc32c=0, expect=plans.ANY, timeout=1.0)
            return answer

        store.memory.read = read  # type: ignore[method-assign]
        with pytest.raises(ConflictError):
            store.objects.get("a")

    def test_bytes_that_do_not_match_their_checksum_are_corrupt(self, store: Store) -> None:
        store.objects.put("a", data_of(2500))
        store.memory._objects["a"].data = b"z" + data_of(2500)[1:]
        with pytest.raises(CorruptDataError) as raised:
            store.objects.get("a")
        assert raised.value.clause == "O-21"

    def test_fewer_bytes_than_there_are_is_corrupt(self, store: Store) -> None:
        store.objects.put("a", data_of(2500))
        store.memory._objects["a"].data = data_of(2400)
        with pytest.raises(CorruptDataError):
            store.objects.get("a")
        with pytest.raises(CorruptDataError):
            store.objects.get("a", start=100, length=2390)


SHARED = Store()


class TestDeleting:
    def test_says_whether_it_deleted(self, store: Store) -> None:
        store.objects.put("a", b"x")
        assert store.objects.delete("a") is True
        assert store.objects.delete("a") is False

    def test_with_a_version_deletes_only_that_one(self, store: Store) -> None:
        one = store.objects.put("a", b"1")
        two = store.objects.put("a", b"2")
        with pytest.raises(ConflictError) as raised:
            store.objects.delete("a", if_match=one)
        assert raised.value.current == two.version
        assert store.objects.delete("a", if_match=two) is True
        assert store.objects.delete("a", if_match=two) is False

    def test_many_reports_each(self, store: Store) -> None:
        store.objects.put("a", b"x")
        assert store.objects.delete_many(["a", "b", "a"]) == {"a": True, "b": False}
        assert store.objects.delete_many([]) == {}

    def test_many_reports_failures_with_their_operation_and_goes_on(self, store: Store) -> None:
        for key in "abcde":
            store.objects.put(key, b"x")
        store.driver.refuse("delete", fault=Fault.DENIED, skip=2)
        outcomes = store.objects.delete_many("abcde")
        failed = [outcome for outcome in outcomes.values() if isinstance(outcome, StateError)]
        assert len(failed) == 1
        assert (failed[0].op, failed[0].store) == ("objects.delete_many", "objects")
        assert list(outcomes.values()).count(True) == 4

    def test_many_with_a_bad_key_deletes_nothing_and_names_no_other_key(self, store: Store) -> None:
        store.objects.put("good", b"x")
        with pytest.raises(InvalidKeyError) as raised:
            store.objects.delete_many(["good", "bad//key"])
        assert raised.value.key is None
        assert store.objects.exists("good")


class TestCopying:
    def test_an_absent_source_is_not_found(self, store: Store) -> None:
        with pytest.raises(NotFoundError):
            store.objects.copy("a", "b")

    def test_in_steps_goes_on_from_step_to_step(self) -> None:
        from statekit.driver import Continue

        source = Stat("a", "v1", 3, 0, Meta(content_type="text/plain", write_id="w"), 7)
        objects, driver = scripted(source, Continue("t1"), Continue("t2"), Committed("v2"))
        assert objects.copy("a", "b").version == "v2"
        assert [asked.kwargs.get("resume") for asked in driver.calls[1:]] == [None, "t1", "t2"]
        assert {asked.kwargs["meta"].write_id for asked in driver.calls[1:]} != {"w"}

    def test_a_source_that_changes_meanwhile_is_copied_as_it_is_then(self) -> None:
        one, two = (Stat("a", version, 3, 0, Meta(write_id="w"), 7) for version in ("v1", "v2"))
        objects, driver = scripted(one, None, None, two, Committed("v3"))
        assert objects.copy("a", "b").version == "v3"
        assert driver.calls[-1].kwargs["pinned"].version == "v2"


class TestListing:
    def test_shows_each_key_once_in_the_order_of_their_bytes(self, store: Store) -> None:
        keys = ["b", "a/b", "a", "é", "a-", "z" * 200, "A", "a0"]
        for key in keys:
            store.objects.put(key, b"")
        assert [info.key for info in store.objects.list()] == sorted(keys, key=str.encode)

    def test_goes_on_from_page_to_page(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(plans, "PAGE", 3)
        keys = [f"{n % 4}/{n:02}" for n in range(40)]
        for key in keys:
            store.objects.put(key, b"")
        assert [info.key for info in store.objects.list()] == sorted(keys)
        assert [item.key for item in store.objects.list(delimiter="/")] == ["0/", "1/", "2/", "3/"]
        assert all(isinstance(item, Prefix) for item in store.objects.list(delimiter="/"))
        assert [info.key for info in store.objects.list("2/", start_after="2/18")] == [
            key for key in sorted(keys) if key.startswith("2/") and key > "2/18"
        ]

    def test_hides_what_is_statekit_s_own(self, store: Store) -> None:
        store.memory.write(".statekit/x", b"", meta=Meta(write_id="w"), crc32c=0, expect=plans.ANY, timeout=1.0)
        store.objects.put("a", b"")
        assert [info.key for info in store.objects.list()] == ["a"]
        assert [item.key for item in store.objects.list(delimiter="/")] == ["a"]

    @pytest.mark.parametrize("arguments", [("/x", {}), ("", {"delimiter": "-"}), ("", {"start_after": "//"})])
    def test_that_nothing_can_answer_is_refused_at_once_and_named(
        self, store: Store, arguments: tuple[str, dict[str, Any]]
    ) -> None:
        prefix, options = arguments
        with pytest.raises(InvalidInputError) as raised:
            store.objects.list(prefix, **options)
        assert raised.value.op == "objects.list"
        assert store.heard.outcomes() == [type(raised.value).__name__]
        assert store.driver.calls == []

    def test_of_objects_that_others_wrote_is_fine(self) -> None:
        from statekit.driver import Page

        objects, _ = scripted(Page((Stat("x", "v", 3, 0, None, None),), None))
        [info] = objects.list()
        assert (info.key, info.content_type, info.write_id, dict(info.metadata)) == ("x", None, None, {})


class TestKeys:
    @pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "..", "a\\b", ".statekit/x", "x" * 901])
    def test_outside_the_grammar_are_refused_everywhere_and_nothing_is_sent(self, store: Store, key: str) -> None:
        objects = store.objects
        calls = (
            lambda: objects.put(key, b""),
            lambda: objects.get(key),
            lambda: objects.open(key),
            lambda: objects.open(key, "wb"),
            lambda: objects.stat(key),
            lambda: objects.exists(key),
            lambda: objects.delete(key),
            lambda: objects.delete_many([key]),
            lambda: objects.copy(key, "b"),
            lambda: objects.copy("b", key),
        )
        for call in calls:
            with pytest.raises(InvalidKeyError) as raised:
                call()
            assert raised.value.op is not None
            assert raised.value.op.startswith("objects.")
        assert store.driver.calls == []
        assert store.heard.outcomes() == ["InvalidKeyError"] * len(calls)


def test_two_namespaces_do_not_see_each_other() -> None:
    memory = memory_objects(FakeClock())
    one, other = (state_of(objects=memory, namespace=name).objects for name in ("one", "two"))
    one.put("a", b"x")
    assert list(other.list()) == []
    assert not other.exists("a")
    assert other.delete("a") is False
    assert [info.key for info in one.list()] == ["a"]


def test_a_range_that_the_engine_answers_with_an_error_is_not_absence() -> None:
    objects, _ = scripted(Fault.DENIED)
    with pytest.raises(BackendError):
        objects.get("a")


def test_after_close_every_operation_is_refused(store: Store) -> None:
    store.objects.put("a", b"x" * 5000)
    reader = store.objects.open("a")
    writer = store.objects.open("b", "wb")
    store.state.close()
    store.driver.calls.clear()
    reader.seek(4000)
    for call in (
        lambda: store.objects.put("a", b""),
        lambda: store.objects.get("a"),
        lambda: store.objects.open("a"),
        lambda: store.objects.open("a", "wb"),
        lambda: store.objects.list(),
        lambda: reader.read(),
        lambda: writer.close(),
        lambda: store.objects.delete_many(["a"]),
        lambda: store.objects.sweep(),
    ):
        with pytest.raises(ClosedError):
            call()
    assert store.driver.calls == []


@pytest.mark.parametrize("native", [False, True])
def test_the_asynchronous_store_does_the_same(native: bool, tmp_path: Path) -> None:
    async def main() -> None:
        async with async_state_of(native=native) as state:
            objects = state.objects
            data = data_of(4500)

            async def items() -> AsyncIterator[bytes]:
                for piece in pieces(data):
                    yield piece

            path = tmp_path / "file"
            path.write_bytes(data)
            for given in (data, items(), pieces(data), path, io.BytesIO(data)):
                await objects.put("a", given)
                assert (await objects.get("a")).data == data
            assert (await objects.get("a", start=990, length=20)).data == data[990:1010]
            assert (await objects.copy("a", "b")).size == 4500
            assert [info.key async for info in objects.list()] == ["a", "b"]
            assert await objects.delete_many(["a", "c"]) == {"a": True, "c": False}
            assert await objects.exists("b") is True
            assert (await objects.stat("b")).size == 4500
            assert await objects.delete("b") is True
            assert (await objects.sweep()).uploads == 0

    asyncio.run(main())


def test_answers_of_every_kind_are_understood() -> None:
    objects, _ = scripted(Gone.ABSENT, Refused(None), Refused(UNSEEN), None, None)
    assert objects.delete("a") is False
    assert objects.delete("a", if_match="v") is False
    assert objects.delete("a", if_match="v") is False
    with pytest.raises(NotFoundError):
        objects.get("a")


def test_a_chunk_of_an_empty_object_is_one_request() -> None:
    objects, driver = scripted(Chunk(Stat("a", "v", 0, 0, None, 0), b""))
    assert objects.get("a").data == b""
    assert [asked.method for asked in driver.calls] == ["read"]
