"""moto's S3 and DynamoDB behind one lock: quick, and it keeps nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from statekit_conformance.engines.engine import Engine, Survival
from statekit_conformance.engines.packages import installed_version, missing_package
from statekit_conformance.engines.ports import HOST
from statekit_conformance.engines.process import Command, python_command
from statekit_conformance.engines.vendor import AWS_ENVIRONMENT, make_bucket, s3_client

_SCRIPT = Path(__file__).with_name("serve_moto.py")


class MotoServer(Engine):
    """moto in a process of its own, one request at a time."""

    name = "moto"
    serves: ClassVar[tuple[str, ...]] = ("s3", "dynamodb")
    survives: ClassVar[Survival] = "client"

    def available(self) -> str | None:
        """Look for boto3, and for moto with what its server needs: without crc32c it calls CRC-32 by that name."""
        return (
            missing_package("boto3")
            or missing_package("moto")
            or missing_package("flask_cors", package="moto[server]")
            or missing_package("crc32c", package="moto[s3crc32c]")
        )

    @property
    def version(self) -> str:
        """The version of the package."""
        return installed_version("moto")

    @property
    def endpoints(self) -> Mapping[str, str]:
        """One URL for both: the signature of a request names its service."""
        url = f"http://{HOST}:{self.ports[0]}"
        return {"s3": url, "dynamodb": url}

    @property
    def environment(self) -> Mapping[str, str]:
        """Credentials and endpoints for boto3."""
        s3, dynamodb = self.endpoints["s3"], self.endpoints["dynamodb"]
        return {**AWS_ENVIRONMENT, "AWS_ENDPOINT_URL_S3": s3, "AWS_ENDPOINT_URL_DYNAMODB": dynamodb}

    def commands(self) -> Sequence[Command]:
        """Return the one server."""
        return [python_command(_SCRIPT, HOST, str(self.ports[0]), log=self.data_dir / "server.log")]

    def first_write(self, timeout: float) -> None:
        """Put an object and delete it."""
        with s3_client(self.endpoints["s3"], timeout=timeout) as client:
            make_bucket(client, "statekit-ready")
            client.put_object(Bucket="statekit-ready", Key="ready", Body=b"1")
            client.delete_object(Bucket="statekit-ready", Key="ready")
            client.delete_bucket(Bucket="statekit-ready")
