"""V4 signatures with RSA: the canonical request, the string to sign, and their verification. Pure functions.

Written from the public description of canonical requests and of the V4 signing process. Nothing here reads a
clock or a file; keys come as `Keys`, the time as an argument.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self
from urllib.parse import quote, unquote

from statekit_conformance.engines.gcs import errors, moments

ALGORITHM = "GOOG4-RSA-SHA256"
LONGEST = 7 * 24 * 3600
UNSIGNED = "UNSIGNED-PAYLOAD"
_SKEW = 15 * 60 * moments.MICROSECONDS
_PARAMETERS = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")


class Keys(Protocol):
    """The public keys that signatures are verified with."""

    def verify(self, account: str, signature: bytes, message: bytes) -> bool:
        """Tell whether the account signed the message with RSA PKCS#1 v1.5 and SHA-256."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The credential of a signature: who signed, and what the signature is good for."""

    account: str
    date: str
    location: str

    @classmethod
    def of(cls, credential: str) -> Self:
        """Read ``account/date/location/storage/goog4_request``.

        Raises:
            Refusal: 400 if it is not of that form.
        """
        parts = credential.rsplit("/", 4)
        if len(parts) != 5 or parts[3:] != ["storage", "goog4_request"]:
            raise errors.invalid("malformed credential in the signature")
        return cls(*parts[:3])

    def __str__(self) -> str:
        return f"{self.date}/{self.location}/storage/goog4_request"


@dataclass(frozen=True, slots=True)
class Signed:
    """The signature that a URL carries. ``expires`` is in seconds after ``moment``."""

    scope: Scope
    date: str
    moment: int
    expires: int
    headers: tuple[str, ...]
    signature: bytes

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """Read the signature's query parameters.

        Raises:
            Refusal: 400 if one is missing or malformed.
        """
        missing = [name for name in _PARAMETERS if not query.get(f"X-Goog-{name}")]
        if missing:
            raise errors.required(f"X-Goog-{missing[0]} is missing from the signed URL")
        check_algorithm(query["X-Goog-Algorithm"])
        try:
            moment = moments.parse_basic(query["X-Goog-Date"])
            expires = int(query["X-Goog-Expires"])
            signature = bytes.fromhex(query["X-Goog-Signature"])
        except ValueError as error:
            raise errors.invalid(f"malformed signed URL: {error}") from None
        headers = tuple(query["X-Goog-SignedHeaders"].split(";"))
        scope = Scope.of(query["X-Goog-Credential"])
        return cls(scope, query["X-Goog-Date"], moment, expires, headers, signature)

    def check_time(self, now: int) -> None:
        """Refuse a signature that is not valid yet or no longer, or that claims to last too long.

        Raises:
            Refusal: 400.
        """
        if not 0 < self.expires <= LONGEST:
            raise errors.invalid(f"X-Goog-Expires must be 1 to {LONGEST} seconds")
        if self.date[:8] != self.scope.date:
            raise errors.invalid("the credential's date is not that of X-Goog-Date")
        if now < self.moment - _SKEW:
            raise errors.Refusal(403, "forbidden", "AccessDenied", "the signature is not valid yet")
        if now > self.moment + self.expires * moments.MICROSECONDS:
            raise expired()


def check_algorithm(name: str) -> None:
    """Refuse another signing algorithm than the one that is verified here.

    Raises:
        Refusal: 501 for the service's other one, 400 for what is none.
    """
    if name == "GOOG4-HMAC-SHA256":
        raise errors.not_implemented(f"the signing algorithm {name}")
    if name != ALGORITHM:
        raise errors.invalid("there is no such signing algorithm")


def is_signed(query: Iterable[str]) -> bool:
    """Tell whether a request claims to be signed by its URL; if so, it is judged by that alone."""
    return any(name.lower() in {"x-goog-signature", "x-goog-algorithm", "x-goog-credential"} for name in query)


def verify_url(
    method: str,
    path: str,
    pairs: Sequence[tuple[str, str]],
    headers: Mapping[str, str],
    *,
    keys: Keys,
    now: int,
) -> Signed:
    """Verify a signed URL.

    Args:
        method: The request's method.
        path: Its path, still percent-encoded.
        pairs: Its decoded query parameters.
        headers: Its headers, names in lower case.
        keys: The registered public keys.
        now: The time, in microseconds.

    Raises:
        Refusal: 400 for what is malformed or expired, 403 for a signature that does not fit.
    """
    signed = Signed.of(dict(pairs))
    signed.check_time(now)
    _check_headers(signed.headers, headers)
    for host in _hosts(headers["host"]):
        sent = {**headers, "host": host}
        canonical = canonical_request(method, path, pairs, sent, signed.headers)
        message = string_to_sign(signed.date, str(signed.scope), canonical)
        if keys.verify(signed.scope.account, signed.signature, message.encode()):
            return signed
    raise mismatch(message, canonical)


def canonical_request(
    method: str,
    path: str,
    pairs: Iterable[tuple[str, str]],
    headers: Mapping[str, str],
    signed_headers: Sequence[str],
) -> str:
    """Return the canonical request that a signature covers; its own parameter is left out."""
    query = sorted((_encoded(name), _encoded(value)) for name, value in pairs if name != "X-Goog-Signature")
    lines = [f"{name}:{canonical_value(headers[name])}\n" for name in signed_headers]
    return "\n".join(
        (
            method,
            quote(unquote(path), safe="/~"),
            "&".join(f"{name}={value}" for name, value in query),
            "".join(lines),
            ";".join(signed_headers),
            payload_hash(headers, signed_headers),
        )
    )


def payload_hash(headers: Mapping[str, str], signed_headers: Sequence[str]) -> str:
    """Return the payload's SHA-256 if the signature covers one."""
    name = "x-goog-content-sha256"
    return headers[name] if name in signed_headers else UNSIGNED


def string_to_sign(date: str, scope: str, canonical: str) -> str:
    """Return what is signed for a canonical request."""
    return "\n".join((ALGORITHM, date, scope, hashlib.sha256(canonical.encode()).hexdigest()))


def canonical_value(value: str) -> str:
    """Trim a header's value and fold its white space."""
    return re.sub(r"\s+", " ", value.strip())


def expired() -> errors.Refusal:
    """The signature's or the policy's time is over."""
    return errors.Refusal(400, "invalid", "ExpiredToken", "the signature has expired")


def mismatch(message: str, canonical: str | None = None) -> errors.Refusal:
    """The signature is not that of the registered key over this request."""
    details = {"StringToSign": message} | ({"CanonicalRequest": canonical} if canonical else {})
    return errors.Refusal(
        403, "forbidden", "SignatureDoesNotMatch", "the signature does not fit the request", **details
    )


def _check_headers(signed: Sequence[str], headers: Mapping[str, str]) -> None:
    """Refuse signed headers that are missing, and extension headers that nobody signed."""
    if "host" not in signed:
        raise malformed_header("host", "the header must be signed")
    for name in signed:
        if name not in headers:
            raise malformed_header(name, "the header was signed but not sent")
    for name in headers:
        if name.startswith("x-goog-") and name not in signed:
            raise malformed_header(name, "the header was sent but not signed")


def malformed_header(name: str, why: str) -> errors.Refusal:
    """A header that breaks the rules of signed requests."""
    return errors.Refusal(
        400,
        "invalid",
        "MalformedSecurityHeader",
        "a header breaks the signature",
        ParameterName=name,
        Details=why,
    )


def _hosts(host: str) -> list[str]:
    """Return the host as sent and without its port: some clients sign the one, some the other."""
    return list(dict.fromkeys((host, re.sub(r":\d+$", "", host))))


def _encoded(text: str) -> str:
    return quote(text, safe="~")
