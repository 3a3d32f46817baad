"""A server is killed and started again, and a process forks: nothing acknowledged is lost, and nobody has to reconnect."""

import asyncio
import os
import subprocess
import sys
import threading

import pytest
import redis
from statekit_redis import BACKEND, lines

import statekit
from statekit.driver import ABSENT, Committed, Match

KILLS = 3


def end_of(process):
    """Return the exit status of a forked child."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def test_the_demo_keeps_its_promises_while_the_server_dies_and_comes_back(server, url):
    """All acts but the one in which four processes write to one session: a write that more than sixteen others
    followed before its writer could look cannot be settled, and the demo wants to know about each.
    """
    command = [sys.executable, "-u", "-m", "statekit", "demo", "--url", url]
    restarts, seen = 0, []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        for line in demo.stdout:
            seen.append(line)
            if line.startswith("     process") and "is done" not in line:
                server.kill()
                server.restart()
                restarts += 1
    assert demo.returncode == 0, "".join(seen)
    assert restarts > 10


class Writers:
    """Threads that change sessions and objects of their own, one after the other, and count what was acknowledged."""

    def __init__(self, state, count):
        self.state, self.ended = state, threading.Event()
        self.counts = [0] * count
        self.failures = []
        self.sessions = [state.sessions.create({"n": 0}).id for _ in range(count)]
        self.threads = [threading.Thread(target=self.write, args=(number,)) for number in range(count)]

    def write(self, number):
        try:
            while not self.ended.is_set():
                session = self.state.sessions.load(self.sessions[number])
                session["n"] += 1
                self.state.sessions.save(session)
                self.state.objects.put(f"o{number}", str(session["n"]).encode())
                self.counts[number] = session["n"]
        except Exception as error:
            self.failures.append(error)

    def wait_for(self, more):
        """Wait until each has written so often again."""
        goals = [count + more for count in self.counts]
        while not self.failures and any(count < goal for count, goal in zip(self.counts, goals, strict=True)):
            self.ended.wait(0.01)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()


def test_writers_lose_nothing_while_the_server_is_killed_and_restarted(server, url):
    with statekit.open(url, namespace="threads", timeout=30) as state:
        with Writers(state, 4) as writers:
            for _ in range(KILLS):
                writers.wait_for(5)
                server.kill()
                server.restart()
            writers.wait_for(5)
        assert writers.failures == []
        assert min(writers.counts) >= 5 * KILLS
        for number, count in enumerate(writers.counts):
            assert state.sessions.load(writers.sessions[number])["n"] == count
            assert state.objects.get(f"o{number}").data == str(count).encode()


def test_tasks_lose_nothing_while_the_server_is_killed_and_restarted(server, url):
    async def write(state, identifier, ended):
        count = 0
        while not ended.is_set():
            session = await state.sessions.load(identifier)
            session["n"] += 1
            await state.sessions.save(session)
            count += 1
        return count

    async def run():
        async with statekit.aopen(url, namespace="tasks", timeout=30) as state:
            sessions = [(await state.sessions.create({"n": 0})).id for _ in range(8)]
            ended = asyncio.Event()
            tasks = [asyncio.create_task(write(state, each, ended)) for each in sessions]
            for _ in range(KILLS):
                await state.sessions.update(sessions[0], lambda session: session.update(seen=True))
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.restart)
            await state.sessions.update(sessions[0], lambda session: session.update(seen=False))
            ended.set()
            counts = await asyncio.gather(*tasks)
            assert [(await state.sessions.load(each))["n"] for each in sessions] == counts

    asyncio.run(run())


@pytest.fixture
def records(opening, address):
    """Return a record driver by itself: it makes one attempt, so what it does not reconnect is seen."""
    drivers = BACKEND.open(opening(authority="{}:{}".format(*address), prefix=f"{os.urandom(4).hex()}:"))
    yield drivers.records
    drivers.close()


def write(records, key, expect, name="w" * 16):
    return records.write(key, b"v", expires_at=None, write_id=name, expect=expect, timeout=3)


def test_a_script_that_the_server_forgot_is_sent_in_full(records, address):
    assert write(records, "a", ABSENT) == Committed("w" * 16)
    with redis.Redis(*address) as client:
        client.script_flush()
    assert write(records, "a", Match("w" * 16), "x" * 16) == Committed("x" * 16)


def test_a_restarted_server_is_reached_by_the_next_call(server, records, monkeypatch):
    monkeypatch.setattr(lines, "LULL", -1.0)  # as if the connections had been idle for a while
    write(records, "a", ABSENT)
    server.kill()
    server.restart()
    assert write(records, "a", Match("w" * 16), "x" * 16) == Committed("x" * 16)  # and the script is new to it
    assert records.read("a", timeout=3).version == "x" * 16


def test_a_connection_that_died_a_moment_ago_is_a_fault_that_core_settles(server, url):
    with statekit.open(url, namespace="moment") as state:
        session = state.sessions.create({"n": 0})
        server.kill()
        server.restart()
        session["n"] = 1
        state.sessions.save(session)
        assert state.sessions.load(session.id)["n"] == 1


def test_parent_and_child_both_keep_working_after_a_fork(url):
    with statekit.open(url, namespace="fork") as state:
        session = state.sessions.create({"n": 0})
        if (child := os.fork()) == 0:
            state.sessions.update(session.id, lambda mine: mine.update(n=1))
            os._exit(0)
        theirs = [state.sessions.load(session.id)["n"] for _ in range(50)]
        assert end_of(child) == 0
        assert set(theirs) <= {0, 1}
        assert state.sessions.load(session.id)["n"] == 1
