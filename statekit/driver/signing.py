"""The signing driver: requests that a browser sends to the engine without passing through the process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol, runtime_checkable

from msgspec import Struct

from .types import Meta, Millis

__all__ = ["AsyncSigningDriver", "FILENAME", "Grant", "Signed", "SigningDriver"]

FILENAME = "${filename}"
"""What S3, GCS and the gateway replace in a form's key by the name of the file that is sent, without its folders."""


class Grant(Struct, frozen=True, kw_only=True):
    """What a signature allows.

    Attributes:
        method: GET, PUT, or POST of a form.
        key: The exact key, or its beginning where ``prefix`` is set.
        prefix: POST only: any key that begins with ``key``, which ends with a slash.
        lifetime: Seconds.
        meta: PUT and POST: what is stored beside the bytes, all of it bound; the content type is always given.
        size: PUT and POST: bytes, at least and at most; PUT binds an exact size.
        if_absent: PUT only: refused where the key exists.
        overrides: GET only: response headers to answer with, by the name of the query parameter that S3 and GCS have
            for them, such as ``response-content-type``.
        success: POST only: the status of the answer, 200, 201 or 204, or the URL that it redirects to.
    """

    method: Literal["GET", "PUT", "POST"]
    key: str
    prefix: bool = False
    lifetime: int
    meta: Meta | None = None
    size: tuple[int, int] | None = None
    if_absent: bool = False
    overrides: Mapping[str, str] | None = None
    success: int | str = 204


class Signed(Struct, frozen=True):
    """A signed request: what to send where, and until when it is honoured.

    Attributes:
        url: Where to.
        headers: What to send with GET and PUT. ``Host`` and ``Content-Length`` are left to the client: browsers let
            nobody else set them.
        fields: The form's fields before the file.
        expires_at: When the signature ends; sooner than was asked for where the credentials end sooner.
    """

    url: str
    headers: Mapping[str, str]
    fields: Mapping[str, str]
    expires_at: Millis


@runtime_checkable
class SigningDriver(Protocol):
    """What an object driver also implements when its engine verifies signatures."""

    def sign(self, grant: Grant, /, *, timeout: float) -> Signed:
        """Sign one grant.

        Guarantees: the grant is within what holds on every engine, and lasts for 1 s to 7 days.
        Owes: the engine enforces every member of the grant that is set (O-74); the value says when the signature
            really ends (O-75).
        """
        ...


@runtime_checkable
class AsyncSigningDriver(Protocol):
    """The same, natively asynchronous."""

    async def sign(self, grant: Grant, /, *, timeout: float) -> Signed:
        """See SigningDriver."""
        ...
