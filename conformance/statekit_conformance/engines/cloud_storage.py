"""The suite's own engine for Google Cloud Storage, as a server of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from statekit_conformance.engines.engine import Engine, Survival
from statekit_conformance.engines.packages import installed_version, missing_package
from statekit_conformance.engines.ports import HOST
from statekit_conformance.engines.process import Command
from statekit_conformance.engines.service_account import service_account
from statekit_conformance.engines.vendor import PROJECT, gcs_first_write

_IMPORTABLE = Path(__file__).parents[2]  # what must be on the path of a Python that shall find this package


class CloudStorage(Engine):
    """One server over one SQLite file; it honours every precondition and verifies every signature."""

    name = "gcs"
    serves: ClassVar[tuple[str, ...]] = ("gcs",)
    survives: ClassVar[Survival] = "server"

    def available(self) -> str | None:
        """Look for google-cloud-storage, and for what the server needs."""
        return (
            missing_package("google.cloud.storage", package="google-cloud-storage")
            or missing_package("cheroot")
            or missing_package("python_multipart", package="python-multipart")
            or missing_package("cryptography")
            or missing_package("google_crc32c", package="google-crc32c")
        )

    @property
    def version(self) -> str:
        """The version of this suite."""
        return installed_version("statekit-conformance")

    @property
    def endpoints(self) -> Mapping[str, str]:
        """The URL."""
        return {"gcs": f"http://{HOST}:{self.ports[0]}"}

    @property
    def environment(self) -> Mapping[str, str]:
        """The endpoint for google-cloud-storage, the account whose signatures are accepted, and a project."""
        account = service_account(self.data_dir)
        return {
            "STORAGE_EMULATOR_HOST": self.endpoints["gcs"],
            "GOOGLE_APPLICATION_CREDENTIALS": str(account),
            "GOOGLE_CLOUD_PROJECT": PROJECT,
        }

    def commands(self) -> Sequence[Command]:
        """Return the one server."""
        account, store = service_account(self.data_dir), self.data_dir / "store"
        place = ("--host", HOST, "--port", str(self.ports[0]), "--data", str(store))
        path = os.pathsep.join(filter(None, [str(_IMPORTABLE), os.environ.get("PYTHONPATH")]))
        arguments = [
            "-P",
            "-m",
            "statekit_conformance.engines.gcs",
            *place,
            "--no-sync",  # servers are killed here, machines are not
            "--service-account",
            str(account),
        ]
        return [Command(sys.executable, arguments, self.data_dir / "server.log", {"PYTHONPATH": path})]

    def first_write(self, timeout: float) -> None:
        """Upload an object into a new bucket."""
        gcs_first_write(self.endpoints["gcs"], timeout)
