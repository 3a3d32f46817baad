"""Workloads that list while others create and delete."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from statekit.driver import ABSENT, Committed, Gone, Refused
from statekit_conformance.checker import CreateOnce
from statekit_conformance.history import Call

from .payload import payload
from .race import Workload
from .racer import FAILED, Racer

__all__ = ["OBJECT_LISTINGS", "RECORD_LISTINGS"]

_KEYS: Final = tuple(f"k{number}" for number in range(12))
_HERE: Final = "here"
"""What everything that exists is said to hold: a listing does not tell one creation from another."""


def change_records(racer: Racer) -> None:
    """Create a record, delete one, or list them all in small pages."""
    chance = racer.random.random()
    if chance < 0.12:
        list_records(racer)
        return
    key, store = racer.random.choice(_KEYS), racer.store
    if chance < 0.6:
        send = partial(store.write, store.key(key), payload(racer.name, 50), expect=ABSENT)
        racer.ask(key, "create", send, _tell_created, value=_HERE)
    else:
        racer.ask(key, "delete", partial(store.delete, store.key(key)), _tell_deleted)


def _tell_created(call: Call, answer: Committed | Refused[Any]) -> None:
    if isinstance(answer, Committed):
        call.answered()
    else:
        call.refused("exists")


def _tell_deleted(call: Call, answer: Gone) -> None:
    call.answered("deleted" if answer is Gone.DELETED else "absent")


def list_records(racer: Racer) -> None:
    """List, and record for each key whether it was seen: a read of each, somewhere in the time that it took."""
    store = racer.store
    _listed(racer, lambda: {entry.key for entry in store.entries(limit=5)}, store.key)


def _listed(racer: Racer, send: Any, named: Any) -> None:
    calls = {key: racer.begin(key, "read") for key in _KEYS}
    seen = racer.ask("listing", "read", send, lambda call, _: call.failed())
    if seen is FAILED:
        return
    assert seen <= {named(key) for key in _KEYS}, "a listing shows keys that nobody made"
    for key, call in calls.items():
        call.answered(_HERE if named(key) in seen else None)


RECORD_LISTINGS: Final = Workload(
    name="listing of records during change",
    act=change_records,
    look=list_records,
    opens="records",
    models={"k": CreateOnce()},
    most=150,
)


def change_objects(racer: Racer) -> None:
    """Put an object where there is none, delete one, or list them all."""
    chance = racer.random.random()
    if chance < 0.15:
        list_objects(racer)
        return
    key, objects = racer.random.choice(_KEYS), racer.store.objects
    if chance < 0.6:
        send = partial(objects.put, key, payload(racer.name, 50), if_absent=True)
        racer.ask(key, "create", send, lambda call, _: call.answered(), value=_HERE)
    else:
        racer.ask(key, "delete", partial(objects.delete, key), _tell_whether_deleted)


def _tell_whether_deleted(call: Call, deleted: bool) -> None:  # noqa: FBT001 - as the store answers
    call.answered("deleted" if deleted else "absent")


def list_objects(racer: Racer) -> None:
    """List, and record for each key whether it was seen. Keys come sorted, each once."""

    def send() -> set[str]:
        keys = [info.key for info in racer.store.objects.list()]
        assert keys == sorted(set(keys)), "a listing is not sorted, or shows a key twice"
        return set(keys)

    _listed(racer, send, str)


OBJECT_LISTINGS: Final = Workload(
    name="listing of objects during change",
    act=change_objects,
    look=list_objects,
    opens="view.objects",
    models={"k": CreateOnce()},
    most=150,
)
