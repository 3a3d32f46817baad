"""One event per operation, to logging and, where the application uses it, OpenTelemetry."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import Any, Final

from statekit.types import Event

__all__ = ["Listener", "emit", "heard"]

Listener = Callable[[Event], None]

_TRACING: Final = "opentelemetry.trace"
"""Used if the application has imported it: importing it here would cost a cold start."""
_LOGGER: Final = logging.getLogger("statekit")
_LOGGER.addHandler(logging.NullHandler())  # or Python would print warnings of applications that set up no logging


def heard() -> bool:
    """Whether the log or the tracer hears of an operation that went well; if not, its event need not be made."""
    return _LOGGER.isEnabledFor(logging.DEBUG) or _TRACING in sys.modules


def emit(event: Event) -> None:
    """Tell the log and the tracer."""
    level = _LEVELS.get(event.outcome, logging.DEBUG)
    if _LOGGER.isEnabledFor(level):
        _LOGGER.log(
            level,
            "%s.%s on %s: %s (attempts %d, conflicts %d, bytes %d, %.1f ms)",
            event.store,
            event.operation,
            event.backend,
            event.outcome,
            event.attempts,
            event.conflicts,
            event.size,
            event.seconds * 1000,
            extra={"statekit": event},
        )
    if _TRACING in sys.modules:
        _trace(event)


_LEVELS: Final = dict.fromkeys(
    (
        "BackendError",
        "CorruptDataError",
        "DeniedError",
        "IndeterminateError",
        "MisconfiguredError",
        "ThrottledError",
        "TimedOutError",
        "UnavailableError",
    ),
    logging.WARNING,
)
"""Failures of the engine are warnings, the rest is for debugging."""


def _trace(event: Event) -> None:
    """Record a span that ends now and began ``event.seconds`` ago."""
    tracer: Any = sys.modules[_TRACING].get_tracer("statekit")
    end = time.time_ns()
    span = tracer.start_span(f"{event.store}.{event.operation}", start_time=end - int(event.seconds * 1e9))
    span.set_attributes(
        {
            "statekit.backend": event.backend,
            "statekit.outcome": event.outcome,
            "statekit.attempts": event.attempts,
            "statekit.conflicts": event.conflicts,
            "statekit.bytes": event.size,
        }
    )
    span.end(end_time=end)
