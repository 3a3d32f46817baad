"""Requests as a browser sends them that was handed a signed URL or form; it knows no backend."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from statekit.types import Presigned

__all__ = ["Answer", "download", "post", "put", "send", "spoilt"]

_BOUNDARY = "----statekit-case-boundary"


@dataclass(frozen=True)
class Answer:
    """What came back; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def taken(self) -> bool:
        """Whether the request did what it asks for."""
        return 200 <= self.status < 400

    @property
    def refused(self) -> bool:
        """Whether it was refused, and not because the server failed."""
        return 400 <= self.status < 500


def send(
    method: str, url: str, body: bytes | Iterable[bytes] | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """Send one request."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=60)
    try:
        _request(connection, method, f"{parts.path}?{parts.query}".rstrip("?"), body, dict(headers or {}))
        answer = connection.getresponse()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, named, answer.read())
    finally:
        connection.close()


def _request(connection: HTTPConnection, method: str, target: str, body: Any, headers: dict[str, str]) -> None:
    try:
        connection.request(method, target, body, headers)
    except (BrokenPipeError, ConnectionResetError):
        return  # a server may answer before it has read everything, and the answer counts


def download(signed: Presigned, **headers: str) -> Answer:
    """GET."""
    return send("GET", signed.url, None, {**signed.headers, **headers})


def put(signed: Presigned, data: bytes, headers: Mapping[str, str] | None = None, url: str | None = None) -> Answer:
    """PUT bytes, with the headers that were signed, or others."""
    return send("PUT", url or signed.url, data, signed.headers if headers is None else headers)


def post(
    signed: Presigned,
    data: bytes | Iterable[bytes],
    *,
    size: int | None = None,
    filename: str = "photo.jpg",
    fields: Mapping[str, str] | None = None,
) -> Answer:
    """POST a form with a file, which may come in pieces if its size is given."""
    before, after = _around({**signed.fields, **(fields or {})}, filename)
    length = len(before) + (len(data) if isinstance(data, bytes) else size or 0) + len(after)
    pieces = (data,) if isinstance(data, bytes) else data
    headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}", "Content-Length": str(length)}
    return send("POST", signed.url, _joined(before, pieces, after), headers)


def _joined(before: bytes, pieces: Iterable[bytes], after: bytes) -> Iterator[bytes]:
    yield before
    yield from pieces
    yield after


def _around(fields: Mapping[str, str], filename: str) -> tuple[bytes, bytes]:
    """Return what a form has before and after its file. Names of files are written as browsers write them."""
    lines = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    name = filename.replace('"', "%22")
    file = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return "".join([*lines, file]).encode(), f"\r\n--{_BOUNDARY}--\r\n".encode()


def spoilt(signed: Presigned) -> dict[str, Presigned]:
    """Return a signed request with each thing changed that it shows: every parameter, every field, the path.

    Without any signature it would be somebody's without credentials: whether such are let in is the engine's business.
    """
    changed = {}
    path, _, query = signed.url.partition("?")
    for pair in filter(None, query.split("&")):
        name = pair.partition("=")[0]
        others = [_changed(part) if part == pair else part for part in query.split("&")]
        changed[f"the parameter {name}"] = _with(signed, url=f"{path}?{'&'.join(others)}")
    for name, value in signed.fields.items():
        changed[f"the field {name}"] = _with(signed, fields={**signed.fields, name: _changed(f"={value}")[1:]})
    if query:
        changed["the key"] = _with(signed, url=f"{path}-2?{query}")
    return changed


def _with(signed: Presigned, url: str | None = None, fields: Mapping[str, str] | None = None) -> Presigned:
    given = signed.fields if fields is None else fields
    return Presigned(signed.method, url or signed.url, signed.headers, given, signed.expires_at)


def _changed(pair: str) -> str:
    """Change the last letter or digit of a value."""
    name, _, value = pair.partition("=")
    found = list(re.finditer("[A-Za-z0-9]", value))
    if not found:
        return f"{name}={value}1"
    at = found[-1].start()
    return f"{name}={value[:at]}{'1' if value[at] != '1' else '2'}{value[at + 1 :]}"
