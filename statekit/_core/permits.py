"""Permits: what a gateway's URL or form allows, signed with the key ring.

A permit is JSON in base64url, and its signature HMAC-SHA256 over the version of this format, the gateway's URL, the
namespace and the permit as it stands: method, key, expiry and every condition are in it, and nothing is judged by
what a request says of itself. The ring's first key signs, and all of them verify.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Final, Literal
from urllib.parse import quote, urlencode

import msgspec

from statekit.driver import FILENAME, Grant, Meta, Millis, Signed

__all__ = ["Permit", "PermitError", "Signer"]

_VERSION: Final = "statekit gateway 1"
_LONGEST: Final = 16 * 1024
"""Characters of a permit. Key, metadata and redirect at their limits take half of it."""


class Permit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A grant, as it travels: see statekit.driver.Grant."""

    method: Literal["GET", "PUT", "POST"]
    key: str
    expires_at: Millis
    prefix: bool = False
    smallest: int = 0
    largest: int = 0
    if_absent: bool = False
    content_type: str | None = None
    cache_control: str | None = None
    content_disposition: str | None = None
    user: dict[str, str] = {}
    overrides: dict[str, str] = {}
    success: int | str = 204

    @property
    def meta(self) -> Meta:
        """What is stored beside the bytes."""
        return Meta(self.content_type, self.cache_control, self.content_disposition, self.user)


class PermitError(Exception):
    """A permit that is not honoured.

    Attributes:
        expired: Whether it once was.
    """

    def __init__(self, *, expired: bool = False) -> None:
        super().__init__("expired" if expired else "not ours")
        self.expired = expired


class Signer:
    """Signs permits for one gateway, and verifies them there.

    Args:
        keys: HMAC keys; the first one signs.
        url: The gateway's public URL, without a slash at its end.
        namespace: The store's; other stores may share the keys.

    Attributes:
        url: The gateway's public URL.
    """

    def __init__(self, keys: Sequence[bytes], url: str, namespace: str) -> None:
        self._keys = tuple(keys)
        self.url = url
        self._context = f"{_VERSION}\n{url}\n{namespace}\n".encode()

    def __repr__(self) -> str:
        return f"Signer(<{len(self._keys)} keys>)"

    def sign(self, grant: Grant, now: Millis) -> Signed:
        """Sign a grant."""
        permit = _permit(grant, now + grant.lifetime * 1000)
        text = urlsafe_b64encode(msgspec.json.encode(permit)).decode().rstrip("=")
        signed = {"policy": text, "signature": self._mac(self._keys[0], text)}
        if grant.method == "POST":
            return Signed(f"{self.url}/", {}, _fields(permit, signed), permit.expires_at)
        url = f"{self.url}/{quote(grant.key, safe='/~')}?{urlencode(signed)}"
        return Signed(url, _headers(permit), {}, permit.expires_at)

    def verify(self, text: str, signature: str, now: Millis) -> Permit:
        """Return a permit that this signer's keys signed and that has not expired.

        Raises:
            PermitError: They did not, or it has.
        """
        given = signature.encode(errors="replace")
        if len(text) > _LONGEST or not text.isascii():
            raise PermitError
        matches = [hmac.compare_digest(self._mac(key, text).encode(), given) for key in self._keys]
        if not any(matches):
            raise PermitError
        try:
            permit = msgspec.json.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Permit)
        except msgspec.MsgspecError as error:  # a later release's, with a condition that this one does not know
            raise PermitError from error
        if now >= permit.expires_at:
            raise PermitError(expired=True)
        return permit

    def _mac(self, key: bytes, text: str) -> str:
        return hmac.digest(key, self._context + text.encode(), "sha256").hex()


def _permit(grant: Grant, expires_at: Millis) -> Permit:
    meta = grant.meta or Meta()
    smallest, largest = grant.size or (0, 0)
    return Permit(
        method=grant.method,
        key=grant.key,
        expires_at=expires_at,
        prefix=grant.prefix,
        smallest=smallest,
        largest=largest,
        if_absent=grant.if_absent,
        content_type=meta.content_type,
        cache_control=meta.cache_control,
        content_disposition=meta.content_disposition,
        user=dict(meta.user or {}),
        overrides=dict(grant.overrides or {}),
        success=grant.success,
    )


def _headers(permit: Permit) -> dict[str, str]:
    """Return what a PUT has to send besides its length."""
    typed = {} if permit.content_type is None else {"Content-Type": permit.content_type}
    return {**typed, **({"If-None-Match": "*"} if permit.if_absent else {})}


def _fields(permit: Permit, signed: dict[str, str]) -> dict[str, str]:
    """Return a form's fields, by S3's names."""
    name = "success_action_redirect" if isinstance(permit.success, str) else "success_action_status"
    return {
        "key": permit.key + FILENAME if permit.prefix else permit.key,
        "Content-Type": permit.content_type or "",
        name: str(permit.success),
        "policy": signed["policy"],
        "x-amz-signature": signed["signature"],
    }
