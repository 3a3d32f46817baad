"""Real engine processes, and google-cloud-storage pointed at them."""

import json
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
import urllib3
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.oauth2 import service_account

READY_WITHIN = 20.0


class EngineProcess:
    """One engine over one directory: started, killed, started again."""

    def __init__(self, data: Path, *options: str) -> None:
        self.data = data
        self.log = data.with_suffix(".log")
        self.options = options
        self.port = 0
        self.start()

    def start(self) -> None:
        """Start the engine, on the same port as before if there was one, and wait for its ready line."""
        command = [sys.executable, "-m", "statekit_conformance.engines.gcs", "--data", str(self.data)]
        command += ["--port", str(self.port), *self.options]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], READY_WITHIN)
        line = self._process.stdout.readline() if ready else "no answer"
        if "ready on http://127.0.0.1:" not in line:
            self.kill()
            pytest.fail(f"the engine did not start: {line}{self.log.read_text()}")
        self.port = int(line.rsplit(":", 1)[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """End the engine as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the engine in good order."""
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)
        self._process.wait(READY_WITHIN)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def client(self) -> storage.Client:
        return storage.Client(
            project="test", credentials=AnonymousCredentials(), client_options={"api_endpoint": self.url}
        )


@dataclass
class Account:
    """A service account that exists for this run only."""

    credentials: service_account.Credentials
    path: Path


def make_account(path: Path, email: str) -> Account:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    info = {
        "type": "service_account",
        "client_email": email,
        "private_key": pem,
        "private_key_id": "1",
        "project_id": "test",
        "token_uri": "http://127.0.0.1:1/never",
    }
    path.write_text(json.dumps(info))
    return Account(service_account.Credentials.from_service_account_info(info), path)


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory) -> Account:
    """The account whose signatures the engine accepts."""
    return make_account(tmp_path_factory.mktemp("accounts") / "known.json", "signer@test.invalid")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Account:
    """An account of the same name with another key."""
    return make_account(tmp_path_factory.mktemp("accounts") / "stranger.json", "signer@test.invalid")


@pytest.fixture
def start_engine(tmp_path: Path) -> Iterator[Callable[..., EngineProcess]]:
    """Start an engine of one's own, with options."""
    started: list[EngineProcess] = []

    def start(*options: str) -> EngineProcess:
        started.append(EngineProcess(tmp_path / f"engine{len(started)}", *options))
        return started[-1]

    yield start
    for engine in started:
        engine.kill()


@pytest.fixture(scope="session")
def shared_engine(tmp_path_factory: pytest.TempPathFactory, account: Account) -> Iterator[EngineProcess]:
    engine = EngineProcess(tmp_path_factory.mktemp("shared"), "--service-account", str(account.path))
    yield engine
    engine.stop()


@pytest.fixture
def client(shared_engine: EngineProcess) -> Iterator[storage.Client]:
    opened = shared_engine.client()
    yield opened
    opened.close()


@pytest.fixture
def bucket(client: storage.Client) -> storage.Bucket:
    """A new, empty bucket on the shared engine."""
    return client.create_bucket(f"b-{uuid4().hex}")


@pytest.fixture
def web() -> Iterator[urllib3.PoolManager]:
    """Plain HTTP, for what no SDK sends."""
    with urllib3.PoolManager(retries=False, timeout=30) as pool:
        yield pool
