"""The server is killed and started again under writers."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import statekit
from statekit.errors import IndeterminateError

engines = pytest.importorskip("statekit_conformance.engines", reason="statekit-conformance is not installed")

WRITERS, KILLS = 4, 2
BETWEEN = 24
"""Acknowledged writes before each kill."""


class Writer:
    """Counts in a shared session, and in an object of its own, until told to stop.

    Others may write so much before an update can be looked for that its outcome stays unknown; it is then said so.
    """

    def __init__(self, state, session_id, number, acknowledge):
        self.state, self.session_id, self.number = state, session_id, number
        self.acknowledge = acknowledge
        self.updates = self.unknown = self.puts = 0

    def run(self, stop):
        while not stop.is_set():
            try:
                self.state.sessions.update(self.session_id, self.count)
                self.updates += 1
            except IndeterminateError:
                self.unknown += 1
            self.state.objects.put(f"object-{self.number}", b"%08d" % (self.puts + 1) * 10_000)
            self.puts += 1
            self.acknowledge()

    @staticmethod
    def count(session):
        session["n"] += 1


@pytest.fixture
def server(tmp_path):
    """An engine of this test's own, because it is killed."""
    engine = engines.engine("gcs")
    reason = engine.available()
    if reason is not None:
        pytest.skip(reason)
    with engine:
        engine.start(tmp_path)
        yield engine


@pytest.mark.timeout(120)
def test_no_acknowledged_write_is_lost_while_the_server_is_killed_and_comes_back(server):
    url = f"gs://restarted?endpoint={server.endpoints['gcs']}&anonymous=true&project=statekit"
    acknowledged, stop = threading.Semaphore(0), threading.Event()
    with statekit.open(url, timeout=60) as state, ThreadPoolExecutor(WRITERS) as pool:
        state.provision()
        session = state.sessions.create({"n": 0})
        for number in range(WRITERS):
            state.objects.put(f"object-{number}", b"%08d" % 0 * 10_000)
        writers = [Writer(state, session.id, number, acknowledged.release) for number in range(WRITERS)]
        running = [pool.submit(writer.run, stop) for writer in writers]
        try:
            for _ in range(KILLS):
                for _ in range(BETWEEN):
                    assert acknowledged.acquire(timeout=30)
                server.kill()
                server.restart()
        finally:
            stop.set()
        for ended in running:
            ended.result()
        least = sum(writer.updates for writer in writers)
        assert least <= state.sessions.load(session.id)["n"] <= least + sum(writer.unknown for writer in writers)
        for writer in writers:
            assert state.objects.get(f"object-{writer.number}").data == b"%08d" % writer.puts * 10_000
