"""Engines start, die, come back on their data, and leave nothing behind."""

from __future__ import annotations

import os
import random
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from statekit_conformance.engines import ENGINES, Engine, EngineError, dynalite, engine, process, vendor
from statekit_conformance.engines.ports import HOST, SECOND_PORT_OFFSET, lease_ports
from statekit_conformance.engines.process import Command
from statekit_conformance.engines.valkey import ValkeyServer

CONFORMANCE = Path(__file__).parents[1]


def started(name: str, data_dir: Path) -> Engine:
    server = engine(name)
    if reason := server.available():
        pytest.skip(f"{name}: {reason}")
    server.start(data_dir)
    return server


def until(condition: Callable[[], bool], what: str, limit: float = 10.0) -> None:
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit:g} s: {what}"
        time.sleep(0.01)


def runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def leave(server: Engine) -> None:
    """Store something by the vendor's SDK."""
    for protocol, url in server.endpoints.items():
        if protocol == "redis":
            with vendor.redis_client(url) as client:
                client.set("left", "here")
        elif protocol == "redis-cluster":
            with vendor.redis_cluster_client(url) as client:
                client.set("left", "here")
        elif protocol == "s3":
            with vendor.s3_client(url) as client:
                vendor.make_bucket(client, "left")
                client.put_object(Bucket="left", Key="left", Body=b"here")
        elif protocol == "dynamodb":
            with vendor.dynamodb_client(url) as client:
                vendor.make_table(client, "left")
                client.put_item(TableName="left", Item={"id": {"S": "left"}})
        else:
            with vendor.gcs_client(url) as client:
                client.create_bucket("left").blob("left").upload_from_string(b"here")


def finds(server: Engine) -> bool:
    """Is it still there, according to the vendor's SDK?"""
    for protocol, url in server.endpoints.items():
        if protocol == "redis":
            with vendor.redis_client(url) as client:
                return client.get("left") == b"here"
        if protocol == "redis-cluster":
            with vendor.redis_cluster_client(url) as client:
                return client.get("left") == b"here"
        if protocol == "s3":
            with vendor.s3_client(url) as client:
                return "left" in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]
        if protocol == "dynamodb":
            with vendor.dynamodb_client(url) as client:
                return "left" in client.list_tables()["TableNames"] and "Item" in client.get_item(
                    TableName="left", Key={"id": {"S": "left"}}, ConsistentRead=True
                )
        with vendor.gcs_client(url) as client:
            return bool(client.bucket("left").blob("left").exists())
    raise AssertionError("it serves nothing")


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_comes_back_where_it_was_with_what_it_promises_to_keep(name: str, tmp_path: Path) -> None:
    with started(name, tmp_path) as server:
        addresses, endpoints, pids = server.addresses, dict(server.endpoints), server.pids
        leave(server)
        assert finds(server)
        server.kill()
        assert not server.pids
        assert not any(runs(pid) for pid in pids)
        server.restart()
        assert (server.addresses, dict(server.endpoints)) == (addresses, endpoints)
        assert not set(server.pids) & set(pids)
        if server.survives == "server":
            assert finds(server)
        pids = server.pids
    assert not any(runs(pid) for pid in pids)


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_listens_on_loopback_only_and_keeps_its_log_with_its_data(name: str, tmp_path: Path) -> None:
    with started(name, tmp_path) as server:
        assert all(host == HOST for host, _ in server.addresses)
        assert all(f"//{HOST}:" in url for url in server.endpoints.values())
        assert list(tmp_path.rglob("server.log"))
        assert server.version


def test_everything_seaweedfs_left_in_tmp_is_gone(tmp_path: Path) -> None:
    with started("seaweedfs", tmp_path) as server:
        ports = [port + offset for port in server.ports for offset in (0, SECOND_PORT_OFFSET)]
        assert any(list(Path("/tmp").glob(f"seaweedfs-*-{port}.sock")) for port in ports)
    assert not any(list(Path("/tmp").glob(f"seaweedfs-*-{port}.sock")) for port in ports)


def test_a_client_that_is_cut_off_in_the_middle_of_a_request_takes_no_engine_with_it(tmp_path: Path) -> None:
    with engine("dynalite") as server:
        if reason := server.available():
            pytest.skip(f"dynalite: {reason}")
        server.start(tmp_path)
        for _ in range(3):
            with socket.create_connection(server.addresses[0]) as client:
                client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n{")
                assert client.recv(100).startswith(b"HTTP/1.1 100")  # it has begun to read the body
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            server.first_write(10.0)


def test_an_unknown_engine_is_one_clear_line() -> None:
    with pytest.raises(EngineError, match=r"no engine is called 'seaweed'; did you mean 'seaweedfs'\?"):
        engine("seaweed")


def test_an_engine_that_is_not_available_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    redis = engine("redis")
    assert "install" in (redis.available() or "")
    with pytest.raises(EngineError, match="redis is not available: no redis-server on PATH"):
        redis.start(tmp_path)


def test_an_engine_starts_once(tmp_path: Path) -> None:
    with started("valkey", tmp_path) as server, pytest.raises(EngineError, match="already started"):
        server.start(tmp_path)


def test_an_engine_that_was_never_started_cannot_be_restarted() -> None:
    with pytest.raises(EngineError, match="has not been started"):
        engine("valkey").restart()


def test_a_port_that_something_else_answers_on_is_refused(tmp_path: Path) -> None:
    with started("valkey", tmp_path) as server:
        server.kill()
        with (
            closing(socket.create_server(server.addresses[0])),
            pytest.raises(EngineError, match=f"port {server.ports[0]} .* is occupied"),
        ):
            server.restart()
        assert server.pids == ()
        server.restart()


class Misconfigured(ValkeyServer):
    def commands(self) -> Sequence[Command]:
        command = super().commands()[0]
        return [Command(command.program, [*command.arguments, "--no-such-option", "1"], command.log)]


class Mute(ValkeyServer):
    start_limit = 0.5
    seen: tuple[int, ...] = ()

    def first_write(self, timeout: float) -> None:
        self.seen = self.pids
        super().first_write(timeout)

    def commands(self) -> Sequence[Command]:
        return [Command("/bin/sh", ["-c", "echo busy starting >&2; exec sleep 600"], self.data_dir / "server.log")]


def test_a_server_that_exits_is_reported_with_what_it_printed(tmp_path: Path) -> None:
    server = Misconfigured()
    began = time.monotonic()
    with pytest.raises(
        EngineError, match=r"valkey exited with status 1 while starting; it printed: .*no-such-option"
    ) as raised:
        server.start(tmp_path)
    assert "\n" not in str(raised.value)
    assert time.monotonic() - began < server.start_limit / 2, "it waited for a server that was gone"
    with pytest.raises(EngineError, match="has not been started"):
        _ = server.ports


def test_a_server_that_takes_no_write_is_given_up_and_ended(tmp_path: Path) -> None:
    server = Mute()
    began = time.monotonic()
    with pytest.raises(EngineError, match=r"took no write within 0\.5 s: \w+.*it printed: busy starting"):
        server.start(tmp_path)
    assert time.monotonic() - began < 5
    assert server.seen
    assert not any(runs(pid) for pid in server.seen)


LISTENER = """
import signal, socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
accepted, _ = server.accept()
signal.pause()
"""


class Silent(ValkeyServer):
    start_limit = 1.0

    def commands(self) -> Sequence[Command]:
        return [Command(sys.executable, ["-c", LISTENER, str(self.ports[0])], self.data_dir / "server.log")]

    def first_write(self, timeout: float) -> None:
        with closing(socket.create_connection(self.addresses[0])) as client:
            if not client.recv(1):
                raise ConnectionError


def test_a_server_that_accepts_and_says_nothing_is_given_up_in_time(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(EngineError, match=r"took no write within 1 s: Connection"):
        Silent().start(tmp_path)
    assert time.monotonic() - began < 5


def test_a_program_that_cannot_be_run_is_one_clear_line(tmp_path: Path) -> None:
    class Absent(ValkeyServer):
        def commands(self) -> Sequence[Command]:
            return [Command("/no/such/program", [], self.data_dir / "server.log")]

    with pytest.raises(EngineError, match="No such file"):
        Absent().start(tmp_path)


STARTER = """
import os, pathlib, signal, sys
from statekit_conformance.engines import engine
server = engine("valkey")
server.start(pathlib.Path(sys.argv[1]))
print(server.pids[0], flush=True)
if sys.argv[2] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("end", ["killed", "left without stopping"])
def test_no_server_outlives_the_process_that_started_it(end: str, tmp_path: Path) -> None:
    if reason := engine("valkey").available():
        pytest.skip(f"valkey: {reason}")
    ended = subprocess.run(
        [sys.executable, "-c", STARTER, str(tmp_path), end],
        env={**os.environ, "PYTHONPATH": str(CONFORMANCE)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == (-signal.SIGKILL if end == "killed" else 0), ended.stderr
    pid = int(ended.stdout)
    until(lambda: not runs(pid), "the server is gone")


def test_a_server_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    with engine("valkey") as server:
        if reason := server.available():
            pytest.skip(f"valkey: {reason}")
        starter = threading.Thread(target=server.start, args=(tmp_path,))
        starter.start()
        starter.join()
        server.first_write(5.0)
        assert runs(server.pids[0])


def test_a_forked_child_that_exits_leaves_its_parents_servers_alone(tmp_path: Path) -> None:
    with started("valkey", tmp_path) as server:
        process._kill_all(owner=os.getppid())  # what such a child runs: the registration was another process's
        server.first_write(5.0)


def test_leased_ports_are_free_apart_from_their_partners_and_nobody_elses() -> None:
    first, second = lease_ports(5), lease_ports(5)
    taken = [port + offset for port in (*first.ports, *second.ports) for offset in (0, SECOND_PORT_OFFSET)]
    assert len(set(taken)) == 20
    assert max(taken) < 32_768
    for lease in (first, second):
        lease.release()


def test_a_leased_port_is_not_leased_again_even_while_nothing_listens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lease = lease_ports(1)
    monkeypatch.setattr(random, "sample", lambda *_: [lease.ports[0]])
    with pytest.raises(EngineError, match="no 1 free ports"):
        lease_ports(1)
    lease.release()
    again = lease_ports(1)
    assert again.ports == lease.ports
    again.release()


def test_importing_the_engines_imports_no_sdk() -> None:
    script = f"""
import importlib, sys
for path in {list(ENGINES.values())}:
    importlib.import_module(path.split(":")[0])
print(sorted({{"redis", "boto3", "google.cloud.storage", "moto", "fakeredis"}} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(CONFORMANCE)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.strip() == "[]", done.stderr


def fake_npm(folder: Path, script: str) -> None:
    folder.mkdir()
    npm = folder / "npm"
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(npm.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "cache" / "statekit-conformance"


def test_an_installation_that_fails_leaves_nothing(tmp_path: Path, cache: Path) -> None:
    fake_npm(tmp_path / "bin", "mkdir -p node_modules/dynalite; echo 'npm error: no network' >&2; exit 1")
    with pytest.raises(EngineError, match=r"npm could not install dynalite 4\.0\.0: npm error: no network"):
        dynalite.install()
    assert list(cache.iterdir()) == []


def test_an_installation_appears_whole_and_is_made_once(tmp_path: Path, cache: Path) -> None:
    log = tmp_path / "log"
    fake_npm(
        tmp_path / "bin",
        f"echo ran >> {log}; mkdir -p node_modules/dynalite; touch node_modules/dynalite/cli.js",
    )
    dynalite.install()
    dynalite.install()
    assert [path.name for path in cache.iterdir()] == ["dynalite-4.0.0"]
    assert log.read_text() == "ran\n"


def test_losing_the_race_to_install_is_as_good_as_winning_it(tmp_path: Path, cache: Path) -> None:
    there = cache / "dynalite-4.0.0" / "node_modules" / "dynalite"
    other = f"mkdir -p {there}; touch {there}/cli.js"
    fake_npm(tmp_path / "bin", f"mkdir -p node_modules/dynalite; touch node_modules/dynalite/cli.js; {other}")
    dynalite.install()
    assert [path.name for path in cache.iterdir()] == ["dynalite-4.0.0"]
