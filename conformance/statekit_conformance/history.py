"""Histories: what several worker processes asked of a store, when, and what each was told.

Every worker appends to a file of its own: one line before an operation is sent and one when it ends. Lines go
straight to the kernel, so a worker killed with SIGKILL loses nothing that it wrote; an operation whose second
line is missing has an unknown outcome, and a torn last line counts as not written. Times are nanoseconds of
CLOCK_MONOTONIC, which all processes of one Linux host share (containers with a time namespace of their own do
not), so the files merge into one history.

Values are what JSON can hold. Workloads record names and digests rather than bytes.
"""

import itertools
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

__all__ = [
    "Answered",
    "Call",
    "Failed",
    "FrozenDict",
    "HistoryError",
    "Operation",
    "Outcome",
    "Recorder",
    "Refused",
    "Unknown",
    "freeze",
    "read_directory",
    "read_history",
]

SUFFIX: Final = ".jsonl"


class HistoryError(ValueError):
    """A recorded file says something that no recorder writes."""


class FrozenDict(Mapping[str, Any]):
    """A dict that can be hashed, because neither it nor anything in it changes."""

    __slots__ = ("_fields", "_hash")

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = {name: freeze(value) for name, value in fields.items()}
        self._hash: int | None = None

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of `name`, or `default`."""
        return self._fields.get(name, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, FrozenDict):
            return self._fields == other._fields
        return self._fields == other

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self._fields.items()))
        return self._hash

    def __repr__(self) -> str:
        return repr(self._fields)


def freeze(value: Any) -> Any:
    """Return a JSON value in a form that can be hashed: tuples for lists, `FrozenDict` for dicts.

    Args:
        value: None, a bool, a number, a string, or lists, tuples and dicts of them.

    Raises:
        TypeError: The value, or something in it, is none of these.
    """
    if value is None or isinstance(value, str | int | float | FrozenDict):
        return value
    if isinstance(value, Mapping):
        return FrozenDict(value)
    if isinstance(value, list | tuple):
        return tuple(freeze(item) for item in value)
    raise TypeError(f"a history holds JSON values, not {type(value).__name__}: record a name for it")


def _freeze_field(instance: object, name: str) -> None:
    object.__setattr__(instance, name, freeze(getattr(instance, name)))


@dataclass(frozen=True, slots=True)
class Answered:
    """The operation took effect between its start and its end, and this is what it answered."""

    value: Any = None

    def __post_init__(self) -> None:
        _freeze_field(self, "value")


@dataclass(frozen=True, slots=True)
class Refused:
    """The operation had no effect, because of what it found: a conflict, something present, something gone.

    Args:
        reason: A word: "conflict", "exists", "gone".
        detail: What the refusal showed of the store, such as `{"version": …}`, or None.
    """

    reason: str = "conflict"
    detail: Any = None

    def __post_init__(self) -> None:
        _freeze_field(self, "detail")


@dataclass(frozen=True, slots=True)
class Failed:
    """The operation certainly had no effect, and says nothing about the store: throttled, never connected."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The operation takes effect at most once, at any moment after its start, or never."""

    reason: str = field(default="", compare=False)


Outcome: TypeAlias = Answered | Refused | Failed | Unknown


@dataclass(frozen=True, slots=True)
class Operation:
    """One call that a client made.

    Args:
        process: Who made it, for people: a worker, or one thread or task of it.
        key: What it was about. Keys are judged independently of each other.
        action: A verb that the model knows.
        arguments: What was asked, by name.
        started: Nanoseconds, read before the request was sent.
        ended: Nanoseconds, read after the reply came. None if no end was recorded. Of an operation of unknown
            outcome this is when the client gave up, and bounds nothing.
        outcome: What the client was told.

    Raises:
        ValueError: The operation ends before it starts, or has an answer and no end.
    """

    process: str
    key: str
    action: str
    arguments: Mapping[str, Any]
    started: int
    ended: int | None
    outcome: Outcome = field(default_factory=Unknown)

    def __post_init__(self) -> None:
        _freeze_field(self, "arguments")
        if self.ended is None and not isinstance(self.outcome, Unknown):
            raise ValueError(f"the {self.action} of {self.process} has an outcome and no end")
        if self.ended is not None and self.ended < self.started:
            raise ValueError(f"the {self.action} of {self.process} ends before it starts")


class Call:
    """An operation in progress. The first of its methods to be called ends it; without one it stays unknown."""

    __slots__ = ("_number", "_recorder")

    def __init__(self, recorder: "Recorder", number: int) -> None:
        self._recorder = recorder
        self._number = number

    def answered(self, value: Any = None) -> None:
        """Record the answer."""
        self._recorder.end(self._number, ["answered", value])

    def refused(self, reason: str = "conflict", detail: Any = None) -> None:
        """Record a refusal that says something about the store."""
        self._recorder.end(self._number, ["refused", reason, detail])

    def failed(self, reason: str = "") -> None:
        """Record an error that proves that nothing was applied."""
        self._recorder.end(self._number, ["failed", reason])

    def unknown(self, reason: str = "") -> None:
        """Record that the outcome will never be known."""
        self._recorder.end(self._number, ["unknown", reason])


class Recorder:
    """Appends the operations of one worker process to a file. Safe to share between its threads and tasks.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     with Recorder(Path(directory) / "w0.jsonl", "w0") as recorder:
        ...         call = recorder.begin("k", "write", {"value": 1})
        ...         call.answered({"version": "v1"})
        ...     [operation] = read_directory(directory)
        >>> operation.action, operation.outcome
        ('write', Answered(value={'version': 'v1'}))

    Args:
        path: A file that does not exist yet; `read_directory` looks for names that end in ".jsonl".
        process: The name of the worker.
        clock: Nanoseconds on a clock that all workers share.

    Raises:
        FileExistsError: Another worker writes there, or did.
    """

    def __init__(self, path: Path | str, process: str, *, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._process = process
        self._clock = clock
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._owner = os.getpid()

    def begin(self, key: str, action: str, arguments: Mapping[str, Any] | None = None, *, client: str = "") -> Call:
        """Record that an operation is about to be sent.

        Args:
            key: What it is about.
            action: A verb that the model knows.
            arguments: What is asked, by name.
            client: Which thread or task of the worker asks.

        Raises:
            RuntimeError: The recorder was inherited through a fork.
            OSError: The line could not be written. Do not send the operation.
        """
        if os.getpid() != self._owner:
            raise RuntimeError("a recorder belongs to the process that opened it: open one in the child")
        number = next(self._numbers)
        line = {
            "n": number,
            "p": f"{self._process}/{client}" if client else self._process,
            "k": key,
            "a": action,
            "x": dict(arguments or {}),
            "s": self._clock(),
        }
        self._append(line)
        return Call(self, number)

    def end(self, number: int, outcome: list[Any]) -> None:
        """Record how the operation with this number ended, now."""
        ended = self._clock()
        self._append({"n": number, "e": ended, "o": outcome})

    def close(self) -> None:
        """Close the file. What is in progress stays unknown. Closing twice is harmless."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def _append(self, line: dict[str, Any]) -> None:
        encoded = json.dumps(line, separators=(",", ":"), allow_nan=False, default=dict).encode() + b"\n"
        with self._lock:
            if self._file < 0:
                raise ValueError("the recorder is closed")
            if os.write(self._file, encoded) != len(encoded):
                raise OSError("a line of the history was written in part: the disk is full")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_history(paths: Iterable[Path | str]) -> tuple[Operation, ...]:
    """Merge the files of several workers into one history, in order of start.

    Raises:
        HistoryError: A file holds something that no recorder writes, other than a torn last line.
    """
    operations = [operation for path in paths for operation in _read_file(Path(path))]
    return tuple(sorted(operations, key=lambda operation: operation.started))


def read_directory(directory: Path | str) -> tuple[Operation, ...]:
    """Merge all the files in a directory whose names end in ".jsonl" into one history, in order of start.

    Raises:
        HistoryError: A file holds something that no recorder writes, other than a torn last line.
    """
    return read_history(sorted(Path(directory).glob("*" + SUFFIX)))


def _read_file(path: Path) -> Iterator[Operation]:
    starts: dict[int, dict[str, Any]] = {}
    ends: dict[int, dict[str, Any]] = {}
    whole, _, _torn = path.read_bytes().rpartition(b"\n")
    for position, text in enumerate(whole.splitlines(), 1):
        try:
            line = json.loads(text)
            (starts if "s" in line else ends).setdefault(line["n"], line)
        except (ValueError, KeyError, TypeError) as error:
            raise HistoryError(f"{path.name}, line {position} is not a line of a history") from error
    if not ends.keys() <= starts.keys():
        raise HistoryError(f"{path.name} ends an operation that it does not start")
    for number, start in starts.items():
        yield _operation(path, start, ends.get(number))


def _operation(path: Path, start: dict[str, Any], end: dict[str, Any] | None) -> Operation:
    try:
        return Operation(
            process=start["p"],
            key=start["k"],
            action=start["a"],
            arguments=dict(start["x"]),
            started=start["s"],
            ended=end["e"] if end else None,
            outcome=_OUTCOMES[end["o"][0]](*end["o"][1:]) if end else Unknown("no end was recorded"),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise HistoryError(f"{path.name} holds an operation that makes no sense: {error}") from error


_OUTCOMES: Final[Mapping[str, Callable[..., Outcome]]] = {
    "answered": Answered,
    "refused": Refused,
    "failed": Failed,
    "unknown": Unknown,
}
