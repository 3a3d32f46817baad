"""A driver that answers from a script and records what it was asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from statekit.driver import Failure, Fault, Parts

from .failing import Met, explain

__all__ = ["Asked", "ScriptedDriver"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One call that a scripted driver got.

    Attributes:
        method: The driver's method.
        args: Its positional arguments.
        kwargs: The others, ``timeout`` included.
    """

    method: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class ScriptedDriver:
    """A record, object and multipart driver that answers what it was told to, in that order.

    An answer is what the next call returns. Three kinds are more than that: a Fault or a Failure is what the call
    meets, an exception is raised and explained as ``Fault.UNKNOWN``, and a function is called with the call's arguments
    and returns the answer. A call for which nothing was scripted is an AssertionError::

        driver = ScriptedDriver(None, Fault.LOST, Refused(None))
        driver.read("a", timeout=1.0)  # None
        driver.write(...)  # raises what `driver.fault` explains as Fault.LOST
        [asked.method for asked in driver.calls]

    Args:
        answers: The script.

    Attributes:
        calls: What was asked, in order.
        parts: The bounds of uploads in parts.
    """

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.calls: list[Asked] = []
        self.parts = Parts(smallest=1, largest=1 << 30, most=10_000)

    def then(self, *answers: Any) -> None:
        """Add to the script."""
        self._answers += answers

    @property
    def left(self) -> int:
        """How many answers nobody has asked for yet."""
        return len(self._answers)

    def _answer(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self.calls.append(Asked(method, args, kwargs))
        if not self._answers:
            raise AssertionError(f"the script has no answer for call {len(self.calls)}, {method}")
        answer = self._answers.pop(0)
        if isinstance(answer, Fault | Failure):
            raise Met(answer)
        if isinstance(answer, BaseException):
            raise answer
        return answer(*args, **kwargs) if callable(answer) else answer

    def fault(self, exc: BaseException, /) -> Failure:
        """Explain an exception."""
        return explain(exc) or Failure(Fault.UNKNOWN)


def _scripted(method: str) -> Callable[..., Any]:
    def call(self: ScriptedDriver, *args: Any, **kwargs: Any) -> Any:
        return self._answer(method, args, kwargs)

    call.__name__ = method
    call.__qualname__ = f"ScriptedDriver.{method}"
    call.__doc__ = "Answer from the script."
    return call


METHODS: Final = (
    *("read", "write", "touch", "delete", "page"),
    *("stat", "copy", "begin", "part", "finish", "abort", "uploads", "sign"),
)
for _method in METHODS:
    setattr(ScriptedDriver, _method, _scripted(_method))
