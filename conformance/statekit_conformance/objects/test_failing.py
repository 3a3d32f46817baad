"""Puts that fail, are left early or are killed: the old object or none, and no parts behind."""

from __future__ import annotations

import io
import os
import signal
from contextlib import suppress
from datetime import timedelta

import pytest

from statekit.driver import Fault
from statekit.errors import BackendError, ConflictError, DeniedError
from statekit_conformance import clause

MIB = 1024 * 1024
PART = 8 * MIB


class Mine(Exception):  # noqa: N818 - the application's own
    """What an application's iterator raises."""


def failing_after(data):
    yield data
    raise Mine


def failing_file(data):
    class File:
        left = data

        def read(self, size=-1):
            if not self.left:
                raise Mine
            piece, self.left = self.left[:size], self.left[size:]
            return piece

        def seekable(self):
            return False

    return File()


async def failing_later(data):
    yield data
    raise Mine


def put(store, data):
    store.put("file", data)


def write(store, data):
    with store.open("file", "wb") as file:
        file.write(data)


def sources(subject):
    return [failing_after, failing_file, *([failing_later] if subject.colour == "async" else [])]


@clause("O-10", needs=("reopen",))
@pytest.mark.parametrize("stored", [False, True])
def test_a_source_that_fails_leaves_the_old_object_or_none(view, subject, raw, stored):
    if stored:
        view.objects.put("file", b"before")
    for source in sources(subject):
        with pytest.raises(Mine):
            view.objects.put("file", source(b"half of"))
    assert raw.keys() == (["file"] if stored else [])
    assert raw.uploads() == []
    if stored:
        assert view.objects.get("file").data == b"before"


@clause("O-10", "O-11", needs=("multipart", "reopen"))
@pytest.mark.parametrize("size", [PART, PART + 1, 17 * MIB])
def test_a_source_that_fails_after_many_bytes_leaves_no_parts(view, subject, raw, noise, size):
    view.objects.put("file", b"before")
    for source in sources(subject):
        with pytest.raises(Mine):
            view.objects.put("file", source(noise(size)))
    assert view.objects.get("file").data == b"before"
    assert raw.keys() == ["file"]
    assert raw.uploads() == []


@clause("O-10", "O-11", needs=("multipart", "reopen"))
def test_a_source_that_turns_into_text_after_many_bytes_leaves_no_parts(view, raw, noise):
    with pytest.raises(ValueError, match="bytes"):
        view.objects.put("file", iter([noise(PART + 1), "text"]))
    assert raw.keys() == raw.uploads() == []


@clause("O-10", "O-11", needs=("multipart", "reopen"), takes=("objects.multipart_conditional",))
@pytest.mark.parametrize("stored", [False, True])
def test_a_condition_that_fails_at_the_end_leaves_no_parts(view, raw, noise, stored):
    condition = {"if_match": view.objects.put("file", b"before")} if stored else {"if_absent": True}

    def overtaken():
        yield noise(PART + 1)
        view.objects.put("file", b"another's")

    with pytest.raises(ConflictError):
        view.objects.put("file", overtaken(), **condition)
    assert view.objects.get("file").data == b"another's"
    assert raw.uploads() == []


@clause("O-10", "O-11", "E-06", needs=("multipart", "reopen"))
@pytest.mark.parametrize("method", ["begin", "part", "finish"])
@pytest.mark.parametrize("way", [put, write], ids=["put", "open"])
def test_a_request_that_is_refused_leaves_no_parts(view, interposed, raw, noise, method, way):
    interposed.objects.refuse(method, fault=Fault.DENIED, skip=1 if method == "part" else 0)
    with pytest.raises(DeniedError):
        way(interposed.stored_objects, noise(17 * MIB))
    assert raw.keys() == raw.uploads() == []


@clause("O-10", "O-11", needs=("multipart", "reopen"))
@pytest.mark.parametrize("source", [bytes, io.BytesIO], ids=["bytes", "a file"])
def test_an_upload_that_has_to_start_over_is_sent_anew_from_what_can_be_read_again(
    view, interposed, raw, noise, source
):
    interposed.objects.refuse("finish", fault=Fault.BUSY, times=2)
    interposed.stored_objects.put("file", source(noise(PART + 1)), if_absent=True)
    assert view.objects.get("file").data == noise(PART + 1)
    assert raw.uploads() == []


@clause("O-10", "O-11", needs=("multipart", "reopen"))
def test_an_upload_that_has_to_start_over_is_a_conflict_where_nothing_can_be_read_again(view, interposed, raw, noise):
    interposed.objects.refuse("finish", fault=Fault.BUSY)
    with pytest.raises(ConflictError):
        interposed.stored_objects.put("file", iter([noise(PART + 1)]))
    assert view.objects.exists("file") is False
    assert raw.uploads() == []


@clause("O-10", needs=("reopen",))
def test_a_refused_small_put_leaves_the_old_object(view, interposed):
    view.objects.put("file", b"before")
    interposed.objects.refuse("write", fault=Fault.DENIED)
    with pytest.raises(DeniedError):
        interposed.stored_objects.put("file", b"after")
    assert view.objects.get("file").data == b"before"


@clause("O-10", "E-05", needs=("multipart", "reopen"))
@pytest.mark.parametrize("method", ["begin", "part", "finish"])
def test_a_put_in_parts_whose_replies_are_lost_is_stored_once_and_the_rest_is_swept(
    view, interposed, subject, raw, noise, method
):
    interposed.objects.lose_reply(method)
    info = interposed.stored_objects.put("file", noise(PART + 1), if_absent=True)
    assert view.objects.get("file").data == noise(PART + 1)
    assert view.objects.stat("file").version == info.version
    subject.clock.advance(25 * 3600)
    view.objects.sweep()
    assert raw.uploads() == []
    assert view.objects.stat("file").version == info.version


@clause("O-11", needs=("reopen",))
def test_a_put_in_parts_leaves_nothing_but_the_object(view, raw, noise):
    view.objects.put("file", noise(PART + 1))
    with view.objects.open("other", "wb") as file:
        file.write(noise(PART + 1))
    assert raw.keys() == ["file", "other"]
    assert raw.uploads() == []


@clause("O-10", "O-11", needs=("multipart", "reopen"))
def test_a_cancelled_put_leaves_nothing(view, subject, raw, noise):
    """Cancelling belongs to tasks; a thread's equal is the exception that leaves its source."""
    import asyncio

    if subject.colour == "sync":
        with pytest.raises(KeyboardInterrupt):
            view.objects.put("file", interrupting(noise(PART + 1)))
    else:
        outcome = subject.site.loop.run(cancelled_put(view.state, noise(PART + 1), asyncio))
        assert outcome == "cancelled"
    assert raw.keys() == raw.uploads() == []


def interrupting(data):
    yield data
    raise KeyboardInterrupt


async def cancelled_put(state, data, asyncio):
    """Cancel a put while it waits for more bytes."""
    waiting = asyncio.Event()

    async def pieces():
        yield data
        waiting.set()
        await asyncio.Event().wait()

    task = asyncio.ensure_future(state.objects.put("file", pieces()))
    await waiting.wait()
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return "cancelled"
    return "done"


def die_while_putting(subject, how):
    view = subject.open()

    def pieces():
        yield bytes(PART + 1 if how == "in parts" else 1000)
        subject.report("half")
        os.kill(os.getpid(), signal.SIGKILL)

    view.objects.put("file", pieces())


@clause("O-10")
@pytest.mark.parametrize("how", ["in parts", "in one request"])
def test_a_put_whose_process_is_killed_leaves_the_old_object(view, processes, raw, how):
    view.objects.put("file", b"before")
    (child,) = processes.start(die_while_putting, how)
    assert child.receive() == "half"
    child.process.join(60)
    assert child.process.exitcode == -signal.SIGKILL
    assert view.objects.get("file").data == b"before"
    assert raw.keys() == ["file"]
    assert len(raw.uploads()) <= 1
    view.objects.put("file", b"after")
    assert view.objects.get("file").data == b"after"


# Sweeping


@pytest.fixture
def abandoned(raw):
    """Return an upload that somebody began and never finished, and what it was to become."""
    multipart = raw.driver.multipart
    upload = multipart.begin(f"{raw.prefix}abandoned")
    multipart.part(upload, 1, bytes(1000))
    return upload


@clause("O-22", needs=("reopen",))
def test_a_sweep_aborts_what_was_begun_long_ago(view, subject, raw, abandoned):
    subject.clock.advance(23 * 3600)
    assert view.objects.sweep().uploads == 0
    assert len(raw.uploads()) == 1
    subject.clock.advance(2 * 3600)
    assert view.objects.sweep().uploads == 1
    assert raw.uploads() == []
    assert view.objects.sweep().uploads == 0
    assert raw.keys() == []


@clause("O-22", needs=("reopen",))
def test_a_sweep_takes_another_age_for_long_ago(view, subject, raw, abandoned):
    subject.clock.advance(3600)
    assert view.objects.sweep(older_than=timedelta(hours=2)).uploads == 0
    assert view.objects.sweep(older_than=timedelta(minutes=30)).uploads == 1
    assert raw.uploads() == []


@clause("O-22", needs=("reopen",))
def test_a_sweep_leaves_objects_and_fresh_uploads_alone(view, subject, raw, abandoned, noise):
    view.objects.put("file", noise(PART + 1))
    subject.clock.advance(25 * 3600)
    view.objects.sweep()
    assert view.objects.get("file").data == noise(PART + 1)


@clause("O-22", "O-23", needs=("reopen",))
def test_a_sweep_stays_in_its_namespace(subject, raw, abandoned):
    other = subject.open(namespace=f"{subject.namespace}x")
    subject.clock.advance(48 * 3600)
    assert other.objects.sweep().uploads == 0
    assert len(raw.uploads()) == 1
    assert subject.open().sweep().uploads == 1


@clause("O-22", needs=("reopen",))
def test_an_upload_that_is_swept_under_its_writer_fails_and_publishes_nothing(view, subject, raw, noise):
    file = view.objects.open("file", "wb")
    file.write(noise(PART + 1))
    subject.clock.advance(48 * 3600)
    assert view.objects.sweep().uploads == 1
    with pytest.raises(BackendError):
        file.close()
    assert view.objects.exists("file") is False
    with suppress(BackendError):
        file.close()
    assert raw.uploads() == []
