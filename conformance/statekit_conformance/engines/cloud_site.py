"""A Google Cloud Storage engine as its probes see it: a client, a bucket, and what they all do with them."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import Any

from statekit_conformance.engines import vendor
from statekit_conformance.engines.engine import Engine

BUCKET = "statekit-certify"


@dataclass(frozen=True)
class Site:
    """An engine, a client of it, and its bucket."""

    engine: Engine
    client: Any

    @property
    def bucket(self) -> Any:
        """The bucket, without asking for it."""
        return self.client.bucket(BUCKET)

    def blob(self, key: str) -> Any:
        """An object, without asking for it."""
        return self.bucket.blob(key)

    def make_bucket(self) -> None:
        """Create the bucket unless it is there."""
        if not self.call(self.bucket.exists):
            self.call(self.client.create_bucket, self.bucket)

    @staticmethod
    def call(method: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Call the SDK for one attempt of bounded length."""
        return method(*arguments, **options, retry=None, timeout=vendor.PATIENCE)

    def put(self, key: str, data: bytes, **options: Any) -> int:
        """Upload in one request, and return the generation."""
        blob = self.blob(key)
        self.call(blob.upload_from_string, data, checksum=None, **options)
        return int(blob.generation)

    def resumable(self, key: str, data: bytes, **options: Any) -> None:
        """Upload in requests of 256 KiB."""
        blob = self.bucket.blob(key, chunk_size=256 * 1024)
        # Without a size it cannot be one request.
        self.call(blob.upload_from_file, io.BytesIO(data), checksum=None, **options)

    def get(self, key: str) -> bytes | None:
        """Read an object; None if it is not there."""
        not_found = import_module("google.api_core.exceptions").NotFound
        try:
            return bytes(self.call(self.blob(key).download_as_bytes))
        except not_found:
            return None

    def create(self, key: str, data: bytes) -> bool:
        """Upload an object if there is none; False if that was refused."""
        return self.accepted(lambda: self.put(key, data, if_generation_match=0))

    def delete(self, key: str) -> None:
        """Delete an object."""
        self.call(self.blob(key).delete)

    def keys(self, prefix: str, *, page: int = 1000, after: str = "") -> list[str]:
        """List keys, page after page; the API's own offset includes the key that it names."""
        found = self.call(self.bucket.list_blobs, prefix=prefix, page_size=page, start_offset=after or None)
        return [blob.name for blob in found if not after or blob.name != after]

    def level(self, prefix: str, *, page: int = 1000, after: str = "") -> tuple[list[str], list[str]]:
        """List keys and folded prefixes up to the next slash, in pages, after some key, which the API includes."""
        options = {"prefix": prefix, "delimiter": "/", "page_size": page, "start_offset": after or None}
        found = self.call(self.bucket.list_blobs, **options)
        keys = [blob.name for blob in found]
        return keys, sorted(found.prefixes)

    def number(self, key: str) -> int | None:
        """Read an object that is a number."""
        data = self.get(key)
        return None if data is None else int(data)

    @staticmethod
    def accepted(send: Callable[[], Any]) -> bool:
        """Send a conditional request; False if it was refused."""
        refused = import_module("google.api_core.exceptions").PreconditionFailed
        try:
            send()
        except refused:
            return False
        return True

    def sign(self, key: str, method: str, *, seconds: int = 300, headers: Mapping[str, str] | None = None) -> str:
        """Sign a URL with the engine's account."""
        return str(
            self.blob(key).generate_signed_url(
                version="v4",
                expiration=timedelta(seconds=seconds),
                method=method,
                headers=dict(headers or {}),
                credentials=self._account(),
                api_access_endpoint=self.engine.endpoints["gcs"],
            )
        )

    def sign_form(self, key: str, fields: Mapping[str, str], conditions: list[Any]) -> tuple[str, dict[str, str]]:
        """Sign a form with the engine's account; return its URL and fields."""
        form = self.client.generate_signed_post_policy_v4(
            BUCKET,
            key,
            timedelta(minutes=5),
            fields=dict(fields),
            conditions=[*conditions, *({name: value} for name, value in fields.items())],
            credentials=self._account(),
        )
        return f"{self.engine.endpoints['gcs']}/{BUCKET}/", form["fields"]

    def _account(self) -> Any:
        account = import_module("google.oauth2.service_account").Credentials
        return account.from_service_account_file(self.engine.environment["GOOGLE_APPLICATION_CREDENTIALS"])


@contextmanager
def site(engine: Engine) -> Iterator[Site]:
    """Open a client and make its bucket."""
    with vendor.gcs_client(engine.endpoints["gcs"]) as client:
        opened = Site(engine, client)
        opened.make_bucket()
        yield opened


def client_error() -> Any:
    """Return the class of every refusal; Google's packages have no types."""
    return import_module("google.api_core.exceptions").ClientError
