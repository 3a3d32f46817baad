"""Many processes and threads on one directory, and waiting for them."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from time import monotonic

import pytest

from statekit.driver import ABSENT, Committed, Fault

T = 10.0
PROGRAMS = Path(__file__).with_name("programs.py")


def test_eight_processes_lose_no_update(local, directory, stored):
    times = 15
    started = [
        subprocess.Popen([sys.executable, PROGRAMS, "count", str(directory), f"p{n}", str(times)]) for n in range(8)
    ]
    assert [process.wait() for process in started] == [0] * 8
    total = b"%d" % (8 * times)
    assert local.records.read("n", timeout=T).value == total
    assert local.get("small") == total
    assert local.get("large").strip() == total
    assert len(stored()) == 1


def write(local, key, **kwargs):
    return local.records.write(key, b"v", expires_at=None, write_id="w", expect=ABSENT, **{"timeout": T, **kwargs})


@pytest.mark.parametrize("timeout", [0.0, 0.05])
@pytest.mark.parametrize("same_process_opening", [True, False])
def test_a_writer_waits_as_long_as_it_was_told_and_no_longer(local, open_local, timeout, same_process_opening):
    other = local if same_process_opening else open_local()
    write(other, "a")
    with local.records._database.writing(T):
        began = monotonic()
        with pytest.raises(Exception) as caught:
            call_in_thread(lambda: write(other, "b", timeout=timeout))
        took = monotonic() - began
    assert other.records.fault(caught.value).fault is Fault.BUSY
    assert timeout <= took < timeout + 5
    assert write(other, "b") == Committed("w")


def call_in_thread(call):
    raised = []

    def run():
        try:
            call()
        except Exception as exc:
            raised.append(exc)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def test_readers_are_not_held_up_by_a_writer(local, open_local):
    write(local, "a")
    with local.records._database.writing(T):
        assert open_local().records.read("a", timeout=0.0).value == b"v"
        assert local.records.read("a", timeout=0.0).value == b"v"


def test_threads_that_end_leave_no_connection_behind(local):
    write(local, "a")
    for _ in range(50):
        call_in_thread(lambda: local.records.read("a", timeout=T))
    assert len(local.records._database._idle) == 1


def fail_halfway(local):
    with local.records._database.writing(T) as connection:
        connection.execute("DELETE FROM records")
        raise KeyboardInterrupt


def test_a_transaction_that_fails_is_undone_and_its_connection_closed(local):
    write(local, "a")
    with pytest.raises(KeyboardInterrupt):
        fail_halfway(local)
    assert local.records._database._open == 0
    assert local.records.read("a", timeout=T).value == b"v"


def test_closing_while_a_call_is_under_way_closes_its_connection_afterwards(local):
    with local.records._database.reading(T) as connection:
        local.drivers.close()
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(Exception, match="closed"):
        connection.execute("SELECT 1")
