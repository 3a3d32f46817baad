"""Requests, answers and refusals, as the gateway sees them; the adapters know WSGI and ASGI."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.sax.saxutils import escape

from statekit._core.objects.source import Source
from statekit._core.plan import Plan
from statekit.errors import (
    BackendError,
    ClosedError,
    ConflictError,
    InvalidKeyError,
    NotFoundError,
    StateError,
)

__all__ = ["Answer", "Headers", "Refusal", "Request", "document", "refusal_of"]

Headers = tuple[tuple[str, str], ...]

SAFE: Final[Headers] = (
    ("X-Content-Type-Options", "nosniff"),
    (
        "Content-Security-Policy",
        "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'",
    ),
    ("Referrer-Policy", "no-referrer"),
)
"""With every answer: what somebody uploaded runs nothing, also where a browser opens it as a page of its own."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes:
        method: As it was sent.
        key: The path below the gateway's, decoded; None if it is no UTF-8.
        query: The query's parameters; of one that comes twice the last.
        headers: Names in lower case.
        length: The body's bytes; None if the client did not say.
        body: The body, as it arrives.
    """

    method: str
    key: str | None
    query: Mapping[str, str]
    headers: Mapping[str, str]
    length: int | None
    body: Source


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Attributes:
        status: The HTTP status.
        headers: Without those of SAFE and of CORS.
        body: The body, where it is short.
        next_piece: Returns the next piece of a body that is not; none at its end.
        end: Called once when the body was sent, or could not be.
    """

    status: int
    headers: Headers = ()
    body: bytes = b""
    next_piece: Callable[[], Plan[bytes]] | None = field(default=None, repr=False)
    end: Callable[[BaseException | None], None] = field(default=lambda _: None, repr=False)


class Refusal(Exception):  # noqa: N818 - an answer, and no error of ours
    """A request that is not honoured; nothing was stored.

    Args:
        status: The HTTP status.
        code: For programs, as S3 has them where it has one.
        message: For people; it repeats nothing of the request.
        headers: Of the answer.
    """

    def __init__(self, status: int, code: str, message: str, headers: Headers = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers

    def answer(self) -> Answer:
        """Return it as S3 and GCS say it, so that a page reads all of them alike."""
        body = document("Error", Code=self.code, Message=self.message)
        headers = (("Content-Type", "application/xml"), ("Cache-Control", "no-store"), *self.headers)
        return Answer(self.status, headers, body)


def document(root: str, **elements: str) -> bytes:
    """Return a small XML document."""
    inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in elements.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>{inner}</{root}>'.encode()


def refusal_of(error: StateError) -> Refusal:
    """Return how a store's error is answered."""
    if isinstance(error, NotFoundError):
        return Refusal(404, "NoSuchKey", "there is no such object")
    if isinstance(error, ConflictError):
        return Refusal(412, "PreconditionFailed", "there is another version of the object, or one already")
    if isinstance(error, InvalidKeyError):
        return Refusal(400, "InvalidKey", "this is no key of an object")
    if isinstance(error, ClosedError) or (isinstance(error, BackendError) and error.retryable):
        return Refusal(503, "ServiceUnavailable", "the store does not answer; try again", (("Retry-After", "1"),))
    return Refusal(500, "InternalError", "the store failed")
