"""One event per operation, to logging and OpenTelemetry."""

from __future__ import annotations

import logging
import sys
from types import ModuleType
from typing import Any

import pytest

from statekit._core.events import emit
from statekit.types import Event


def event(outcome: str = "ok") -> Event:
    return Event("save", "sessions", "redis", outcome, 2, 1, 1024, 0.0125)


def test_success_is_for_debugging(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "statekit")
    emit(event())
    [record] = caplog.records
    assert (record.levelno, record.name) == (logging.DEBUG, "statekit")
    assert record.getMessage() == "sessions.save on redis: ok (attempts 2, conflicts 1, bytes 1024, 12.5 ms)"
    assert record.statekit == event()  # type: ignore[attr-defined]


@pytest.mark.parametrize("outcome", ["UnavailableError", "IndeterminateError", "CorruptDataError", "BackendError"])
def test_a_failure_of_the_engine_is_a_warning(caplog: pytest.LogCaptureFixture, outcome: str) -> None:
    caplog.set_level(logging.DEBUG, "statekit")
    emit(event(outcome))
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize("outcome", ["ConflictError", "SessionGoneError", "NotFoundError", "InvalidKeyError"])
def test_what_an_application_expects_is_none(caplog: pytest.LogCaptureFixture, outcome: str) -> None:
    caplog.set_level(logging.DEBUG, "statekit")
    emit(event(outcome))
    assert [record.levelno for record in caplog.records] == [logging.DEBUG]


class FakeTrace(ModuleType):
    """What is needed of opentelemetry.trace."""

    def __init__(self) -> None:
        super().__init__("opentelemetry.trace")
        self.spans: list[dict[str, Any]] = []

    def get_tracer(self, name: str) -> Any:
        trace = self

        class Span:
            def __init__(self, title: str, start_time: int) -> None:
                self.told: dict[str, Any] = {"tracer": name, "name": title, "start": start_time}

            def set_attributes(self, attributes: dict[str, Any]) -> None:
                self.told["attributes"] = attributes

            def end(self, end_time: int) -> None:
                trace.spans.append({**self.told, "end": end_time})

        class Tracer:
            @staticmethod
            def start_span(title: str, start_time: int) -> Span:
                return Span(title, start_time)

        return Tracer


def test_a_span_is_recorded_where_the_application_uses_opentelemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = FakeTrace()
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", trace)
    emit(event("ConflictError"))
    [span] = trace.spans
    assert (span["tracer"], span["name"]) == ("statekit", "sessions.save")
    assert span["end"] - span["start"] == 12_500_000
    assert span["attributes"] == {
        "statekit.backend": "redis",
        "statekit.outcome": "ConflictError",
        "statekit.attempts": 2,
        "statekit.conflicts": 1,
        "statekit.bytes": 1024,
    }


def test_opentelemetry_is_not_imported_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "opentelemetry.trace", raising=False)
    emit(event())
    assert "opentelemetry.trace" not in sys.modules
