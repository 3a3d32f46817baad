"""The signing driver: URLs with which a browser reaches the engine without passing through the process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from .types import Meta, Millis

__all__ = ["AsyncSigningDriver", "Grant", "Signed", "SigningDriver"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a signature allows.

    Attributes:
        method: GET, PUT, or POST of a form.
        key: The exact key, or its beginning where ``prefix`` is set.
        prefix: POST only: any key that begins with ``key``.
        lifetime: Seconds.
        meta: PUT and POST: what is stored beside the bytes; its content type is bound.
        size: Bytes, at least and at most; PUT binds an exact size.
        if_absent: PUT only: refused where the key exists.
        overrides: GET only: response headers to answer with.
    """

    method: Literal["GET", "PUT", "POST"]
    key: str
    prefix: bool = False
    lifetime: int
    meta: Meta | None = None
    size: tuple[int, int] | None = None
    if_absent: bool = False
    overrides: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed request: what to send where, and until when it is honoured."""

    url: str
    headers: Mapping[str, str]
    fields: Mapping[str, str]
    expires_at: Millis


@runtime_checkable
class SigningDriver(Protocol):
    """What an object driver also implements when its engine verifies signatures."""

    def sign(self, grant: Grant, /, *, timeout: float) -> Signed:
        """Sign one grant.

        Guarantees: the grant is within what holds on every engine.
        Owes: the engine enforces every member of the grant that is set.
        """
        ...


@runtime_checkable
class AsyncSigningDriver(Protocol):
    """The same, natively asynchronous."""

    async def sign(self, grant: Grant, /, *, timeout: float) -> Signed:
        """See SigningDriver."""
        ...
