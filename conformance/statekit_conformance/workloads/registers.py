"""Workloads on single values: records and objects that are created, replaced, copied over and deleted on conditions."""

from __future__ import annotations

from functools import partial
from typing import Any, Final, Literal

from statekit.driver import ABSENT, ANY, Committed, Gone, Match, Record, Refused, Stat
from statekit.errors import BackendError, NotFoundError
from statekit_conformance.checker import CreateOnce, ObjectRegister, Register
from statekit_conformance.history import Call

from .payload import name_of, payload
from .race import Workload
from .racer import FAILED, Racer

__all__ = ["CREATIONS", "OBJECTS", "OBJECT_DRIVER", "REGISTERS"]

_KEYS: Final = ("a", "b", "c")
_SIZES: Final = (20, 20, 20, 2_000, 90_000)
"""Bytes of values: large ones take another way through some drivers."""


# Records, compared and set


def compare_and_set(racer: Racer) -> None:
    """Read a record, or replace the version that was seen last, which may be a stale one."""
    key = racer.random.choice(_KEYS)
    if key not in racer.memory or racer.random.random() < 0.3:
        read_record(racer, key)
        return
    seen, name = racer.memory[key], racer.fresh()
    expect = ABSENT if seen is None else Match(seen)
    value = payload(name, racer.random.choice(_SIZES))
    send = partial(racer.store.write, racer.store.key(key), value, expect=expect)
    answer = racer.ask(key, "cas", send, _tell_written, value=name, expect=seen)
    if isinstance(answer, Committed):
        racer.memory[key] = answer.version
    elif racer.random.random() < 0.8:  # else it is tried with the stale version again
        racer.memory.pop(key)


def read_record(racer: Racer, key: str) -> None:
    """Read a record and remember its version."""
    found = racer.ask(key, "read", lambda: racer.store.read(racer.store.key(key)), _tell_record)
    if found is not FAILED:
        racer.memory[key] = None if found is None else found.version


def _tell_record(call: Call, found: Record | None) -> None:
    call.answered(None if found is None else _shown(found))


def _shown(record: Record) -> dict[str, str]:
    return {"value": name_of(record.value), "version": record.version}


def _tell_written(call: Call, answer: Committed | Refused[Record]) -> None:
    if isinstance(answer, Committed):
        call.answered({"version": answer.version})
    else:
        call.refused("conflict", _shown(answer.current) if isinstance(answer.current, Record) else None)


def look_at_records(racer: Racer) -> None:
    """Read every record."""
    for key in _KEYS:
        read_record(racer, key)


REGISTERS: Final = Workload(
    name="compare and set of records",
    act=compare_and_set,
    look=look_at_records,
    opens="records",
    models={"": Register()},
)


# Records, created once and deleted


def create_once(racer: Racer) -> None:
    """Create a record, read it or delete it."""
    key, store = racer.random.choice(_KEYS), racer.store
    chance = racer.random.random()
    if chance < 0.5:
        name = racer.fresh()
        value = payload(name, racer.random.choice(_SIZES))
        racer.ask(key, "create", lambda: store.write(store.key(key), value, expect=ABSENT), _tell_created, value=name)
    elif chance < 0.8:
        read_created(racer, key)
    else:
        racer.ask(key, "delete", lambda: store.delete(store.key(key)), _tell_deleted)


def read_created(racer: Racer, key: str) -> None:
    """Read what was created."""
    racer.ask(key, "read", lambda: racer.store.read(racer.store.key(key)), _tell_value)


def _tell_created(call: Call, answer: Committed | Refused[Record]) -> None:
    if isinstance(answer, Committed):
        call.answered()
    else:
        call.refused("exists")


def _tell_value(call: Call, found: Record | None) -> None:
    call.answered(None if found is None else name_of(found.value))


def _tell_deleted(call: Call, answer: Gone | Refused[Any]) -> None:
    if isinstance(answer, Refused):
        call.refused("conflict")
    else:
        call.answered("deleted" if answer is Gone.DELETED else "absent")


def look_at_created(racer: Racer) -> None:
    """Read every record."""
    for key in _KEYS:
        read_created(racer, key)


CREATIONS: Final = Workload(
    name="create once and delete of records",
    act=create_once,
    look=look_at_created,
    opens="records",
    models={"": CreateOnce()},
)


# Objects: put, copied and deleted under what was seen last


def _choose(racer: Racer, chance: float, seen: object, *, deletes: bool) -> Literal["put", "copy", "delete"]:
    """Say what is done to an object: what is absent can only be put."""
    if seen is not None and deletes and chance >= 0.85:
        return "delete"
    return "copy" if seen is not None and racer.copies and chance >= 0.75 else "put"


# Objects, by their driver


def change_raw_object(racer: Racer) -> None:
    """Read an object, or put, copy or delete under what was seen last."""
    key, store = racer.random.choice(_KEYS), racer.store
    chance = racer.random.random()
    if key not in racer.memory or chance < 0.3:
        read_raw_object(racer, key)
        return
    seen = racer.memory.pop(key)
    expect = ABSENT if seen is None else Match(seen)
    condition = {"if_absent": True} if seen is None else {"if_match": seen}
    change = _choose(racer, chance, seen, deletes=True)
    if change == "put":
        name = racer.fresh()
        data = payload(name, racer.random.choice(_SIZES))
        send = partial(store.write, store.key(key), data, expect=expect)
        answer = racer.ask(key, "put", send, _tell_put, data=name, **condition)
        if isinstance(answer, Committed):
            racer.memory[key] = answer.version
    elif change == "copy":
        copy_raw_object(racer, key, expect, condition)
    else:
        everything = racer.random.random() < 0.3 and not racer.faults
        sight = ANY if everything else expect
        send = partial(store.delete, store.key(key), expect=sight)
        racer.ask(key, "delete", send, _tell_deleted, **({} if everything else condition))


def copy_raw_object(racer: Racer, key: str, expect: Any, condition: dict[str, Any]) -> None:
    """Copy an object that nobody else knows over a shared one."""
    store, name = racer.store, racer.fresh()
    source = store.key(f"source-{name}")
    try:
        pinned = store.put(source, payload(name, 200))
    except Exception as error:
        if not store.fault(error).fault.retryable:
            raise
        return  # the engine or the wire was in trouble: there is nothing to be copied, then
    send = partial(store.copy, source, store.key(key), pinned=pinned, expect=expect)
    racer.ask(key, "put", send, _tell_put, data=name, **condition)


def read_raw_object(racer: Racer, key: str) -> None:
    """Read an object and remember its version."""
    found = racer.ask(key, "get", lambda: racer.store.read(racer.store.key(key)), _tell_chunk)
    if found is not FAILED:
        racer.memory[key] = None if found is None else found.stat.version


def _tell_chunk(call: Call, found: Any) -> None:
    call.answered(None if found is None else {"data": name_of(found.data), "version": found.stat.version})


def _tell_put(call: Call, answer: Committed | Refused[Stat] | None) -> None:
    assert answer is not None, "the source of a copy is gone, and nobody deleted it"
    if isinstance(answer, Committed):
        call.answered({"version": answer.version})
    else:
        stat = answer.current
        call.refused("conflict", {"version": stat.version} if isinstance(stat, Stat) else None)


def look_at_raw_objects(racer: Racer) -> None:
    """Read every object."""
    for key in _KEYS:
        read_raw_object(racer, key)


OBJECT_DRIVER: Final = Workload(
    name="conditional writes, copies and deletes by the object driver",
    act=change_raw_object,
    look=look_at_raw_objects,
    opens="objects",
    models={"": ObjectRegister()},
)


# Objects, by their store


def change_object(racer: Racer) -> None:
    """Get an object, or put, copy or delete under what was seen last."""
    key, objects = racer.random.choice(_KEYS), racer.store.objects
    chance = racer.random.random()
    if key not in racer.memory or chance < 0.3:
        get_object(racer, key)
        return
    seen = racer.memory.pop(key)
    asked: dict[str, Any] = {"if_absent": True} if seen is None else {"if_match": seen}
    told: dict[str, Any] = asked if seen is None else {"if_match": seen.version}
    # Where replies are lost nothing is deleted: whether an object was created and deleted meanwhile, or not
    # created yet, nobody can tell, and so it may be created again (P1).
    change = _choose(racer, chance, seen, deletes=not racer.faults)
    if change == "put":
        name = racer.fresh()
        data = payload(name, racer.random.choice(_SIZES))
        info = racer.ask(
            key, "put", partial(objects.put, key, data, **asked), partial(_tell_info, racer), data=name, **told
        )
        if info is not FAILED:
            racer.memory[key] = info
    elif change == "copy":
        copy_object(racer, key, asked, told)
    else:
        _delete_object(racer, key, asked, told)


def copy_object(racer: Racer, key: str, asked: dict[str, Any], told: dict[str, Any]) -> None:
    """Copy an object that nobody else knows over a shared one."""
    name = racer.fresh()
    source = f"source-{name}"
    try:
        racer.store.objects.put(source, payload(name, 200))
    except BackendError:
        if not racer.faults:
            raise
        return  # there is nothing to be copied, then
    send = partial(racer.store.objects.copy, source, key, **asked)
    racer.ask(key, "put", send, partial(_tell_info, racer), data=name, **told)


def _delete_object(racer: Racer, key: str, asked: dict[str, Any], told: dict[str, Any]) -> None:
    objects = racer.store.objects
    if racer.random.random() < 0.3:
        asked = told = {}

    def tell(call: Call, deleted: bool) -> None:  # noqa: FBT001 - as the store answers
        call.answered("deleted" if deleted else "absent")

    racer.ask(key, "delete", partial(objects.delete, key, **asked), tell, **told)


def get_object(racer: Racer, key: str) -> None:
    """Get an object and remember its info."""

    def send() -> Any:
        try:
            return racer.store.objects.get(key)
        except NotFoundError:
            return None

    found = racer.ask(key, "get", send, _tell_object)
    if found is not FAILED:
        racer.memory[key] = found and found.info


def _tell_object(call: Call, found: Any) -> None:
    call.answered(None if found is None else {"data": name_of(found.data), "version": found.info.version})


def _tell_info(racer: Racer, call: Call, info: Any) -> None:
    """Record a put. One whose reply was lost and that was overwritten since has no version that it could tell."""
    overtaken = racer.faults and info.version == info.write_id
    call.answered({} if overtaken else {"version": info.version})


def look_at_objects(racer: Racer) -> None:
    """Get every object."""
    for key in _KEYS:
        get_object(racer, key)


OBJECTS: Final = Workload(
    name="conditional put, copy and delete of objects",
    act=change_object,
    look=look_at_objects,
    opens="view.objects",
    models={"": ObjectRegister()},
)
