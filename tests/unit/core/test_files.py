"""Objects as files."""

from __future__ import annotations

import asyncio
import io
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statekit._core.objects import ahead, files, plans, writing
from statekit.driver import ANY, Chunk, Fault, Meta, Stat
from statekit.errors import ConflictError, CorruptDataError, DeniedError, InvalidInputError
from statekit.testing import FakeClock, FaultyDriver, ScriptedDriver
from tests.plans.states import Heard, async_state_of, memory_objects, state_of

PART = 1000


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (plans, writing, files, ahead):
        monkeypatch.setattr(module, "PART", PART)
    for module in (ahead, files):
        monkeypatch.setattr(module, "PIECE", PART)


class Store:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.memory = memory_objects(self.clock)
        self.driver = FaultyDriver(self.memory)
        self.heard = Heard()
        self.objects = state_of(objects=self.driver, clock=self.clock, heard=self.heard).objects

    def overwrite(self, key: str) -> None:
        self.memory.write(key, b"", meta=Meta(write_id="w"), crc32c=0, expect=ANY, timeout=1.0)


@pytest.fixture
def store() -> Store:
    return Store()


def data_of(size: int) -> bytes:
    return bytes(n * 7 % 251 for n in range(size))


class TestReading:
    def test_is_that_of_a_binary_file(self, store: Store) -> None:
        data = data_of(4321)
        store.objects.put("a", data)
        with store.objects.open("a") as file:
            assert isinstance(file, io.BufferedReader)
            assert file.info.size == 4321
            assert file.read(10) == data[:10]
            assert file.tell() == 10
            assert file.seek(-5, io.SEEK_END) == 4316
            assert file.read() == data[-5:]
            assert file.seek(2000) == 2000
            assert file.seek(10, io.SEEK_CUR) == 2010
            assert file.read(5) == data[2010:2015]
            assert file.seek(9999) == 9999
            assert file.read() == b""
            assert file.readable()
            assert file.seekable()
            assert not file.writable()
        assert file.closed

    @settings(database=None, deadline=None, max_examples=60)
    @given(
        size=st.integers(0, 3500),
        steps=st.lists(st.tuples(st.sampled_from(["read", "seek", "line"]), st.integers(0, 3600)), max_size=8),
    )
    def test_gives_what_a_file_in_memory_gives(self, size: int, steps: list[tuple[str, int]]) -> None:
        SHARED.objects.put("a", data_of(size))
        model = io.BytesIO(data_of(size))
        with SHARED.objects.open("a") as file:
            for step, number in steps:
                if step == "read":
                    assert file.read(number) == model.read(number)
                elif step == "seek":
                    assert file.seek(number) == model.seek(number)
                else:
                    assert file.readline(number) == model.readline(number)
            assert file.tell() == model.tell()

    def test_lines_can_be_iterated_and_copied(self, store: Store, tmp_path: Path) -> None:
        text = b"".join(b"line %d\n" % n for n in range(500))
        store.objects.put("a", text)
        with store.objects.open("a") as file:
            assert list(file) == text.splitlines(keepends=True)
        with store.objects.open("a") as file, (tmp_path / "copy").open("wb") as copy:
            shutil.copyfileobj(file, copy)
        assert (tmp_path / "copy").read_bytes() == text

    def test_a_negative_position_is_invalid(self, store: Store) -> None:
        store.objects.put("a", b"x")
        with store.objects.open("a") as file, pytest.raises((InvalidInputError, ValueError)):
            file.seek(-1)

    def test_a_small_object_is_one_request(self, store: Store) -> None:
        store.objects.put("a", data_of(1000))
        store.driver.calls.clear()
        with store.objects.open("a") as file:
            assert file.read() == data_of(1000)
        assert store.driver.calls == ["read"]

    def test_an_overwrite_in_between_is_a_conflict_and_never_a_mixture(self, store: Store) -> None:
        store.objects.put("a", data_of(3000))
        with store.objects.open("a") as file:
            assert file.read(500) == data_of(3000)[:500]
            store.overwrite("a")
            with pytest.raises(ConflictError) as raised:
                file.read()
        assert raised.value.op == "objects.read"

    def test_a_deletion_in_between_is_a_conflict(self, store: Store) -> None:
        store.objects.put("a", data_of(3000))
        with store.objects.open("a") as file:
            file.read(500)
            store.objects.delete("a")
            with pytest.raises(ConflictError):
                file.read()

    def test_from_beginning_to_end_verifies_the_checksum(self, store: Store) -> None:
        store.objects.put("a", data_of(2500))
        store.memory._objects["a"].data = data_of(2499) + b"z"
        with store.objects.open("a") as file, pytest.raises(CorruptDataError):
            file.read()

    def test_bytes_that_are_missing_do_not_look_like_the_end(self) -> None:
        stat = Stat("a", "v", 2000, 0, None, None)
        driver = ScriptedDriver(Chunk(stat, b"x" * 1000), Chunk(stat, b""))
        with state_of(objects=driver).objects.open("a") as file, pytest.raises(CorruptDataError):
            file.read()

    def test_it_emits_one_event_when_it_is_closed(self, store: Store) -> None:
        store.objects.put("a", data_of(2500))
        store.heard.clear()
        with store.objects.open("a") as file:
            file.read()
            assert store.heard == []
        file.close()
        assert [(event.operation, event.outcome, event.size) for event in store.heard] == [("read", "ok", 2500)]

    def test_options_of_writing_are_refused(self, store: Store) -> None:
        with pytest.raises(InvalidInputError):
            store.objects.open("a", "rb", if_absent=True)  # type: ignore[call-overload]

    @pytest.mark.parametrize("mode", ["r", "w", "ab", "", "r+b"])
    def test_other_modes_are_refused(self, store: Store, mode: Any) -> None:
        with pytest.raises(InvalidInputError, match="rb or wb"):
            store.objects.open("a", mode)


SHARED = Store()


class TestWriting:
    @pytest.mark.parametrize("size", [0, 1, 1000, 1001, 5000])
    def test_publishes_when_it_is_closed_and_not_before(self, store: Store, size: int) -> None:
        with store.objects.open("a", "wb", content_type="text/plain") as file:
            for at in range(0, size, 300):
                assert file.write(data_of(size)[at : at + 300]) == min(300, size - at)
                assert not store.objects.exists("a")
            assert file.info is None
        assert file.closed
        assert file.info is not None
        found = store.objects.get("a")
        assert (found.data, found.info.version) == (data_of(size), file.info.version)
        assert found.info.content_type == "text/plain"
        assert store.memory._uploads == {}

    @pytest.mark.parametrize("size", [0, 1, 5000])
    @pytest.mark.parametrize("error", [OSError(), KeyboardInterrupt(), GeneratorExit()], ids=lambda e: type(e).__name__)
    def test_left_by_an_exception_publishes_nothing_and_leaves_nothing(
        self, store: Store, size: int, error: BaseException
    ) -> None:
        with pytest.raises(type(error)), store.objects.open("a", "wb") as file:
            file.write(data_of(size))
            raise error
        assert not store.objects.exists("a")
        assert store.memory._uploads == {}
        assert file.closed
        assert store.heard[0].outcome == type(error).__name__

    def test_merely_forgotten_publishes_nothing(self, store: Store) -> None:
        store.objects.open("a", "wb").write(b"half")
        assert not store.objects.exists("a")

    def test_twice_closed_is_once_published(self, store: Store) -> None:
        file = store.objects.open("a", "wb")
        file.write(b"x")
        file.close()
        file.close()
        assert store.driver.calls.count("write") == 1

    def test_after_its_end_is_refused_and_named(self, store: Store) -> None:
        file = store.objects.open("a", "wb")
        file.abort()
        with pytest.raises(InvalidInputError, match="aborted") as raised:
            file.write(b"x")
        assert raised.value.op == "objects.write"
        assert len(store.heard) == 1

    def test_that_fails_is_aborted(self, store: Store) -> None:
        store.driver.refuse("part", fault=Fault.DENIED)
        file = store.objects.open("a", "wb")
        with pytest.raises(DeniedError):
            file.write(data_of(5000))
        assert file.closed
        assert store.memory._uploads == {}
        assert store.heard.outcomes() == ["DeniedError"]

    @pytest.mark.parametrize("size", [10, 5000])
    def test_keeps_its_condition(self, store: Store, size: int) -> None:
        store.objects.put("a", b"before")
        file = store.objects.open("a", "wb", if_absent=True)
        file.write(data_of(size))
        with pytest.raises(ConflictError):
            file.close()
        assert store.objects.get("a").data == b"before"
        assert store.memory._uploads == {}

    def test_that_lost_a_race_at_its_end_says_so(self, store: Store) -> None:
        store.driver.refuse("finish", fault=Fault.BUSY)
        file = store.objects.open("a", "wb")
        file.write(data_of(2500))
        with pytest.raises(ConflictError, match="write the object again"):
            file.close()
        assert store.memory._uploads == {}

    def test_says_what_it_is(self, store: Store) -> None:
        file = store.objects.open("a", "wb")
        assert (file.readable(), file.writable(), file.seekable(), file.closed) == (False, True, False, False)
        file.flush()
        file.abort()
        file.abort()
        assert file.closed


@pytest.mark.parametrize("native", [False, True])
class TestAsynchronously:
    def test_reads(self, native: bool) -> None:
        async def main() -> None:
            async with async_state_of(native=native) as state:
                data = data_of(4321)
                await state.objects.put("a", data)
                async with await state.objects.open("a") as file:
                    assert await file.read(10) == data[:10]
                    assert await file.read() == data[10:]
                    file.seek(4000)
                    assert [piece async for piece in file] == [data[4000:]]
                    with pytest.raises(InvalidInputError):
                        file.seek(-1)
                await file.close()

        asyncio.run(main())

    def test_writes(self, native: bool) -> None:
        async def main() -> None:
            async with async_state_of(native=native) as state:
                async with await state.objects.open("a", "wb") as file:
                    assert await file.write(data_of(2500)) == 2500
                assert file.closed
                assert file.info is not None
                assert (await state.objects.get("a")).data == data_of(2500)
                with pytest.raises(OSError):
                    async with await state.objects.open("b", "wb") as other:
                        await other.write(data_of(2500))
                        raise OSError
                assert await state.objects.exists("b") is False

        asyncio.run(main())

    def test_cancelled_writing_leaves_nothing(self, native: bool) -> None:
        async def main() -> None:
            clock = FakeClock()
            memory = memory_objects(clock)
            async with async_state_of(objects=memory, clock=clock, native=native) as state:

                async def writing() -> None:
                    async with await state.objects.open("a", "wb") as file:
                        await file.write(data_of(2500))
                        await asyncio.Event().wait()

                task = asyncio.create_task(writing())
                while not any(len(upload.parts) == 2 for upload in memory._uploads.values()):
                    await asyncio.sleep(0)
                await asyncio.sleep(0.01)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert memory._uploads == {}

        asyncio.run(main())

    def test_what_is_not_there_is_one_event(self, native: bool) -> None:
        async def main() -> None:
            heard = Heard()
            async with async_state_of(native=native, heard=heard) as state:
                with pytest.raises(LookupError):
                    await state.objects.open("nothing")
                with pytest.raises(InvalidInputError):
                    await state.objects.open("a", "x")  # type: ignore[call-overload]
            assert heard.outcomes()[0] == "NotFoundError"

        asyncio.run(main())
