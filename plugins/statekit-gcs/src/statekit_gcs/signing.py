"""Signing: V4 signed URLs and policy documents, with a service account's key. Pure but for the signature itself.

https://cloud.google.com/storage/docs/authentication/canonical-requests and
https://cloud.google.com/storage/docs/authentication/signatures#policy-document
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol, cast
from urllib.parse import quote, urlsplit

import google.auth

from statekit.driver import FILENAME, Grant, Meta, Millis, Signed

from .meta import META, to_resource
from .place import Place

__all__ = ["Account", "KeylessError", "account_of", "sign"]

_ALGORITHM: Final = "GOOG4-RSA-SHA256"
_HEADERS: Final = {
    "contentType": "Content-Type",
    "cacheControl": "Cache-Control",
    "contentDisposition": "Content-Disposition",
}


class KeylessError(Exception):
    """The credentials have no key to sign with: they are a token's, or nobody's."""


class Account(Protocol):
    """Who signs: credentials of a service account, as google-auth has them."""

    @property
    def signer_email(self) -> str:
        """The account's name."""

    def sign_bytes(self, message: bytes) -> bytes:
        """Sign with RSA PKCS #1 v1.5 and SHA-256."""


def account_of(credentials: Any) -> Account:
    """Return who signs: whoever sends the requests, or else the key that Application Default Credentials name.

    Raises:
        KeylessError: Neither has a key.
        GoogleAuthError: There are no such credentials.
    """
    if not _can_sign(credentials):
        credentials, _ = google.auth.default()
    if not _can_sign(credentials):
        raise KeylessError
    return cast("Account", credentials)


def _can_sign(credentials: Any) -> bool:
    return hasattr(credentials, "sign_bytes") and bool(getattr(credentials, "signer_email", None))


def sign(account: Account, endpoint: str, place: Place, grant: Grant, now: Millis) -> Signed:
    """Sign a grant.

    Args:
        account: Who signs.
        endpoint: The service's URL.
        place: Where the objects are.
        grant: What to sign.
        now: The present.
    """
    signing = _Signing(account, endpoint.rstrip("/"), datetime.fromtimestamp(now // 1000, UTC))
    name = place.object(grant.key)
    if grant.method == "POST":
        return signing.form(place.bucket, name, grant)
    return signing.url(f"/{quote(place.bucket, safe='')}/{quote(name, safe='/~')}", grant)


class _Signing:
    """One signature at one moment."""

    def __init__(self, account: Account, endpoint: str, moment: datetime) -> None:
        self._account, self._endpoint, self._moment = account, endpoint, moment
        self._date = moment.strftime("%Y%m%dT%H%M%SZ")
        self._scope = f"{self._date[:8]}/auto/storage/goog4_request"

    @property
    def _credential(self) -> str:
        return f"{self._account.signer_email}/{self._scope}"

    def _signature(self, message: str) -> str:
        return self._account.sign_bytes(message.encode()).hex()

    def _end(self, lifetime: int) -> Millis:
        return (int(self._moment.timestamp()) + lifetime) * 1000

    def url(self, path: str, grant: Grant) -> Signed:
        """Sign a GET or a PUT."""
        headers = _put_headers(grant) if grant.method == "PUT" else {}
        query = self.query(grant.method, path, headers, grant.overrides or {}, grant.lifetime)
        return Signed(f"{self._endpoint}{path}?{query}", headers, {}, self._end(grant.lifetime))

    def query(
        self, method: str, path: str, headers: Mapping[str, str], parameters: Mapping[str, str], lifetime: int
    ) -> str:
        """Return the query of a signed URL."""
        lines = {"host": urlsplit(self._endpoint).netloc, **{name.lower(): text for name, text in headers.items()}}
        names = sorted(lines)
        signed = {
            **parameters,
            "X-Goog-Algorithm": _ALGORITHM,
            "X-Goog-Credential": self._credential,
            "X-Goog-Date": self._date,
            "X-Goog-Expires": str(lifetime),
            "X-Goog-SignedHeaders": ";".join(names),
        }
        query = "&".join(f"{name}={value}" for name, value in sorted(_quoted(signed).items()))
        canonical = "\n".join(
            (
                method,
                path,
                query,
                *(f"{name}:{' '.join(lines[name].split())}" for name in names),
                "",
                ";".join(names),
                "UNSIGNED-PAYLOAD",
            )
        )
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        message = f"{_ALGORITHM}\n{self._date}\n{self._scope}\n{digest}"
        return f"{query}&X-Goog-Signature={self._signature(message)}"

    def form(self, bucket: str, name: str, grant: Grant) -> Signed:
        """Sign a form's policy document."""
        answer = "success_action_redirect" if isinstance(grant.success, str) else "success_action_status"
        fixed = {
            **_stored(grant.meta or Meta()),
            answer: str(grant.success),
            "x-goog-algorithm": _ALGORITHM,
            "x-goog-credential": self._credential,
            "x-goog-date": self._date,
        }
        conditions: list[Any] = [{"bucket": bucket}, *({field: value} for field, value in fixed.items())]
        conditions.append(["starts-with", "$key", name] if grant.prefix else {"key": name})
        if grant.size is not None:
            conditions.append(["content-length-range", *grant.size])
        policy, end = _policy(conditions, self._end(grant.lifetime))
        key = name + FILENAME if grant.prefix else name
        fields = {"key": key, **fixed, "policy": policy, "x-goog-signature": self._signature(policy)}
        return Signed(f"{self._endpoint}/{quote(bucket, safe='')}/", {}, fields, end)


def _policy(conditions: list[Any], end: Millis) -> tuple[str, Millis]:
    expiration = datetime.fromtimestamp(end // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    document = json.dumps({"conditions": conditions, "expiration": expiration}, separators=(",", ":"))
    return base64.b64encode(document.encode()).decode(), end


def _stored(meta: Meta) -> dict[str, str]:
    """Return what is stored beside the bytes by the names of headers, which are those of a form's fields."""
    resource = to_resource(meta)
    user: Mapping[str, str] = resource.pop("metadata")
    return {
        **{_HEADERS[name]: value for name, value in resource.items()},
        **{META + name: value for name, value in user.items()},
    }


def _put_headers(grant: Grant) -> dict[str, str]:
    """Return what a PUT has to send: its size is bound by a range of one."""
    smallest, largest = grant.size or (0, 0)
    absent = {"x-goog-if-generation-match": "0"} if grant.if_absent else {}
    return {**_stored(grant.meta or Meta()), "x-goog-content-length-range": f"{smallest},{largest}", **absent}


def _quoted(parameters: Mapping[str, str]) -> dict[str, str]:
    return {quote(name, safe="~"): quote(value, safe="~") for name, value in parameters.items()}
