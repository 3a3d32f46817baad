"""A model of an engine that holds records and objects: immutable worlds, and what a request does to one."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from statekit.driver import (
    ABSENT,
    ANY,
    UNSEEN,
    Committed,
    Entry,
    Failure,
    Fault,
    Gone,
    Match,
    Page,
    Record,
    Refused,
    Stat,
)
from statekit.testing.failing import explain

READING = frozenset({"read", "page", "stat", "get_blob", "stat_blob", "list_blobs"})


class Methods:
    """The driver that explored plans see: they only name its methods, which nobody ever calls."""

    def read(self): ...
    def write(self): ...
    def touch(self): ...
    def delete(self): ...
    def page(self): ...
    def stat(self): ...

    def fault(self, exc: BaseException) -> Failure:
        return explain(exc) or Failure(Fault.UNKNOWN)


@dataclass(frozen=True)
class Engine:
    """How the engine behaves; everything but the default is a defect, except being terse.

    Attributes:
        generous: Whether a refusal carries what is stored; otherwise core has to read.
        counts: Versions count up from 1 for each creation.
        repeats: A write is also accepted over itself: ``version = :v OR write_id = :w``.
    """

    generous: bool = True
    counts: bool = False
    repeats: bool = False

    def apply(self, store: dict[str, Record], request: Request) -> tuple[dict[str, Record], object, Applied | None]:
        """Return the store afterwards, the reply, and what was applied."""
        current = store.get(request.key)
        match request.method:
            case "read":
                return store, current, None
            case "stat":
                return store, _stat(request.key, current), None
            case "page":
                found = [
                    Entry(k, r.version, r.expires_at) for k, r in sorted(store.items()) if k.startswith(request.key)
                ]
                return store, Page(tuple(found)), None
            case "write":
                return self._write(store, request, current)
            case "touch":
                seen = request.kwargs["seen"]
                if current is None or (current.version, current.expires_at) != (seen.version, seen.expires_at):
                    return store, self._refused(current), None
                after = replace(current, expires_at=request.kwargs["expires_at"])
                return {**store, request.key: after}, Committed(current.version), Applied("touch", current, after)
            case "delete":
                return self._delete(store, request, current)
        raise AssertionError(request.method)

    def _write(self, store, request, current):
        expect, write_id = request.kwargs["expect"], request.kwargs["write_id"]
        again = self.repeats and current is not None and written_by(current) == write_id
        if not again and not _holds(expect, current):
            return store, self._refused(current), None
        version = write_id
        if self.counts:
            version = str(int(current.version) + 1) if current else "1"
        after = Record(request.args[1], version, request.kwargs["expires_at"])
        return {**store, request.key: after}, Committed(version), Applied("write", current, after)

    def _delete(self, store, request, current):
        expect = request.kwargs["expect"]
        if current is None:
            return store, Gone.ABSENT, None
        if isinstance(expect, Entry):
            holds = (current.version, current.expires_at) == (expect.version, expect.expires_at)
        else:
            holds = _holds(expect, current)
        if not holds:
            return store, self._refused(current), None
        left = {key: record for key, record in store.items() if key != request.key}
        return left, Gone.DELETED, Applied("delete", current, None)

    def _refused(self, current):
        return Refused(current if self.generous else UNSEEN)


@dataclass(frozen=True, eq=False)
class Request:
    """One request of a process. Each exists once: it is what it is because of what its process has seen.

    Attributes:
        process: Its index.
        place: The history of its process after which it is sent.
        method: The driver's method.
        args: Positional, the key first.
        kwargs: The others.
    """

    process: int
    place: int
    method: str
    args: tuple
    kwargs: dict

    @property
    def key(self) -> str:
        return self.args[0]


@dataclass(frozen=True)
class Applied:
    """What a request has changed."""

    kind: str
    before: Record | None
    after: Record | None


def written_by(record: Record) -> str:
    """Return the write id in a record's envelope, as drivers see it."""
    from statekit._core.envelope import decode
    from statekit._core.ids import text_of

    return text_of(decode(record).write_id)


def _holds(expect, current: Record | None) -> bool:
    if expect is ANY:
        return True
    if expect is ABSENT:
        return current is None
    assert isinstance(expect, Match)
    return current is not None and current.version == expect.version


def _stat(key: str, record: Record | None) -> Stat | None:
    return None if record is None else Stat(key, record.version, len(record.value), 0, None, None)
