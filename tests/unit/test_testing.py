"""The drivers for tests: one that follows a script, and one that fails on purpose."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from statekit.backends.memory.records import MemoryRecords
from statekit.driver import ABSENT, Committed, Failure, Fault, Opening, Record, Refused
from statekit.testing import FakeClock, FaultyDriver, ScriptedDriver, backend_of
from statekit.testing.opened import NativeDriver


def write(driver: Any, key: str = "a", value: bytes = b"x", write_id: str = "w") -> Any:
    return driver.write(key, value, expires_at=None, write_id=write_id, expect=ABSENT, timeout=1.0)


class TestScripted:
    def test_answers_in_order_and_remembers_what_it_was_asked(self) -> None:
        driver = ScriptedDriver(None, Committed("v"))
        assert driver.read("a", timeout=1.0) is None
        assert write(driver) == Committed("v")
        assert [(asked.method, asked.args) for asked in driver.calls] == [("read", ("a",)), ("write", ("a", b"x"))]
        assert driver.calls[1].kwargs["expect"] is ABSENT
        assert driver.left == 0

    @pytest.mark.parametrize("fault", Fault)
    def test_meets_the_faults_it_was_told_to(self, fault: Fault) -> None:
        driver = ScriptedDriver(fault, Failure(fault, retry_after=2.0))
        for expected in (Failure(fault), Failure(fault, retry_after=2.0)):
            with pytest.raises(Exception, match=fault.value) as raised:
                driver.read("a", timeout=1.0)
            assert driver.fault(raised.value) == expected

    def test_raises_the_exceptions_it_was_told_to(self) -> None:
        driver = ScriptedDriver(OSError("boom"))
        with pytest.raises(OSError, match="boom") as raised:
            driver.read("a", timeout=1.0)
        assert driver.fault(raised.value) == Failure(Fault.UNKNOWN)

    def test_calls_functions_for_their_answer(self) -> None:
        driver = ScriptedDriver(lambda key, timeout: f"{key} in {timeout}")
        assert driver.read("a", timeout=1.0) == "a in 1.0"

    def test_says_which_call_it_has_no_answer_for(self) -> None:
        driver = ScriptedDriver()
        with pytest.raises(AssertionError, match="call 1, read"):
            driver.read("a", timeout=1.0)

    def test_can_be_told_more_later(self) -> None:
        driver = ScriptedDriver()
        driver.then(None)
        assert driver.left == 1
        assert driver.stat("a", timeout=1.0) is None


class TestFaulty:
    def test_passes_everything_on_without_orders(self) -> None:
        memory = MemoryRecords()
        driver = FaultyDriver(memory)
        assert isinstance(write(driver), Committed)
        assert driver.read("a", timeout=1.0) == memory.read("a", timeout=1.0)
        assert driver.calls == driver.delivered == ["write", "read"]

    def test_loses_a_reply_after_delivery(self) -> None:
        driver = FaultyDriver(MemoryRecords())
        driver.lose_reply("write")
        with pytest.raises(Exception, match="lost") as raised:
            write(driver)
        assert driver.fault(raised.value) == Failure(Fault.LOST)
        assert driver.read("a", timeout=1.0).value == b"x"

    def test_resets_before_delivery(self) -> None:
        driver = FaultyDriver(MemoryRecords())
        driver.reset("write", fault=Fault.TIMED_OUT)
        with pytest.raises(Exception, match="timed out"):
            write(driver)
        assert driver.read("a", timeout=1.0) is None
        assert driver.delivered == ["read"]

    def test_delays_until_it_is_told_to_deliver(self) -> None:
        driver = FaultyDriver(MemoryRecords())
        driver.delay("write", times=2)
        for key in "ab":
            with pytest.raises(Exception, match="timed out"):
                write(driver, key)
        assert driver.waiting == 2
        assert isinstance(driver.deliver(1)[0], Committed)
        assert driver.read("a", timeout=1.0) is None
        assert driver.read("b", timeout=1.0) is not None
        driver.deliver()
        assert driver.read("a", timeout=1.0) is not None
        assert driver.waiting == 0

    def test_doubles_and_answers_the_second(self) -> None:
        driver = FaultyDriver(MemoryRecords())
        driver.double("write")
        answer = write(driver)
        assert isinstance(answer, Refused)
        assert isinstance(answer.current, Record)

    def test_refuses_with_a_fault_that_proves_it(self) -> None:
        driver = FaultyDriver(MemoryRecords())
        driver.refuse("read", fault=Fault.THROTTLED, retry_after=3.0)
        with pytest.raises(Exception, match="throttled") as raised:
            driver.read("a", timeout=1.0)
        assert driver.fault(raised.value) == Failure(Fault.THROTTLED, 3.0)

    def test_lets_some_calls_pass_before_and_counts_its_times(self) -> None:
        driver = FaultyDriver(MemoryRecords())
        driver.reset("read", skip=1, times=2)
        outcomes = []
        for _ in range(5):
            try:
                outcomes.append(driver.read("a", timeout=1.0))
            except Exception as error:
                outcomes.append(driver.fault(error).fault)
        assert outcomes == [None, Fault.LOST, Fault.LOST, None, None]

    def test_of_any_method_where_none_is_named(self) -> None:
        driver = FaultyDriver(MemoryRecords())
        driver.reset()
        with pytest.raises(Exception, match="lost"):
            driver.read("a", timeout=1.0)

    def test_explains_the_wrapped_driver_s_own_exceptions(self) -> None:
        assert FaultyDriver(ScriptedDriver()).fault(OSError()) == Failure(Fault.UNKNOWN)

    def test_of_an_asynchronous_driver_is_asynchronous(self) -> None:
        async def main() -> None:
            driver = FaultyDriver(NativeDriver(MemoryRecords()))
            driver.lose_reply("write")
            with pytest.raises(Exception, match="lost"):
                await write(driver)
            assert (await driver.read("a", timeout=1.0)).value == b"x"
            driver.delay("write")
            with pytest.raises(Exception, match="timed out"):
                await write(driver, "b")
            [late] = driver.deliver()
            assert isinstance(await late, Committed)
            driver.double("write")
            assert isinstance(await write(driver, "c"), Refused)
            driver.reset("read")
            with pytest.raises(Exception, match="lost"):
                await driver.read("a", timeout=1.0)

        asyncio.run(main())


class TestBackend:
    def opening(self) -> Opening[Any]:
        return Opening(
            scheme="test", authority="", path="", options=None, client=None, attempt_timeout=1.0, concurrency=1,
            clock=FakeClock(),
        )  # fmt: skip

    def test_gives_its_drivers_to_every_opening(self) -> None:
        memory = MemoryRecords()
        backend = backend_of(records=memory, name="mine")
        assert backend.open is not None
        assert backend.open(self.opening()).records is memory
        assert (backend.name, backend.schemes, backend.records, backend.objects) == ("mine", ("mine",), True, False)
        assert backend.aopen is None

    def test_makes_them_asynchronous_where_that_is_asked_for(self) -> None:
        async def main() -> None:
            backend = backend_of(records=MemoryRecords(), native=True)
            assert backend.aopen is not None
            drivers = backend.aopen(self.opening())
            assert drivers.records is not None
            assert await drivers.records.read("a", timeout=1.0) is None
            assert drivers.records.fault(OSError()) == Failure(Fault.UNKNOWN)

        asyncio.run(main())
