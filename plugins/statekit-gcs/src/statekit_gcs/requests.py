"""What is sent: pure, without a connection.

Reads go through the XML API, because one GET of it answers body, generation, custom metadata and checksum together;
everything else goes through the JSON API.
https://cloud.google.com/storage/docs/xml-api/get-object-download
https://cloud.google.com/storage/docs/json_api/v1
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

from statekit.driver import ABSENT, Buffer, Expect, Match

from .meta import UNTYPED

__all__ = [
    "LISTED_JOINTS",
    "LISTED_NAMES",
    "LISTED_OBJECTS",
    "LISTED_RECORDS",
    "LISTED_UPLOADS",
    "NEVER",
    "Bucket",
    "Request",
    "crc32c_text",
    "generation",
]

NEVER: Final = "9223372036854775807"
"""A generation that no object has: they count microseconds."""
LISTED_RECORDS: Final = "nextPageToken,items(name,generation,metageneration,metadata)"
LISTED_OBJECTS: Final = "nextPageToken,prefixes,items(name,generation,size,updated,crc32c)"
LISTED_UPLOADS: Final = "nextPageToken,items(name,metadata,timeCreated)"
LISTED_NAMES: Final = "nextPageToken,items(name)"
LISTED_JOINTS: Final = "nextPageToken,items(name,generation,size,crc32c)"


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes:
        method: The HTTP method.
        path: Percent-encoded, from the server's root.
        query: The parameters, not encoded.
        headers: Besides those of the transport.
        body: What is sent.
        exact: Whether the answer's body is wanted as it is stored, compressed or not.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Buffer | None = None
    exact: bool = False

    @property
    def target(self) -> str:
        """Path and query as they are sent."""
        return f"{self.path}?{urlencode(self.query, quote_via=quote)}" if self.query else self.path


def generation(expect: Expect) -> str | None:
    """Return the generation that an expectation asks for: 0 stands for absence, None for no condition.

    A version that is none of Google's becomes one that never is, so that the service refuses it (R-05, O-70), and says
    whether there is anything. https://cloud.google.com/storage/docs/request-preconditions
    """
    if not isinstance(expect, Match):
        return "0" if expect is ABSENT else None
    text = expect.version
    known = text.isascii() and text.isdecimal() and text[0] != "0" and len(text) < len(NEVER)
    return text if known else NEVER


def crc32c_text(crc32c: int) -> str:
    """Spell a checksum as Google does: base64 of its bytes, the highest first."""
    return base64.b64encode(crc32c.to_bytes(4, "big")).decode()


class Bucket:
    """The requests to one bucket.

    Args:
        name: The bucket's name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._bucket = f"/storage/v1/b/{quote(name, safe='')}"
        self._upload = f"/upload{self._bucket}/o"

    def _object(self, name: str) -> str:
        return f"{self._bucket}/o/{quote(name, safe='')}"

    def get(
        self, name: str, *, span: tuple[int, int] | None = None, match: str | None = None, head: bool = False
    ) -> Request:
        """Read an object, or ``span``: the first byte and how many. Bytes come as they are stored, never unpacked.

        Slashes are encoded: on the way, clients and proxies drop segments like ``.`` from a path.
        https://cloud.google.com/storage/docs/transcoding
        https://cloud.google.com/storage/docs/request-endpoints#encoding
        """
        headers = {"Accept-Encoding": "gzip"}
        if span is not None:
            headers["Range"] = f"bytes={span[0]}-{span[0] + span[1] - 1}"
        if match is not None:
            headers["x-goog-if-generation-match"] = match
        path = f"/{self.name}/{quote(name, safe='')}"
        return Request("HEAD" if head else "GET", path, headers=headers, exact=True)

    def insert(
        self, name: str, data: Buffer, resource: Mapping[str, Any], *, crc32c: int, match: str | None
    ) -> Request:
        """Store an object with its metadata in one request. The service checks the checksum before it does.

        https://cloud.google.com/storage/docs/json_api/v1/objects/insert
        """
        boundary = secrets.token_hex(16)
        stated = {**resource, "name": name, "crc32c": crc32c_text(crc32c)}
        head = (
            f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{json.dumps(stated)}\r\n"
            f"--{boundary}\r\nContent-Type: {resource['contentType']}\r\n\r\n"
        )
        query = {"uploadType": "multipart", "fields": "generation,timeCreated", **_match(match)}
        headers = {"Content-Type": f"multipart/related; boundary={boundary}"}
        body = b"".join((head.encode(), data, f"\r\n--{boundary}--\r\n".encode()))
        return Request("POST", self._upload, query, headers, body)

    def store(self, name: str, data: Buffer, *, crc32c: int) -> Request:
        """Store an object without metadata, its bytes as they stand.

        https://cloud.google.com/storage/docs/uploading-objects#upload-object-json
        """
        query = {"uploadType": "media", "name": name, "fields": "generation,crc32c"}
        headers = {"Content-Type": UNTYPED, "x-goog-hash": f"crc32c={crc32c_text(crc32c)}"}
        return Request("POST", self._upload, query, headers, data)

    def patch(self, name: str, resource: Mapping[str, Any], *, match: str | None, metamatch: str | None) -> Request:
        """Change metadata; what is not named stays.

        https://cloud.google.com/storage/docs/json_api/v1/objects/patch
        """
        query = {**_match(match), **_match(metamatch, "ifMetagenerationMatch"), "fields": "metageneration"}
        return self._json("PATCH", self._object(name), query, resource)

    def delete(self, name: str, *, match: str | None = None, metamatch: str | None = None) -> Request:
        """Delete an object."""
        query = {**_match(match), **_match(metamatch, "ifMetagenerationMatch")}
        return Request("DELETE", self._object(name), query)

    def describe(self, name: str) -> Request:
        """Ask for an object's size and checksum."""
        return Request("GET", self._object(name), {"fields": "generation,size,crc32c"})

    def list(
        self,
        prefix: str,
        *,
        fields: str,
        limit: int,
        delimiter: str | None = None,
        start: str | None = None,
        token: str | None = None,
    ) -> Request:
        """List a part of the names under a prefix, from ``start`` on, which is included.

        https://cloud.google.com/storage/docs/json_api/v1/objects/list
        """
        query = {"prefix": prefix, "maxResults": str(limit), "fields": fields}
        optional = {"delimiter": delimiter, "startOffset": start, "pageToken": token}
        return Request("GET", f"{self._bucket}/o", query | {name: value for name, value in optional.items() if value})

    def rewrite(
        self,
        source: str,
        target: str,
        resource: Mapping[str, Any],
        *,
        pinned: str | None,
        match: str | None,
        token: str | None,
    ) -> Request:
        """Copy an object, or go on with it. A resource that is not empty replaces the source's.

        https://cloud.google.com/storage/docs/json_api/v1/objects/rewrite
        """
        conditions = {**_match(pinned, "ifSourceGenerationMatch"), **_match(match)}
        query = {**conditions, "fields": "done,rewriteToken,resource(generation)"}
        if token is not None:
            query["rewriteToken"] = token
        return self._json(
            "POST",
            f"{self._object(source)}/rewriteTo{self._object(target).removeprefix('/storage/v1')}",
            query,
            resource,
        )

    def compose(
        self,
        target: str,
        sources: Sequence[tuple[str, str]],
        resource: Mapping[str, Any],
        *,
        match: str | None,
    ) -> Request:
        """Make one object of up to 32, each a name and a generation.

        https://cloud.google.com/storage/docs/json_api/v1/objects/compose
        """
        body = {
            "sourceObjects": [{"name": name, "generation": version} for name, version in sources],
            "destination": resource,
        }
        query = {**_match(match), "fields": "generation,size,crc32c"}
        return self._json("POST", f"{self._object(target)}/compose", query, body)

    def delete_all(self, names: Sequence[str]) -> Request:
        """Delete up to 100 objects, whatever they are, in one request.

        https://cloud.google.com/storage/docs/batch
        """
        boundary = secrets.token_hex(16)
        calls = [
            f"--{boundary}\r\nContent-Type: application/http\r\nContent-ID: <{number}>\r\n\r\n"
            f"DELETE {self._object(name)} HTTP/1.1\r\n\r\n"
            for number, name in enumerate(names)
        ]
        headers = {"Content-Type": f"multipart/mixed; boundary={boundary}"}
        body = "".join((*calls, f"--{boundary}--\r\n")).encode()
        return Request("POST", "/batch/storage/v1", headers=headers, body=body)

    def settings(self, fields: str) -> Request:
        """Ask for the bucket's own settings."""
        return Request("GET", self._bucket, {"fields": fields})

    def configure(self, resource: Mapping[str, Any], *, metamatch: str) -> Request:
        """Change the bucket's own settings."""
        return self._json("PATCH", self._bucket, {"ifMetagenerationMatch": metamatch, "fields": "name"}, resource)

    def create(self, resource: Mapping[str, Any], *, project: str) -> Request:
        """Create the bucket."""
        return self._json(
            "POST", "/storage/v1/b", {"project": project, "fields": "name"}, {"name": self.name, **resource}
        )

    @staticmethod
    def _json(method: str, path: str, query: Mapping[str, str], body: Mapping[str, Any]) -> Request:
        return Request(method, path, query, {"Content-Type": "application/json"}, json.dumps(body).encode())


def _match(match: str | None, name: str = "ifGenerationMatch") -> dict[str, str]:
    return {} if match is None else {name: match}
