"""dynalite: DynamoDB's API over LevelDB on disk, from npm, in a cache folder of the user's."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from statekit_conformance.engines.engine import Engine, Survival
from statekit_conformance.engines.errors import EngineError
from statekit_conformance.engines.packages import missing_package
from statekit_conformance.engines.ports import HOST
from statekit_conformance.engines.process import Command
from statekit_conformance.engines.vendor import AWS_ENVIRONMENT, dynamodb_client, make_table

_VERSION = "4.0.0"
_INSTALL_LIMIT = 300.0  # seconds
_OUTLIVE = Path(__file__).with_name("outlive_clients.js")
_IMMEDIATELY = ("--createTableMs", "0", "--deleteTableMs", "0", "--updateTableMs", "0")


class Dynalite(Engine):
    """One dynalite; it is installed at its first start, which needs the network."""

    name = "dynalite"
    serves: ClassVar[tuple[str, ...]] = ("dynamodb",)
    survives: ClassVar[Survival] = "server"

    def available(self) -> str | None:
        """Look for boto3, for Node, and for npm where dynalite is not installed yet."""
        missing = None if shutil.which("node") else "no node on PATH; install Node.js"
        if not missing and not _script().is_file() and not shutil.which("npm"):
            missing = f"dynalite is not in {_folder()}, and there is no npm on PATH to install it"
        return missing_package("boto3") or missing

    @property
    def version(self) -> str:
        """The version that is installed."""
        return _VERSION

    @property
    def endpoints(self) -> Mapping[str, str]:
        """The URL."""
        return {"dynamodb": f"http://{HOST}:{self.ports[0]}"}

    @property
    def environment(self) -> Mapping[str, str]:
        """Credentials and endpoint for boto3."""
        return {**AWS_ENVIRONMENT, "AWS_ENDPOINT_URL_DYNAMODB": self.endpoints["dynamodb"]}

    def start(self, data_dir: Path) -> None:
        """Install it if it is not, then start it."""
        if self.available() is None:
            install()
        super().start(data_dir)

    def commands(self) -> Sequence[Command]:
        """Return the one process: Node itself, as a wrapper of npm's would not die with its child."""
        place = ("--host", HOST, "--port", str(self.ports[0]), "--path", str(self.data_dir / "leveldb"))
        return [
            Command(
                shutil.which("node") or "",
                ["--require", str(_OUTLIVE), str(_script()), *place, *_IMMEDIATELY],
                self.data_dir / "server.log",
            )
        ]

    def first_write(self, timeout: float) -> None:
        """Put an item into a new table."""
        with dynamodb_client(self.endpoints["dynamodb"], timeout=timeout) as client:
            make_table(client, "statekit-ready")
            client.put_item(TableName="statekit-ready", Item={"id": {"S": "ready"}})
            client.delete_table(TableName="statekit-ready")


def install() -> None:
    """Install dynalite into the cache folder, unless it is there.

    Raises:
        EngineError: npm failed, or took longer than five minutes.
    """
    if _script().is_file():
        return
    _folder().parent.mkdir(parents=True, exist_ok=True)
    # Beside its place, then renamed into it: nobody ever sees half an installation, whoever is killed.
    with tempfile.TemporaryDirectory(dir=_folder().parent, prefix=".installing-") as scratch:
        _npm_install(Path(scratch) / "it")
        try:
            (Path(scratch) / "it").rename(_folder())
        except OSError as error:
            if not _script().is_file():  # otherwise another process was first, which is as good
                raise EngineError(f"dynalite cannot be moved to {_folder()}: {error.strerror}") from error


def _npm_install(folder: Path) -> None:
    folder.mkdir()
    options = ("--no-audit", "--no-fund", "--fetch-retries=5")
    command = [shutil.which("npm") or "npm", "install", "--prefix", str(folder), *options]
    try:
        subprocess.run(  # noqa: S603  # no shell, and the program comes from PATH
            [*command, f"dynalite@{_VERSION}"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_INSTALL_LIMIT,
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"npm took longer than {_INSTALL_LIMIT:g} s to install dynalite {_VERSION}") from error
    except subprocess.CalledProcessError as error:
        said = " | ".join(str(error.stderr).split("\n")[-6:])
        raise EngineError(f"npm could not install dynalite {_VERSION}: {said}") from error


def _folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "statekit-conformance" / f"dynalite-{_VERSION}"


def _script() -> Path:
    return _folder() / "node_modules" / "dynalite" / "cli.js"
