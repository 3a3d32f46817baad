"""HTTP without an SDK, as a browser that was handed a signed URL or form sends it."""

from __future__ import annotations

import select
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPMessage
from urllib.parse import urlsplit

_BOUNDARY = "statekit-form-boundary"
_HANGING_UP = 0.3  # seconds in which a server that does so has closed a connection


def request(
    method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, bytes, HTTPMessage]:
    """Send one request and return status, body and headers."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=30)
    try:
        connection.request(method, f"{parts.path}?{parts.query}".rstrip("?"), body, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


def hangs_up(url: str, headers: Mapping[str, str]) -> bool:
    """Send one GET, and tell whether the server then closes a connection that it said it would keep."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=30)
    try:
        connection.request("GET", parts.path, headers=dict(headers))
        connection.getresponse().read()
        kept = connection.sock
        return kept is not None and bool(select.select([kept], [], [], _HANGING_UP)[0])
    finally:
        connection.close()


def post_form(url: str, fields: Mapping[str, str], data: bytes) -> int:
    """Post a form with a file, as a browser does, and return the status."""
    lines = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    file = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    body = "".join([*lines, file]).encode() + data + f"\r\n--{_BOUNDARY}--\r\n".encode()
    status, _, _ = request("POST", url, body, {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"})
    return status


def tampered(url: str) -> str:
    """Return the URL with one letter of its signature changed."""
    marker = url.lower().rindex("signature=") + len("signature=")
    return url[:marker] + ("0" if url[marker] != "0" else "1") + url[marker + 1 :]
