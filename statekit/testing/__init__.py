"""For tests, ours and yours: a clock that is set by hand, and drivers that fail on purpose."""

from .clock import Clock, FakeClock, SystemClock
from .faulty import FaultyDriver
from .opened import backend_of
from .scripted import ScriptedDriver

__all__ = ["Clock", "FakeClock", "FaultyDriver", "ScriptedDriver", "SystemClock", "backend_of"]
