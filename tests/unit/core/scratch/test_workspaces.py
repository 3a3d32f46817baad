"""Workspaces over drivers of several colours, that fail and are interrupted."""

from __future__ import annotations

import asyncio
import logging
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from statekit._core.plan import Call
from statekit._core.scratch import tree
from statekit.backends.memory.records import MemoryRecords
from statekit.config import Settings, Target
from statekit.driver import Fault
from statekit.errors import (
    ClosedError,
    IndeterminateError,
    InvalidInputError,
    LeaseLostError,
    QuotaExceededError,
    UnsupportedError,
)
from statekit.state import AsyncState, State
from statekit.testing import FakeClock, FaultyDriver, backend_of
from statekit.types import ScratchPolicy
from tests.plans.states import Heard, memory_objects, settings_for, state_of

KINDS = [(True, True), (True, False), (False, True), (False, False)]


class Both:
    """A state whose records and objects have backends of their own, and what stands behind them."""

    def __init__(self, root: Path, *, native: tuple[bool, bool] = (False, False), kind: Any = State) -> None:
        self.clock = FakeClock()
        self.records = FaultyDriver(MemoryRecords())
        self.objects = FaultyDriver(memory_objects(self.clock))
        self.heard = Heard()
        first = backend_of(records=self.records, name="one", native=native[0])
        second = backend_of(objects=self.objects, name="two", native=native[1])
        places = [
            Target(backend=backend, scheme=backend.name, authority="", path="", options=backend.options())
            for backend in (first, second)
        ]
        settings = Settings(sessions=places[0], objects=places[1], workspaces=ScratchPolicy(root=root))
        self.state = kind(settings, clock=self.clock, on_event=self.heard.append)


def left_in(root: Path) -> list[str]:
    return [path.name for path in root.iterdir()]


@pytest.fixture
def both(tmp_path: Path) -> Both:
    return Both(tmp_path)


@pytest.mark.parametrize("native", KINDS)
def test_records_and_objects_may_have_different_colours(tmp_path: Path, native: tuple[bool, bool]) -> None:
    async def main() -> None:
        there = Both(tmp_path, native=native, kind=AsyncState)
        async with there.state as state:
            async with state.scratch.workspace("job") as workspace:
                await workspace.write("a", b"1")
                assert (await workspace.checkpoint()).files == 1
                await workspace.publish("a", state.objects, "out")
            async with state.scratch.workspace("job") as workspace:
                assert (workspace / "a").read_bytes() == b"1"
                await workspace.fetch(state.objects, "out", name="b")
                assert await workspace.files() == {"a": 1, "b": 1}
            there.clock.advance(8 * 86400)
            assert (await state.sweep()).workspaces == 1
        assert {event.backend for event in there.heard if event.store == "scratch"} == {"one+two"}

    asyncio.run(main())


@pytest.mark.parametrize("native", KINDS)
def test_a_cancelled_block_leaves_nothing_and_frees_the_name(tmp_path: Path, native: tuple[bool, bool]) -> None:
    async def main() -> None:
        there = Both(tmp_path, native=native, kind=AsyncState)
        entered = asyncio.Event()

        async def work() -> None:
            async with there.state.scratch.workspace("job") as workspace:
                await workspace.write("a", b"1")
                entered.set()
                await asyncio.sleep(3600)

        task = asyncio.ensure_future(work())
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert left_in(tmp_path) == ["lock"]
        async with there.state.scratch.workspace("job"):
            pass
        await there.state.close()

    asyncio.run(main())


def test_an_anonymous_workspace_needs_no_backend(tmp_path: Path) -> None:
    state = State(settings_for(backend_of(), workspaces=ScratchPolicy(root=tmp_path)))
    with state.scratch.workspace() as workspace:
        workspace.write("a", b"1")
        assert workspace.name is None
    with pytest.raises(UnsupportedError), state.scratch.workspace("job"):
        pass
    assert state.sweep().workspaces == 0


def test_a_failed_renewal_is_tried_again_and_a_late_one_is_told(both: Both, caplog: pytest.LogCaptureFixture) -> None:
    with both.state.scratch.workspace("job", background=False) as workspace:
        plans = workspace._plans
        assert plans.holding is not None
        keeping = plans._keep(plans.holding)
        assert next(keeping).seconds == 10
        both.records.refuse("write", fault=Fault.DENIED)
        both.clock.advance(31)
        with caplog.at_level(logging.WARNING, logger="statekit"):
            runner = both.state.scratch._runner
            effect = keeping.send(None)
            while type(effect).__name__ == "Call":
                try:
                    result = effect.method(*effect.args, **effect.kwargs)
                except Exception as error:
                    effect = keeping.throw(error)
                else:
                    effect = keeping.send(result)
        assert runner is not None
        assert "could not be renewed in time" in caplog.text
        assert "job" not in caplog.text
        workspace.renew()
    assert both.heard.outcomes().count("DeniedError") == 1


def test_a_renewal_that_is_answered_late_does_not_hide_a_checkpoint(both: Both) -> None:
    """It is a thread beside the application's, and what it remembers of the record last may be older."""
    with both.state.scratch.workspace("job", background=False) as workspace:
        workspace.write("a", b"1")
        workspace.checkpoint()
        renewing = workspace._plans.renew(None)
        sent = renewing.send(None)
        assert isinstance(sent, Call)
        answer = sent.method(*sent.args, **sent.kwargs)
        workspace.write("a", b"2")
        workspace.checkpoint()  # which drops the manifest that the renewal knows
        with pytest.raises(StopIteration):
            renewing.send(answer)
        workspace.write("a", b"3")
        workspace.checkpoint()
    with both.state.scratch.workspace("job") as workspace:
        assert (workspace / "a").read_bytes() == b"3"


def test_an_unknown_checkpoint_that_was_applied_is_built_upon(both: Both) -> None:
    with both.state.scratch.workspace("job", background=False, timeout=5) as workspace:
        workspace.write("a", b"1")
        both.records.lose_reply("write")
        both.records.refuse("read", times=1000)
        with pytest.raises(IndeterminateError):
            workspace.checkpoint(timeout=0.5)
        both.records._plans.clear()
        workspace.write("b", b"2")
        done = workspace.checkpoint()
        assert (done.files, done.sent_files) == (2, 2)  # the first one was sent again before that was known
    with both.state.scratch.workspace("job") as workspace:
        assert workspace.files() == {"a": 1, "b": 1}


def test_a_file_that_changes_while_it_is_sent_is_refused(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    with both.state.scratch.workspace("job", background=False) as workspace:
        workspace.write("a", b"1")
        real = tree._digest

        def digest(path: Path) -> str:
            found = real(path)
            path.write_bytes(b"2")
            return found

        monkeypatch.setattr(tree, "_digest", digest)
        with pytest.raises(InvalidInputError, match="changed"):
            workspace.checkpoint()


def test_a_full_disk_is_a_quota_too(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 10

    both.state.objects.put("large", bytes(11))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage)
    with both.state.scratch.workspace() as workspace:
        with pytest.raises(QuotaExceededError, match="disk"):
            workspace.fetch(both.state.objects, "large")
        with pytest.raises(QuotaExceededError, match="disk"):
            workspace.write("large", bytes(11))
        assert workspace.files() == {}


def test_a_disk_that_fills_up_meanwhile_is_told_the_same_way() -> None:
    with pytest.raises(QuotaExceededError), tree.minding_the_disk():
        raise OSError(28, "No space left on device")
    with pytest.raises(PermissionError), tree.minding_the_disk():
        raise PermissionError(13, "no")


def test_every_operation_of_a_workspace_is_one_event(both: Both) -> None:
    both.state.objects.put("in", b"1")
    both.heard.clear()
    with both.state.scratch.workspace("job", background=False) as workspace:
        workspace.write("a", b"1")
        workspace.files()
        workspace.fetch(both.state.objects, "in")
        workspace.publish("a", both.state.objects, "out")
        workspace.checkpoint()
        workspace.renew()
        workspace.restore()
        workspace.remove("a")
    both.state.scratch.sweep()
    told = [event.operation for event in both.heard]
    wanted = "open write files fetch publish checkpoint renew restore remove release sweep"
    assert told == wanted.split()


def test_after_close_everything_is_closed(both: Both) -> None:
    with both.state.scratch.workspace("job", background=False) as workspace:
        both.state.close()
        for action in (workspace.checkpoint, workspace.renew, workspace.files, both.state.scratch.sweep):
            with pytest.raises(ClosedError):
                action()
    with pytest.raises(ClosedError), both.state.scratch.workspace():
        pass


def test_a_lease_that_is_known_to_be_lost_costs_no_request(both: Both) -> None:
    with both.state.scratch.workspace("job", background=False) as old:
        both.clock.advance(33)
        with both.state.scratch.workspace("job", background=False):
            pass
        with pytest.raises(LeaseLostError):
            old.renew()
        with pytest.raises(LeaseLostError) as caught:
            old.checkpoint()
    assert (caught.value.op, caught.value.store, caught.value.clause) == ("scratch.checkpoint", "scratch", "X-11")
    assert both.heard[-2].attempts == 0


def test_the_records_are_sealed_where_there_are_keys(tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    records = MemoryRecords()
    clock = FakeClock()
    ring = ("0badc0de:Z29sZGVuIGtleSBvZiAzMiBieXRlcyBmb3IgdGVzdHM=",)
    state = state_of(
        records=records, objects=memory_objects(clock), clock=clock, keys=ring, workspaces=ScratchPolicy(root=tmp_path)
    )
    with state.scratch.workspace("job") as workspace:
        workspace.write("a", b"1")
        workspace.checkpoint()
        (record,) = records._records.values()
        assert workspace._plans.holding.holder.encode() not in record.value
    with state.scratch.workspace("job", ttl=timedelta(days=1)) as workspace:
        assert workspace.files() == {"a": 1}
