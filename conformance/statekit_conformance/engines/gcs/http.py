"""HTTP as the engine sees it: a request made from a WSGI environment, its body as a stream, and an answer.

Paths stay percent-encoded until a route has split them, because an object's name may contain an encoded
slash, and signatures cover the path as it was sent.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

from statekit_conformance.engines.gcs import errors

_PIECE = 256 * 1024
_JSON_LIMIT = 10 * 1024 * 1024
RAW_HEADERS = "statekit.raw_headers"


class Input(Protocol):
    """What a WSGI server lends for reading the body."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes; none at the end."""


class Body:
    """A request's body, read once and in pieces.

    Args:
        stream: The server's stream, which ends with the body.
        length: The announced Content-Length in bytes, or None if the body came in chunks.
    """

    def __init__(self, stream: Input, length: int | None) -> None:
        self._stream = stream
        self._left = length
        self.length = length

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.read(_PIECE):
            yield piece

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes; none at the end.

        Raises:
            Refusal: 400 if the connection ended before the body did.
        """
        if self._left == 0:
            return b""
        try:
            piece = self._stream.read(size if self._left is None else min(size, self._left))
        except (OSError, ValueError) as error:
            raise errors.incomplete_body() from error
        if self._left is None:
            self._left = None if piece else 0
        elif not piece:
            raise errors.incomplete_body()
        else:
            self._left -= len(piece)
        return piece

    def whole(self, limit: int) -> bytes:
        """Return everything.

        Raises:
            Refusal: 400 if it is larger than ``limit`` bytes or incomplete.
        """
        pieces, size = [], 0
        for piece in self:
            size += len(piece)
            if size > limit:
                raise errors.too_large(limit)
            pieces.append(piece)
        return b"".join(pieces)

    def drained(self, limit: int) -> bool:
        """Read on to the end so that the connection serves again; False if over ``limit`` bytes are left."""
        try:
            for piece in self:
                limit -= len(piece)
                if limit < 0:
                    return False
        except errors.Refusal:
            return False
        return True


@dataclass(frozen=True)
class Request:
    """One request. Header names are in lower case, header values are text as sent in UTF-8."""

    method: str
    path: str
    raw_query: str
    headers: Mapping[str, str]
    body: Body
    scheme: str = "http"

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """The decoded query parameters in order."""
        return parse_qsl(self.raw_query, keep_blank_values=True)

    @cached_property
    def query(self) -> dict[str, str]:
        """The decoded query parameters; the last of equal names counts."""
        return dict(self.pairs)

    @property
    def origin(self) -> str:
        """Scheme and authority that the request came to."""
        return f"{self.scheme}://{self.headers.get('host', 'localhost')}"

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object; an empty body is an empty one.

        Raises:
            Refusal: 400 if it is anything else.
        """
        return json_object(self.body.whole(_JSON_LIMIT))


@dataclass
class Response:
    """One answer. The body is bytes, or an iterable of bytes that the server closes."""

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | Iterable[bytes] = b""


def json_response(resource: Mapping[str, Any], status: int = 200, *headers: tuple[str, str]) -> Response:
    """Answer with a JSON resource."""
    body = json.dumps(resource, ensure_ascii=False).encode()
    return Response(status, [("Content-Type", "application/json; charset=UTF-8"), *headers], body)


def json_object(data: bytes) -> dict[str, Any]:
    """Parse a JSON object; nothing is an empty one.

    Raises:
        Refusal: 400 if it is anything else.
    """
    if not data.strip():
        return {}
    try:
        value = json.loads(data)
    except ValueError:
        raise errors.Refusal(400, "parseError", "InvalidArgument", "the body is not JSON") from None
    if not isinstance(value, dict):
        raise errors.invalid("the body is not a JSON object")
    return value


def decoded(segment: str) -> str:
    """Decode one percent-encoded part of a path.

    Raises:
        Refusal: 400 if it is not UTF-8.
    """
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise errors.invalid("the path is not percent-encoded UTF-8") from None


def request_of(environ: Mapping[str, Any]) -> Request:
    """Make a request from a WSGI environment (with cheroot's REQUEST_URI)."""
    target = environ["REQUEST_URI"]
    if not target.startswith("/"):  # a client that takes the engine for a proxy sends the whole URL
        target = urlsplit(target)._replace(scheme="", netloc="").geturl()
    path, _, query = target.partition("?")
    length = environ.get("CONTENT_LENGTH") or ("" if environ.get("wsgi.input_terminated") else "0")
    return Request(
        environ["REQUEST_METHOD"],
        path,
        query,
        _headers_of(environ),
        Body(environ["wsgi.input"], int(length) if length else None),
        environ["wsgi.url_scheme"],
    )


def to_wsgi(text: str) -> str:
    """Spell text for a header: UTF-8 in WSGI's disguise, without line breaks."""
    return text.replace("\r", " ").replace("\n", " ").encode().decode("latin-1")


def _headers_of(environ: Mapping[str, Any]) -> dict[str, str]:
    raw = environ.get(RAW_HEADERS)
    if raw is None:
        raw = {
            name.removeprefix("HTTP_").replace("_", "-"): value
            for name, value in environ.items()
            if name.startswith("HTTP_") or name in {"CONTENT_TYPE", "CONTENT_LENGTH"}
        }
    return {name.lower(): _from_wsgi(value) for name, value in raw.items()}


def _from_wsgi(value: str) -> str:
    raw = value.encode("latin-1")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return value
