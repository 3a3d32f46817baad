"""A history is written by several workers, survives their death, and reads back in order."""

import doctest
import itertools
import json
import multiprocessing
import os
import signal
import threading
from pathlib import Path

import pytest

from statekit_conformance import history
from statekit_conformance.history import (
    Answered,
    Failed,
    FrozenDict,
    HistoryError,
    Operation,
    Recorder,
    Refused,
    Unknown,
    freeze,
    read_directory,
    read_history,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "w0.jsonl"


class TestRecording:
    def test_an_operation_reads_back_as_it_was_recorded(self, file):
        ticks = itertools.count(10)
        with Recorder(file, "w0", clock=lambda: next(ticks)) as recorder:
            recorder.begin("k", "write", {"value": [1, {"a": None}]}, client="t1").answered({"version": "v1"})
        assert read_history([file]) == (
            Operation("w0/t1", "k", "write", {"value": [1, {"a": None}]}, 10, 11, Answered({"version": "v1"})),
        )

    def test_every_outcome_reads_back(self, file):
        with Recorder(file, "w0") as recorder:
            recorder.begin("k", "read").answered()
            recorder.begin("k", "read").refused("conflict", {"version": "v2"})
            recorder.begin("k", "read").failed("throttled")
            recorder.begin("k", "read").unknown("timed out")
            recorder.begin("k", "read")
        outcomes = [operation.outcome for operation in read_history([file])]
        assert outcomes == [
            Answered(None),
            Refused("conflict", {"version": "v2"}),
            Failed("throttled"),
            Unknown(),
            Unknown(),
        ]

    def test_what_has_no_end_is_unknown(self, file):
        with Recorder(file, "w0") as recorder:
            recorder.begin("k", "write", {"value": 1})
        [operation] = read_history([file])
        assert operation.outcome == Unknown()
        assert operation.ended is None

    def test_only_the_first_end_counts(self, file):
        with Recorder(file, "w0") as recorder:
            call = recorder.begin("k", "read")
            call.answered(1)
            call.unknown()
        assert read_history([file])[0].outcome == Answered(1)

    def test_frozen_values_can_be_recorded_again(self, file):
        with Recorder(file, "w0") as recorder:
            recorder.begin("k", "write", FrozenDict({"value": {"a": [1]}})).answered(FrozenDict({"b": {}}))
        [operation] = read_history([file])
        assert operation.arguments == {"value": {"a": (1,)}}
        assert operation.outcome == Answered({"b": {}})

    def test_threads_share_a_recorder(self, file):
        def work(client: int) -> None:
            for number in range(50):
                recorder.begin("k", "write", {"value": number}, client=f"t{client}").answered(number)

        with Recorder(file, "w0") as recorder:
            threads = [threading.Thread(target=work, args=[client]) for client in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        operations = read_history([file])
        assert len(operations) == 400
        assert all(o.outcome == Answered(o.arguments["value"]) for o in operations)

    def test_a_file_has_one_writer(self, file):
        with Recorder(file, "w0"), pytest.raises(FileExistsError):
            Recorder(file, "w1")

    def test_closing_twice_is_harmless_and_nothing_is_written_afterwards(self, file):
        recorder = Recorder(file, "w0")
        recorder.close()
        recorder.close()
        with pytest.raises(ValueError, match="closed"):
            recorder.begin("k", "read")

    def test_a_recorder_does_not_survive_a_fork(self, file, monkeypatch):
        with Recorder(file, "w0") as recorder:
            monkeypatch.setattr(os, "getpid", lambda: -1)
            with pytest.raises(RuntimeError, match="belongs to the process"):
                recorder.begin("k", "read")

    def test_a_line_that_was_written_in_part_is_an_error(self, file, monkeypatch):
        with Recorder(file, "w0") as recorder:
            monkeypatch.setattr(os, "write", lambda _file, _data: 3)
            with pytest.raises(OSError, match="disk is full"):
                recorder.begin("k", "read")

    def test_values_that_json_cannot_hold_are_refused(self, file):
        with Recorder(file, "w0") as recorder, pytest.raises((TypeError, ValueError)):
            recorder.begin("k", "write", {"value": float("nan")})
        with pytest.raises(TypeError, match="not bytes"):
            freeze(b"")


def work_until_killed(directory: str, name: str, ready: "multiprocessing.synchronize.Event") -> None:
    with Recorder(f"{directory}/{name}.jsonl", name) as recorder:
        for number in itertools.count():
            call = recorder.begin("k", "write", {"value": number})
            if number == 20:
                ready.set()
            if number < 20 or name == "w0":
                call.answered()
            else:
                signal.pause()


class TestWorkers:
    def test_the_history_of_killed_workers_can_be_read(self, tmp_path):
        context = multiprocessing.get_context("spawn")
        events = [context.Event() for _ in range(2)]
        workers = [
            context.Process(target=work_until_killed, args=(str(tmp_path), f"w{number}", event))
            for number, event in enumerate(events)
        ]
        for worker in workers:
            worker.start()
        for event, worker in zip(events, workers, strict=True):
            assert event.wait(30)
            worker.kill()
            worker.join()
            worker.close()
        operations = read_directory(tmp_path)
        assert [o.started for o in operations] == sorted(o.started for o in operations)
        second = [o for o in operations if o.process == "w1"]
        assert [type(o.outcome) for o in second] == [Answered] * 20 + [Unknown]

    def test_files_merge_in_order_of_start(self, tmp_path):
        for name, start in (("w0", 5), ("w1", 0)):
            with Recorder(tmp_path / f"{name}.jsonl", name, clock=itertools.count(start, 10).__next__) as recorder:
                for _ in range(2):
                    recorder.begin("k", "read").answered()
        (tmp_path / "notes.txt").write_text("not a history")
        assert [o.process for o in read_directory(tmp_path)] == ["w1", "w0", "w1", "w0"]


class TestReading:
    def lines(self, file: Path) -> bytes:
        with Recorder(file, "w0") as recorder:
            recorder.begin("k", "read").answered(1)
            recorder.begin("k", "read").answered(2)
        return file.read_bytes()

    def test_the_last_line_may_be_torn_anywhere(self, file):
        whole = self.lines(file)
        last = whole.rindex(b"\n", 0, -1) + 1
        for end in range(last, len(whole)):
            file.write_bytes(whole[:end])
            first, second = read_history([file])
            assert first.outcome == Answered(1)
            assert second.outcome == Unknown()

    def test_an_operation_whose_start_is_torn_was_never_sent(self, file):
        whole = self.lines(file)
        start = whole.index(b"\n", whole.index(b"\n") + 1) + 1
        file.write_bytes(whole[: start + 5])
        assert len(read_history([file])) == 1

    def test_an_empty_file_is_an_empty_history(self, file):
        file.touch()
        assert read_history([file]) == ()

    @pytest.mark.parametrize(
        "line",
        [
            b"not json",
            b"7",
            b"[]",
            b"{}",
            b'{"n":0,"e":5,"o":["answered",1]}',
            b'{"n":0,"s":5}',
            b'{"n":0,"p":"w","k":"k","a":"read","x":7,"s":5}\n{"n":0,"e":6,"o":["answered",1]}',
            b'{"n":0,"p":"w","k":"k","a":"read","x":{},"s":5}\n{"n":0,"e":4,"o":["answered",1]}',
            b'{"n":0,"p":"w","k":"k","a":"read","x":{},"s":5}\n{"n":0,"e":6,"o":["guessed",1]}',
        ],
    )
    def test_what_no_recorder_writes_is_an_error(self, file, line):
        file.write_bytes(line + b"\n")
        with pytest.raises(HistoryError, match=r"w0\.jsonl"):
            read_history([file])


class TestValues:
    def test_a_frozen_value_can_be_hashed_and_equals_what_it_was_made_from(self):
        frozen = freeze({"a": [1, {"b": None}], "c": 2.5})
        assert frozen == {"a": (1, {"b": None}), "c": 2.5}
        assert hash(frozen) == hash(freeze({"c": 2.5, "a": (1, {"b": None})}))
        assert freeze(frozen) is frozen
        assert dict(frozen)["c"] == frozen.get("c") == frozen["c"]
        assert frozen.get("d") is None
        assert len(frozen) == 2
        assert frozen != freeze({"a": 1})

    def test_a_frozen_dict_shows_itself_as_a_dict(self):
        assert repr(freeze({"a": [1]})) == "{'a': (1,)}"

    def test_operations_can_be_hashed(self):
        operation = Operation("w0", "k", "write", {"value": [1]}, 0, 1, Answered({"version": "v"}))
        assert len({operation, Operation("w0", "k", "write", {"value": (1,)}, 0, 1, Answered({"version": "v"}))}) == 1

    def test_the_reason_of_an_unknown_outcome_makes_no_difference(self):
        assert Unknown("timed out") == Unknown("killed")

    def test_an_operation_with_an_answer_has_an_end(self):
        with pytest.raises(ValueError, match="no end"):
            Operation("w0", "k", "read", {}, 0, None, Answered())

    def test_an_operation_does_not_end_before_it_starts(self):
        with pytest.raises(ValueError, match="before"):
            Operation("w0", "k", "read", {}, 2, 1, Answered())

    def test_lines_are_json(self, file):
        with Recorder(file, "w0") as recorder:
            recorder.begin("k", "read").answered()
        assert [sorted(json.loads(line)) for line in file.read_text().splitlines()] == [
            ["a", "k", "n", "p", "s", "x"],
            ["e", "n", "o"],
        ]


def test_the_examples_in_the_documentation_work():
    assert doctest.testmod(history).failed == 0
