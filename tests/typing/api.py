"""The public API as an application uses it. It is type-checked and never run."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, assert_type

import statekit
from statekit import (
    AsyncObjectReader,
    AsyncObjectWriter,
    AsyncState,
    AsyncWorkspace,
    Checkpoint,
    Event,
    ObjectInfo,
    ObjectReader,
    ObjectWriter,
    Prefix,
    Session,
    SessionInfo,
    SessionPolicy,
    State,
    StateError,
    StoredObject,
    Swept,
    Workspace,
)
from statekit.testing import FakeClock


def heard(event: Event) -> None:
    assert_type(event.outcome, str)
    assert_type(event.seconds, float)


def opening() -> State:
    state = statekit.open(
        "memory:",
        namespace="shop",
        keys=["..."],
        policy=SessionPolicy(idle_timeout=timedelta(days=1), sessions_per_owner=5),
        timeout=5.0,
        clock=FakeClock(),
        on_event=heard,
    )
    assert_type(state, State)
    statekit.open({"url": "memory:"}, sessions="memory:a", objects={"url": "memory:b"})
    with statekit.open() as opened:
        assert_type(opened, State)
    assert_type(state.check(), tuple[str, ...])
    assert_type(state.sweep(), Swept)
    return state


def sessions(state: State) -> None:
    session = state.sessions.create({"cart": [1]}, owner="ada", label="phone", since="", timeout=1.0)
    assert_type(session, Session)
    assert_type(session.id, str)
    assert_type(session.owner, str | None)
    assert_type(session.expires_at, datetime)
    assert_type(session["cart"], Any)
    session["cart"] = [2]
    assert_type(session.get("cart"), Any | None)
    assert_type(state.sessions.load("..."), Session | None)
    state.sessions.save(session, on_conflict="reject")
    assert_type(state.sessions.update(session.id, lambda data: data.update(n=1)), Session)
    assert_type(state.sessions.touch(session), bool)
    assert_type(state.sessions.rotate(session, owner="ada", label="x"), Session)
    assert_type(state.sessions.destroy(session), bool)
    assert_type(state.sessions.destroy(session.id), bool)
    assert_type(state.sessions.list("ada"), list[SessionInfo])
    assert_type(state.sessions.revoke("..."), bool)
    assert_type(state.sessions.revoke_all("ada", keep=session), int)
    assert_type(state.sessions.revoke_all("ada", keep=session.id), int)
    assert_type(state.sessions.owner_mark("ada"), str)


def wrong_sessions(state: State, session: Session) -> None:
    state.sessions.save(session, on_conflict="ignore")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    state.sessions.create(owner=7)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    state.sessions.load(session.id, 5.0)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]


def objects(state: State, items: Iterator[bytes], path: Path, file: io.BytesIO) -> None:
    store = state.objects
    info = store.put("a", b"", content_type="text/plain", metadata={"k": "v"}, if_absent=True)
    assert_type(info, ObjectInfo)
    store.put("a", bytearray(), if_match=info)
    store.put("a", memoryview(b""), if_match=info.version)
    store.put("a", items)
    store.put("a", [b"x", b"y"])
    store.put("a", path)
    store.put("a", file)
    found = store.get("a", start=1, length=2)
    assert_type(found, StoredObject)
    assert_type(found.data, bytes)
    assert_type(found.info, ObjectInfo)
    assert_type(store.open("a"), ObjectReader)
    assert_type(store.open("a", "rb"), ObjectReader)
    assert_type(store.open("a", "wb", if_absent=True), ObjectWriter)
    with store.open("a") as reader:
        assert_type(reader.read(), bytes)
        assert_type(reader.info, ObjectInfo)
    with store.open("a", "wb") as writer:
        assert_type(writer.write(b""), int)
    assert_type(writer.info, ObjectInfo | None)
    assert_type(store.stat("a"), ObjectInfo)
    assert_type(store.exists("a"), bool)
    assert_type(store.delete("a", if_match=info), bool)
    assert_type(store.delete_many(["a"]), dict[str, bool | StateError])
    assert_type(store.copy("a", "b", if_absent=True), ObjectInfo)
    assert_type(store.list("a/", start_after="a/b"), Iterator[ObjectInfo])
    assert_type(store.list("a/", delimiter="/"), Iterator[ObjectInfo | Prefix])
    assert_type(store.sweep(older_than=timedelta(days=2)), Swept)


def wrong_objects(state: State) -> None:
    state.objects.put("a", 7)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    state.objects.open("a", "rb", if_absent=True)  # type: ignore[call-overload] # pyright: ignore[reportCallIssue, reportArgumentType]
    state.objects.list(delimiter="-")  # type: ignore[call-overload] # pyright: ignore[reportCallIssue, reportArgumentType]


async def asynchronously(items: AsyncIterator[bytes]) -> None:
    async with statekit.aopen("memory:") as state:
        assert_type(state, AsyncState)
        session = await state.sessions.create({"a": 1})
        assert_type(session, Session)
        assert_type(await state.sessions.load(session.id), Session | None)
        await state.sessions.save(session)
        assert_type(await state.sessions.list("ada"), list[SessionInfo])
        await state.objects.put("a", items)
        assert_type(await state.objects.get("a"), StoredObject)
        assert_type(await state.objects.open("a"), AsyncObjectReader)
        assert_type(await state.objects.open("a", "wb"), AsyncObjectWriter)
        async with await state.objects.open("a") as reader:
            assert_type(await reader.read(5), bytes)
            async for piece in reader:
                assert_type(piece, bytes)
        assert_type(state.objects.list(), AsyncIterator[ObjectInfo])
        async for item in state.objects.list(delimiter="/"):
            assert_type(item, ObjectInfo | Prefix)
        assert_type(await state.check(), tuple[str, ...])


def errors(state: State) -> None:
    try:
        state.sessions.create()
    except statekit.IndeterminateError as error:
        assert_type(error.fault, statekit.Fault)
        assert_type(error.retryable, bool)
        assert_type(error.retry_after, float | None)
    except statekit.ConflictError as error:
        assert_type(error.current, str | None)
    except StateError as error:
        assert_type(error.op, str | None)


def told(done: int, total: int) -> None:
    assert_type((done, total), tuple[int, int])


def scratch(state: State) -> None:
    statekit.open("memory:", scratch={"quota": "512MiB", "objects": "memory:files"})
    with state.scratch.workspace() as anonymous:
        assert_type(anonymous, Workspace)
        assert_type(anonymous.path, Path)
        assert_type(anonymous / "a", Path)
        assert_type(anonymous.fence, int | None)
    with state.scratch.workspace("job", ttl=timedelta(days=1), wait=5.0, lazy=True, progress=told) as workspace:
        assert_type(workspace.write("a", [b"1"]), Path)
        assert_type(workspace.fetch(state.objects, "key", name="b", progress=told), Path)
        assert_type(workspace.publish("b", state.objects, "key", if_absent=True), ObjectInfo)
        assert_type(workspace.checkpoint(timeout=1.0), Checkpoint)
        assert_type(workspace.files(), dict[str, int])
        assert_type(workspace.remove("b"), bool)
        workspace.restore("a", progress=told)
        workspace.renew()
    assert_type(state.scratch.sweep(), Swept)


async def ascratch(state: AsyncState) -> None:
    async with state.scratch.workspace("job") as workspace:
        assert_type(workspace, AsyncWorkspace)
        assert_type(await workspace.fetch(state.objects, "key"), Path)
        assert_type(await workspace.checkpoint(), Checkpoint)
    assert_type(await state.scratch.sweep(), Swept)


def wrong_scratch(state: State, other: AsyncState, workspace: Workspace) -> None:
    workspace.fetch(other.objects, "key")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    state.scratch.workspace("job", ttl=5)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
