"""Batches: up to a hundred calls of the JSON API in one multipart/mixed request, each answered on its own.

The calls run one after the other and are not atomic together; every answer is what the call alone would have
had.
"""

import io
import secrets
from collections.abc import Callable, Iterator
from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import urlsplit

from statekit_conformance.engines.gcs import errors
from statekit_conformance.engines.gcs.http import Body, Request, Response

_CALLS = 100
_SIZE = 10 * 1024 * 1024

Serve = Callable[[Request], Response]


def serve(request: Request, one: Serve) -> Response:
    """Answer a batch.

    Args:
        request: The batch.
        one: Answers a single call; it refuses nothing, but renders refusals.

    Raises:
        Refusal: 400 if the batch is malformed or too large.
    """
    boundary = f"batch_{secrets.token_urlsafe(16)}"
    answers = [_part(identity, one(_call(request, data)), boundary) for identity, data in _calls(request)]
    body = b"".join(answers) + f"--{boundary}--\r\n".encode()
    return Response(200, [("Content-Type", f"multipart/mixed; boundary={boundary}")], body)


def _calls(request: Request) -> Iterator[tuple[str, bytes]]:
    """Yield each call's identity and bytes. Clients write batches as e-mail, so its parser reads them."""
    head = f"Content-Type: {request.headers.get('content-type', '')}\n\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + request.body.whole(_SIZE))
    parts = list(message.iter_parts()) if message.is_multipart() else []
    if not 0 < len(parts) <= _CALLS:
        raise errors.invalid(f"a batch takes 1 to {_CALLS} calls, not {len(parts)}")
    for part in parts:
        payload = part.get_payload(decode=True)
        yield str(part.get("Content-ID", "")).strip("<>"), payload if isinstance(payload, bytes) else b""


def _call(batch: Request, data: bytes) -> Request:
    """Read one call; it inherits what authorizes the batch."""
    head, _, body = data.replace(b"\r\n", b"\n").lstrip().partition(b"\n\n")
    first, *lines = head.decode().split("\n")
    try:
        method, target, _version = first.split()
    except ValueError:
        raise errors.invalid("a call of the batch has no request line") from None
    own = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    inherited = {name: batch.headers[name] for name in ("host", "authorization") if name in batch.headers}
    where = urlsplit(target)
    content = Body(io.BytesIO(body), len(body))
    return Request(method, where.path, where.query, inherited | own, content, batch.scheme)


def _part(identity: str, response: Response, boundary: str) -> bytes:
    body = response.body if isinstance(response.body, bytes) else b"".join(response.body)
    head = [
        f"--{boundary}",
        "Content-Type: application/http",
        f"Content-ID: <response-{identity}>",
        "",
        f"HTTP/1.1 {response.status} -",
        *(f"{name}: {value}" for name, value in response.headers),
        f"Content-Length: {len(body)}",
        "",
        "",
    ]
    return "\r\n".join(head).encode() + body + b"\r\n"
